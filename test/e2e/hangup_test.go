package e2e

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"
)

// ending is a way in which a command ends that nobody interrupts by hand.
type ending struct {
	script string // starts the command, which is "$@"
	do     func(shell, child int) error
	code   int // of the shell, which hands on that of the command; -1: it was killed
}

func endings() map[string]ending {
	kill := func(s syscall.Signal, times int) func(int, int) error {
		return func(_, child int) error {
			for range times {
				if err := syscall.Kill(child, s); err != nil {
					return err
				}
				time.Sleep(time.Millisecond) // else two signals may arrive as one
			}
			return nil
		}
	}
	return map[string]ending{
		"a terminal that closes": {`"$@"; exit $?`, kill(syscall.SIGHUP, 1), 130},
		"timeout's two signals":  {`"$@"; exit $?`, kill(syscall.SIGTERM, 2), 130},
		"a parent that dies":     {`"$@"; exit $?`, func(shell, _ int) error { return syscall.Kill(shell, syscall.SIGKILL) }, -1},
	}
}

// until is a condition as eventually takes it.
func until(condition func() bool) func() error {
	return func() error {
		if condition() {
			return nil
		}
		return errors.New("not yet")
	}
}

// inForeground makes commands start as if this test were in the foreground: in the
// background of a script, SIGINT is ignored, and they outlive their parent.
func inForeground(t *testing.T) {
	signals := make(chan os.Signal, 1)
	for _, s := range []os.Signal{syscall.SIGINT, syscall.SIGHUP} {
		if signal.Ignored(s) {
			signal.Notify(signals, s)
		}
	}
	t.Cleanup(func() { signal.Stop(signals) })
}

// end starts a command below a shell, waits until it works, and ends it.
func (e ending) end(t *testing.T, i invocation, works func() bool) string {
	t.Helper()
	cmd := exec.Command("/bin/sh", append([]string{"-c", e.script, "sh", slipwayBinary()}, i.args...)...)
	cmd.Dir, cmd.Env = i.dir, append(os.Environ(), i.env...)
	log, err := os.CreateTemp(t.TempDir(), "log") // a pipe would keep Wait until the command has ended
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	defer func() { _ = cmd.Process.Kill(); <-ended }()
	eventually(t, time.Minute, "the command works", until(works))
	var child int
	children := read(t, fmt.Sprintf("/proc/%d/task/%[1]d/children", cmd.Process.Pid))
	if n, err := fmt.Sscan(children, &child); n != 1 || err != nil {
		t.Fatalf("the shell has the children %q: %v", children, err)
	}
	if err := e.do(cmd.Process.Pid, child); err != nil {
		t.Fatal(err)
	}
	eventually(t, time.Minute, "the command ends", until(func() bool { return syscall.Kill(child, 0) != nil }))
	<-ended
	if got := cmd.ProcessState.ExitCode(); got != e.code {
		t.Errorf("exit %d, want %d", got, e.code)
	}
	return read(t, log.Name())
}

func TestNothingIsLeftHoweverACommandEnds(t *testing.T) {
	real(t)
	inForeground(t)
	dir, env := ownState(t)
	src := smallDir(t, "STOPSIGNAL SIGKILL\nCMD [\"/bin/sleep\", \"301\"]\n")
	invocation{dir: src, env: env, args: []string{"build", "-t", "endings:1"}}.run(t).must(t, 0)
	slowly := smallDir(t, slow)
	before := traces(t)
	for name, e := range endings() {
		t.Run("run: "+name, func(t *testing.T) {
			out := e.end(t, invocation{dir: src, env: env, args: []string{"run", "endings:1"}}, func() bool {
				return strings.Contains(strings.Join(processesOf(dir), "\n"), "sleep 301")
			})
			if !strings.Contains(out, "nothing is left running") {
				t.Errorf("it says:\n%s", out)
			}
			nothingLeft(t, dir)
			noContainersLeft(t, before)
		})
		t.Run("build: "+name, func(t *testing.T) {
			e.end(t, invocation{dir: slowly, env: env, args: []string{"build"}}, inStep(dir))
			nothingLeft(t, dir)
		})
	}
	t.Run("run: a reader that leaves", func(t *testing.T) {
		talks := smallDir(t, "STOPSIGNAL SIGKILL\nCMD [\"/bin/yes\"]\n")
		invocation{dir: talks, env: env, args: []string{"build", "-t", "endings:2"}}.run(t).must(t, 0)
		cmd := exec.Command("/bin/bash", "-c", `"$@" | head -1; echo "exit ${PIPESTATUS[0]}"`, "bash", slipwayBinary(), "run", "endings:2")
		cmd.Dir, cmd.Env = talks, append(os.Environ(), env...)
		if r := finish(t, cmd).must(t, 0); !strings.HasSuffix(r.stdout, "exit 141\n") {
			t.Errorf("it ended with:\n%s%s", r.stdout, r.stderr)
		}
		nothingLeft(t, dir)
		noContainersLeft(t, before)
	})
}
