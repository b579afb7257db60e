//go:build !unix

package cli

import (
	"io"
	"os/exec"
	"syscall"

	"github.com/slipway-build/slipway/internal/diag"
)

// background needs containers, which need Linux.
func (a *app) background(string) (*exec.Cmd, io.WriteCloser, io.ReadCloser, error) {
	return nil, nil, nil, diag.Fail(diag.ExitRun, "running images requires Linux")
}

func ignoreExit(err error) error { return err }

func detached() *syscall.SysProcAttr { return nil }
