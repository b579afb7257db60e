package hosting

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/internal/diag"
)

// TestSystemdRunsTheHost, which says when it is ready and which process replaces it.
func TestSystemdRunsTheHost(t *testing.T) {
	h, f := newHere(t)
	started, err := h.Launch(t.Context())
	if err != nil || !started {
		t.Fatal(started, err)
	}
	if got := f.took(); got != "daemon-reload, enable --now "+Unit {
		t.Errorf("systemd was told %s", got)
	}
	first := f.is(h)
	if started, err = h.Launch(t.Context()); err != nil || started {
		t.Errorf("started twice: %v", err)
	}
	if registered, err := h.Register(t.Context()); registered || err != nil || f.took() != "" {
		t.Errorf("it is systemd's already: %v, %v", registered, err)
	}
	if err := h.Upgrade(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := f.took(); got != "daemon-reload, reload "+Unit {
		t.Errorf("systemd was told %s", got)
	}
	if f.is(h) == first {
		t.Error("the upgrade replaced nothing")
	}
	if err := h.Stop(t.Context()); err != nil || h.Runs() || f.took() != "stop "+Unit {
		t.Errorf("it was not stopped: %v", err)
	}
}

// TestABackgroundHostBecomesSystemds, and an upgrade alone leaves it where it is.
func TestABackgroundHostBecomesSystemds(t *testing.T) {
	h, f := newHere(t)
	behind := h
	behind.Background = true
	if _, err := behind.Launch(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := h.Upgrade(t.Context()); err != nil || f.took() != "" || h.Registered(t.Context()) {
		t.Errorf("%v", err)
	}
	if registered, err := behind.Register(t.Context()); registered || err != nil {
		t.Errorf("%v, %v", registered, err)
	}
	if registered, err := h.Register(t.Context()); !registered || err != nil {
		t.Fatal(registered, err)
	}
	f.is(h)
	if err := elsewhere(h, t).Disable(t.Context()); err == nil || !h.Runs() {
		t.Errorf("the host of another state directory was disabled: %v", err)
	}
	if err := h.Disable(t.Context()); err != nil || f.took() != "daemon-reload, enable --now "+Unit+", disable --now "+Unit {
		t.Errorf("%v", err)
	}
}

// elsewhere is a host of the same machine with a state directory of its own.
func elsewhere(h Here, t *testing.T) Here {
	h.State.Path = t.TempDir()
	return h
}

func TestWhatSystemdRefusesIsSaid(t *testing.T) {
	h, f := newHere(t)
	fails := func(what string, h Here, texts ...string) {
		t.Helper()
		_, err := h.Launch(t.Context())
		if err == nil {
			t.Fatalf("%s: it was started", what)
		}
		for _, text := range texts {
			if !strings.Contains(err.Error()+"\n"+diag.HintOf(err), text) {
				t.Errorf("%s: %v\nhint: %s", what, err, diag.HintOf(err))
			}
		}
		if h.Runs() {
			t.Errorf("%s: a host runs", what)
		}
	}
	for verb, hint := range map[string]string{"daemon-reload": "--background", "enable": "journalctl -u " + Unit} {
		f.fail(verb)
		fails(verb, h, "systemctl "+verb, "exit status 1: Job for slipway-host.service failed.", hint)
	}
	f.fail("")
	readOnly := h
	readOnly.Systemd.Units = "/proc/slipway"
	fails("read-only", readOnly, "the systemd unit of the host cannot be written", "slipway host start --background")
	odd := h
	odd.State.Path = filepath.Join(h.State.Path, "a\nb")
	fails("odd", odd, "a systemd unit cannot name")
	fails("another state directory", elsewhere(h, t), "systemd runs the host of another state directory", "--background")
	f.fail("show")
	if h.Registered(t.Context()) {
		t.Error("a systemd that does not answer runs the host")
	}
	none := h
	none.Systemd.Runtime = filepath.Join(f.dir, "none")
	if err := none.Disable(t.Context()); err == nil || !strings.Contains(err.Error(), "does not answer") { // as stop says it
		t.Error(err)
	}
}

// TestAUnitThatAPersonEditedStays, and is what systemd runs.
func TestAUnitThatAPersonEditedStays(t *testing.T) {
	h, f := newHere(t)
	f.fail("enable")
	if _, err := h.Launch(t.Context()); err == nil {
		t.Fatal("it was started")
	}
	f.fail("")
	path := h.Systemd.path()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	edited := bytes.Replace(text, []byte("RestartSec=2"), []byte("RestartSec=7"), 1)
	if err := os.WriteFile(path, edited, 0o644); err != nil || bytes.Equal(text, edited) {
		t.Fatal(err)
	}
	said := ""
	h.Note = func(text string) { said += text }
	if _, err := h.Launch(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.is(h)
	newer := h
	newer.Version = "newer"
	if err := newer.Upgrade(t.Context()); err == nil || !strings.Contains(err.Error(), "is not this slipway") || !strings.Contains(err.Error(), "slipway test") {
		t.Errorf("the program of an edited unit is this one: %v", err)
	}
	if now, err := os.ReadFile(path); !bytes.Equal(now, edited) || err != nil || !strings.Contains(said, path+" was edited") {
		t.Errorf("%s\n%s", now, said)
	}
}

// TestTheUnitIsGood for systemd itself.
func TestTheUnitIsGood(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a program of 100% é")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "slipway")
	if err := os.WriteFile(program, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	text, err := unitText(program, "/srv/a 50% \\ state")
	if err != nil || !strings.Contains(text, `Environment="SLIPWAY_STATE_DIR=/srv/a 50%% \\ state"`) {
		t.Fatalf("%v\n%s", err, text)
	}
	if _, err := unitText(`/opt/a "program"`, "/srv"); err == nil {
		t.Error("systemd takes no program with quotes in its path")
	}
	if usual, err := unitText(program, "/var/lib/slipway"); err != nil || os.Geteuid() == 0 && environmentOf([]byte(usual)) != "" {
		t.Errorf("%v\n%s", err, usual)
	}
	analyze, err := exec.LookPath("systemd-analyze")
	if errors.Is(err, exec.ErrNotFound) {
		t.Skip("systemd-analyze is not installed (Debian's package systemd has it)")
	}
	unit := filepath.Join(t.TempDir(), Unit)
	if err := os.WriteFile(unit, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(analyze, "verify", "--man=no", unit).CombinedOutput(); err != nil || strings.Contains(string(out), Unit) {
		t.Errorf("%v\n%s", err, out)
	}
}
