package origin_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/origin"
)

func TestChanges(t *testing.T) {
	dir := t.TempDir()
	at := func(name, text string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	git := func(args ...string) {
		t.Helper()
		cmd := exec.Command("git", append([]string{"-c", "user.name=x", "-c", "user.email=x@example.com", "-c", "commit.gpgsign=false"}, args...)...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	git("init", "-q", "-b", "main")
	at("web/a.js", "one\ntwo\nthree\n")
	at("api/b.js", "one\n")
	at(".gitignore", "build\n")
	at(".gitattributes", "*.js diff=evil\n")
	git("add", ".")
	git("commit", "-qm", "first")
	git("checkout", "-qb", "work")
	at("web/a.js", "one\nTWO\nthree\nfour\n")
	git("commit", "-qam", "second")
	git("checkout", "-q", "main")
	at("api/b.js", "of main\n")
	git("commit", "-qam", "main goes on")
	git("checkout", "-q", "work")
	at("web/new file.js", "x\ny")
	at("web/build/out.js", "x\n")
	at("web/a.js", "one\nTWO\nthree\nfour\nfive\n") // not committed
	trap := filepath.Join(t.TempDir(), "ran")
	for _, key := range []string{"diff.external", "diff.evil.command", "diff.evil.textconv", "core.fsmonitor", "core.pager"} {
		git("config", key, "sh -c 'touch "+trap+"'")
	}

	s := origin.Source{Environ: os.Environ()}
	got, err := s.Changes(t.Context(), filepath.Join(dir, "web"), "main")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string][]int{"a.js": {2, 4, 5}, "new file.js": {1, 2}}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := os.Stat(trap); err == nil {
		t.Error("a program of the repository's settings ran")
	}
	for base, want := range map[string]string{"nope": "git fetch origin nope", "--output=x": "--since main", "": "--since main"} {
		_, err := s.Changes(t.Context(), dir, base)
		if diag.ExitOf(err) != diag.ExitUsage || !strings.Contains(diag.HintOf(err), want) {
			t.Errorf("%q: %v, hint %q", base, err, diag.HintOf(err))
		}
	}
	if _, err := s.Changes(t.Context(), t.TempDir(), "main"); err == nil || !strings.Contains(err.Error(), "not a git repository") {
		t.Errorf("outside of a repository: %v", err)
	}
}
