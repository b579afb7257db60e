//go:build !linux

package rootless

import "context"

// Enter does nothing: the embedded engine, which needs it, is for Linux.
func Enter(context.Context, Process) (exitCode int, entered bool, err error) { return 0, false, nil }

// Available returns nil: there is nothing to enter.
func Available() error { return nil }

// SubordinateIDs returns nil: there is nothing to enter.
func SubordinateIDs() error { return nil }
