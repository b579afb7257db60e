//go:build linux

package embedded

import (
	"context"
	"errors"
	"path/filepath"

	"google.golang.org/grpc"

	"github.com/slipway-build/slipway/internal/crash"
)

// guard keeps a panic, of a damaged database or a fault of BuildKit, from ending
// the process: the build gets an error, and the next engine reads its databases
// before it trusts them. Goroutines of BuildKit itself are out of its reach.
func (e *Engine) guard(run func() error) error {
	err := caught(run)
	p := (*panicked)(nil)
	if !errors.As(err, &p) {
		return err
	}
	e.broken.Store(true)
	return crash.Caught(filepath.Dir(e.opts.StateDir), p.value, p.stack)
}

func (e *Engine) guardUnary(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (res any, err error) {
	err = e.guard(func() (err error) {
		res, err = handle(ctx, req)
		return err
	})
	return res, err
}

func (e *Engine) guardStream(srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handle grpc.StreamHandler) error {
	return e.guard(func() error { return handle(srv, stream) })
}
