package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLogTail(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	write := func(text string) {
		t.Helper()
		f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.WriteString(text); err != nil {
			t.Fatal(err)
		}
	}
	tail := &logTail{path: path}
	expect := func(want ...string) {
		t.Helper()
		if diff := cmp.Diff(strings.Join(want, ","), strings.Join(tail.more(), ",")); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	expect()
	write("one\ntwo\nthr")
	expect("one", "two")
	write("ee\n")
	expect("three")
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	write("four\n")
	expect("four")
}
