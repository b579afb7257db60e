package cli

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
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

// TestTheExampleBreaksInEveryWay: each way of break.sh still finds what it breaks, and
// none counts as caught where nothing catches it.
func TestTheExampleBreaksInEveryWay(t *testing.T) {
	script, err := filepath.Abs("../../examples/03-TestingMultiStage/01-nodejs-testing/scripts/break.sh")
	if err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) (string, int) {
		cmd := exec.CommandContext(t.Context(), script, args...)
		cmd.Env = append(os.Environ(), "SLIPWAY=true", "SLIPWAY_STATE_DIR="+t.TempDir())
		out, err := cmd.CombinedOutput()
		if err != nil && !errors.As(err, new(*exec.ExitError)) {
			t.Fatal(err)
		}
		return string(out), cmd.ProcessState.ExitCode()
	}
	list, code := run("--list")
	ways := strings.Fields(list)
	if code != 0 || len(ways) != 6 {
		t.Fatalf("exit code %d: %q", code, list)
	}
	out, code := run()
	if code != 1 || strings.Count(out, " NOT CAUGHT: exit code 0, not ") != len(ways) {
		t.Errorf("exit code %d:\n%s", code, out)
	}
	for _, args := range [][]string{{"no-such-way"}, {"--copy", t.TempDir(), "key"}, {"--copy", filepath.Join(t.TempDir(), "new"), "no-such-way"}} {
		if out, code := run(args...); code != 2 || !strings.Contains(out, "the ways: "+strings.Join(ways, " ")) {
			t.Errorf("%q: exit code %d: %s", args, code, out)
		}
	}
}
