package e2e

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// registries stands before the package registries of this machine and counts
// what is downloaded through it. Build steps reach it because the environment of a
// build names it.
type registries struct {
	*httptest.Server
	mu    sync.Mutex
	files []string // packages that were downloaded, by the last part of their address
}

// toPackage finds the addresses of packages in what registries answer: tarballs
// in npm's documents, links in Python's indexes.
var toPackage = regexp.MustCompile(`("tarball":\s*"|href="|"url":\s*")(https?)://`)

func newRegistries(t *testing.T) *registries {
	t.Helper()
	targets := map[string]*url.URL{}
	for name, command := range map[string][]string{
		"npm":  {"npm", "config", "get", "registry"},
		"go":   {"go", "env", "GOPROXY"},
		"pypi": {"python3", "-c", "import os; from pip._internal.configuration import Configuration as C; from pip._internal.models.index import PyPI; c = C(isolated=False); c.load(); d = dict(c.items()); print(d.get('global.index-url') or d.get(':env:.index-url') or PyPI.simple_url)"},
	} {
		out, err := exec.Command(command[0], command[1:]...).Output()
		if err != nil {
			t.Fatalf("%v: %v", command, err)
		}
		address := strings.FieldsFunc(strings.TrimSpace(string(out)), func(r rune) bool { return r == ',' || r == '|' || r == '\n' })[0]
		if targets[name], err = url.Parse(strings.TrimSuffix(address, "/")); err != nil {
			t.Fatal(err)
		}
	}
	r := &registries{}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			name, rest, _ := strings.Cut(strings.TrimPrefix(p.In.URL.EscapedPath(), "/"), "/")
			target := targets[name]
			if name == "http" || name == "https" { // an address that was rewritten
				host, file, _ := strings.Cut(rest, "/")
				target, rest = &url.URL{Scheme: name, Host: host}, file
			}
			u := *target
			if u.Path == "" {
				u.Path = "/" // else JoinPath gives a relative one
			}
			p.Out.URL = u.JoinPath(rest)
			if strings.HasSuffix(rest, "/") && !strings.HasSuffix(p.Out.URL.Path, "/") {
				p.Out.URL.Path += "/"
			}
			p.Out.URL.RawQuery, p.Out.Host = p.In.URL.RawQuery, ""
			p.Out.Header.Del("Accept-Encoding")
		},
		ModifyResponse: r.rewrite,
	}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		proxy.ServeHTTP(&counting{w, r, q.URL.Path}, q)
	}))
	t.Cleanup(r.Close)
	return r
}

// rewrite leads the addresses in an answer back to this server.
func (r *registries) rewrite(res *http.Response) error {
	kind := res.Header.Get("Content-Type")
	if !strings.Contains(kind, "json") && !strings.Contains(kind, "html") {
		return nil
	}
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	text = toPackage.ReplaceAll(text, []byte("${1}"+r.URL+"/$2/"))
	res.Body, res.ContentLength = io.NopCloser(bytes.NewReader(text)), int64(len(text))
	res.Header.Del("Content-Length")
	return nil
}

// counting counts a package that is really sent. It says nothing of how long it
// may be kept, as many mirrors do; to npm, what the public registry says: that it
// never changes.
type counting struct {
	http.ResponseWriter
	r    *registries
	path string
}

// WriteHeader implements http.ResponseWriter.
func (c *counting) WriteHeader(status int) {
	if status == http.StatusOK && isPackage(c.path) {
		for _, h := range []string{"Cache-Control", "Expires", "Etag", "Last-Modified"} {
			c.Header().Del(h)
		}
		if path.Ext(c.path) == ".tgz" {
			c.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		}
		c.r.count(c.path)
	}
	c.ResponseWriter.WriteHeader(status)
}

func isPackage(p string) bool {
	return slices.Contains([]string{".tgz", ".whl", ".gz", ".zip"}, path.Ext(p)) && !strings.Contains(p, "golang.org/toolchain")
}

func (r *registries) count(p string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.files = append(r.files, strings.TrimPrefix(p, "/go/"))
}

// taken returns what was downloaded since it was last asked.
func (r *registries) taken() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := r.files
	r.files = nil
	return out
}

// env makes build steps ask this server. pip keeps nothing of an index without
// encryption that it is not told to trust.
func (r *registries) env() []string {
	return []string{"NPM_CONFIG_REGISTRY=" + r.URL + "/npm/", "PIP_INDEX_URL=" + r.URL + "/pypi", "PIP_TRUSTED_HOST=127.0.0.1", "GOPROXY=" + r.URL + "/go"}
}
