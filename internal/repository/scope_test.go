package repository

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func put(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func git(t *testing.T, dir string, args ...string) {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("needs git")
	}
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
}

const config = "[core]\n\tbare = false\n[remote \"origin\"]\n\turl = https://git.example/acme/web.git\n\tfetch = +refs/heads/*:refs/remotes/origin/*\n"

// TestIDsAreThoseOfOneRepository: nothing in a repository gives it the name of
// another one at another path.
func TestIDsAreThoseOfOneRepository(t *testing.T) {
	at := t.TempDir()
	dir := func(name string) string { return filepath.Join(at, name) }
	victim := dir("victim")
	put(t, filepath.Join(victim, ".git", "config"), config)
	put(t, filepath.Join(victim, "web", "Dockerfile"), "FROM scratch\n")
	want := ID(victim)
	if len(want) != 32 || ID(victim) != want || ID(victim+"/../victim/") != want {
		t.Errorf("the name of one repository changes: %q", want)
	}
	// a copy, configuration of git and all
	put(t, filepath.Join(dir("copy"), ".git", "config"), config)
	// links to the other one
	put(t, filepath.Join(dir("linked"), "Dockerfile"), "")
	if err := os.Symlink(filepath.Join(victim, ".git"), filepath.Join(dir("linked"), ".git")); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(dir("worktree"), ".git"), "gitdir: "+filepath.Join(victim, ".git")+"\n")
	put(t, filepath.Join(victim, "vendor", "unpacked", "Dockerfile"), "")
	seen := map[string]string{want: "victim"}
	for _, name := range []string{"copy", "linked", "worktree", "victim/vendor/unpacked"} {
		id := ID(dir(name))
		if before, ok := seen[id]; ok {
			t.Errorf("%s has the name of %s", name, before)
		}
		seen[id] = name
	}
	if err := os.Symlink(victim, dir("by-a-link")); err != nil {
		t.Fatal(err)
	}
	if ID(dir("by-a-link")) != want {
		t.Error("a link to the repository is another one")
	}
}

// TestIDFollowsWhatIsThere: another repository at the same path is another one.
func TestIDFollowsWhatIsThere(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "work")
	clone := func(text string) string {
		t.Helper()
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		put(t, filepath.Join(dir, "Dockerfile"), "FROM scratch\n")
		if text != "" {
			put(t, filepath.Join(dir, ".git", "config"), text)
		}
		return ID(dir)
	}
	one := clone(config)
	if clone(config) != one {
		t.Error("the same repository, cloned again, is another one")
	}
	job := "[remote \"origin\"]\n\turl = https://ci:%s@git.example/acme/web.git\n"
	if clone(job) != one {
		t.Error("the password of a job is part of the name")
	}
	if clone("[remote \"origin\"]\n\turl = https://git.example/evil/web.git\n") == one {
		t.Error("a clone of another address has the same name")
	}
	plain := clone("")
	put(t, filepath.Join(dir, "more"), "")
	if ID(dir) != plain {
		t.Error("a new file gives another name")
	}
	if clone("") == plain && madeAt(dir) != "" {
		t.Error("another directory at the same path has the same name")
	}
}

// TestDirectoriesOfARepositoryAreOne: what git tracks below one repository is one,
// and what it does not track is not.
func TestDirectoriesOfARepositoryAreOne(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "services", "a", "Dockerfile"), "FROM scratch\n")
	put(t, filepath.Join(dir, "services", "b", "deep", "Dockerfile"), "FROM scratch\n")
	put(t, filepath.Join(dir, "services", "ab", "Dockerfile"), "FROM scratch\n")
	git(t, dir, "init", "-q")
	git(t, dir, "-c", "user.name=x", "-c", "user.email=x@x", "add", "services/a", "services/b")
	want := ID(dir)
	for name, same := range map[string]bool{"services/a": true, "services/b": true, "services/b/deep": true, "services": true, "services/ab": false, "services/b/dee": false, "new": false} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
		if got := ID(filepath.Join(dir, name)) == want; got != same {
			t.Errorf("%s is of the repository: %v, want %v", name, got, same)
		}
	}
	git(t, dir, "init", "-q", "services/a") // a repository in a repository
	if ID(filepath.Join(dir, "services/a")) == want {
		t.Error("a repository of its own has the name of the one above it")
	}
}

// TestDamagedIndex: no index makes it panic or wait.
func TestDamagedIndex(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"empty": "", "short": "DIRC\x00\x00", "no entries": "DIRC\x00\x00\x00\x02\xff\xff\xff\xff",
		"cut":       "DIRC\x00\x00\x00\x02\x00\x00\x00\x02" + string(make([]byte, 61)),
		"no end":    "DIRC\x00\x00\x00\x02\x00\x00\x00\x02" + string(make([]byte, 62)) + "aaaaaaaaaaaaaaa",
		"version 4": "DIRC\x00\x00\x00\x04\x00\x00\x00\x01" + string(make([]byte, 62)) + "web/x\x00\x00\x00",
		"extended":  "DIRC\x00\x00\x00\x03\x00\x00\x00\x01" + string(make([]byte, 60)) + "\x40\x00",
	} {
		put(t, filepath.Join(dir, "index"), text)
		if tracks(filepath.Join(dir, "index"), "web") {
			t.Errorf("%s: it tracks web", name)
		}
	}
	if tracks("/dev/zero", "web") || tracks(dir, "web") || tracks(filepath.Join(dir, "none"), "web") {
		t.Error("what is no file tracks web")
	}
}

func FuzzTracks(f *testing.F) {
	f.Add([]byte("DIRC\x00\x00\x00\x02\x00\x00\x00\x01"+string(make([]byte, 62))+"web/x\x00\x00\x00"), "web")
	f.Fuzz(func(t *testing.T, index []byte, dir string) {
		name := filepath.Join(t.TempDir(), "index")
		if err := os.WriteFile(name, index, 0o600); err != nil {
			t.Fatal(err)
		}
		tracks(name, dir)
	})
}

func TestHeadIsTheCommitThatIsCheckedOut(t *testing.T) {
	a, b := strings.Repeat("a", 40), strings.Repeat("b", 40)
	for name, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"branch":           {map[string]string{".git/HEAD": "ref: refs/heads/x/y\n", ".git/refs/heads/x/y": a + "\n"}, a},
		"packed branch":    {map[string]string{".git/HEAD": "ref: refs/heads/x\n", ".git/packed-refs": "# pack-refs\n" + b + " refs/heads/xy\n" + a + " refs/heads/x\n"}, a},
		"no branch":        {map[string]string{".git/HEAD": a + "\n"}, a},
		"nothing":          {map[string]string{"x": ""}, ""},
		"no commit yet":    {map[string]string{".git/HEAD": "ref: refs/heads/main\n"}, ""},
		"a circle":         {map[string]string{".git/HEAD": "ref: refs/heads/x\n", ".git/refs/heads/x": "ref: refs/heads/x\n"}, ""},
		"outside":          {map[string]string{".git/HEAD": "ref: refs/../../secret\n", "secret": a}, ""},
		"no name of a ref": {map[string]string{".git/HEAD": "ref: config\n", ".git/config": a}, ""},
		"no commit":        {map[string]string{".git/HEAD": "CANARY\n"}, ""},
	} {
		dir := t.TempDir()
		for file, text := range c.files {
			put(t, filepath.Join(dir, file), text)
		}
		if got := Head(dir); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
