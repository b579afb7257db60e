package state

import (
	"testing"

	"github.com/slipway-build/slipway/internal/diag"
)

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
