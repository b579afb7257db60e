package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/internal/baseimage"
	"github.com/slipway-build/slipway/internal/baseimage/spec"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/state"
)

// runBases runs `slipway bases …` in an empty directory with an empty state.
func runBases(t *testing.T, dir string, args ...string) (code diag.ExitCode, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	env := map[string]string{"SLIPWAY_STATE_DIR": t.TempDir(), "HOME": dir, "SLIPWAY_DEBIAN_MIRROR": "http://127.0.0.1:1/debian", "NPM_CONFIG_REGISTRY": "http://127.0.0.1:1/npm"}
	code = Main(append([]string{"bases"}, args...), World{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs, Dir: dir, Getenv: func(k string) string { return env[k] }})
	return code, out.String(), errs.String()
}

func TestBasesRefusals(t *testing.T) {
	damaged := t.TempDir()
	if err := os.WriteFile(filepath.Join(damaged, state.LockFile), []byte("{\n\"version\": 1,\n\"bases\": [}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, dir string
		args      []string
		code      diag.ExitCode
		stderr    []string
	}{
		{"no base named", t.TempDir(), []string{"build"}, diag.ExitUsage, []string{"no base specified", "--all"}},
		{"unknown base", t.TempDir(), []string{"build", "slipway/node:20-trixi"}, diag.ExitUsage, []string{`unknown base "slipway/node:20-trixi"`, `did you mean "slipway/node:20-trixie"?`}},
		{"unknown platform", t.TempDir(), []string{"build", "slipway/node:20-trixie", "--platform", "linux/mips"}, diag.ExitUsage, []string{`platform "linux/mips"`, "linux/arm64"}},
		{"unknown compression", t.TempDir(), []string{"build", "slipway/node:20-trixie", "--compression", "lz4"}, diag.ExitUsage, []string{`"lz4"`, "gzip or zstd"}},
		{"damaged lock", damaged, []string{"list"}, diag.ExitUsage, []string{"slipway.lock:3: error: the lock file is damaged", "SLP301", "slipway bases lock"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, stdout, stderr := runBases(t, c.dir, c.args...)
			if code != c.code || stdout != "" {
				t.Errorf("exit %d, stdout %q", code, stdout)
			}
			for _, want := range c.stderr {
				if !strings.Contains(stderr, want) {
					t.Errorf("no %q in\n%s", want, stderr)
				}
			}
		})
	}
}

func TestBasesListNeedsNothing(t *testing.T) {
	code, stdout, stderr := runBases(t, t.TempDir(), "list", "--platform", "linux/arm64", "--json")
	if code != 0 || stderr != "" {
		t.Fatalf("exit %d, stderr %q", code, stderr)
	}
	var list []baseimage.Status
	if err := json.Unmarshal([]byte(stdout), &list); err != nil {
		t.Fatal(err)
	}
	if len(list) != len(spec.Refs()) || list[0].Platform != "linux/arm64" || list[0].Digest != "" {
		t.Errorf("list %+v", list)
	}
	code, stdout, _ = runBases(t, t.TempDir(), "list")
	if code != 0 || !strings.Contains(stdout, "slipway/node:24-trixie-toolchain") || !strings.Contains(stdout, "not built") {
		t.Errorf("exit %d, stdout:\n%s", code, stdout)
	}
}

// TestBasesJSON: what building and updating bases print, which needs a mirror.
func TestBasesJSON(t *testing.T) {
	var out bytes.Buffer
	a := newApp(World{Stdout: &out, Getenv: func(string) string { return "" }}, t.TempDir())
	digest := v1.Hash{Algorithm: "sha256", Hex: strings.Repeat("a", 64)}
	one := baseimage.Built{
		Pins:      []baseimage.Locked{{Platform: "linux/amd64"}},
		Platforms: map[string]v1.Hash{"linux/amd64": digest},
	}
	built := map[string]baseimage.Built{"slipway/node/git:22-trixie": one, "slipway/static:trixie": one}
	if err := a.printBases(built, true); err != nil {
		t.Fatal(err)
	}
	changes := []baseimage.Change{{Ref: "slipway/static:trixie", Platform: "linux/amd64", Package: "tzdata", Old: "2026a", New: "2026b"}}
	for _, c := range [][]baseimage.Change{changes, nil} {
		if err := a.printChanges(c, true); err != nil {
			t.Fatal(err)
		}
	}
	want := `[
  {
    "ref": "slipway/static:trixie",
    "platform": "linux/amd64",
    "digest": "sha256:` + strings.Repeat("a", 64) + `"
  },
  {
    "ref": "slipway/node/git:22-trixie",
    "platform": "linux/amd64",
    "digest": "sha256:` + strings.Repeat("a", 64) + `"
  }
]
[
  {
    "ref": "slipway/static:trixie",
    "platform": "linux/amd64",
    "package": "tzdata",
    "old": "2026a",
    "new": "2026b"
  }
]
[]
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
