package origin

import (
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/diag"
)

// repo makes a git repository with two branches, a tag and a directory below.
func repo(t *testing.T) (dir, first string) {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	dir = filepath.Join(t.TempDir(), "web.git")
	write(t, dir, map[string]string{"Dockerfile": "FROM scratch\nCOPY a /\n", "a": "one", "api/Dockerfile": "FROM scratch\n", "api/b": "b"})
	git(t, dir, "init", "-q", "-b", "main")
	git(t, dir, "add", "-A")
	git(t, dir, "commit", "-qm", "one")
	git(t, dir, "tag", "v1")
	first = strings.TrimSpace(git(t, dir, "rev-parse", "HEAD"))
	git(t, dir, "checkout", "-q", "-b", "next")
	write(t, dir, map[string]string{"a": "two"})
	git(t, dir, "commit", "-qam", "two")
	git(t, dir, "checkout", "-q", "main")
	write(t, dir, map[string]string{"a": "three"})
	git(t, dir, "commit", "-qam", "three")
	return dir, first
}

func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", append([]string{"-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "protocol.file.allow=always"}, args...)...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return string(out)
}

func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
}

// source is a Source in a directory of the test, with an environment of its own.
func source(t *testing.T) Source {
	t.Helper()
	return Source{Dir: filepath.Join(t.TempDir(), "contexts"), Environ: []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}}
}

// fetched is what a context holds: files with their contents, links with "-> ".
func fetched(t *testing.T, s Source, word string) (map[string]string, *Context) {
	t.Helper()
	c, err := s.Fetch(t.Context(), word)
	if err != nil {
		t.Fatalf("%s: %v\nhint: %s", word, err, diag.HintOf(err))
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		if left, _ := os.ReadDir(s.Dir); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	})
	out := map[string]string{}
	err = filepath.WalkDir(c.Dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		name, _ := filepath.Rel(c.Dir, path)
		if e.Type()&fs.ModeSymlink != 0 {
			to, err := os.Readlink(path)
			out[name] = "-> " + to
			return err
		}
		data, err := os.ReadFile(path)
		out[name] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out, c
}

func TestGitAddresses(t *testing.T) {
	dir, first := repo(t)
	at := "file://" + dir
	root := func(a string) map[string]string {
		return map[string]string{"Dockerfile": "FROM scratch\nCOPY a /\n", "a": a, "api/Dockerfile": "FROM scratch\n", "api/b": "b"}
	}
	below := map[string]string{"Dockerfile": "FROM scratch\n", "b": "b"}
	for word, want := range map[string]map[string]string{
		at:                      root("three"),
		at + "#next":            root("two"),
		at + "#v1":              root("one"),
		at + "#refs/heads/next": root("two"),
		at + "#" + first:        root("one"),
		at + "#" + first[:10]:   root("one"),
		at + "#:api":            below,
		at + "#next:/api/":      below,
	} {
		t.Run(strings.TrimPrefix(word, at), func(t *testing.T) {
			got, c := fetched(t, source(t), word)
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
			if !c.Git {
				t.Error("the context is not known as a checkout")
			}
			if name := filepath.Base(c.Dir); name != "web" && name != "api" {
				t.Errorf("the directory is called %s", name)
			}
		})
	}
}

func TestGitRefusals(t *testing.T) {
	dir, _ := repo(t)
	if err := os.Symlink("/etc", filepath.Join(dir, "out")); err != nil {
		t.Fatal(err)
	}
	git(t, dir, "add", "-A")
	git(t, dir, "commit", "-qm", "link")
	for word, want := range map[string][2]string{
		"file://" + dir + "#none":          {"couldn't find remote ref", "name a branch, tag or commit"},
		"file://" + dir + "#:none":         {"has no directory none", "after the colon"},
		"file://" + dir + "#:out":          {"has no directory out", "after the colon"},
		"file://" + dir + "#:../x":         {"outside of the repository", "after the colon"},
		"file://" + dir + "#--upload-pack": {"is not a branch, tag or commit", "#BRANCH:DIRECTORY"},
		"file:///nowhere/at/all.git":       {"does not appear to be a git repository", "git ls-remote"},
	} {
		s := source(t)
		_, err := s.Fetch(t.Context(), word)
		if err == nil || !strings.Contains(err.Error(), want[0]) || !strings.Contains(diag.HintOf(err), want[1]) {
			t.Errorf("%s: %v\nhint: %s", word, err, diag.HintOf(err))
		}
		if left, _ := os.ReadDir(s.Dir); len(left) > 0 {
			t.Errorf("%s: left behind: %v", word, left)
		}
	}
}

func TestSubmodulesComeWithTheRepository(t *testing.T) {
	lib, _ := repo(t)
	dir := filepath.Join(t.TempDir(), "top.git")
	write(t, dir, map[string]string{"Dockerfile": "FROM scratch\n"})
	git(t, dir, "init", "-q", "-b", "main")
	git(t, dir, "submodule", "add", "-q", lib, "lib")
	git(t, dir, "add", "-A")
	git(t, dir, "commit", "-qm", "one")
	s := source(t)
	write(t, strings.TrimPrefix(s.Environ[1], "HOME="), map[string]string{".gitconfig": "[protocol \"file\"]\n\tallow = always\n"})
	s.Trusted = func(address string) (bool, error) { return address == "file://"+dir, nil }
	got, _ := fetched(t, s, "file://"+dir)
	if got["lib/a"] != "three" {
		t.Errorf("the submodule is missing: %v", got)
	}
}

// backend serves the repositories beside dir, to everybody.
func backend(t *testing.T, dir string) http.Handler {
	t.Helper()
	out, err := exec.Command("git", "--exec-path").Output()
	if err != nil {
		t.Skip("git is not installed")
	}
	h := &cgi.Handler{Path: filepath.Join(strings.TrimSpace(string(out)), "git-http-backend"), Env: []string{"GIT_PROJECT_ROOT=" + filepath.Dir(dir), "GIT_HTTP_EXPORT_ALL=1"}}
	if _, err := os.Stat(h.Path); err != nil {
		t.Skip("git-http-backend is not installed")
	}
	return h
}

// privateServer serves repositories over HTTPS to who has the token.
func privateServer(t *testing.T, dir, token string) *httptest.Server {
	t.Helper()
	h := backend(t, dir)
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, password, ok := r.BasicAuth(); !ok || password != token {
			w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server
}

func TestCredentialsOpenARepositoryAndStayOutOfMessages(t *testing.T) {
	dir, _ := repo(t)
	const token = "ghp_s3cr3t/token"
	server := privateServer(t, dir, token)
	s := source(t)
	s.Environ = append(s.Environ, "GIT_SSL_NO_VERIFY=true")
	at := server.URL + "/web.git"
	_, err := s.Fetch(t.Context(), at)
	if err == nil || !strings.Contains(diag.HintOf(err), "GIT_AUTH_TOKEN") {
		t.Errorf("without a token: %v\nhint: %s", err, diag.HintOf(err))
	}
	s.Secret = func(id string) (string, bool) { return token + "\n", id == "GIT_AUTH_TOKEN" }
	if got, _ := fetched(t, s, at); got["a"] != "three" {
		t.Errorf("with the token: %v", got)
	}
	s.Secret, s.Dir = nil, filepath.Join(t.TempDir(), "contexts")
	inside := strings.Replace(at, "https://", "https://me:"+strings.ReplaceAll(token, "/", "%2F")+"@", 1)
	// The arguments of git are visible to every user of the machine.
	wrapper, log := filepath.Join(t.TempDir(), "git"), filepath.Join(t.TempDir(), "log")
	real, err := exec.LookPath("git")
	if err == nil {
		err = os.WriteFile(wrapper, []byte("#!/bin/sh\necho \"$*\" >> "+log+"\nexec "+real+" \"$@\"\n"), 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", filepath.Dir(wrapper)+":"+os.Getenv("PATH"))
	got, c := fetched(t, s, inside)
	if ran, err := os.ReadFile(log); err != nil || !strings.Contains(string(ran), "fetch") || strings.Contains(string(ran), "s3cr3t") {
		t.Errorf("git was run as %s, %v", ran, err)
	}
	if got["a"] != "three" || c.From != at {
		t.Errorf("from %s: %v", c.From, got)
	}
	_, err = s.Fetch(t.Context(), inside+"#none")
	wrong := strings.Replace(at, "https://", "https://ghp_wr0ngt0ken@", 1)
	_, err2 := s.Fetch(t.Context(), wrong)
	if err == nil || err2 == nil {
		t.Fatalf("no error: %v, %v", err, err2)
	}
	for _, text := range []string{err.Error(), diag.HintOf(err), err2.Error(), diag.HintOf(err2)} {
		if strings.Contains(text, "s3cr3t") || strings.Contains(text, "wr0ng") {
			t.Errorf("a message has the credentials: %s", text)
		}
	}
}

func TestSSHAddressesUseTheKeysOfThePerson(t *testing.T) {
	dir, _ := repo(t)
	ssh := filepath.Join(t.TempDir(), "ssh")
	script := "#!/bin/sh\nfor last; do :; done\necho \"$*\" >> " + ssh + ".log\nexec sh -c \"$last\"\n"
	if err := os.WriteFile(ssh, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"git@git.example:" + dir + "#next", "ssh://git@git.example" + dir + "#next"} {
		s := source(t)
		s.Environ = append(s.Environ, "GIT_SSH_COMMAND="+ssh)
		if got, _ := fetched(t, s, word); got["a"] != "two" {
			t.Errorf("%s: %v", word, got)
		}
	}
	if log, err := os.ReadFile(ssh + ".log"); err != nil || !strings.Contains(string(log), "git@git.example") {
		t.Errorf("ssh was not run: %s, %v", log, err)
	}
}

func TestADockerfileInPlaceOfAContext(t *testing.T) {
	s := source(t)
	s.Stdin = strings.NewReader("FROM scratch\nCOPY <<x /x\nhello\nx\n")
	got, c := fetched(t, s, Stdin)
	if len(got) != 0 || string(c.Dockerfile) != "FROM scratch\nCOPY <<x /x\nhello\nx\n" {
		t.Errorf("%v, %s", got, c.Dockerfile)
	}
	for text, want := range map[string]string{"": "it is empty", " \n": "it is empty", "\x00\x01\x02\x03": "it is not text", "\x7fELF\xff\xfe": "it is not text"} {
		s := source(t)
		s.Stdin = strings.NewReader(text)
		if _, err := s.Fetch(t.Context(), Stdin); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestURLs(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/app-1.0.tar":
			_, _ = w.Write(archive(t, file("a", "a")))
		case "/Dockerfile":
			_, _ = io.WriteString(w, "FROM scratch\n")
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	defer server.Close()
	if got, c := fetched(t, source(t), server.URL+"/app-1.0.tar"); got["a"] != "a" || filepath.Base(c.Dir) != "app-1" {
		t.Errorf("%v in %s", got, c.Dir)
	}
	if _, c := fetched(t, source(t), server.URL+"/Dockerfile"); string(c.Dockerfile) != "FROM scratch\n" {
		t.Errorf("%s", c.Dockerfile)
	}
	if text, err := source(t).Dockerfile(t.Context(), server.URL+"/Dockerfile"); err != nil || string(text) != "FROM scratch\n" {
		t.Errorf("%s, %v", text, err)
	}
	secret := strings.Replace(server.URL, "http://", "http://me:s3cr3t@", 1) + "/none?token=s3cr3t"
	_, err := source(t).Fetch(t.Context(), secret)
	if err == nil || !strings.Contains(err.Error(), "404 Not Found") || strings.Contains(err.Error()+diag.HintOf(err), "s3cr3t") {
		t.Errorf("%v\nhint: %s", err, diag.HintOf(err))
	}
}

func TestWhatIsAnAddress(t *testing.T) {
	isDir := func(name string) bool { return name == "github.com/acme/here" }
	for word, want := range map[string]bool{
		"-": true, "https://git.example/a.git": true, "https://example.org/a.tar.gz": true, "git@git.example:a/b.git": true, "ssh://git@git.example/a.git": true,
		"git://git.example/a.git": true, "file:///srv/a.git": true, "github.com/acme/web": true, "github.com/acme/here": false,
		".": false, "./a": false, "../a": false, "web": false, "fast-*": false, "/srv/app": false, "services/api": false, "a:b": false, "C:/x": false,
	} {
		if got := Is(word, isDir); got != want {
			t.Errorf("Is(%q) = %v", word, got)
		}
	}
}

func TestRedacted(t *testing.T) {
	for word, want := range map[string]string{
		"https://me:pw@git.example/a.git#main:api": "https://git.example/a.git#main:api",
		"https://token@git.example/a.git?ref=main": "https://git.example/a.git?ref=main",
		"https://example.org/a.tar?X-Sig=abc":      "https://example.org/a.tar?X-Sig=…",
		"ssh://git@git.example/a.git":              "ssh://git@git.example/a.git",
		"git@git.example:a/b.git":                  "git@git.example:a/b.git",
		"https://me:p%zz@git.example/a.git":        "(an address)",
	} {
		if got := Redacted(word); got != want {
			t.Errorf("Redacted(%q) = %q, want %q", word, got, want)
		}
	}
}

func TestContextsOfKilledProcessesAreRemoved(t *testing.T) {
	s := source(t)
	write(t, s.Dir, map[string]string{"c123/web/Dockerfile": "FROM scratch\n", "c123.lock": ""})
	s.Stdin = strings.NewReader("FROM scratch\n")
	fetched(t, s, Stdin)
	if _, err := os.Stat(filepath.Join(s.Dir, "c123")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the context of a killed process is still there: %v", err)
	}
}

func TestNoNameOfAContextLeavesItsDirectory(t *testing.T) {
	for name, want := range map[string]string{
		"": "context", ".": "context", "..": "context", "/": "context", "../../x": "x", "a/b": "b", "/etc/passwd": "passwd", "CON": "CON",
		strings.Repeat("a", 300): strings.Repeat("a", 100),
	} {
		if got := fit(name); got != want {
			t.Errorf("%.40q: %q, want %q", name, got, want)
		}
	}
}
