package origin

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/internal/diag"
)

// naming makes a repository with a submodule "lib" at an address.
func naming(t *testing.T, address, commit string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "top.git")
	write(t, dir, map[string]string{"Dockerfile": "FROM scratch\n", ".gitmodules": "[submodule \"lib\"]\n\tpath = lib\n\turl = " + address + "\n"})
	git(t, dir, "init", "-q", "-b", "main")
	git(t, dir, "add", "-A")
	git(t, dir, "update-index", "--add", "--cacheinfo", "160000,"+commit+",lib")
	git(t, dir, "commit", "-qm", "one")
	return dir
}

// server serves the repositories beside dir: below /public/ to everybody, below /private/
// to whoever says the word. It returns the logins that it got at /public/.
func server(t *testing.T, dir, word string) (address string, logins *[]string) {
	t.Helper()
	backend := backend(t, dir)
	logins = &[]string{}
	mux := http.NewServeMux()
	mux.Handle("/public/", http.StripPrefix("/public", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if login := r.Header.Get("Authorization"); login != "" {
			*logins = append(*logins, login)
		}
		backend.ServeHTTP(w, r)
	})))
	mux.Handle("/private/", http.StripPrefix("/private", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != word {
			w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		backend.ServeHTTP(w, r)
	})))
	mux.HandleFunc("/elsewhere/", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, strings.Replace(r.URL.String(), "/elsewhere/", "/public/", 1), http.StatusFound)
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s.URL, logins
}

// TestSubmodulesComeWithoutThePerson: what a repository names as its submodules is fetched
// as a stranger would, unless the person trusts the repository.
func TestSubmodulesComeWithoutThePerson(t *testing.T) {
	lib, _ := repo(t)
	head := strings.TrimSpace(git(t, lib, "rev-parse", "HEAD"))
	const word = "Basic c2VjcmV0"
	at, logins := server(t, lib, word)
	nested := naming(t, "file://"+lib, head)
	git(t, nested, "clone", "-q", nested, filepath.Join(filepath.Dir(lib), "nested.git"))
	below := strings.TrimSpace(git(t, nested, "rev-parse", "HEAD"))
	outside := func(context.Context, netip.AddrPort) bool { return true }
	for name, c := range map[string]struct {
		address, commit string
		outside         func(context.Context, netip.AddrPort) bool
		trusted         bool
		want            string // in the error; empty: it comes
	}{
		"public":                 {at + "/public/web.git", head, outside, false, ""},
		"private":                {at + "/private/web.git", head, outside, false, "could not read Username"},
		"private, trusted":       {at + "/private/web.git", head, nil, true, ""},
		"on this machine":        {at + "/public/web.git", head, func(context.Context, netip.AddrPort) bool { return false }, false, "is this machine"},
		"nothing is outside":     {at + "/public/web.git", head, nil, false, "is this machine"},
		"redirected":             {at + "/elsewhere/web.git", head, outside, false, "redirect"},
		"a directory":            {"file://" + lib, head, outside, false, "over http and https only"},
		"a directory, trusted":   {"file://" + lib, head, nil, true, ""},
		"a relative one":         {"../" + filepath.Base(lib), head, outside, false, "over http and https only"},
		"keys of the person":     {"git@git.example:acme/private.git", head, outside, false, "over http and https only"},
		"a submodule of the one": {at + "/public/nested.git", below, outside, false, "over http and https only"},
		"a helper":               {"ext::sh -c true", head, outside, false, "over http and https only"},
	} {
		t.Run(name, func(t *testing.T) {
			s := source(t)
			home := strings.TrimPrefix(s.Environ[1], "HOME=")
			write(t, home, map[string]string{".gitconfig": "[protocol \"file\"]\n\tallow = always\n[http]\n\textraHeader = Authorization: " + word + "\n"})
			s.Environ = append(s.Environ, "GIT_SSH_COMMAND=touch "+filepath.Join(home, "ssh-ran"))
			s.Outside = c.outside
			s.Trusted = func(address string) (bool, error) { return c.trusted && strings.HasSuffix(address, "top.git"), nil }
			*logins = nil
			top := "file://" + naming(t, c.address, c.commit)
			if c.want == "" {
				if got, _ := fetched(t, s, top); got["lib/a"] != "three" {
					t.Errorf("the submodule is missing: %v", got)
				}
			} else if _, err := s.Fetch(t.Context(), top); err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(diag.HintOf(err), "SLIPWAY_TRUST="+top) {
				t.Errorf("%v\nhint: %s", err, diag.HintOf(err))
			}
			if !c.trusted && len(*logins) > 0 {
				t.Errorf("the server got the logins %q", *logins)
			}
			if _, err := os.Stat(filepath.Join(home, "ssh-ran")); err == nil {
				t.Error("ssh ran")
			}
		})
	}
}

// TestTheHintAboutTrustCanBeFollowed: SLIPWAY_TRUST takes addresses with a scheme.
func TestTheHintAboutTrustCanBeFollowed(t *testing.T) {
	for address, want := range map[string]string{
		"https://me:s3cr3t@git.example/a.git": "SLIPWAY_TRUST=https://git.example/a.git",
		"git@git.example:a.git":               "SLIPWAY_TRUST=ssh://USER@HOST/PATH, and build it by that address",
	} {
		if got := trustHint(address); !strings.HasSuffix(got, want) {
			t.Errorf("%s: %s", address, got)
		}
	}
}

// TestRepositoriesAreWeighed before their files are written, with their submodules.
func TestRepositoriesAreWeighed(t *testing.T) {
	large, many := filepath.Join(t.TempDir(), "large.git"), filepath.Join(t.TempDir(), "many.git")
	write(t, large, map[string]string{"Dockerfile": "FROM scratch\n", "zeros": strings.Repeat("\x00", 2<<20)})
	files := map[string]string{"Dockerfile": "FROM scratch\n"}
	for i := range 60 {
		files[filepath.Join("d", strings.Repeat("x", i+1))] = ""
	}
	write(t, many, files)
	for _, dir := range []string{large, many} {
		git(t, dir, "init", "-q", "-b", "main")
		git(t, dir, "add", "-A")
		git(t, dir, "commit", "-qm", "one")
	}
	above := naming(t, "file://"+large, strings.TrimSpace(git(t, large, "rev-parse", "HEAD")))
	for name, c := range map[string]struct {
		dir     string
		most    int64
		refused bool
	}{
		"large": {large, 1 << 20, true}, "large, allowed": {large, 3 << 20, false}, "large, no limit": {large, 0, false},
		"many": {many, 20 << 10, true}, "many, allowed": {many, 100 << 10, false},
		"a submodule": {above, 1 << 20, true}, "a submodule, allowed": {above, 3 << 20, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := source(t)
			write(t, strings.TrimPrefix(s.Environ[1], "HOME="), map[string]string{".gitconfig": "[protocol \"file\"]\n\tallow = always\n"})
			s.MaxBytes, s.Trusted = c.most, func(string) (bool, error) { return true, nil }
			log := watched(t)
			if !c.refused {
				if got, _ := fetched(t, s, "file://"+c.dir); got["Dockerfile"] == "" {
					t.Errorf("%v", got)
				}
				return
			}
			_, err := s.Fetch(t.Context(), "file://"+c.dir)
			if err == nil || !strings.Contains(err.Error(), "unpacks to more than") || !strings.Contains(diag.HintOf(err), "--max-unpacked") {
				t.Errorf("%v\nhint: %s", err, diag.HintOf(err))
			}
			ran, err := os.ReadFile(log)
			if word := map[bool]string{true: "--force", false: "checkout"}[c.dir == above]; err != nil || !strings.Contains(string(ran), "fetch") || strings.Contains(string(ran), word) {
				t.Errorf("git was run as %s, %v", ran, err)
			}
			if left, _ := os.ReadDir(s.Dir); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// watched puts a git first in $PATH that notes its arguments in the file.
func watched(t *testing.T) (log string) {
	t.Helper()
	real, err := exec.LookPath("git")
	if err != nil {
		t.Skip("git is not installed")
	}
	dir, log := t.TempDir(), filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(filepath.Join(dir, "git"), []byte("#!/bin/sh\necho \"$*\" >> "+log+"\nexec "+real+" \"$@\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	return log
}
