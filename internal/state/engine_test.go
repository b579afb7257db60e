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
