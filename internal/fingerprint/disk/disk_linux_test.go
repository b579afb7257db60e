package disk_test

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/slipway-build/slipway/internal/fingerprint"
	"github.com/slipway-build/slipway/internal/fingerprint/disk"
)

// print fingerprints a directory that is copied whole.
func print(t *testing.T, dir string, cache *fingerprint.Cache) fingerprint.Print {
	t.Helper()
	tree, err := disk.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	p, err := fingerprint.Of(context.Background(), fingerprint.Input{Context: tree, Dockerfile: []byte("FROM scratch\nCOPY . /\n"), Cache: cache})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestWhatTheFileSystemSaysIsSeen(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "sub", "b")
	must(t, os.Mkdir(filepath.Dir(b), 0o755))
	must(t, os.WriteFile(a, []byte("one"), 0o644))
	must(t, os.WriteFile(b, []byte("one"), 0o644))
	past := time.Unix(1_500_000_000, 0)
	must(t, os.Chtimes(a, past, past))
	cache := fingerprint.NewCache(time.Now().Add(time.Hour)) // everything counts as old
	last := print(t, dir, cache)
	for _, step := range []struct {
		name   string
		change func() error
	}{
		{"other bytes, same size and time", func() error {
			must(t, os.WriteFile(a, []byte("two"), 0o644))
			return os.Chtimes(a, past, past)
		}},
		{"setuid", func() error { return os.Chmod(a, fs.ModeSetuid|0o755) }},
		{"a hard link instead of an equal file", func() error {
			must(t, os.WriteFile(b, []byte("two"), 0o644))
			last = print(t, dir, cache)
			must(t, os.Remove(b))
			return os.Link(a, b)
		}},
		{"an attribute", func() error {
			err := unix.Lsetxattr(a, "user.slipway", []byte("1"), 0)
			if err == unix.ENOTSUP {
				t.Skip("the file system has no attributes")
			}
			return err
		}},
		{"the attribute of a directory", func() error { return unix.Lsetxattr(filepath.Dir(b), "user.slipway", []byte("1"), 0) }},
		{"a pipe", func() error { return unix.Mkfifo(filepath.Join(dir, "pipe"), 0o644) }},
		{"a link", func() error { return os.Symlink("a", filepath.Join(dir, "link")) }},
		{"another target of the link", func() error {
			must(t, os.Remove(filepath.Join(dir, "link")))
			return os.Symlink("b", filepath.Join(dir, "link"))
		}},
		{"a time before the epoch", func() error { return os.Chtimes(a, time.Unix(-1, 0), time.Unix(-1, 0)) }},
	} {
		must(t, step.change())
		now := print(t, dir, cache)
		if now.Same(last) {
			t.Errorf("%s goes unseen", step.name)
		}
		if fresh := print(t, dir, nil); fresh.Key != now.Key {
			t.Errorf("%s: with the cache the fingerprint is %s, without %s", step.name, now.Key, fresh.Key)
		}
		if len(fingerprint.Diff(last, now)) == 0 {
			t.Errorf("%s has no reason", step.name)
		}
		last = now
	}
}

func TestAChangeToAndFroDuringABuildIsNotSteady(t *testing.T) {
	dir := t.TempDir()
	a := filepath.Join(dir, "a")
	must(t, os.WriteFile(a, []byte("one"), 0o644))
	before := print(t, dir, nil)
	if !before.Steady(print(t, dir, nil)) {
		t.Error("nothing happened, and it is not steady")
	}
	must(t, os.WriteFile(filepath.Join(dir, "b"), nil, 0o644))
	must(t, os.Remove(filepath.Join(dir, "b")))
	past := time.Unix(1_500_000_000, 0)
	must(t, os.Chtimes(a, past, past))
	after := print(t, dir, nil)
	if !after.Same(before) || before.Steady(after) {
		t.Errorf("same %v, steady %v", after.Same(before), before.Steady(after))
	}
}

// swapped is a tree whose directory d is another one from its listing until undo.
type swapped struct {
	*disk.Tree
	dir string
}

func (s swapped) List(dir string) (fingerprint.Entry, []fingerprint.Entry, error) {
	self, children, err := s.Tree.List(dir)
	if dir == "d" {
		err = os.Rename(filepath.Join(s.dir, "d"), filepath.Join(s.dir, "was"))
		if err == nil {
			err = os.Rename(filepath.Join(s.dir, "d2"), filepath.Join(s.dir, "d"))
		}
	}
	return self, children, err
}

// TestAnotherFilesContentIsNotLearned: a directory is swapped while it is read, as a
// blue-green build of a site does, and back. The name of a directory is no property of its
// files, so nothing about them tells.
func TestAnotherFilesContentIsNotLearned(t *testing.T) {
	dir := t.TempDir()
	for _, d := range []string{"d", "d2"} {
		must(t, os.Mkdir(filepath.Join(dir, d), 0o755))
		must(t, os.WriteFile(filepath.Join(dir, d, "f"), []byte("of "+d[:1]+d[len(d)-1:]), 0o644))
	}
	want := print(t, dir, nil)
	cache := fingerprint.NewCache(time.Now().Add(time.Hour))
	tree, err := disk.Open(dir)
	must(t, err)
	in := fingerprint.Input{Context: swapped{tree, dir}, Dockerfile: []byte("FROM scratch\nCOPY d /\n"), Cache: cache}
	_, err = fingerprint.Of(context.Background(), in)
	must(t, err)
	must(t, os.Rename(filepath.Join(dir, "d"), filepath.Join(dir, "d2")))
	must(t, os.Rename(filepath.Join(dir, "was"), filepath.Join(dir, "d")))
	if got := print(t, dir, cache); !got.Same(want) {
		t.Error("the cache has the content of another file")
	}
}

// TestWhatIsNoLongerAFileIsRefused, and does not hang.
func TestWhatIsNoLongerAFileIsRefused(t *testing.T) {
	dir := t.TempDir()
	must(t, unix.Mkfifo(filepath.Join(dir, "pipe"), 0o644))
	tree, err := disk.Open(dir)
	must(t, err)
	if f, err := tree.Open("pipe", fingerprint.Entry{Name: "pipe", Mode: 0o644}); err == nil {
		_ = f.Close()
		t.Error("a pipe was opened as a file")
	}
}

func TestModesAreThoseOfGo(t *testing.T) {
	dir := t.TempDir()
	must(t, os.Mkdir(filepath.Join(dir, "d"), 0o755))
	must(t, os.Chmod(filepath.Join(dir, "d"), fs.ModeSetgid|fs.ModeSticky|0o711))
	must(t, os.WriteFile(filepath.Join(dir, "f"), nil, 0o600))
	must(t, os.Symlink("f", filepath.Join(dir, "l")))
	must(t, unix.Mkfifo(filepath.Join(dir, "p"), 0o600))
	tree, err := disk.Open(dir)
	must(t, err)
	_, children, err := tree.List(".")
	must(t, err)
	for _, e := range children {
		info, err := os.Lstat(filepath.Join(dir, e.Name))
		must(t, err)
		if e.Mode != info.Mode() || e.Size != info.Size() || e.MTime != info.ModTime().UnixNano() {
			t.Errorf("%s: %v, want %v", e.Name, e.Mode, info.Mode())
		}
	}
	if len(children) != 4 {
		t.Errorf("%d entries", len(children))
	}
}
