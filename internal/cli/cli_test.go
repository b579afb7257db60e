package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/interrupt"
)

func TestHowAnInterruptedCommandEnds(t *testing.T) {
	stuck := errors.New("unmounting /x: device busy")
	for name, c := range map[string]struct {
		cause, err error
		code       diag.ExitCode
		says       string
	}{
		"interrupted":         {context.Canceled, context.Canceled, 130, "slipway: interrupted; nothing is left running, and finished work is kept\n"},
		"something is left":   {context.Canceled, withCleanup(context.Canceled, stuck), 130, "slipway: interrupted, and cleaning up failed: unmounting /x: device busy\n  hint: the next slipway run or slipway stop cleans up\n"},
		"nobody reads":        {interrupt.ErrUnread, fmt.Errorf("writing: %w", context.Canceled), 141, ""},
		"nobody reads, ended": {interrupt.ErrUnread, nil, 141, ""},
		"a failure of others": {nil, diag.Fail(diag.ExitRun, "it failed"), 5, "slipway: it failed\n"},
	} {
		ctx, cancel := context.WithCancelCause(t.Context())
		if c.cause != nil {
			cancel(c.cause)
		}
		var said bytes.Buffer
		a := newApp(World{Stderr: &said, Getenv: func(string) string { return "" }}, t.TempDir())
		if got := a.fail(ctx, c.err); got != c.code || said.String() != c.says {
			t.Errorf("%s: exit %d, says %q; want %d, %q", name, got, said.String(), c.code, c.says)
		}
		cancel(nil)
	}
}
