package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// rebuiltBecause is a build that is to happen for one reason.
type rebuiltBecause struct {
	change func(t *testing.T, dir, state string) // of what the build reads
	args   []string
	want   string // start of a reason
}

// TestEachReasonIsCausedAndSaid makes one change after the other. The build says
// the reason, `why` says the same afterwards and, where files changed, before; a
// build after it finds nothing changed and opens no engine.
func TestEachReasonIsCausedAndSaid(t *testing.T) {
	real(t)
	state, env := ownState(t)
	dir := t.TempDir()
	put := func(name, text string) func(*testing.T, string, string) {
		return func(t *testing.T, dir, _ string) { write(t, filepath.Join(dir, name), text) }
	}
	text := "FROM scratch AS part\nARG A=1\nCOPY a b.sh package-lock.json /\nLABEL a=$A\nFROM part\nCOPY sub/ /sub/\n"
	lock := `{"lockfileVersion": 3, "packages": {"": {}, "node_modules/express": {"version": "4.19.2"}}}`
	write(t, filepath.Join(dir, "Dockerfile"), text)
	write(t, filepath.Join(dir, "a"), "a")
	write(t, filepath.Join(dir, "b.sh"), "b")
	write(t, filepath.Join(dir, "other"), "nothing copies it")
	write(t, filepath.Join(dir, "package-lock.json"), lock)
	if err := os.Mkdir(filepath.Join(dir, "sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "sub", "c"), "c")
	write(t, filepath.Join(dir, "token"), "secret")
	secret := "--secret=id=t,src=" + filepath.Join(dir, "token")
	write(t, filepath.Join(dir, "busybox"), read(t, filepath.Join(smallDir(t, ""), "busybox")))
	chmod(t, filepath.Join(dir, "busybox"), 0o755)
	mounts := text + "COPY busybox /\nRUN --mount=type=secret,id=t [\"/busybox\", \"true\"]\n"
	for _, c := range []rebuiltBecause{
		{nil, nil, "not built here before"},
		{put("a", "A"), nil, "a changed"},
		{put("sub/d", "d"), nil, "sub/d added"},
		{func(t *testing.T, dir, _ string) { remove(t, filepath.Join(dir, "sub/c")) }, nil, "sub/c removed"},
		{func(t *testing.T, dir, _ string) { chmod(t, filepath.Join(dir, "b.sh"), 0o755) }, nil, "mode of b.sh changed"},
		{put("package-lock.json", strings.Replace(lock, "4.19.2", "4.21.0", 1)), nil, "package-lock.json: express 4.19.2 → 4.21.0"},
		{put("Dockerfile", text+"LABEL b=c\n"), nil, "Dockerfile changed"},
		{put(".dockerignore", "sub/d\n"), nil, ".dockerignore changed"},
		{nil, []string{"--build-arg", "A=2"}, "build argument A added"},
		{nil, []string{"--build-arg", "A=2", "--label", "x=y"}, "label x added"},
		{put("Dockerfile", mounts), nil, "Dockerfile changed"},
		{nil, []string{secret}, "secret t added"},
		{put("Dockerfile", text+"LABEL b=d\n"), nil, "Dockerfile changed"},
		{nil, []string{"--platform", "linux/arm64"}, "platforms changed"},
		{nil, []string{"--target", "part"}, "target changed"},
		{nil, []string{"--no-cache"}, "--no-cache"},
		{nil, []string{"--force"}, "--force"},
		{func(t *testing.T, _, state string) { remove(t, filepath.Join(state, "images", "blobs")) }, nil, "its image is no longer in the store"},
		{func(t *testing.T, _, state string) {
			remove(t, filepath.Join(state, "images", "blobs"))
			remove(t, filepath.Join(state, "engine"))
		}, nil, "the cache of its steps was collected"},
		{func(t *testing.T, _, state string) { remove(t, filepath.Join(state, "ledger.db")) }, nil, "not built here before"},
	} {
		if c.change != nil {
			c.change(t, dir, state)
		}
		command := append([]string{"build", "-t", "why:1", dir}, c.args...)
		r := invocation{dir: dir, env: env, args: command}.run(t).must(t, 0)
		if strings.Contains(r.stderr, "unchanged") {
			t.Errorf("%s: nothing was built:\n%s", c.want, r.stderr)
		}
		if got := reasons(t, dir, env); !slices.ContainsFunc(got, func(s string) bool { return strings.HasPrefix(s, c.want) }) {
			t.Errorf("%s: the reasons are %q", c.want, got)
		}
		// What --no-cache and --force make is remembered all the same.
		again := slices.DeleteFunc(slices.Clone(command), func(a string) bool { return a == "--no-cache" || a == "--force" })
		if r := (invocation{dir: dir, env: env, args: again}).run(t).must(t, 0); !strings.Contains(r.stderr, "unchanged") {
			t.Errorf("%s: the build after it is not unchanged:\n%s", c.want, r.stderr)
		}
	}
	write(t, filepath.Join(dir, "other"), "changed, but nothing copies it")
	if r := (invocation{dir: dir, env: env, args: []string{"build", "-t", "why:2", dir}}).run(t).must(t, 0); !strings.Contains(r.stderr, "unchanged") {
		t.Errorf("a file that nothing copies causes a build:\n%s", r.stderr)
	}
	if r := (invocation{dir: dir, env: env, args: []string{"build", "-t", "why:2", secret, "--build-arg", "NOBODY=asks", dir}}).run(t).must(t, 0); !strings.Contains(r.stderr, "unchanged") {
		t.Errorf("a secret and an argument that nothing asks for cause a build:\n%s", r.stderr)
	}
	if index := read(t, filepath.Join(state, "images", "index.json")); !strings.Contains(index, `"why:2"`) {
		t.Error("an unchanged image did not get its new name")
	}
	nothingLeft(t, state)
}

// reasons are those of the last build of a directory.
func reasons(t *testing.T, dir string, env []string) []string {
	t.Helper()
	r := invocation{dir: dir, env: env, args: []string{"why", "--json", dir}}.run(t).must(t, 0)
	var answers []struct {
		Run struct{ Services []struct{ Reasons []string } }
	}
	if err := json.Unmarshal([]byte(r.stdout), &answers); err != nil || len(answers) != 1 || len(answers[0].Run.Services) != 1 {
		t.Fatalf("why says %s (%v)", r.stdout, err)
	}
	return answers[0].Run.Services[0].Reasons
}

// TestAChangeThatKeepsSizeAndTimeIsSeen: neither the fingerprint nor the engine
// takes such a file for the old one.
func TestAChangeThatKeepsSizeAndTimeIsSeen(t *testing.T) {
	real(t)
	state, env := ownState(t)
	dir := t.TempDir()
	write(t, filepath.Join(dir, "Dockerfile"), "FROM scratch\nCOPY a /\n")
	file := filepath.Join(dir, "a")
	old := time.Now().Add(-time.Hour)
	for i, text := range []string{"one", "two", "one", "six"} {
		write(t, file, text)
		if i > 0 { // the first is as it was written
			if err := os.Chtimes(file, old, old); err != nil {
				t.Fatal(err)
			}
		} else if info, err := os.Stat(file); err == nil {
			old = info.ModTime()
		}
		invocation{dir: dir, env: env, args: []string{"build", "-t", "time:1", "."}}.run(t).must(t, 0)
		if got := fileOf(t, state, "time:1", "a"); got != text {
			t.Errorf("the image has %q, want %q", got, text)
		}
	}
}

// TestABuildOfWhatCannotBeKnownIsNotSkipped: a step that copies from an image
// which nobody pinned may read something else each time.
func TestABuildOfWhatCannotBeKnownIsNotSkipped(t *testing.T) {
	real(t)
	registry := slipwayRegistry(t)
	_, elsewhere := ownState(t) // what is in the store itself is known
	base := t.TempDir()
	write(t, filepath.Join(base, "Dockerfile"), "FROM scratch\nCOPY a /\n")
	write(t, filepath.Join(base, "a"), "a")
	name := registry + "/known/base:1"
	invocation{dir: base, env: elsewhere, args: []string{"build", "-t", name, "."}}.run(t).must(t, 0)
	invocation{dir: base, env: elsewhere, args: []string{"push", name}}.run(t).must(t, 0)
	_, env := ownState(t)
	dir := t.TempDir()
	write(t, filepath.Join(dir, "Dockerfile"), "FROM scratch\nCOPY --from="+name+" /a /\n")
	for range 2 {
		r := invocation{dir: dir, env: env, args: []string{"build", "-t", "copy:1", "."}}.run(t).must(t, 0)
		if strings.Contains(r.stderr, "unchanged") || !strings.Contains(r.stderr, "started: cannot determine whether this changed: the image ") {
			t.Errorf("it says:\n%s", r.stderr)
		}
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
}

func chmod(t *testing.T, path string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}
