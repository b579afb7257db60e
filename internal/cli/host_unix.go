//go:build unix

package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/gofrs/flock"

	"github.com/slipway-build/slipway/internal/diag"
)

// listenHost takes the directory of a host for this process, and its socket.
func listenHost(ctx context.Context, dir string) (net.Listener, func(), error) {
	lock := flock.New(filepath.Join(dir, "host.lock"))
	waiting, cancel := context.WithTimeout(ctx, letGoTime)
	defer cancel()
	mine, err := lock.TryLockContext(waiting, 20*time.Millisecond)
	if err != nil && waiting.Err() == nil {
		return nil, nil, fmt.Errorf("locking %s: %w", dir, err)
	}
	if !mine {
		return nil, nil, diag.Fail(diag.ExitRun, "another host is running on this machine").WithHint("slipway host status")
	}
	if err := os.Remove(socket(dir)); err != nil && !errors.Is(err, fs.ErrNotExist) { // of a killed one
		return nil, nil, errors.Join(err, lock.Unlock())
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "unix", socket(dir))
	if err != nil {
		return nil, nil, errors.Join(err, lock.Unlock())
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false) // it may be that of the next host by then
	return l, func() { _ = errors.Join(l.Close(), lock.Unlock()) }, nil
}

// letGoTime is how long a host that hands over may hold its lock.
const letGoTime = time.Second

// hostRuns reports whether a process is the host of this machine.
func (a *app) hostRuns() bool {
	lock := flock.New(filepath.Join(a.hostDir(), "host.lock"))
	mine, err := lock.TryLock()
	if err != nil {
		return false
	}
	if mine {
		_ = lock.Unlock()
	}
	return !mine
}

// endProcess asks a process to end.
func endProcess(pid int) error { return syscall.Kill(pid, syscall.SIGTERM) }

// hostStartTime is how long a host may take to answer.
const hostStartTime = 45 * time.Second // what is being drained goes first

// startHost starts the host in the background, and returns when it answers; false when it
// was running.
func (a *app) startHost(ctx context.Context) (bool, error) {
	if err := a.state.Refuse(); err != nil {
		return false, err
	}
	if err := needsRoot("host start"); err != nil {
		return false, err
	}
	if err := os.MkdirAll(a.hostDir(), 0o700); err != nil {
		return false, err
	}
	if a.hostRuns() {
		return false, nil
	}
	return true, a.launchHost(ctx)
}

// launchHost starts a host in the background, and returns when it answers.
func (a *app) launchHost(ctx context.Context, flags ...string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	path := filepath.Join(a.hostDir(), "log")
	log, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(self, append([]string{"host", "_run"}, flags...)...)
	cmd.Env = append(os.Environ(), "SLIPWAY_STATE_DIR="+a.state.Path)
	cmd.Dir, cmd.Stdout, cmd.Stderr = "/", log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return diag.Fail(diag.ExitRun, "starting the host in the background").Because(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	until := time.Now().Add(hostStartTime)
	for {
		if info, err := a.localHost().Info(ctx); err == nil && info.PID == cmd.Process.Pid {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ended:
			return diag.Fail(diag.ExitRun, "the host ended at once%s", lastOf(path)).WithHint("read %s", path)
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(until) {
			return diag.Fail(diag.ExitRun, "the host does not answer after %s", hostStartTime).WithHint("read %s", path)
		}
	}
}

// lastOf is the last line of a log, for a message.
func lastOf(path string) string {
	data, err := os.ReadFile(path)
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	if err != nil || lines[len(lines)-1] == "" {
		return ""
	}
	return ": " + diag.Printable(lines[len(lines)-1])
}
