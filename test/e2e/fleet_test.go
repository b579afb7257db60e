package e2e

import (
	"strings"
	"testing"
)

// services of the matrix.
var services = []string{
	"fast-accounting-service", "fast-accountlookup-service", "fast-enrichment-service", "fast-limitcheck-service",
	"fast-mdzmediation-service", "fast-orchestrator-service", "fast-referencedata-service",
	"fast-requesthandler-service", "fast-validation-service", "fast-vammediation-service",
}

func TestTheFleetBuildsAndASecondBuildIsCached(t *testing.T) {
	builtFleet(t)
	r := invocation{dir: fast(), args: []string{"build"}}.run(t).must(t, 0)
	if !strings.HasPrefix(r.stdout, "=== Build Statistics ===\n") {
		t.Errorf("no statistics:\n%s", r.stdout)
	}
	for _, s := range services {
		if !strings.Contains(r.stdout, "\n"+s+": Size=") {
			t.Errorf("no line for %s:\n%s", s, r.stdout)
		}
	}
	t.Logf("unchanged fleet: %v", r.took)
}
