package hosting

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// realSystemd is a machine on which systemd itself runs units: its manager of a user, in a
// mount namespace in which it finds that the machine was booted with systemd.
func realSystemd(t *testing.T) Here {
	t.Helper()
	programs := []string{"/usr/lib/systemd/systemd", "/lib/systemd/systemd"}
	at := slices.IndexFunc(programs, func(p string) bool { _, err := os.Stat(p); return err == nil })
	if os.Geteuid() != 0 || at < 0 {
		t.Skip("this needs root and systemd (Debian's package systemd), which need not run")
	}
	for _, name := range []string{"systemctl", "unshare", "nsenter"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skip(err)
		}
	}
	dir := t.TempDir()
	h := hereIn(filepath.Join(dir, "state"))
	h.Note = func(text string) { t.Log(text) }
	h.Systemd = Systemd{Runtime: dir, Units: filepath.Join(dir, "home/.config/systemd/user")}
	if err := os.MkdirAll(h.Systemd.Units, 0o755); err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	manager := exec.Command("unshare", "-m", "--propagation", "private", "sh", "-c",
		"mount -t tmpfs tmpfs /run && mkdir -p -m 700 /run/systemd/system /run/user/0 && exec "+programs[at]+" --user")
	settings := []string{"HOME=" + filepath.Join(dir, "home"), "XDG_RUNTIME_DIR=/run/user/0", "SYSTEMD_LOG_TARGET=console"}
	manager.Env, manager.Stdout, manager.Stderr = append(os.Environ(), settings...), log, log
	if err := manager.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = manager.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		_ = manager.Process.Signal(syscall.SIGTERM)
		<-ended
		_ = log.Close()
		h.end()
	})
	real, err := exec.LookPath("systemctl")
	if err != nil {
		t.Fatal(err)
	}
	script := fmt.Sprintf("#!/bin/sh\nexec nsenter -t %d -m env %s %s --user \"$@\"\n", manager.Process.Pid, strings.Join(settings, " "), real)
	if err := os.WriteFile(filepath.Join(dir, "systemctl"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	for begin := time.Now(); ; time.Sleep(100 * time.Millisecond) {
		out, err := exec.Command("systemctl", "is-system-running").CombinedOutput()
		if word := strings.TrimSpace(string(out)); word == "running" || word == "degraded" {
			return h
		}
		select {
		case <-ended:
		default:
			if time.Since(begin) < 90*time.Second {
				continue
			}
		}
		text, _ := os.ReadFile(log.Name())
		t.Skipf("the manager of systemd does not run here: %v, %s\n%s", err, out, text)
	}
}

// TestSystemdItselfRunsTheHost: it starts, is replaced, is killed and started again, and
// stays the unit's main process.
func TestSystemdItselfRunsTheHost(t *testing.T) {
	h := realSystemd(t)
	behind := h
	behind.Background = true
	if _, err := behind.Launch(t.Context()); err != nil {
		t.Fatal(err)
	}
	pid := func() int {
		t.Helper()
		for begin := time.Now(); time.Since(begin) < 90*time.Second; time.Sleep(50 * time.Millisecond) {
			if h.Registered(t.Context()) {
				info, err := h.Client().Info(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				return info.PID
			}
		}
		t.Fatal("the host is not the main process of the unit")
		return 0
	}
	if registered, err := h.Register(t.Context()); err != nil || !registered {
		t.Fatal(registered, err)
	}
	seen := []int{pid()}
	is := func(what string) {
		t.Helper()
		now := pid()
		if slices.Contains(seen, now) {
			t.Errorf("%s: it is process %d again", what, now)
		}
		seen = append(seen, now)
	}
	for range 2 {
		if err := h.Upgrade(t.Context()); err != nil {
			t.Fatal(err)
		}
		is("upgraded")
	}
	if err := syscall.Kill(seen[len(seen)-1], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	is("killed")
	if err := h.Stop(t.Context()); err != nil || h.Runs() {
		t.Fatal(err)
	}
	if started, err := h.Launch(t.Context()); err != nil || !started {
		t.Fatal(started, err)
	}
	is("started again")
	wanted := filepath.Join(h.Systemd.Units, "multi-user.target.wants", Unit)
	if _, err := os.Lstat(wanted); err != nil {
		t.Error(err)
	}
	if err := h.Disable(t.Context()); err != nil || h.Runs() {
		t.Error(err)
	}
	if _, err := os.Lstat(wanted); err == nil {
		t.Error("it starts after a reboot")
	}
}
