package logfile_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/internal/logfile"
)

func open(t *testing.T, path string) *logfile.File {
	t.Helper()
	f, err := logfile.Open(path, 100)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func add(t *testing.T, f *logfile.File, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		if _, err := fmt.Fprintf(f, "line %04d\n", i); err != nil { // 10 bytes
			t.Fatal(err)
		}
	}
}

// lines are those of a file; a torn one fails.
func lines(t *testing.T, path string) []string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	out := strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
	for _, l := range out {
		if len(l) != len("line 0000") {
			t.Errorf("%s has the line %q", path, l)
		}
	}
	return out
}

func TestALogIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	f := open(t, path)
	add(t, f, 0, 1000)
	now, before := lines(t, path), lines(t, path+logfile.Older)
	if len(now)+len(before) > 22 || now[len(now)-1] != "line 0999" || before[len(before)-1] != fmt.Sprintf("line %04d", 999-len(now)) {
		t.Errorf("before: %q\nnow: %q", before, now)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	files, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(files) != 2 {
		t.Errorf("%d files, %v", len(files), err)
	}
}

// TestALogGoesOn: a process that starts again adds lines, and counts those that there are.
func TestALogGoesOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	add(t, open(t, path), 0, 8)
	add(t, open(t, path), 8, 12)
	if before, now := lines(t, path+logfile.Older), lines(t, path); len(before) != 11 || now[0] != "line 0011" {
		t.Errorf("before: %q\nnow: %q", before, now)
	}
	f, err := logfile.Create(path, 100)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	add(t, f, 0, 1)
	if now := lines(t, path); len(now) != 1 {
		t.Errorf("a new log has the lines %q", now)
	}
}

// TestTwoProcessesHaveOneLog: both add to it, and the second one to see that it is full
// goes on with the file that the first one has begun.
func TestTwoProcessesHaveOneLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	a, b := open(t, path), open(t, path)
	add(t, b, 0, 11)
	add(t, a, 11, 23) // begins a new file with the last one
	add(t, b, 23, 24)
	if before, now := lines(t, path+logfile.Older), lines(t, path); len(before) != 22 || strings.Join(now, " ") != "line 0022 line 0023" {
		t.Errorf("before: %q\nnow: %q", before, now)
	}
}

// TestALogWithoutAPlace: when the file cannot move, it is emptied.
func TestALogWithoutAPlace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	f := open(t, path)
	if err := os.MkdirAll(filepath.Join(path+logfile.Older, "in the way"), 0o700); err != nil {
		t.Fatal(err)
	}
	add(t, f, 0, 12)
	if now := lines(t, path); len(now) != 1 || now[0] != "line 0011" {
		t.Errorf("%q", now)
	}
	if _, err := logfile.Open(filepath.Join(path, "log"), 1); err == nil {
		t.Error("a log below a file was opened")
	}
}
