//go:build unix

package hosting

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

// listen takes the directory of the host for this process, and its socket.
func (h Here) listen(ctx context.Context) (net.Listener, func(), error) {
	lock := flock.New(h.lock())
	waiting, cancel := context.WithTimeout(ctx, letGoTime)
	defer cancel()
	mine, err := lock.TryLockContext(waiting, 20*time.Millisecond)
	if err != nil && waiting.Err() == nil {
		return nil, nil, fmt.Errorf("locking %s: %w", h.dir(), err)
	}
	if !mine {
		return nil, nil, diag.Fail(diag.ExitRun, "another host is running on this machine").WithHint("slipway host status")
	}
	if err := os.Remove(h.socket()); err != nil && !errors.Is(err, fs.ErrNotExist) { // of a killed one
		return nil, nil, errors.Join(err, lock.Unlock())
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "unix", h.socket())
	if err != nil {
		return nil, nil, errors.Join(err, lock.Unlock())
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false) // it may be that of the next host by then
	return l, func() { _ = errors.Join(l.Close(), lock.Unlock()) }, nil
}

// letGoTime is how long a host that hands over may hold its lock.
const letGoTime = time.Second

// Runs reports whether a process is the host of this machine.
func (h Here) Runs() bool {
	lock := flock.New(h.lock())
	mine, err := lock.TryLock()
	if err != nil {
		return false
	}
	if mine {
		_ = lock.Unlock()
	}
	return !mine
}

// lock is the file that the host of this machine holds.
func (h Here) lock() string { return filepath.Join(h.dir(), "host.lock") }

// Stop ends the host; the containers go on. Systemd starts it again after a reboot.
func (h Here) Stop(ctx context.Context) error {
	info, err := h.Client().Info(ctx)
	if err != nil {
		return err
	}
	if h.Registered(ctx) {
		err = systemctl(ctx, "stop", Unit) // else it would restart it
	} else {
		err = syscall.Kill(info.PID, syscall.SIGTERM)
	}
	if err != nil {
		return diag.Fail(diag.ExitRun, "stopping the host, process %d", info.PID).Because(err)
	}
	for h.Runs() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
	return nil
}

// hostStartTime is how long a host may take to answer.
const hostStartTime = 45 * time.Second // what is being drained goes first

// Launch starts the host, and returns when it answers; false when it was running. Systemd
// runs it where there is systemd, so it starts after a reboot, too.
func (h Here) Launch(ctx context.Context) (bool, error) {
	if err := h.prepare(); err != nil {
		return false, err
	}
	if h.Runs() {
		return false, nil
	}
	if h.Systemd.runs() && !h.Background {
		return true, h.enable(ctx)
	}
	return true, h.launch(ctx)
}

// Upgrade puts this program in the place of the host that runs. No connection is lost.
func (h Here) Upgrade(ctx context.Context) error {
	started, err := h.Launch(ctx)
	if started || err != nil {
		return err
	}
	if h.Registered(ctx) {
		return h.reload(ctx)
	}
	return h.launch(ctx, "--take-over")
}

// Reload is Upgrade for the unit: what it starts belongs to the unit.
func (h Here) Reload(ctx context.Context) error {
	if err := h.prepare(); err != nil {
		return err
	}
	return h.launch(ctx, "--take-over")
}

// launch starts a host in the background, and returns when it answers.
func (h Here) launch(ctx context.Context, flags ...string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	path := filepath.Join(h.dir(), "log")
	log, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(self, append([]string{"host", "_run"}, flags...)...)
	cmd.Env = append(os.Environ(), "SLIPWAY_STATE_DIR="+h.State.Path)
	cmd.Dir, cmd.Stdout, cmd.Stderr = "/", log, log
	if os.Getenv("NOTIFY_SOCKET") != "" { // of the unit, whose output is in the journal
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return diag.Fail(diag.ExitRun, "starting the host in the background").Because(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	until := time.Now().Add(hostStartTime)
	for {
		if info, err := h.Client().Info(ctx); err == nil && info.PID == cmd.Process.Pid {
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
