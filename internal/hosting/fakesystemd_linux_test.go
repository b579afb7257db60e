package hosting

import (
	"context"
	"encoding/json"
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
	t   *testing.T
	dir string

	mu      sync.Mutex
	fails   string // the verb that fails
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
	t.Cleanup(h.end)
	return h, f
}

// end ends the host of a test that failed.
func (h Here) end() {
	if info, err := h.Client().Info(context.Background()); err == nil {
		_ = syscall.Kill(info.PID, syscall.SIGTERM)
	}
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
	main, fails := f.main, f.fails
	f.mu.Unlock()
	switch verb := args[0]; {
	case verb == fails:
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
	case <-time.After(90 * time.Second):
		return "error: it is never ready"
	}
}

// fail makes commands with a verb fail; "" none.
func (f *fakeSystemd) fail(verb string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fails = verb
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
