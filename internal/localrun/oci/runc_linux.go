package oci

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/slipway-build/slipway/internal/diag"
)

// pollInterval is how often files and locks of other processes are looked at.
const pollInterval = 100 * time.Millisecond

// runcTimeout ends a call of runc that hangs.
const runcTimeout = 30 * time.Second

// runc calls the container runtime for the containers of one group.
type runc struct {
	path string
	root string // of its state
}

// create makes a container that waits to be started, writing to out, and
// returns its first process, which is a child of this process from then on. It
// takes a few hundredths of a second and is not interrupted, because runc does
// not clean up then.
func (r runc) create(bundleDir, id string, out *os.File) (pid int, err error) {
	pidFile := filepath.Join(bundleDir, "pid")
	log := filepath.Join(bundleDir, "runc.log")
	ctx, cancel := context.WithTimeout(context.Background(), runcTimeout)
	defer cancel()
	cmd := r.command(ctx, log, "create", "--bundle", bundleDir, "--pid-file", pidFile, id)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Run(); err != nil {
		return 0, diag.Fail(diag.ExitRun, "starting %s", id).Because(runcError(log, err))
	}
	text, err := os.ReadFile(pidFile)
	if err != nil {
		return 0, fmt.Errorf("starting %s: %w", id, err)
	}
	return strconv.Atoi(strings.TrimSpace(string(text)))
}

func (r runc) start(bundleDir, id string) error {
	ctx, cancel := context.WithTimeout(context.Background(), runcTimeout)
	defer cancel()
	log := filepath.Join(bundleDir, "runc.log")
	if err := r.command(ctx, log, "start", id).Run(); err != nil {
		return diag.Fail(diag.ExitRun, "starting %s", id).Because(runcError(log, err))
	}
	return nil
}

// delete removes a container, killing what is left in it; it is no error when
// there is none.
func (r runc) delete(id string) error {
	var out bytes.Buffer
	ctx, cancel := context.WithTimeout(context.Background(), runcTimeout)
	defer cancel()
	cmd := r.command(ctx, os.DevNull, "delete", "--force", id)
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("removing container %s: %w (%s)", id, err, strings.TrimSpace(out.String()))
	}
	return nil
}

// list returns the containers that runc knows of in this root.
func (r runc) list() []string {
	entries, err := os.ReadDir(r.root)
	if err != nil {
		return nil
	}
	var ids []string
	for _, e := range entries {
		if e.IsDir() {
			ids = append(ids, e.Name())
		}
	}
	return ids
}

// exec runs a command in a container, as the container's user. When ctx ends
// first, the command is killed.
func (r runc) exec(ctx context.Context, bundleDir, id string, argv []string) (exit int, output string, err error) {
	pidFile := filepath.Join(bundleDir, "exec.pid")
	_ = os.Remove(pidFile)
	log := filepath.Join(bundleDir, "exec.log")
	cmd := r.command(ctx, log, append([]string{"exec", "--pid-file", pidFile, id}, argv...)...)
	out := &capped{limit: 4096}
	cmd.Stdout, cmd.Stderr = out, out
	cmd.WaitDelay = 2 * time.Second
	cmd.Cancel = func() error { return killExec(pidFile, cmd.WaitDelay/2) }
	err = cmd.Run()
	if status := (*exec.ExitError)(nil); errors.As(err, &status) && status.Exited() {
		if status.ExitCode() == 255 && out.Len() == 0 { // runc itself failed
			return 0, "", runcError(log, err)
		}
		return status.ExitCode(), out.String(), nil
	}
	return 0, out.String(), err
}

// killExec kills the command of an exec, so that its runc ends too. Killing that
// instead would leave the command behind, which nobody would wait for.
func killExec(pidFile string, wait time.Duration) error {
	for deadline := time.Now().Add(wait); time.Now().Before(deadline); time.Sleep(pollInterval / 10) {
		text, err := os.ReadFile(pidFile)
		if err != nil {
			continue // it is on its way
		}
		pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
		if err != nil || pid <= 1 {
			continue
		}
		return unix.Kill(pid, unix.SIGKILL)
	}
	return nil
}

// command is a call of runc in a process group of its own, so that an
// interrupt at the terminal does not reach it.
func (r runc) command(ctx context.Context, log string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, r.path, append([]string{"--root", r.root, "--log", log, "--log-format", "json"}, args...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}

// runcError is the last error that runc logged, which says more than its exit code.
func runcError(log string, err error) error {
	data, readErr := os.ReadFile(log)
	if readErr != nil {
		return fmt.Errorf("runc: %w", err)
	}
	last := ""
	for line := range bytes.Lines(data) {
		var entry struct{ Level, Msg string }
		if json.Unmarshal(line, &entry) == nil && (entry.Level == "error" || entry.Level == "fatal") {
			last = entry.Msg
		}
	}
	if last == "" {
		return fmt.Errorf("runc: %w", err)
	}
	return errors.New(strings.TrimPrefix(last, "runc create failed: "))
}

// capped keeps the beginning of what is written to it.
type capped struct {
	bytes.Buffer
	limit int
}

func (c *capped) Write(p []byte) (int, error) {
	if room := c.limit - c.Len(); room > 0 {
		_, _ = c.Buffer.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}
