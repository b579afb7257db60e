package e2e

import (
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// holder is the content of the engine's lock: its process, while one has it.
func holder(dir string) string {
	text, _ := os.ReadFile(filepath.Join(dir, "engine", "lock"))
	return string(text)
}

func pidOf(t *testing.T, holder string) int {
	t.Helper()
	pid, err := strconv.Atoi(strings.Fields(holder + " nobody")[0])
	if err != nil {
		t.Fatalf("the engine is of %q", holder)
	}
	return pid
}

// TestAnEngineStaysOpen: builds that follow one another use one engine and make the
// images that engines of their own make; who does not want it gets it at once; and it
// ends when nobody comes, or is replaced when it was killed.
func TestAnEngineStaysOpen(t *testing.T) {
	real(t)
	dir, env := ownState(t)
	keep := append(env[:len(env):len(env)], "SLIPWAY_KEEP_ENGINE=20s")
	src := smallDir(t, "COPY text /text\nRUN cat /text >/copy\n")
	build := func(env []string, text string) string {
		t.Helper()
		write(t, filepath.Join(src, "text"), text)
		digest, r := digestOf(t, invocation{dir: src, env: env, args: []string{"build", "-t", "web:1"}})
		if strings.Contains(r.stderr, "waiting for") || strings.Contains(r.stderr, "note:") {
			t.Errorf("a build says:\n%s", r.stderr)
		}
		return digest
	}
	want := map[string]string{}
	for _, text := range []string{"one", "two", "three"} {
		want[text] = build(env, text)
	}
	// What the shell that starts it has open is not its own.
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	first := invocation{dir: src, env: keep, args: []string{"build"}}.command(t.Context())
	first.ExtraFiles = []*os.File{writer}
	finish(t, first).must(t, 0)
	writer.Close()
	if err := reader.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(reader); err != nil {
		t.Errorf("a descriptor of the shell is still open: %v", err)
	}

	process := ""
	for _, text := range []string{"one", "four", "two", "three"} {
		if got := build(keep, text); text != "four" && got != want[text] {
			t.Errorf("%s: %s, by an engine of its own %s", text, got, want[text])
		}
		now := holder(dir)
		if process != "" && now != process || text != "one" && now == "" { // the first is known, and needs none
			t.Errorf("%s: the engine is of %q, then of %q", text, process, now)
		}
		process = now
	}
	invocation{dir: src, env: keep, args: []string{"build", "--target", "nothing"}}.run(t).must(t, 2).says(t, "nothing")

	// Somebody without the variable, and somebody with another environment.
	if build(env, "five"); holder(dir) != "" {
		t.Errorf("the engine is still of %q", holder(dir))
	}
	build(keep, "six")
	process = holder(dir)
	if build(append(keep, "ANOTHER=1"), "seven"); holder(dir) == process {
		t.Error("a command with another environment has the same engine")
	}

	// An interrupt ends the command, and neither its engine nor anything of the next one.
	script := filepath.Join(src, "Dockerfile")
	before := read(t, script)
	write(t, script, before+slow)
	r := invocation{dir: src, env: keep, args: []string{"build"}}.start(t)
	r.until(t, "the step", inStep(dir))
	r.signal(t, syscall.SIGINT)
	r.end(t, 10*time.Second).must(t, 130).says(t, "slipway: interrupted")
	write(t, script, before)
	if got := build(keep, "one"); got != want["one"] {
		t.Errorf("after an interrupt: %s, before %s", got, want["one"])
	}

	// A resident that was killed in the middle of a command.
	write(t, script, before+slow)
	r = invocation{dir: src, env: keep, args: []string{"build"}}.start(t)
	r.until(t, "the step", inStep(dir))
	if err := syscall.Kill(pidOf(t, holder(dir)), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	r.end(t, 10*time.Second).must(t, 1).says(t, "the process that keeps the engine ended in the middle of the command", "hint: run the command again")
	write(t, script, before)
	got, again := digestOf(t, invocation{dir: src, env: append(env, "SLIPWAY_KEEP_ENGINE=1s"), args: []string{"build", "-t", "web:1"}})
	again.says(t, "clearing 1 build step(s)")
	if got != want["one"] {
		t.Errorf("after a kill: %s, before %s", got, want["one"])
	}
	for deadline := time.Now().Add(15 * time.Second); holder(dir) != "" && time.Now().Before(deadline); {
		time.Sleep(50 * time.Millisecond)
	}
	nothingLeft(t, dir)
}

func TestAWrongTimeToKeepTheEngine(t *testing.T) {
	real(t)
	_, env := ownState(t)
	for _, text := range []string{"yes", "-1s", "1000h"} {
		invocation{dir: smallDir(t, ""), env: append(env[:len(env):len(env)], "SLIPWAY_KEEP_ENGINE="+text), args: []string{"build"}}.run(t).
			must(t, 2).says(t, `invalid SLIPWAY_KEEP_ENGINE "`+text+`"`, "SLIPWAY_KEEP_ENGINE=10m")
	}
}
