//go:build !linux

package kubernetes

import (
	"errors"
	"os/exec"
)

func detach(*exec.Cmd) {}

// Down does nothing here: clusters are for Linux.
func Down(Options) error { return errors.ErrUnsupported }
