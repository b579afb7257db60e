package ecosystem

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/companion"
	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/plan"
)

// TestUsualAddresses: what a stage without companions proposes is enough to run it: one
// variable for each server.
func TestUsualAddresses(t *testing.T) {
	needs := []companion.Need{{Name: "db", Kind: "postgres"}, {Name: "cache", Kind: "redis"}, {Name: "archive", Kind: "postgres"}}
	for _, c := range []struct {
		needs       []companion.Need
		wants, want []string
	}{
		{needs[:2], companionVariables(needs[:2]), []string{"DATABASE_URL", "REDIS_URL"}},
		{needs, companionVariables(needs), []string{"DATABASE_URL", "REDIS_URL", "ARCHIVE_URL"}},
		{nil, []string{"DB_HOST", "DATABASE_URL"}, []string{"DATABASE_URL"}},
		{nil, []string{"SHOP_ADDRESS"}, []string{"SHOP_ADDRESS"}},
		{needs[:1], []string{"DB_URL"}, []string{"DB_URL"}},
	} {
		if d := cmp.Diff(c.want, usualAddresses(c.needs, c.wants)); d != "" {
			t.Errorf("%v (-want +got):\n%s", c.wants, d)
		}
	}
}

// TestStagesTakeTurns: stages that would share servers wait for each other, and one alone
// has nobody to wait for.
func TestStagesTakeTurns(t *testing.T) {
	check := []Check{{Tool: "t", Run: "true"}}
	for _, c := range []struct {
		stages []string
		want   string
	}{
		{[]string{plan.StageUnitTests, plan.StageIntegration}, ""},
		{[]string{plan.StageIntegration, plan.StageE2E}, "companions-shop${COMPANIONS:+-integration-tests} companions-shop${COMPANIONS:+-e2e-tests}"},
	} {
		s := Service{Want: config.Service{Name: "shop"}}
		p := plan.Service{Name: "shop"}
		proof := Proof{Sources: plan.Stage{Name: plan.StageTestSources}, Wants: []string{"DATABASE_URL"}, Checks: map[string][]Check{}}
		for _, name := range c.stages {
			proof.Checks[name] = check
		}
		s.Prove(&p, proof)
		var ids []string
		for _, st := range p.Checks() {
			for _, m := range st.Steps[len(st.Steps)-1].Mounts {
				ids = append(ids, m.ID)
			}
		}
		if got := strings.Join(ids, " "); got != c.want {
			t.Errorf("%v have the mounts %q, want %q", c.stages, got, c.want)
		}
	}
}
