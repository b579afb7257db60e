package state

import (
	"strings"
	"testing"

	"github.com/slipway-build/slipway/internal/diag"
)

func TestStepPIDs(t *testing.T) {
	for text, want := range map[string]int64{"": 0, "65536": 65536, "16": 16} {
		if got, err := stepPIDs(text); got != want || err != nil {
			t.Errorf("%q: %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"0", "-1", "15", "many", "1e4", "99999999999999999999"} {
		if _, err := stepPIDs(text); err == nil || diag.ExitOf(err) != diag.ExitUsage || !strings.Contains(diag.HintOf(err), "SLIPWAY_STEP_PIDS=") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestAPathThatOverlaysCannotHaveIsRefused(t *testing.T) {
	for _, path := range []string{"/srv/a,b", "/srv/a:b/state", `/srv/a\b`} {
		_, err := Dir{Path: path, Getenv: func(string) string { return "" }}.Runc()
		if diag.ExitOf(err) != diag.ExitUsage || diag.HintOf(err) == "" {
			t.Errorf("%s: %v", path, err)
		}
		if _, err := (Dir{Path: path}).Containers(""); diag.ExitOf(err) != diag.ExitUsage {
			t.Errorf("containers in %s: %v", path, err)
		}
	}
}
