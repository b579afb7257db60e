package state

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/slipway-build/slipway/internal/diag"
)

// TestAFullDiskIsOneOfThisMachine, unless another machine said so.
func TestAFullDiskIsOneOfThisMachine(t *testing.T) {
	d := Dir{Path: t.TempDir()}
	for name, c := range map[string]struct {
		err  error
		here bool
	}{
		"here":              {fmt.Errorf("writing: %w", syscall.ENOSPC), true},
		"text alone":        {errors.New("copying: write x: no space left on device"), true},
		"another machine":   {diag.Fail(diag.ExitRun, "the host a.example").Because(diag.Elsewhere{Err: errors.New("write x: no space left on device")}), false},
		"something else":    {errors.New("no route"), false},
		"a joined one":      {errors.Join(errors.New("first"), diag.Elsewhere{Err: syscall.ENOSPC}), false},
		"a failure of here": {diag.Fail(diag.ExitRun, "writing").Because(syscall.ENOSPC), true},
	} {
		got := d.ExplainFullDisk(c.err)
		if explained := strings.Contains(got.Error(), "no space left in "+d.Path); explained != c.here || !c.here && got != c.err {
			t.Errorf("%s: %v", name, got)
		}
	}
}
