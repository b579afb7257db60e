package pipeline

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/plan"
)

func TestNamedImagesThatAreBasesOrStoredComeFromTheStore(t *testing.T) {
	named := map[string]string{"runtime": "docker-image://slipway/node:22-trixie", "old": "docker-image://base:dev", "docs": "/srv", "hub": "docker-image://debian:trixie"}
	job := Job{
		Bases: []plan.Base{{Ref: "slipway/node:22-trixie", Assembled: true}, {Ref: "debian:trixie"}}, Stored: map[string]string{"base:dev": "sha256:b"},
		Request: engine.Request{Named: named},
	}
	job.useBases(map[string]string{"slipway/node:22-trixie": "sha256:n"})
	want := map[string]string{"slipway/node:22-trixie": "sha256:n", "runtime": "sha256:n", "base:dev": "sha256:b", "old": "sha256:b"}
	if d := cmp.Diff(want, job.Request.Bases); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if d := cmp.Diff(map[string]string{"docs": "/srv", "hub": "docker-image://debian:trixie"}, job.Request.Named); d != "" || len(named) != 4 {
		t.Errorf("-want +got:\n%s", d)
	}
}
