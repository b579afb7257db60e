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

// TestTheExamplesBreakInEveryWay: each way of break.sh still finds what it breaks, none
// counts as caught where nothing catches it, and the scan of the sources finds the keys and
// vulnerable packages of the copies with the example's own record alone.
func TestTheExamplesBreakInEveryWay(t *testing.T) {
	for example, c := range map[string]struct {
		ways       int
		advisories string
		found      map[string]string // by way: what the scan of the sources says
	}{
		"01-nodejs-testing": {6, "test/advisories", map[string]string{"key": "public/settings.json:1", "deleted-key": "deploy.pem", "vulnerability": "GHSA-xvch-5gv4-984h"}},
		"02-go-testing":     {4, "testdata/advisories", map[string]string{"key": "settings.json:1", "vulnerability": "GHSA-v778-237x-gjrc"}},
		"03-python-testing": {4, "tests/advisories", map[string]string{"key": "shop/settings.json:1", "vulnerability": "GHSA-vqfr-h8mv-ghfj"}},
	} {
		t.Run(example, func(t *testing.T) {
			dir, err := filepath.Abs("../../examples/03-TestingMultiStage/" + example)
			if err != nil {
				t.Fatal(err)
			}
			b := breaking{filepath.Join(dir, "scripts", "break.sh")}
			list, code := b.run(t, "--list")
			ways := strings.Fields(list)
			if code != 0 || len(ways) != c.ways {
				t.Fatalf("exit code %d: %q", code, list)
			}
			out, code := b.run(t)
			if code != 1 || strings.Count(out, " NOT CAUGHT: exit code 0, not ") != len(ways) {
				t.Errorf("exit code %d:\n%s", code, out)
			}
			for _, args := range [][]string{{"no-such-way"}, {"--copy", t.TempDir(), "key"}, {"--copy", filepath.Join(t.TempDir(), "new"), "no-such-way"}} {
				if out, code := b.run(t, args...); code != 2 || !strings.Contains(out, "the ways: "+strings.Join(ways, " ")) {
					t.Errorf("%q: exit code %d: %s", args, code, out)
				}
			}
			env := map[string]string{"SLIPWAY_STATE_DIR": t.TempDir(), "HOME": t.TempDir()}
			scan := func(dir string, args ...string) (string, int) {
				var said bytes.Buffer
				code := Main(append([]string{"scan"}, args...), World{Stdin: strings.NewReader(""), Stdout: &said, Stderr: &said, Dir: dir, Getenv: func(k string) string { return env[k] }})
				return said.String(), int(code)
			}
			if said, code := scan(dir, ".", "--from", c.advisories); code != 0 {
				t.Errorf("as it is, exit code %d:\n%s", code, said)
			}
			for way, want := range c.found {
				copied := filepath.Join(t.TempDir(), "copy")
				if out, code := b.run(t, "--copy", copied, way); code != 0 {
					t.Fatalf("%s: exit code %d: %s", way, code, out)
				}
				if said, code := scan(copied, "."); code != 4 || !strings.Contains(said, want) {
					t.Errorf("%s: exit code %d, without %s:\n%s", way, code, want, said)
				}
			}
		})
	}
}

// breaking is a break.sh, with a slipway that catches nothing.
type breaking struct{ script string }

func (b breaking) run(t *testing.T, args ...string) (string, int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), b.script, args...)
	cmd.Env = append(os.Environ(), "SLIPWAY=true", "SLIPWAY_STATE_DIR="+t.TempDir())
	out, err := cmd.CombinedOutput()
	if err != nil && !errors.As(err, new(*exec.ExitError)) {
		t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}
