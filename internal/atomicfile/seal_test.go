package atomicfile_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/slipway-build/slipway/internal/atomicfile"
)

func TestAWriteBreaksTheSeal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "blob")
	is := func(want bool, when string) {
		t.Helper()
		if info, err := os.Stat(path); err != nil || atomicfile.Sealed(info) != want {
			t.Errorf("%s: sealed is not %v (%v)", when, want, err)
		}
	}
	if err := os.WriteFile(path, []byte("content"), 0o600); err != nil {
		t.Fatal(err)
	}
	is(false, "written")
	used := time.Now().Add(-time.Hour)
	if err := atomicfile.Seal(path, used); err != nil {
		t.Fatal(err)
	}
	is(true, "sealed")
	if info, _ := os.Stat(path); info.ModTime().Unix() != used.Unix() {
		t.Errorf("used at %s, not %s", info.ModTime(), used)
	}
	if err := os.Link(path, path+".link"); err != nil {
		t.Fatal(err)
	}
	is(true, "linked")
	f, err := os.OpenFile(path+".link", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = f.WriteAt([]byte("C"), 3)
	_ = f.Close()
	is(false, "written through a link")
}
