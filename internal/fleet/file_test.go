package fleet

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/slipway-build/slipway/internal/diag"
)

func TestAFileIsNoImage(t *testing.T) {
	dir, lost := t.TempDir(), errors.New("not found")
	if err := errors.Join(os.WriteFile(filepath.Join(dir, "notes.txt"), nil, 0o600), os.Mkdir(filepath.Join(dir, "sub"), 0o700)); err != nil {
		t.Fatal(err)
	}
	l := Loader{Dir: dir}
	for name, want := range map[string]string{
		"notes.txt":                     "notes.txt is a file, not the name of an image or service",
		"./notes.txt":                   "./notes.txt is a file, not the name of an image or service",
		filepath.Join(dir, "notes.txt"): filepath.Join(dir, "notes.txt") + " is a file, not the name of an image or service",
		"sub":                           "sub is a directory, not the name of an image or service",
		"web:v1":                        "not found",
	} {
		err := l.NoFile([]string{name}, lost)
		if err == nil || err.Error() != want {
			t.Errorf("%s: %v", name, err)
		}
		if name != "web:v1" && diag.HintOf(err) == "" {
			t.Errorf("%s: no hint", name)
		}
	}
	if err := l.NoFile([]string{"notes.txt"}, nil); err != nil {
		t.Error(err)
	}
}
