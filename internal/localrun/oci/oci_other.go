//go:build !linux

package oci

import (
	"context"
	"net/netip"
	"time"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/localrun"
)

// Running is a group that was started; on this system there is none.
type Running struct{}

func notHere() error {
	return diag.Fail(diag.ExitRun, "containers run on Linux only").WithHint("run slipway in a Linux virtual machine")
}

// Start refuses.
func (rt *Runtime) Start(context.Context, localrun.Group, bool, localrun.Watcher) (*Running, error) {
	return nil, notHere()
}

// Statuses returns nothing.
func (*Running) Statuses() []localrun.Status { return nil }

// Network returns nothing.
func (*Running) Network() string { return "" }

// WaitReady refuses.
func (*Running) WaitReady(context.Context, time.Duration) error { return notHere() }

// Explain returns nothing.
func (*Running) Explain(string) string { return "" }

// Wait refuses.
func (*Running) Wait(context.Context) error { return notHere() }

// Stop does nothing.
func (*Running) Stop() error { return nil }

// List refuses.
func List(string) ([]GroupStatus, error) { return nil, notHere() }

// StopGroup refuses.
func StopGroup(context.Context, string, string, string) error { return notHere() }

// Repair refuses.
func Repair(string, string, func(string)) error { return notHere() }

// Front refuses.
func Front(context.Context, string, string, int) (netip.Addr, error) {
	return netip.Addr{}, notHere()
}

// LimitsCPU reports no limits.
func LimitsCPU() bool { return false }

// RemoveFront refuses.
func RemoveFront(string, string) error { return notHere() }

// Forget refuses.
func Forget(string, string) error { return notHere() }
