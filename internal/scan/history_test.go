package scan_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/gate"
	"github.com/slipway-build/slipway/internal/origin"
	"github.com/slipway-build/slipway/internal/scan"
)

// committed is a repository with functions that write files and run git.
func committed(t *testing.T) (dir string, at func(name, text string), git func(args ...string)) {
	t.Helper()
	dir = t.TempDir()
	at = func(name, text string) {
		t.Helper()
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	git = func(args ...string) {
		t.Helper()
		cmd := exec.Command("git", append([]string{"-c", "user.name=Ada Lovelace", "-c", "user.email=ada@example.com", "-c", "commit.gpgsign=false"}, args...)...)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "GIT_AUTHOR_DATE=2026-01-02T03:04:05Z")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	git("init", "-q", "-b", "main")
	return dir, at, git
}

// TestSecretsInCommits: deleted ones, those of another branch and those that only a
// merge brings, each where it came in, once.
func TestSecretsInCommits(t *testing.T) {
	dir, at, git := committed(t)
	other, third := strings.Replace(token, "p_q7", "p_w8", 1), strings.Replace(token, "p_q7", "p_k5", 1)
	at("web/app.env", "# of the app\n\nTOKEN="+token+"\n")
	at("api/key.pem", "-----BEGIN "+"PRIVATE KEY-----\n"+strings.Repeat("q7Zr2KxV9bTn4LwPm8Hd5JyGc3FsAv6E\n", 4)+"-----END "+"PRIVATE KEY-----\n")
	git("add", ".")
	git("commit", "-qm", "first")
	git("rm", "-q", "web/app.env", "api/key.pem")
	at("web/moved file.txt", "moved\nTOKEN="+token+"\n")
	git("add", ".")
	git("commit", "-qm", "second")
	git("checkout", "-qb", "side")
	at("web/ünder.js", "const a = 1\nconst b = '"+other+"'\n")
	git("add", ".")
	git("commit", "-qm", "side")
	git("checkout", "-q", "main")
	at("web/b.txt", "one\n")
	git("add", ".")
	git("commit", "-qm", "main")
	git("merge", "-q", "--no-commit", "side")
	at("web/b.txt", "one\n"+third+"\n")
	git("add", ".")
	git("commit", "-qm", "merge")
	trap := filepath.Join(t.TempDir(), "ran")
	for _, key := range []string{"diff.external", "core.fsmonitor", "core.pager", "gpg.program"} {
		git("config", key, "touch "+trap)
	}
	git("config", "log.showSignature", "true")

	search := func(dir string) (out []string) {
		t.Helper()
		r := scan.Result{}
		if err := r.Commits(t.Context(), origin.Source{Dir: t.TempDir(), Environ: os.Environ()}, dir); err != nil {
			t.Fatal(err)
		}
		for _, s := range r.Secrets {
			if len(s.Commit) != 40 || s.Author != "A… L… <a…@example.com>" || !strings.HasPrefix(s.Date, "2026-01-02T03:04:05") || s.Where != "commit" {
				t.Errorf("%+v", s)
			}
			out = append(out, s.Rule+" "+s.File+":"+string(rune('0'+s.Line)))
		}
		if r.History.Commits == 0 || r.History.Cut || r.History.Shallow {
			t.Errorf("%+v", r.History)
		}
		var text, sarif strings.Builder
		if err := r.Write(&text); err != nil {
			t.Fatal(err)
		}
		data, err := r.SARIF("v1")
		sarif.Write(data)
		if err != nil || strings.Contains(text.String()+sarif.String(), token[5:20]) || strings.Contains(text.String(), "Lovelace") || !strings.Contains(text.String(), ", 2026-01-02, A… L… <a…@example.com>") {
			t.Errorf("%v\n%s", err, text.String())
		}
		return out
	}
	want := []string{"private-key api/key.pem:1", "github-token web/app.env:3", "github-token web/b.txt:2", "github-token web/ünder.js:2"}
	if diff := cmp.Diff(want, search(dir)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if diff := cmp.Diff([]string{"github-token app.env:3", "github-token b.txt:2", "github-token ünder.js:2"}, search(filepath.Join(dir, "web"))); diff != "" {
		t.Errorf("a directory of it (-want +got)\n%s", diff)
	}
	if _, err := os.Stat(trap); err == nil {
		t.Error("a program of the repository's settings ran")
	}
}

// TestAHistoryThatIsNotWhole says so, and one that cannot be read is refused.
func TestAHistoryThatIsNotWhole(t *testing.T) {
	dir, at, git := committed(t)
	for _, text := range []string{"one\n", "two\n", "three\n"} {
		at("a", text)
		git("add", ".")
		git("commit", "-qm", text)
	}
	source := origin.Source{Dir: t.TempDir(), Environ: os.Environ()}
	walked, err := source.Commits(t.Context(), dir, 2, func(origin.Added) error { return nil })
	if err != nil || walked != (origin.Walked{Commits: 2, Cut: true}) {
		t.Errorf("%+v, %v", walked, err)
	}
	clone := t.TempDir()
	git("clone", "-q", "--depth=1", "file://"+dir, clone)
	r := scan.Result{}
	if err := r.Commits(t.Context(), source, clone); err != nil {
		t.Fatal(err)
	}
	if w := r.Warnings(time.Now()); len(w) != 1 || w[0].Code != scan.CodeHistory || !strings.Contains(w[0].Text, "shallow") {
		t.Errorf("%v", w)
	}
	err = r.Commits(t.Context(), source, t.TempDir())
	if diag.ExitOf(err) != diag.ExitUsage || !strings.Contains(err.Error(), "not a git repository") || diag.HintOf(err) == "" {
		t.Errorf("no repository: %v", err)
	}
}

// TestSourcesHaveNoCommit: a search of files alone stays as it was.
func TestSourcesHaveNoCommit(t *testing.T) {
	list, _, err := scan.SourceSecrets(fstest.MapFS{"a.env": {Data: []byte("X=" + token + "\n")}})
	if diff := cmp.Diff([]gate.Secret{{Rule: "github-token", File: "a.env", Line: 1, Where: "sources"}}, list); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
}
