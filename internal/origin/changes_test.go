package origin_test

import (
	"errors"
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
	at(".gitattributes", "*.js diff=evil filter=evil\n")
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
	for _, key := range []string{
		"diff.external", "diff.evil.command", "diff.evil.textconv", "core.fsmonitor", "core.pager", "pager.diff", "filter.evil.clean", "filter.evil.smudge", "filter.evil.process",
		"core.sshCommand", "core.askPass", "core.gitProxy", "credential.helper", "gpg.program", "alias.diff", "remote.origin.uploadpack",
	} {
		git("config", key, "sh -c 'touch "+trap+"'")
	}

	s := origin.Source{Dir: t.TempDir(), Environ: os.Environ()}
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

// traps are ways in which a repository names a program for git to run.
var traps = map[string]func(t *testing.T, dir, trap string) (ask string){
	"a filter in its settings": func(t *testing.T, dir, trap string) string {
		run(t, dir, "config", "filter.x.clean", "touch "+trap+"; cat")
		run(t, dir, "config", "filter.x.required", "true")
		return dir
	},
	"a filter that stays": func(t *testing.T, dir, trap string) string {
		run(t, dir, "config", "filter.x.process", "touch "+trap)
		return dir
	},
	"a filter in a file that its settings include": func(t *testing.T, dir, trap string) string {
		put(t, filepath.Join(dir, "more"), "[filter \"x\"]\n\tclean = touch "+trap+"; cat\n")
		run(t, dir, "config", "include.path", "../more")
		return dir
	},
	"a filter in the settings of a work tree": func(t *testing.T, dir, trap string) string {
		tree := filepath.Join(t.TempDir(), "tree")
		run(t, dir, "branch", "other")
		run(t, dir, "worktree", "add", "-q", tree, "other")
		run(t, dir, "config", "extensions.worktreeConfig", "true")
		run(t, tree, "config", "--worktree", "filter.x.clean", "touch "+trap+"; cat")
		put(t, filepath.Join(tree, "api", "a"), "changed\n")
		return tree
	},
	"a directory that is a bare repository": func(t *testing.T, dir, trap string) string {
		api := filepath.Join(dir, "api")
		for _, name := range []string{"refs", "objects"} {
			if err := os.CopyFS(filepath.Join(api, name), os.DirFS(filepath.Join(dir, ".git", name))); err != nil {
				t.Fatal(err)
			}
		}
		put(t, filepath.Join(api, "HEAD"), "ref: refs/heads/main\n")
		put(t, filepath.Join(api, ".gitattributes"), "* filter=x\n")
		run(t, dir, "--git-dir="+api, "--work-tree="+api, "add", "a")
		put(t, filepath.Join(api, "config"), "[core]\n\trepositoryFormatVersion = 0\n\tworktree = .\n[filter \"x\"]\n\tclean = touch "+trap+"; cat\n")
		return api
	},
	"a missing object and a server that is a program": func(t *testing.T, dir, trap string) string {
		run(t, dir, "config", "core.repositoryFormatVersion", "1")
		run(t, dir, "config", "extensions.partialClone", "origin")
		run(t, dir, "config", "remote.origin.promisor", "true")
		run(t, dir, "config", "remote.origin.url", dir)
		run(t, dir, "config", "remote.origin.uploadpack", "sh -c 'touch "+trap+"'")
		blob := strings.TrimSpace(run(t, dir, "rev-parse", "main:api/a"))
		if err := os.Remove(filepath.Join(dir, ".git", "objects", blob[:2], blob[2:])); err != nil {
			t.Fatal(err)
		}
		return dir
	},
}

func run(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", append([]string{"-c", "user.name=x", "-c", "user.email=x@example.com", "-c", "commit.gpgsign=false"}, args...)...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return string(out)
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
		t.Fatal(err)
	}
}

// TestARepositoryRunsNoProgram: neither its settings nor its files name a program that a
// question about its changes or commits runs. Git itself shows that the trap works.
func TestARepositoryRunsNoProgram(t *testing.T) {
	for name, set := range traps {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, trap := t.TempDir(), filepath.Join(t.TempDir(), "ran")
			run(t, dir, "init", "-q", "-b", "main")
			put(t, filepath.Join(dir, ".gitattributes"), "* filter=x\n")
			put(t, filepath.Join(dir, "api", "a"), "one\n")
			run(t, dir, "add", ".")
			run(t, dir, "commit", "-qm", "first")
			ask := set(t, dir, trap)
			api := filepath.Join(ask, "api")
			if filepath.Base(ask) == "api" {
				api = ask
			}
			put(t, filepath.Join(api, "a"), "one\ntwo\n")
			s := origin.Source{Dir: t.TempDir(), Environ: os.Environ()}
			got, err := s.Changes(t.Context(), api, "main")
			if missing := strings.HasPrefix(name, "a missing object"); missing && (err == nil || !strings.Contains(diag.HintOf(err), "partial clone")) {
				t.Errorf("a missing object: %v, hint %q", err, diag.HintOf(err))
			} else if !missing && (err != nil || len(got["a"]) == 0) {
				t.Errorf("%v, %v", got, err)
			}
			_, _ = s.Commits(t.Context(), ask, 10, func(origin.Added) error { return nil }) // fails where an object is missing
			if _, err := os.Stat(trap); err == nil {
				t.Fatal("a program that the repository names ran")
			}
			if left, _ := os.ReadDir(s.Dir); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
			cmd := exec.Command("git", "diff", "main", "--", ".")
			cmd.Dir, cmd.Env = ask, append(os.Environ(), "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.bareRepository", "GIT_CONFIG_VALUE_0=all")
			_, _ = cmd.CombinedOutput()
			if _, err := os.Stat(trap); err != nil {
				t.Errorf("the trap is none: git diff runs nothing either")
			}
		})
	}
}

// TestRepositoriesAreReadAsTheyAreStored: what git may use to store a repository does not
// change the answer.
func TestRepositoriesAreReadAsTheyAreStored(t *testing.T) {
	for name, with := range map[string]func(t *testing.T, dir string) string{
		"packed": func(t *testing.T, dir string) string { run(t, dir, "gc", "-q"); return dir },
		"a split index": func(t *testing.T, dir string) string {
			run(t, dir, "update-index", "--split-index")
			return dir
		},
		"a linked work tree": func(t *testing.T, dir string) string {
			tree := filepath.Join(t.TempDir(), "tree")
			run(t, dir, "worktree", "add", "-q", "-b", "work", tree)
			return tree
		},
		"a submodule": func(t *testing.T, dir string) string {
			top := t.TempDir()
			run(t, top, "init", "-q", "-b", "top")
			run(t, top, "-c", "protocol.file.allow=always", "submodule", "add", "-q", dir, "sub")
			return filepath.Join(top, "sub")
		},
		"objects of another clone": func(t *testing.T, dir string) string {
			clone := filepath.Join(t.TempDir(), "clone")
			run(t, dir, "clone", "-q", "--shared", dir, clone)
			return clone
		},
		"ends of lines": func(t *testing.T, dir string) string {
			clone := filepath.Join(t.TempDir(), "clone")
			run(t, dir, "clone", "-q", "-c", "core.autocrlf=true", dir, clone)
			put(t, filepath.Join(clone, "api", "b"), "same\r\n") // its time is new, its content is not
			return clone
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			run(t, dir, "init", "-q", "-b", "main")
			put(t, filepath.Join(dir, "api", "a"), "one\n")
			put(t, filepath.Join(dir, "api", "b"), "same\n")
			run(t, dir, "add", ".")
			run(t, dir, "commit", "-qm", "first")
			at := with(t, dir)
			put(t, filepath.Join(at, "api", "a"), "one\ntwo\n")
			s := origin.Source{Dir: t.TempDir(), Environ: os.Environ()}
			got, err := s.Changes(t.Context(), filepath.Join(at, "api"), "main")
			if diff := cmp.Diff(map[string][]int{"a": {2}}, got); err != nil || diff != "" {
				t.Errorf("%v (-want +got)\n%s", err, diff)
			}
			walked, err := s.Commits(t.Context(), at, 10, func(origin.Added) error { return nil })
			if err != nil || walked.Commits != 1 {
				t.Errorf("%+v, %v", walked, err)
			}
		})
	}
}
