package annex_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/slipway-build/slipway/internal/annex"
	"github.com/slipway-build/slipway/internal/diag"
)

// served starts a registry; stop ends it and returns the error of Serve.
func served(t *testing.T, tools annex.Tools, dir string) (addr string, stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	var at annex.RegistryAnswer
	ready, done := make(chan struct{}), make(chan error, 1)
	go func() {
		done <- tools.Serve(ctx, annex.Registry, annex.RegistryRequest{Addr: "127.0.0.1:0", Dir: dir}, &at, func() { close(ready) }, io.Discard)
	}()
	select {
	case <-ready:
		return at.Addr, func() error { cancel(); return <-done }
	case err := <-done:
		t.Fatal(err)
		return "", nil
	}
}

func TestServe(t *testing.T) {
	dir := t.TempDir()
	addr, stop := served(t, program(t, ""), dir)
	resp, err := http.Get("http://" + addr + "/v2/")
	if err != nil || resp.Body.Close() != nil || resp.StatusCode != http.StatusOK {
		t.Errorf("%v, %v", resp, err)
	}
	err = program(t, "").Serve(t.Context(), annex.Registry, annex.RegistryRequest{Addr: "127.0.0.1:0", Dir: dir}, &annex.RegistryAnswer{}, nil, io.Discard)
	if diag.ExitOf(err) != diag.ExitRun || !strings.Contains(err.Error(), "another registry (process ") || diag.HintOf(err) == "" {
		t.Errorf("a second one: %v", err)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	if _, err := net.Dial("tcp", addr); err == nil {
		t.Error("it still answers")
	}
}

// TestServeWithoutAnEnd: whatever a program does instead of serving, the error has its
// reason, and what it logged is seen.
func TestServeWithoutAnEnd(t *testing.T) {
	for name, c := range map[string]struct{ script, says string }{
		"it dies":            {"echo 'fatal error: out of memory' >&2; exit 2", "exit status 2"},
		"it dies when ready": {`echo '{"answer": {"addr": "x"}}'; echo 'fatal error: out of memory' >&2; exit 2`, "fatal error: out of memory"},
		"nothing":            {"exit 0", "EOF"},
		"no JSON":            {"echo hello; cat >/dev/null", "invalid character"},
		"an error at last":   {`echo '{"answer": {"addr": "x"}}'; echo '{"error": {"exit": 5, "text": "disk full", "hint": "free some"}}'`, "disk full"},
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			err := program(t, c.script).Serve(t.Context(), annex.Registry, nil, &annex.RegistryAnswer{}, func() {}, &log)
			if err == nil || !strings.Contains(err.Error(), c.says) || diag.HintOf(err) == "" {
				t.Errorf("%v", err)
			}
			if strings.Contains(c.script, ">&2") != (log.String() == "fatal error: out of memory\n") {
				t.Errorf("logged %q", log.String())
			}
		})
	}
}

// hold is slipway for TestServeEndsWithSlipway: it serves with the program and in the
// directory of its arguments.
func hold(args []string) error {
	tools := annex.Tools{Program: func() (string, error) { return args[0], nil }}
	var at annex.RegistryAnswer
	return tools.Serve(context.Background(), annex.Registry, annex.RegistryRequest{Addr: "127.0.0.1:0", Dir: args[1]}, &at, func() { fmt.Println(at.Addr) }, os.Stderr)
}

// TestServeEndsWithSlipway: a killed slipway leaves no registry behind.
func TestServeEndsWithSlipway(t *testing.T) {
	path, err := program(t, "").Program()
	if err != nil {
		t.Fatal(err)
	}
	holder := filepath.Join(t.TempDir(), "holder")
	if self, err := os.Executable(); err != nil || os.Symlink(self, holder) != nil {
		t.Fatal("no second name for this program")
	}
	cmd := exec.Command(holder, path, t.TempDir())
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	addr := strings.TrimSpace(line)
	if _, dialed := net.Dial("tcp", addr); err != nil || dialed != nil {
		t.Errorf("before: %v, %v", err, dialed)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			return
		}
		conn.Close()
		if time.Now().After(end) {
			t.Fatal("it still answers")
		}
	}
}
