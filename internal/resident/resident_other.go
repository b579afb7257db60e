//go:build !linux

package resident

import (
	"context"
	"errors"
)

// Key names nothing here.
func Key() (string, error) { return "", errors.ErrUnsupported }

// Run runs nothing here.
func Run(context.Context, Call) (code int, ran bool, err error) {
	return 0, false, errors.ErrUnsupported
}

// KeepNone closes nothing here.
func KeepNone() error { return nil }

// Detach does nothing here.
func Detach() {}

// GiveWay asks nobody here.
func GiveWay(string) {}

// Serve serves nobody here.
func Serve(context.Context, Server) error { return errors.ErrUnsupported }

// Wear changes nothing here.
func Wear(Command) (func(), error) { return nil, errors.ErrUnsupported }
