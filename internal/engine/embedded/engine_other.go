//go:build !linux

package embedded

import (
	"context"
	"runtime"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/event"
)

// Engine cannot be opened on this operating system.
type Engine struct{}

// Open says that builds need Linux.
func Open(context.Context, Options, event.Sink) (*Engine, error) {
	return nil, diag.Fail(diag.ExitUsage, "the embedded engine needs Linux, and this is %s", runtime.GOOS).
		WithHint("slipway build --builder tcp://HOST:1234, or docker-container://NAME, builds on a BuildKit elsewhere")
}

// Build always fails.
func (*Engine) Build(context.Context, engine.Request, event.Sink) (engine.Result, error) {
	return engine.Result{}, diag.Fail(diag.ExitUsage, "the embedded engine needs Linux")
}

// Collect does nothing.
func (*Engine) Collect(context.Context) error { return nil }

// Rest does nothing.
func (*Engine) Rest() (bool, error) { return false, nil }

// Serve cannot.
func (*Engine) Serve(Options, event.Sink) bool { return false }

// Close does nothing.
func (*Engine) Close() error { return nil }

// Abandoned tells of a killed process that had the engine; here there is none.
func Abandoned(string) bool { return false }

// Overhaul has nothing to look at here.
func Overhaul(context.Context, Options, event.Sink) (string, error) {
	return "no engine on this system", nil
}
