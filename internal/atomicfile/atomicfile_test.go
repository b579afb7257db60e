package atomicfile_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/slipway-build/slipway/internal/atomicfile"
)

// only fails unless a directory holds exactly these files.
func only(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if len(got) != len(want) {
		t.Fatalf("%s holds %q, want %q", dir, got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("%s holds %q, want %q", dir, got, want)
		}
	}
}

func content(t *testing.T, path, want string, mode fs.FileMode) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(data) != want {
		t.Errorf("%s holds %q, want %q", path, data, want)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm() != mode {
		t.Errorf("%s has mode %o, want %o", path, info.Mode().Perm(), mode)
	}
}

func TestWriteReplacesWhole(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "state.json")
	for _, c := range []struct {
		text string
		opts atomicfile.Options
		mode fs.FileMode
	}{
		{"first", atomicfile.Options{}, 0o644},
		{"second", atomicfile.Options{Mode: 0o600, Sync: true}, 0o600},
		{"", atomicfile.Options{Mode: 0o755}, 0o755},
	} {
		if err := atomicfile.Write(path, []byte(c.text), c.opts); err != nil {
			t.Fatal(err)
		}
		content(t, path, c.text, c.mode)
		only(t, dir, "state.json")
	}
}

func TestNothingHappensToTheTargetUntilCommit(t *testing.T) {
	dir, tmp := t.TempDir(), t.TempDir()
	path := filepath.Join(dir, "lock")
	if err := os.WriteFile(path, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	f, err := atomicfile.Create(path, atomicfile.Options{Dir: tmp, Prefix: ".tmp-"})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Discard()
	if _, err := f.WriteString("new"); err != nil {
		t.Fatal(err)
	}
	content(t, path, "old", 0o644)
	if base := filepath.Base(f.Name()); filepath.Dir(f.Name()) != tmp || base[:5] != ".tmp-" {
		t.Errorf("the temporary file is %s", f.Name())
	}
	if err := f.Commit(); err != nil {
		t.Fatal(err)
	}
	content(t, path, "new", 0o644)
	only(t, tmp)
	if err := f.Discard(); err != nil {
		t.Errorf("Discard after Commit: %v", err)
	}
	content(t, path, "new", 0o644)
}

func TestCommitAsNamesByContent(t *testing.T) {
	dir := t.TempDir()
	f, err := atomicfile.Create(filepath.Join(dir, "unused"), atomicfile.Options{Prefix: "blob-", Mode: 0o444})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("bytes"); err != nil {
		t.Fatal(err)
	}
	if err := f.CommitAs(filepath.Join(dir, "digest")); err != nil {
		t.Fatal(err)
	}
	content(t, filepath.Join(dir, "digest"), "bytes", 0o444)
	only(t, dir, "digest")
}

func TestAFileThatItsWriterClosedIsCommitted(t *testing.T) {
	dir := t.TempDir()
	f, err := atomicfile.Create(filepath.Join(dir, "out.tar"), atomicfile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := f.Commit(); err != nil {
		t.Fatal(err)
	}
	only(t, dir, "out.tar")
}

func TestAFailureLeavesTheOldFileAndNothingElse(t *testing.T) {
	broken := errors.New("no more words")
	dir := t.TempDir()
	path := filepath.Join(dir, "x")
	if err := os.WriteFile(path, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	err := atomicfile.WriteTo(path, atomicfile.Options{}, func(f *os.File) error {
		if _, err := f.WriteString("half"); err != nil {
			return err
		}
		return broken
	})
	if !errors.Is(err, broken) {
		t.Errorf("WriteTo returns %v", err)
	}
	content(t, path, "old", 0o644)
	only(t, dir, "x")

	// The rename fails: a directory that is not empty has the name.
	taken := filepath.Join(dir, "taken")
	if err := os.MkdirAll(filepath.Join(taken, "sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := atomicfile.Write(taken, []byte("new"), atomicfile.Options{}); err == nil {
		t.Error("a directory was replaced by a file")
	}
	only(t, dir, "taken", "x")

	if err := atomicfile.Write(filepath.Join(dir, "no", "such"), nil, atomicfile.Options{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a directory: %v", err)
	}
}
