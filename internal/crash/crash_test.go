package crash

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/slipway-build/slipway/internal/diag"
)

// TestMain dies in the way that the environment asks for.
func TestMain(m *testing.M) {
	dir := os.Getenv("SLIPWAY_TEST_CRASH_DIR")
	if dir == "" {
		os.Exit(m.Run())
	}
	stderr, _ := Divert(dir)
	_, _ = stderr.WriteString("working\n")
	if os.Getenv("SLIPWAY_TEST_CRASH_WATCHED") != "" {
		Watch(dir)
	}
	switch os.Getenv("SLIPWAY_TEST_CRASH") {
	case "panic":
		go panic("page 5: invalid")
		time.Sleep(time.Minute)
	case "escape codes":
		go panic("\x1b]0;title\a\x1b[2J")
		time.Sleep(time.Minute)
	case "killed":
		signalSelf(os.Kill)
		time.Sleep(time.Minute)
	case "SIGQUIT":
		signalSelf(syscall.SIGQUIT)
		time.Sleep(time.Minute)
	case "nil map":
		var m map[string]int
		go func() { m["a"]++ }()
		time.Sleep(time.Minute)
	case "fatal":
		m := map[int]int{}
		for range 8 {
			go func() {
				for {
					m[1]++ // "fatal error: concurrent map writes" cannot be caught
				}
			}()
		}
		time.Sleep(time.Minute)
	}
}

func signalSelf(s os.Signal) {
	if p, err := os.FindProcess(os.Getpid()); err == nil {
		_ = p.Signal(s)
	}
}

func TestNoTraceReachesTheTerminal(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux diverts")
	}
	for _, how := range []string{"panic", "nil map", "fatal", "none"} {
		t.Run(how, func(t *testing.T) {
			dir := t.TempDir()
			cmd := exec.CommandContext(t.Context(), os.Args[0])
			cmd.Env = append(os.Environ(), "SLIPWAY_TEST_CRASH_DIR="+dir, "SLIPWAY_TEST_CRASH="+how)
			out, err := cmd.CombinedOutput()
			if (err != nil) != (how != "none") || string(out) != "working\n" {
				t.Errorf("%v, the terminal has %q", err, out)
			}
			path := collect(dir)
			if how == "none" {
				if path != "" {
					t.Errorf("a report %s of no crash", path)
				}
				return
			}
			text, err := os.ReadFile(path)
			if err != nil || !strings.Contains(string(text), "goroutine ") {
				t.Errorf("report %q: %v, %q", path, err, text)
			}
			if again := collect(dir); again != "" {
				t.Errorf("named twice: %s", again)
			}
		})
	}
}

// TestACrashEndsWithASentence: of the shell that waits for it, and only then.
func TestACrashEndsWithASentence(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux: elsewhere nothing watches for a crash")
	}
	for how, crashes := range map[string]bool{"panic": true, "escape codes": true, "fatal": true, "none": false, "killed": false, "SIGQUIT": false} {
		t.Run(how, func(t *testing.T) {
			dir := t.TempDir()
			cmd := exec.CommandContext(t.Context(), os.Args[0])
			cmd.Env = append(os.Environ(), "SLIPWAY_TEST_CRASH_DIR="+dir, "SLIPWAY_TEST_CRASH="+how, "SLIPWAY_TEST_CRASH_WATCHED=1")
			out, err := cmd.CombinedOutput() // waits for the shell too
			want := "working\n"
			if crashes {
				want += "slipway: internal error: this command ended at once\n  hint: run the command again, and send " + filepath.Join(dir, report) + " to the maintainers; finished work is kept\n"
			}
			if (err != nil) != (how != "none") || string(out) != want {
				t.Errorf("%v, the terminal has %q", err, out)
			}
			if text, err := os.ReadFile(filepath.Join(dir, report)); crashes && (err != nil || !strings.Contains(string(text), "goroutine ")) {
				t.Errorf("report %q, %v", text, err)
			}
			if again := collect(dir); crashes && again != "" {
				t.Errorf("the next command names %s again", again)
			}
		})
	}
}

// TestACrashWithoutAReport: of a first command Divert finds no directory, and a disk
// may be full.
func TestACrashWithoutAReport(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux: elsewhere nothing watches for a crash")
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), "SLIPWAY_TEST_CRASH_DIR="+filepath.Join(t.TempDir(), "none"), "SLIPWAY_TEST_CRASH=panic", "SLIPWAY_TEST_CRASH_WATCHED=1")
	out, err := cmd.CombinedOutput()
	if err == nil || string(out) != "working\nslipway: internal error: this command ended at once\n  hint: run the command again; finished work is kept\n" {
		t.Errorf("%v, %q", err, out)
	}
}

func TestDivertWithoutADirectory(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), "SLIPWAY_TEST_CRASH_DIR="+filepath.Join(t.TempDir(), "none"), "SLIPWAY_TEST_CRASH=panic")
	out, err := cmd.CombinedOutput()
	if err == nil || runtime.GOOS == "linux" && string(out) != "working\n" {
		t.Errorf("%v, %q", err, out)
	}
}

func TestCaught(t *testing.T) {
	dir := t.TempDir()
	if err := Caught(dir, nil, nil); err != nil {
		t.Error(err)
	}
	err := Caught(dir, errors.New("page 5: invalid\nmore"), []byte("goroutine 1 [running]:\n"))
	if err == nil || err.Error() != "internal error: page 5: invalid" || diag.ExitOf(err) != diag.ExitUnexpected {
		t.Errorf("%v", err)
	}
	path := filepath.Join(dir, report)
	if text, err := os.ReadFile(path); err != nil || !strings.Contains(string(text), "goroutine 1") {
		t.Errorf("%q, %v", text, err)
	}
	if !strings.Contains(diag.HintOf(err), "send "+path+" to") {
		t.Errorf("hint %q", diag.HintOf(err))
	}
	t.Setenv("TMPDIR", t.TempDir())
	if err := Caught(filepath.Join(dir, "none"), "x", nil); !strings.Contains(diag.HintOf(err), os.TempDir()) {
		t.Errorf("without a state directory: %q", diag.HintOf(err))
	}
}

func TestAnUnusedDirectoryIsLeftEmpty(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		stays bool
	}{
		"nothing else":   {map[string]string{running: ""}, false},
		"something else": {map[string]string{running: "", "ledger.db": "x"}, true},
		"a report of it": {map[string]string{running: "panic: x\n\ngoroutine 1"}, true},
		"another file":   {map[string]string{"x": ""}, true},
		"an empty one":   {nil, false},
	} {
		dir := t.TempDir()
		for file, text := range c.files {
			if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		Settle(dir)
		if entries, err := os.ReadDir(dir); err != nil || (len(entries) > 0) != c.stays {
			t.Errorf("%s: %v, %v", name, entries, err)
		}
	}
	Settle(filepath.Join(t.TempDir(), "gone"))
}

func TestAReportHoldsNoSecretOfTheCommandLine(t *testing.T) {
	args := os.Args
	defer func() { os.Args = args }()
	os.Args = []string{"slipway", "build", "--build-arg", "TOKEN=CANARY=1", "--build-arg=TOKEN=CANARY", "--key", "env://KEY", "https://me:CANARY@git.example/x.git", "-t", "web:1"}
	dir := t.TempDir()
	err := Caught(dir, "fetching https://me:CANARY@git.example/x", []byte("stack"))
	data, unread := os.ReadFile(filepath.Join(dir, report))
	if unread != nil {
		t.Fatal(unread)
	}
	const want = "panic: fetching https://git.example/x\n\nslipway build --build-arg TOKEN=… --build-arg=TOKEN=… --key env://KEY https://git.example/x.git -t web:1\nstack"
	if string(data) != want {
		t.Errorf("the report is %q", data)
	}
	if strings.Contains(err.Error(), "CANARY") {
		t.Error(err)
	}
}
