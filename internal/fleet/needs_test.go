package fleet

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/companion"
	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/plan"
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

// TestTestBases: what quality stages and servers start from, without what images start from.
func TestTestBases(t *testing.T) {
	f := &Fleet{
		Fleet: &config.Fleet{Services: []config.Service{{
			Name: "api", Needs: []companion.Need{{Name: "db", Kind: "postgres", Version: "15"}, {Name: "auth", Service: "auth"}, {Name: "other", Image: "local/other:1"}},
			Quality: map[string]config.Stage{plan.StageE2E: {Needs: []companion.Need{{Name: "blobs", Kind: "gcs"}, {Name: "again", Kind: "postgres", Version: "15"}}}},
		}}},
		Planned: []plan.Service{{
			Bases:        []plan.Base{{Ref: "slipway/static:trixie", Assembled: true}},
			QualityBases: []plan.Base{{Ref: "slipway/scan:latest", Assembled: true}, {Ref: "docker.io/library/x"}},
		}},
	}
	want := []string{"slipway/companion/postgresql-15:bookworm", "slipway/python:3.13-trixie-toolchain", "slipway/scan:latest"}
	got, err := f.TestBases()
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	f.Services[0].Needs = []companion.Need{{Name: "db", Kind: "postgres", Version: "9"}}
	if _, err := f.TestBases(); err == nil {
		t.Error("a version that does not exist has a base")
	}
}
