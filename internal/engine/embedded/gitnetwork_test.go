//go:build linux

package embedded

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/event"
)

// outboundForTest is the command of this test binary that Options.Outbound names.
const outboundForTest = "_outbound"

// gitRepository makes a repository that a web server can hand out as files.
func gitRepository(t *testing.T, commands string) string {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.Command("/bin/sh", "-ec", `git init -q -b main w; cd w; git config user.name x; git config user.email x@x.example; `+commands+
		`; git add -A; git commit -qm x; cd ..; git clone -q --bare w x.git; cd x.git; git update-server-info`)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return dir
}

// TestGitIsNotLedIntoTheMachine: a server that a Dockerfile may add from redirects to
// the machine, or its repository has a submodule there.
func TestGitIsNotLedIntoTheMachine(t *testing.T) {
	needsReal(t)
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("needs git")
	}
	asked := make(chan string, 100)
	secret := http.FileServer(http.Dir(gitRepository(t, "echo of the machine > file")))
	machine := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.URL.Path
		secret.ServeHTTP(w, r)
	}))
	defer machine.Close()
	good := gitRepository(t, "echo from outside > file")
	nested := gitRepository(t, `printf '[submodule "s"]\n\tpath = s\n\turl = `+machine.URL+`/x.git\n' > .gitmodules; git update-index --add --cacheinfo 160000,$(git -C "`+good+`/w" rev-parse HEAD),s; mkdir s; git add -A; git commit -qm s; git ls-tree HEAD | grep -q commit; echo y > y`)
	mux := http.NewServeMux()
	mux.Handle("/good/", http.StripPrefix("/good", http.FileServer(http.Dir(good))))
	mux.Handle("/nested/", http.StripPrefix("/nested", http.FileServer(http.Dir(nested))))
	mux.HandleFunc("/led/", func(w http.ResponseWriter, r *http.Request) {
		to := machine.URL + strings.TrimPrefix(r.URL.Path, "/led")
		if r.URL.RawQuery != "" {
			to += "?" + r.URL.RawQuery
		}
		http.Redirect(w, r, to, http.StatusFound)
	})
	outside := httptest.NewServer(mux)
	defer outside.Close()
	place := strings.Replace(outside.URL, "http://127.0.0.1", "localhost", 1)
	before := os.Getenv("PATH")
	for name, c := range map[string]struct {
		path          string
		guarded, adds bool
	}{
		"the owner's server":      {"good", true, true},
		"a redirect":              {"led", true, false},
		"a submodule":             {"nested", true, false},
		"a redirect, not guarded": {"led", false, true}, // the server works
	} {
		t.Run(name, func(t *testing.T) {
			o := Options{Reachable: []string{place}, StateDir: filepath.Join(t.TempDir(), "it's", "engine")}
			if c.guarded {
				o.Outbound = []string{os.Args[0], outboundForTest}
			}
			t.Cleanup(func() { // after the engine's
				if now := os.Getenv("PATH"); now != before {
					t.Errorf("PATH is %s", now)
				}
			})
			e := openReal(t, o)
			text := "FROM scratch\nADD http://" + place + "/" + c.path + "/x.git /repository\n"
			out := t.TempDir()
			_, err := e.Build(t.Context(), engine.Request{Name: "web", Context: t.TempDir(), Dockerfile: []byte(text), Output: engine.Output{Kind: engine.OutputLocal, Path: out}}, event.Discard{})
			if (err == nil) != c.adds {
				t.Errorf("adding %s: %v", c.path, err)
			}
			_, statErr := os.Stat(filepath.Join(out, "repository", "file"))
			if c.adds && statErr != nil {
				t.Error(statErr)
			}
			if c.guarded && len(asked) > 0 {
				t.Errorf("the machine was asked for %s", <-asked)
			}
			for len(asked) > 0 {
				<-asked
			}
		})
	}
}
