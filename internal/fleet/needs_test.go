package fleet

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/companion"
	"github.com/slipway-build/slipway/internal/config"
)

// TestNeeded: a service brings those that it needs, and what these need, each once.
func TestNeeded(t *testing.T) {
	f := &Fleet{Fleet: &config.Fleet{Services: []config.Service{
		{Name: "api", Port: 3000, Needs: []companion.Need{{Name: "auth", Service: "auth"}, {Name: "db", Kind: "postgres"}}},
		{Name: "auth", Port: 4000, Needs: []companion.Need{{Name: "api", Service: "api"}}},
		{Name: "web", Needs: []companion.Need{{Name: "backend", Service: "api"}}},
		{Name: "worker"},
	}}}
	if diff := cmp.Diff([]string{"web", "api", "auth"}, f.WithNeeded([]string{"web"})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	web, _ := f.Fleet.Named("web")
	if diff := cmp.Diff([]companion.Need{{Name: "backend", Service: "api", Port: 3000}}, f.Needs(web)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if web.Needs[0].Port != 0 {
		t.Error("the fleet itself changed")
	}
}
