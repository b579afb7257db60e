package interrupt

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"
)

// role makes this test binary a program that waits for its context to end.
const role = "SLIPWAY_TEST_WAITS"

func TestMain(m *testing.M) {
	if os.Getenv(role) == "" {
		os.Exit(m.Run())
	}
	ctx, stop := Context(os.Stderr, os.Exit)
	report := os.NewFile(3, "report")
	fmt.Fprintln(report, "ready", os.Getpid())
	if os.Getenv(role) == "talks" {
		for ctx.Err() == nil {
			fmt.Println("a line")
			time.Sleep(5 * time.Millisecond)
		}
	}
	select {
	case <-ctx.Done():
		fmt.Fprintln(report, context.Cause(ctx))
	case <-time.After(20 * time.Second):
		fmt.Fprintln(report, "never ended")
	}
	stop()
	if errors.Is(context.Cause(ctx), ErrUnread) {
		os.Exit(int(ExitUnread))
	}
}

// waiter is a process that waits, started by a shell that runs a script; "$0" in
// it is the program.
type waiter struct {
	shell  *exec.Cmd
	pid    int
	report *bufio.Reader
	out    io.ReadCloser
}

func startWaiter(t *testing.T, what, script string) *waiter {
	t.Helper()
	ignored := make(chan os.Signal, 1)                     // a test in the background of a script ignores SIGINT
	signal.Notify(ignored, syscall.SIGINT, syscall.SIGHUP) // Ignored forgets after the first Stop
	defer signal.Stop(ignored)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	cmd := exec.Command("/bin/sh", "-c", script, os.Args[0])
	cmd.Env = append(os.Environ(), role+"="+what)
	cmd.ExtraFiles = []*os.File{w}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err = errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	x := &waiter{shell: cmd, report: bufio.NewReader(r), out: out}
	if _, err := fmt.Sscanf(x.line(t), "ready %d", &x.pid); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(x.pid, syscall.SIGKILL)
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return x
}

func (x *waiter) line(t *testing.T) string {
	t.Helper()
	line, err := x.report.ReadString('\n')
	if err != nil {
		t.Fatalf("the process ended without a word: %v", err)
	}
	return strings.TrimSpace(line)
}

// silent reports whether the process goes on for a while.
func (x *waiter) silent() bool {
	word := make(chan struct{})
	go func() {
		_, _ = x.report.ReadByte()
		close(word)
	}()
	select {
	case <-word:
		return false
	case <-time.After(300 * time.Millisecond):
		return true
	}
}

func TestAParentThatDiesEndsTheCommand(t *testing.T) {
	x := startWaiter(t, "waits", `"$0"; true`)
	if err := x.shell.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if got := x.line(t); got != errOrphaned.Error() {
		t.Errorf("ended because %s", got)
	}
}

func TestACommandInTheBackgroundOutlivesItsParent(t *testing.T) {
	for name, script := range map[string]string{
		"a script's &": `"$0" & wait`,
		"nohup":        `trap '' HUP; "$0"; true`,
		"setsid":       `setsid "$0"; true`,
	} {
		x := startWaiter(t, "waits", script)
		if err := x.shell.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		if !x.silent() {
			t.Errorf("%s: it ended with its parent", name)
		}
	}
}

func TestAHangUpEndsTheCommandUnlessItIsIgnored(t *testing.T) {
	x := startWaiter(t, "waits", `exec "$0"`)
	if err := syscall.Kill(x.pid, syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	if got := x.line(t); got != errAsked.Error() {
		t.Errorf("ended because %s", got)
	}
	x = startWaiter(t, "waits", `trap '' HUP; exec "$0"`)
	if err := syscall.Kill(x.pid, syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	if !x.silent() {
		t.Error("nohup does not hold")
	}
}

func TestAReaderThatLeavesEndsTheCommand(t *testing.T) {
	x := startWaiter(t, "talks", `exec "$0"`)
	if err := x.out.Close(); err != nil {
		t.Fatal(err)
	}
	if got := x.line(t); got != ErrUnread.Error() {
		t.Errorf("ended because %s", got)
	}
	_ = x.shell.Wait()
	if got := x.shell.ProcessState.ExitCode(); got != int(ExitUnread) {
		t.Errorf("exit %d", got)
	}
}

// TestABrokenConnectionEndsNothing: a write to a socket that is closed raises the
// same signal as one to a pipe.
func TestABrokenConnectionEndsNothing(t *testing.T) {
	ctx, stop := Context(io.Discard, func(int) {})
	defer stop()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := w.WriteString("x"); !errors.Is(err, syscall.EPIPE) {
		t.Errorf("writing: %v", err)
	}
	select {
	case <-ctx.Done():
		t.Errorf("ended by %v", context.Cause(ctx))
	case <-time.After(100 * time.Millisecond):
	}
}
