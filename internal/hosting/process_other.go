//go:build !unix

package hosting

import (
	"context"
	"net"

	"github.com/slipway-build/slipway/internal/diag"
)

func notHere() error { return diag.Fail(diag.ExitRun, "a host requires Linux") }

func (h Here) listen(context.Context) (net.Listener, func(), error) { return nil, nil, notHere() }

// Runs reports whether a process is the host of this machine.
func (h Here) Runs() bool { return false }

// Stop refuses.
func (h Here) Stop(context.Context) error { return notHere() }

// Launch refuses.
func (h Here) Launch(context.Context) (bool, error) { return false, notHere() }

// Upgrade refuses.
func (h Here) Upgrade(context.Context) error { return notHere() }

// Reload refuses.
func (h Here) Reload(context.Context) error { return notHere() }
