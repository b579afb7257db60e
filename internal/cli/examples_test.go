package cli

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/generated"
)

// TestTheExamplesAreWhatGenerateWrites plans every example anew and compares the
// result with the files in the repository. To refresh them: slipway generate in
// the example's directory.
func TestTheExamplesAreWhatGenerateWrites(t *testing.T) {
	dirs, err := filepath.Glob("../../examples/0*-*/0*-*")
	if err != nil || len(dirs) < 8 {
		t.Fatalf("%d examples: %v", len(dirs), err)
	}
	for _, dir := range dirs {
		t.Run(strings.TrimPrefix(dir, "../../examples/"), func(t *testing.T) {
			for _, name := range []string{"README.md"} {
				if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
					t.Error(err)
				}
			}
			abs, err := filepath.Abs(dir)
			if err != nil {
				t.Fatal(err)
			}
			out := t.TempDir()
			generateInto(t, abs, out)
			if got, want := dockerfilesOf(t, abs), dockerfilesOf(t, out); cmp.Diff(want, got) != "" {
				t.Errorf("Dockerfiles (-planned +kept):\n%s", cmp.Diff(want, got))
			}
		})
	}
}

func generateInto(t *testing.T, dir, out string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	env := map[string]string{"SLIPWAY_STATE_DIR": t.TempDir(), "HOME": out}
	world := World{Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr, Dir: dir, Getenv: func(k string) string { return env[k] }}
	if code := Main([]string{"generate", "--dir", out}, world); code != 0 {
		t.Fatalf("exit %d\n%s", code, stderr.String())
	}
}

// dockerfilesOf returns the generated Dockerfiles below a directory by the name
// of their service.
func dockerfilesOf(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.Name() != "Dockerfile" {
			return err
		}
		text, err := os.ReadFile(path)
		if generated.Is(text) {
			service, _, _ := strings.Cut(strings.TrimPrefix(string(text), "# "), ",")
			found[service] = string(text)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) == 0 {
		t.Errorf("there is no generated Dockerfile in %s", dir)
	}
	return found
}
