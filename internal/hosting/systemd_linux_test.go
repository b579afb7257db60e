package hosting

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/state"
)

// TestMain lets this program be slipway, and the systemctl that asks a fakeSystemd.
func TestMain(m *testing.M) {
	switch {
	case filepath.Base(os.Args[0]) == "systemctl":
		os.Exit(askFakeSystemd(os.Args[1:]))
	case len(os.Args) > 2 && os.Args[1] == "host":
		if err := hostCommand(os.Args[2:]); err != nil {
			os.Stderr.WriteString(err.Error() + "\n")
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// hostCommand is `slipway host _run` and `slipway host _reload`.
func hostCommand(args []string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	h := hereIn(os.Getenv("SLIPWAY_STATE_DIR"))
	h.Note = func(text string) { os.Stderr.WriteString(text + "\n") }
	if args[0] == "_reload" {
		return h.Reload(ctx)
	}
	return h.Run(ctx, slices.Contains(args, "--take-over"))
}

func hereIn(dir string) Here {
	return Here{State: state.Dir{Path: dir, Getenv: os.Getenv}, Version: "test"}
}

// fakeSystemd is the service manager of a test: one unit, which it really starts.
type fakeSystemd struct {
	t     *testing.T
	dir   string
	fails string // the verb that fails

	mu      sync.Mutex
	calls   []string
	main    int
	ready   chan struct{} // what is being started says that it is ready
	running sync.WaitGroup
}

// newHere is a machine with systemd, and its host.
func newHere(t *testing.T) (Here, *fakeSystemd) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("a host requires root")
	}
	f := &fakeSystemd{t: t, dir: t.TempDir()}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(f.dir, "systemctl")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", f.dir+":"+os.Getenv("PATH"))
	t.Setenv("FAKE_SYSTEMD", filepath.Join(f.dir, "manager"))
	t.Setenv("NOTIFY_SOCKET", "")
	f.listen()
	h := hereIn(t.TempDir())
	h.Note = func(text string) { t.Log(text) }
	h.Systemd = Systemd{Runtime: f.dir, Units: filepath.Join(f.dir, "units")}
	t.Cleanup(func() {
		if info, err := h.Client().Info(context.Background()); err == nil {
			_ = syscall.Kill(info.PID, syscall.SIGTERM)
		}
	})
	return h, f
}

// listen hears systemctl, and what services say.
func (f *fakeSystemd) listen() {
	asked, err := net.Listen("unix", filepath.Join(f.dir, "manager"))
	if err != nil {
		f.t.Fatal(err)
	}
	said, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(f.dir, "notify"), Net: "unixgram"})
	if err != nil {
		f.t.Fatal(err)
	}
	f.running.Go(func() {
		for conn, err := asked.Accept(); err == nil; conn, err = asked.Accept() {
			var args []string
			if json.NewDecoder(conn).Decode(&args) == nil {
				_ = json.NewEncoder(conn).Encode(f.do(args))
			}
			_ = conn.Close()
		}
	})
	f.running.Go(func() {
		data := make([]byte, 100)
		for n, err := said.Read(data); err == nil; n, err = said.Read(data) {
			f.hear(string(data[:n]))
		}
	})
	f.t.Cleanup(func() {
		_ = asked.Close()
		_ = said.Close()
		f.running.Wait()
	})
}

func (f *fakeSystemd) hear(text string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if pid, ok := strings.CutPrefix(text, "MAINPID="); ok {
		if json.Unmarshal([]byte(pid), &f.main) != nil {
			f.t.Errorf("%q", text)
		}
	}
	if text == "READY=1" && f.ready != nil {
		close(f.ready)
		f.ready = nil
	}
}

// askFakeSystemd is systemctl.
func askFakeSystemd(args []string) int {
	conn, err := net.Dial("unix", os.Getenv("FAKE_SYSTEMD"))
	if err != nil {
		return 2
	}
	answer := ""
	if json.NewEncoder(conn).Encode(args) != nil || json.NewDecoder(conn).Decode(&answer) != nil {
		return 3
	}
	out, bad := strings.CutPrefix(answer, "error: ")
	os.Stdout.WriteString(out)
	if bad {
		return 1
	}
	return 0
}

// do carries out a command; what it returns is printed.
func (f *fakeSystemd) do(args []string) string {
	f.mu.Lock()
	f.calls = append(f.calls, strings.Join(args, " "))
	main := f.main
	f.mu.Unlock()
	switch verb := args[0]; {
	case verb == f.fails:
		return "error: Job for slipway-host.service failed."
	case verb == "show":
		pid, _ := json.Marshal(main)
		return string(pid) + "\n"
	case verb == "enable" && main == 0:
		return f.start()
	case verb == "reload":
		cmd, log := f.command("ExecReload"), f.log()
		defer log.Close()
		if cmd.Stdout, cmd.Stderr = log, log; cmd.Run() != nil {
			return "error: " + f.logged()
		}
	case verb == "stop" || verb == "disable":
		_ = syscall.Kill(main, syscall.SIGTERM)
	}
	return ""
}

// command is what a setting of the unit starts.
func (f *fakeSystemd) command(setting string) *exec.Cmd {
	unit, err := os.ReadFile(filepath.Join(f.dir, "units", Unit))
	if err != nil {
		return exec.Command("/none")
	}
	word := func(name string) string {
		_, rest, _ := strings.Cut(string(unit), "\n"+name+"=")
		line, _, _ := strings.Cut(rest, "\n")
		return line
	}
	parts := strings.Split(word(setting), `"`)
	cmd := exec.Command(parts[1], strings.Fields(parts[2])...)
	cmd.Env = append(os.Environ(), strings.Trim(word("Environment"), `"`), "NOTIFY_SOCKET="+filepath.Join(f.dir, "notify"))
	return cmd
}

// log is the journal; a file, which what is started may keep open.
func (f *fakeSystemd) log() *os.File {
	log, err := os.OpenFile(filepath.Join(f.dir, "journal"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		f.t.Error(err)
	}
	return log
}

func (f *fakeSystemd) logged() string {
	data, err := os.ReadFile(filepath.Join(f.dir, "journal"))
	return fmt.Sprint(string(data), err)
}

func (f *fakeSystemd) start() string {
	ready := make(chan struct{})
	cmd, log := f.command("ExecStart"), f.log()
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	f.mu.Lock()
	f.ready = ready
	f.mu.Unlock()
	if err := cmd.Start(); err != nil {
		return "error: " + err.Error()
	}
	f.mu.Lock()
	f.main = cmd.Process.Pid
	f.mu.Unlock()
	ended := make(chan struct{})
	f.running.Go(func() {
		_ = cmd.Wait()
		close(ended)
	})
	select {
	case <-ready:
		return ""
	case <-ended:
		return "error: " + f.logged()
	case <-time.After(20 * time.Second):
		return "error: it is never ready"
	}
}

// took returns the commands since it was last called, without the questions.
func (f *fakeSystemd) took() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := slices.DeleteFunc(f.calls, func(call string) bool { return strings.HasPrefix(call, "show ") })
	f.calls = nil
	return strings.Join(out, ", ")
}

func (f *fakeSystemd) mainPID() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.main
}

// is checks the process of the host: it is that of the unit.
func (f *fakeSystemd) is(h Here) int {
	f.t.Helper()
	info, err := h.Client().Info(f.t.Context())
	if err != nil || info.PID != f.mainPID() || !h.Registered(f.t.Context()) {
		f.t.Fatalf("%+v, %v; systemd runs %d", info, err, f.mainPID())
	}
	return info.PID
}

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
	if err := h.Disable(t.Context()); err != nil || f.took() != "daemon-reload, enable --now "+Unit+", disable --now "+Unit {
		t.Errorf("%v", err)
	}
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
		f.fails = verb
		fails(verb, h, "systemctl "+verb, "exit status 1: Job for slipway-host.service failed.", hint)
	}
	f.fails = ""
	readOnly := h
	readOnly.Systemd.Units = "/proc/slipway"
	fails("read-only", readOnly, "the systemd unit of the host cannot be written", "slipway host start --background")
	odd := h
	odd.State.Path = filepath.Join(h.State.Path, "a\nb")
	fails("odd", odd, "a systemd unit cannot name")
	elsewhere := h
	elsewhere.State.Path = t.TempDir() // the unit of h was written
	fails("another state directory", elsewhere, "systemd runs the host of another state directory", "--background")
	f.fails = "show"
	if h.Registered(t.Context()) {
		t.Error("a systemd that does not answer runs the host")
	}
	none := h
	none.Systemd.Runtime = filepath.Join(f.dir, "none")
	if err := none.Disable(t.Context()); diag.ExitOf(err) != diag.ExitUsage {
		t.Error(err)
	}
}

// TestAUnitThatAPersonEditedStays, and is what systemd runs.
func TestAUnitThatAPersonEditedStays(t *testing.T) {
	h, f := newHere(t)
	f.fails = "enable"
	if _, err := h.Launch(t.Context()); err == nil {
		t.Fatal("it was started")
	}
	f.fails = ""
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
