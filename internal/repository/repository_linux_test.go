package repository_test

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/repository"
)

// hostile is a repository beside a file of the host that its links lead to.
func hostile(t *testing.T) (dir string) {
	t.Helper()
	top := t.TempDir()
	dir = filepath.Join(top, "repo")
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	do(os.MkdirAll(filepath.Join(dir, "sub"), 0o755))
	do(os.WriteFile(filepath.Join(top, "shadow"), []byte("root:SECRET:1\n"), 0o600))
	do(os.WriteFile(filepath.Join(dir, "file"), []byte("ours"), 0o644))
	do(os.Symlink("../file", filepath.Join(dir, "sub", "inside")))
	do(os.Symlink("inside", filepath.Join(dir, "sub", "twice")))
	do(os.Symlink("../shadow", filepath.Join(dir, "out")))
	do(os.Symlink(filepath.Join(top, "shadow"), filepath.Join(dir, "absolute")))
	do(os.Symlink("out", filepath.Join(dir, "chain")))
	do(os.Symlink("..", filepath.Join(dir, "up")))
	do(os.Symlink("/dev/zero", filepath.Join(dir, "zero")))
	do(os.Symlink("loop", filepath.Join(dir, "loop")))
	do(os.Symlink("nowhere", filepath.Join(dir, "dangling")))
	do(syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o644))
	do(os.Symlink("pipe", filepath.Join(dir, "topipe")))
	do(os.WriteFile(filepath.Join(dir, "large"), nil, 0o644))
	do(os.Truncate(filepath.Join(dir, "large"), 1<<40))
	l, err := net.Listen("unix", filepath.Join(dir, "socket"))
	do(err)
	t.Cleanup(func() { l.Close() })
	return dir
}

// within fails a test whose function waits for something that never comes.
func within(t *testing.T, name string, fn func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); fn() }()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Fatalf("%s is waited for", name)
	}
}

func TestOnlyWhatIsInTheRepositoryIsRead(t *testing.T) {
	dir := hostile(t)
	for name, want := range map[string]string{
		"file": "", "sub/inside": "", "sub/twice": "",
		"out": "leads out of repo", "absolute": "leads out of repo", "chain": "leads out of repo", "up/shadow": "leads out of repo",
		"zero": "leads out of repo", "loop": "link", "pipe": "a named pipe", "topipe": "a named pipe", "socket": "a socket",
		"large": "more than the", "sub": "a directory", "../shadow": "escapes", "dangling": "no such file",
	} {
		within(t, name, func() {
			data, err := repository.ReadFile(dir, name)
			checkRead(t, "ReadFile", name, want, data, err)
			if fs.ValidPath(name) {
				data, err = fs.ReadFile(repository.FS(dir), name)
				checkRead(t, "FS", name, want, data, err)
				data, err = ecosystem.Guard(repository.FS(dir)).ReadFile(name)
				if (err == nil) != (want == "") || strings.Contains(string(data), "SECRET") {
					t.Errorf("Guard: %s: %q, %v", name, data, err)
				}
			}
			path, err := repository.Regular(dir, name)
			if ok := want == "" || name == "large"; ok != (err == nil) || ok && filepath.Dir(path) != dir && name != "sub/inside" && name != "sub/twice" {
				t.Errorf("Regular: %s: %q, %v", name, path, err)
			}
		})
	}
	if _, err := repository.ReadFile(dir, "missing/file"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
}

func checkRead(t *testing.T, how, name, want string, data []byte, err error) {
	t.Helper()
	switch {
	case want == "" && (err != nil || string(data) != "ours"):
		t.Errorf("%s: %s: %q, %v", how, name, data, err)
	case want != "" && (err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), filepath.Base(name))):
		t.Errorf("%s: %s: got %v, want an error with %q and the name", how, name, err, want)
	case strings.Contains(string(data), "SECRET"), err != nil && strings.Contains(err.Error(), "SECRET"):
		t.Errorf("%s: %s shows a file of the host", how, name)
	}
}

// A pipe that takes the place of a file between question and answer is not waited for.
func TestAnExchangedFileIsNotWaitedFor(t *testing.T) {
	root, err := os.OpenRoot(hostile(t))
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	within(t, "pipe", func() {
		if f, err := repository.Open(root, "pipe"); err == nil || !strings.Contains(err.Error(), "a named pipe") {
			t.Errorf("%v, %v", f, err)
		}
	})
	if os.Geteuid() == 0 {
		if err := syscall.Mknod(filepath.Join(root.Name(), "zero-device"), syscall.S_IFCHR|0o666, 1<<8|5); err == nil {
			if _, err := repository.Read(root, "zero-device"); err == nil || !strings.Contains(err.Error(), "a device") {
				t.Errorf("a device: %v", err)
			}
		}
	}
}

func TestAPersonMayNameAPipe(t *testing.T) {
	dir := hostile(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := w.WriteString("FROM scratch\n"); err != nil || w.Close() != nil {
		t.Fatal("writing to a pipe:", err)
	}
	data, err := repository.ReadNamed("/proc/self/fd/"+strconv.Itoa(int(r.Fd())), dir, "/")
	if string(data) != "FROM scratch\n" || err != nil {
		t.Errorf("%q, %v", data, err)
	}
	if data, err := repository.ReadNamed(filepath.Join(dir, "out"), dir); err == nil {
		t.Errorf("a link of the repository is followed: %q", data)
	}
	if data, err := repository.ReadNamed(filepath.Join(filepath.Dir(dir), "shadow"), dir); err != nil || len(data) == 0 {
		t.Errorf("a file elsewhere: %q, %v", data, err)
	}
	within(t, "/dev/zero", func() {
		if _, err := repository.ReadNamed("/dev/zero", dir); err == nil || !strings.Contains(err.Error(), "more than the") {
			t.Errorf("/dev/zero: %v", err)
		}
	})
}

func TestFSIsAFileSystem(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a", "d/b", "d/e/c"} {
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := fstest.TestFS(repository.FS(dir), "a", "d/b", "d/e/c"); err != nil {
		t.Error(err)
	}
	if _, err := repository.FS(filepath.Join(dir, "missing")).Open("a"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing directory: %v", err)
	}
}
