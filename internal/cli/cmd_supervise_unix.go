//go:build unix

package cli

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"syscall"
)

// background starts this program once more, in a session of its own. It reads
// its job from in and tells how it goes on from.
func (a *app) background(group string) (cmd *exec.Cmd, in io.WriteCloser, from io.ReadCloser, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, nil, nil, err
	}
	log, err := openErrorLog(a.errorLog(group))
	if err != nil {
		return nil, nil, nil, err
	}
	defer log.Close()
	r, w, err := os.Pipe()
	if err != nil {
		return nil, nil, nil, err
	}
	defer w.Close()
	cmd = exec.Command(self, "_supervise")
	cmd.Env = append(os.Environ(), "SLIPWAY_STATE_DIR="+a.state.Path)
	cmd.Dir = "/"
	cmd.Stderr, cmd.ExtraFiles = log, []*os.File{w}
	cmd.SysProcAttr = detached()
	in, err = cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return nil, nil, nil, errors.Join(err, r.Close())
	}
	return cmd, in, r, nil
}

// ignoreExit drops the exit code of a program that has said why it failed.
func ignoreExit(err error) error {
	if status := (*exec.ExitError)(nil); errors.As(err, &status) {
		return nil
	}
	return err
}

// detached belongs to no terminal.
func detached() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }
