package e2e

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Faults that are to be survived. Here they are few; SLIPWAY_KILLS, SLIPWAY_PUSHES,
// SLIPWAY_ROUNDS and SLIPWAY_FLIPS say how many there are (make faults).

// killed runs a command and kills its process group at an instant of a span.
func (i invocation) killed(t *testing.T, instants *rand.Rand, span time.Duration) {
	t.Helper()
	r := i.start(t)
	select {
	case <-r.ended:
	case <-time.After(time.Duration(instants.Int64N(int64(span)))):
		_ = syscall.Kill(-r.cmd.Process.Pid, syscall.SIGKILL) // it may have ended just now
		<-r.ended
	}
}

func TestAPushAfterKillsAtRandomInstantsIsWhole(t *testing.T) {
	real(t)
	_, registryEnv := ownState(t)
	registry := servedRegistry(t, registryEnv)
	dir, env := ownState(t)
	src := smallDir(t, "RUN head -c 30000000 /dev/urandom > /big\n")
	const seed = 20261129
	instants := rand.New(rand.NewPCG(seed, seed))
	name := func(kill int) string { return fmt.Sprintf("%s/team/web%d:1", registry, kill) }
	want, _ := digestOf(t, invocation{dir: src, env: env, args: []string{"build", "-t", name(0)}})
	push := func(kill int) invocation {
		return invocation{dir: src, env: env, args: []string{"push", name(kill)}}
	}
	undisturbed := push(0).run(t).must(t, 0)
	for kill := range number(t, "SLIPWAY_KILLS", 5) {
		digestOf(t, invocation{dir: src, env: env, args: []string{"build", "-t", name(kill + 1)}})
		push(kill+1).killed(t, instants, undisturbed.took)
		push(kill+1).run(t).must(t, 0)
		if got := manifestIn(t, name(kill+1)); got != want {
			t.Fatalf("kill %d: the registry has %s, want %s", kill, got, want)
		}
	}
	nothingLeft(t, dir)
}

// manifestIn is the digest of what a registry serves under a name.
func manifestIn(t *testing.T, name string) string {
	t.Helper()
	img := fetched(t, strings.Replace(name, "localhost:", "127.0.0.1:", 1), "")
	digest, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range layers { // each is read to its end, which compares its digest
		content, err := l.Compressed()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, content); err != nil {
			t.Fatal(err)
		}
		_ = content.Close()
	}
	return digest.String()
}

func TestABaseAfterKillsAtRandomInstantsIsTheSame(t *testing.T) {
	real(t)
	const base = "slipway/static:trixie"
	dir, env := ownState(t)
	args := []string{"bases", "build", base}
	lock := t.TempDir() // with slipway.lock, by which both are the same
	undisturbed := invocation{dir: lock, env: env, args: args}.run(t).must(t, 0)
	want := baseDigest(t, dir, base)
	const seed = 20261130
	instants := rand.New(rand.NewPCG(seed, seed))
	for kill := range number(t, "SLIPWAY_KILLS", 3) {
		for _, kept := range []string{"images", "bases", "packages"} {
			if err := os.RemoveAll(filepath.Join(dir, kept)); err != nil {
				t.Fatal(err)
			}
		}
		build := invocation{dir: lock, env: env, args: args}
		build.killed(t, instants, undisturbed.took)
		build.run(t).must(t, 0)
		if got := baseDigest(t, dir, base); got != want {
			t.Fatalf("kill %d: the base is %s, want %s", kill, got, want)
		}
	}
	t.Logf("killed within the %v of a build", undisturbed.took)
	if left := append(processesOf(dir), mountsOf(t, dir)...); len(left) > 0 { // files go with their age
		t.Fatalf("left %v", left)
	}
}

func baseDigest(t *testing.T, dir, base string) string {
	t.Helper()
	digest, err := stored(t, dir, base, "").Digest()
	if err != nil {
		t.Fatal(err)
	}
	return digest.String()
}

func TestRunsAfterKillsAtRandomInstantsLeaveNothing(t *testing.T) {
	real(t)
	dir, env := ownState(t)
	src := smallDir(t, "CMD [\"sh\", \"-c\", \"trap exit TERM; sleep 1000 & wait\"]\n")
	invocation{dir: src, env: env, args: []string{"build", "-t", "kills/web:1"}}.run(t).must(t, 0)
	run := invocation{dir: src, env: env, args: []string{"run", "--detach", "kills/web:1"}}
	stop := invocation{dir: src, env: env, args: []string{"stop", "--all"}}
	undisturbed := run.run(t).must(t, 0)
	stop.run(t).must(t, 0)
	const seed = 20261201
	instants := rand.New(rand.NewPCG(seed, seed))
	for kill := range number(t, "SLIPWAY_KILLS", 5) {
		run.killed(t, instants, undisturbed.took)
		eventually(t, time.Minute, "a run after a kill", func() error {
			_ = stop.run(t) // what was detached already may go on, and be stopped as ever
			if r := run.run(t); r.code != 0 {
				return fmt.Errorf("kill %d: exit %d\n%s", kill, r.code, r.stderr)
			}
			return nil
		})
		stop.run(t).must(t, 0)
		if left := append(processesOf(dir), mountsOf(t, dir)...); len(left) > 0 {
			t.Fatalf("kill %d: left %v", kill, left)
		}
	}
	nothingLeft(t, dir)
}

func TestCommandsAtOnceDoNotDisturbEachOther(t *testing.T) {
	real(t)
	_, registryEnv := ownState(t)
	registry := servedRegistry(t, registryEnv)
	dir, env := ownState(t)
	web := smallDir(t, "COPY f /f\nCMD [\"sh\", \"-c\", \"trap exit TERM; sleep 1000 & wait\"]\n")
	write(t, filepath.Join(web, "f"), "first\n")
	name := registry + "/at/once:1"
	invocation{dir: web, env: env, args: []string{"build", "-t", name}}.run(t).must(t, 0)
	for round := range number(t, "SLIPWAY_ROUNDS", 2) {
		other := smallDir(t, fmt.Sprintf("RUN echo %d > /round\n", round))
		write(t, filepath.Join(web, "f"), fmt.Sprintf("round %d\n", round))
		var all []*started
		for _, args := range [][]string{
			{"build", "-t", name}, {"push", name}, {"run", "--detach", name}, {"ps"},
			{"stats", name}, {"bases", "list"}, {"version"}, {"doctor"},
		} {
			all = append(all, invocation{dir: web, env: env, args: args}.start(t))
		}
		all[6] = invocation{dir: other, env: env, args: []string{"build", "-t", "at/other:1"}}.start(t)
		for _, r := range all {
			if got := r.end(t, 3*time.Minute); got.code != 0 {
				t.Fatalf("round %d: %v: exit %d\n%s", round, r.cmd.Args[1:], got.code, got.stderr)
			}
		}
		if got, want := fileOf(t, dir, name, "f"), fmt.Sprintf("round %d\n", round); got != want {
			t.Fatalf("round %d: the image has %q", round, got)
		}
		invocation{dir: web, env: env, args: []string{"stop", "--all"}}.run(t).must(t, 0)
	}
	nothingLeft(t, dir)
}

// TestTheClockMayMove has builds before which the clock went back or forward: all
// files are a day younger or older than they were.
func TestTheClockMayMove(t *testing.T) {
	real(t)
	dir, env := ownState(t)
	src := smallDir(t, "COPY f /f\nRUN cat /f > /g\n")
	write(t, filepath.Join(src, "f"), "one\n")
	build := invocation{dir: src, env: env, args: []string{"build", "-t", "clock/web:1"}}
	one, _ := digestOf(t, build)
	for n, shift := range []time.Duration{24 * time.Hour, -48 * time.Hour} {
		for _, root := range []string{dir, src} {
			shiftTimes(t, root, shift)
		}
		if got, _ := digestOf(t, build); got != one {
			t.Errorf("shift %v: %s, want %s", shift, got, one)
		}
		text := fmt.Sprintf("two %d\n", n)
		write(t, filepath.Join(src, "f"), text)
		shiftTimes(t, src, shift)
		build.run(t).must(t, 0)
		if got := fileOf(t, dir, "clock/web:1", "g"); got != text {
			t.Errorf("shift %v: the image has %q, want %q", shift, got, text)
		}
		write(t, filepath.Join(src, "f"), "one\n")
	}
	nothingLeft(t, dir)
}

// shiftTimes moves the times of all files, but of those in snapshots: they are in
// layers.
func shiftTimes(t *testing.T, root string, by time.Duration) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, e os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() && e.Name() == "snapshots" {
			return filepath.SkipDir
		}
		info, err := e.Info()
		if err != nil || !info.Mode().IsRegular() {
			return err
		}
		return os.Chtimes(path, info.ModTime(), info.ModTime().Add(by))
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestNoFlippedByteIsShipped flips a byte of a file of the state directory, of each
// kind in turn, and builds and pushes: what the registry gets is the same image, or
// the command says what is damaged. SLIPWAY_FLIPS says how many there are.
func TestNoFlippedByteIsShipped(t *testing.T) {
	real(t)
	_, registryEnv := ownState(t)
	registry := servedRegistry(t, registryEnv)
	src := smallDir(t, "COPY f /f\nRUN cat /f > /g && head -c 100000 /bin/busybox > /h\n")
	write(t, filepath.Join(src, "f"), "content\n")
	whole, env := ownState(t)
	want, _ := digestOf(t, invocation{dir: src, env: env, args: []string{"build", "-t", registry + "/flips/web:0"}})
	const seed = 20261203
	dice := rand.New(rand.NewPCG(seed, seed))
	kinds := filesByKind(t, whole)
	names := slices.Sorted(maps.Keys(kinds))
	refused := 0
	for n := range number(t, "SLIPWAY_FLIPS", 6) {
		kind := names[n%len(names)]
		file := kinds[kind][dice.IntN(len(kinds[kind]))]
		dir, env := ownState(t)
		copyState(t, dir, whole)
		at := flipByte(t, filepath.Join(dir, file), dice)
		name := fmt.Sprintf("%s/flips/web:%d", registry, n+1)
		r := invocation{dir: src, env: env, args: []string{"build", "-t", name, "--push"}}.run(t)
		if strings.Contains(r.stderr, "goroutine ") || strings.Contains(r.stderr, "panic") {
			t.Errorf("flip %d, byte %d of %s: a stack trace:\n%s", n, at, file, r.stderr)
		}
		if r.code != 0 {
			refused++
			t.Logf("flip %d, byte %d of %s: exit %d: %s", n, at, file, r.code, r.stderr)
		} else if got := manifestIn(t, name); got != want {
			t.Errorf("flip %d, byte %d of %s: the registry has %s, want %s", n, at, file, got, want)
		}
		for _, m := range mountsOf(t, dir) {
			t.Errorf("flip %d: left mount: %s", n, m)
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d kinds of files, %d refusals", len(names), refused)
}

// random matches the parts of a path that differ between files of one kind.
var random = regexp.MustCompile(`[0-9a-f]{16,}|[0-9a-z]{25}|\d+`)

// filesByKind lists the files of a state directory that have content, by their path
// without digests and numbers. Programs that Slipway unpacks are not of it.
func filesByKind(t *testing.T, dir string) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() && (e.Name() == "bin" || e.Name() == "ingest") {
			return filepath.SkipDir
		}
		info, err := e.Info()
		if err != nil || !info.Mode().IsRegular() || info.Size() == 0 {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		kind := random.ReplaceAllString(rel, "*")
		if i := strings.Index(kind, "/fs/"); i >= 0 { // of a snapshot, whatever it is there
			kind = kind[:i]
		}
		out[kind] = append(out[kind], rel)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func copyState(t *testing.T, to, from string) {
	t.Helper()
	if out, err := exec.Command("cp", "-a", from+"/.", to).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// flipByte changes one byte and no time, as a disk does.
func flipByte(t *testing.T, path string, dice *rand.Rand) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	at := dice.Int64N(int64(len(data)))
	data[at] ^= 1 << dice.IntN(8)
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Chmod(path, info.Mode()), os.Chtimes(path, info.ModTime(), info.ModTime())); err != nil {
		t.Fatal(err)
	}
	return at
}
