package static

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/slipway-build/slipway/internal/config"
)

// nginxEnv names an nginx binary that the tests below may start; its modules lie
// in the directory that NGINX_MODULES names.
const nginxEnv = "SLIPWAY_TEST_NGINX"

// serve packs the files of a plain site, starts nginx with the configuration of
// its plan, and returns its address.
func serve(t *testing.T, files map[string]string, change ...func(*Site)) string {
	t.Helper()
	binary := os.Getenv(nginxEnv)
	if binary == "" {
		var err error
		if binary, err = exec.LookPath("nginx"); err != nil {
			t.Skip("no nginx on this machine; " + nginxEnv + " names one")
		}
	}
	src := siteOf(t, files)
	s, site := inspect(os.DirFS(src), config.Service{Name: "a", Path: "."}, nil)
	if err := s.Findings.Errors(); err != nil {
		t.Fatal(err)
	}
	for _, fn := range change {
		fn(&site)
	}
	words := strings.Fields(strings.ReplaceAll(site.PackCommand(), "'", ""))[4:]
	packed, said, err := pack(t, filepath.Join(src, site.Dir), words...)
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	app := filepath.Dir(packed)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	_ = listener.Close() // nginx takes it
	files2, err := os.ReadFile(filepath.Join(app, "files.conf"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(app, "files.conf"), []byte(strings.ReplaceAll(string(files2), "/app/", app+"/")), 0o644); err != nil {
		t.Fatal(err)
	}
	tmp := t.TempDir()
	conf := site.config(port, false)
	conf = strings.NewReplacer(`"/app/`, `"/app/`, " /app/", " "+app+"/", "/tmp/nginx", tmp+"/nginx", "/dev/stdout", tmp+"/access", fmt.Sprintf("listen %d", port), fmt.Sprintf("listen 127.0.0.1:%d", port),
		accountFile, filepath.Join(src, site.Rules.Accounts)).Replace(conf)
	file := filepath.Join(tmp, "nginx.conf")
	if err := os.WriteFile(file, []byte("user root;\n"+conf), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), binary, "-c", file, "-e", filepath.Join(tmp, "errors"), "-p", tmp)
	cmd.WaitDelay = 5 * time.Second
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // the process ends with its workers
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
	})
	at := fmt.Sprintf("http://127.0.0.1:%d", port)
	for range 100 {
		if resp, err := http.Get(at + "/healthz"); err == nil {
			_ = resp.Body.Close()
			return at
		}
		time.Sleep(20 * time.Millisecond)
	}
	errors, _ := os.ReadFile(filepath.Join(tmp, "errors"))
	t.Fatalf("nginx does not answer: %s%s\n%s", out.String(), errors, conf)
	return ""
}

// ask returns "STATUS what", where what is the header that is asked for, else the
// place that a redirect names, else the body.
func ask(t *testing.T, at, path, header string, send ...string) string {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(at, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()                                                                //nolint:errcheck // it was only read
	fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: site\r\nConnection: close\r\n", path) //nolint:errcheck // reading the answer fails too
	for _, h := range send {
		fmt.Fprintf(conn, "%s\r\n", h) //nolint:errcheck // likewise
	}
	fmt.Fprint(conn, "\r\n") //nolint:errcheck // likewise
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	status := strconv.Itoa(resp.StatusCode)
	if header == "" && status[0] == '3' {
		header = "Location"
	}
	if header == "" {
		return status + " " + string(body)
	}
	return strings.TrimSpace(status + " " + strings.Join(resp.Header.Values(header), " + "))
}

// answers compares the answers of a site: path, or path and header after a "#".
func answers(t *testing.T, files map[string]string, want map[string]string) {
	t.Helper()
	at := serve(t, files)
	for asked, answer := range want {
		path, header, _ := strings.Cut(asked, " ")
		if got := ask(t, at, path, header); got != answer {
			t.Errorf("%s: %q, want %q", asked, got, answer)
		}
	}
}

// TestAuthorsCompressedFiles: a site's own .gz is served as that file, and in
// place of another one only when it is that file compressed.
func TestAuthorsCompressedFiles(t *testing.T) {
	stale := gzipped("body{color:red}")
	fresh := gzipped(`{"a": 1}`)
	at := serve(t, map[string]string{
		"index.html": "home", "small.css": "body{color:blue}", "small.css.gz": stale, "data.json": `{"a": 1}`, "data.json.gz": fresh,
		"dump.sql.gz": stale, "a b/ü.csv": "1;2", "a b/ü.csv.gz": stale, "about.html": "about", "about.html.gz": stale, "x.br": "no brotli", "x": "x",
	})
	const gz = "Accept-Encoding: gzip"
	for asked, want := range map[string]string{
		"/small.css":        "200 body{color:blue}",
		"/small.css.gz":     "200 " + stale,
		"/data.json":        "200 " + fresh,
		"/data.json.gz":     "200 " + fresh,
		"/dump.sql.gz":      "200 " + stale,
		"/a%20b/%C3%BC.csv": "200 1;2", "/a%20b/%C3%BC.csv.gz": "200 " + stale,
		"/about": "200 about", "/about.html": "200 about", "/about.html.gz": "200 " + stale,
		"/x.br": "200 no brotli",
	} {
		if got := ask(t, at, asked, "", gz); got != want {
			t.Errorf("%s: %q, want %q", asked, got, want)
		}
	}
	for asked, want := range map[string]string{
		"/small.css Content-Encoding": "200", "/data.json Content-Encoding": "200 gzip", "/data.json.gz Content-Encoding": "200",
		"/small.css.gz Content-Type": "200 application/gzip", "/data.json.gz Content-Type": "200 application/gzip", "/data.json Content-Type": "200 application/json",
	} {
		path, header, _ := strings.Cut(asked, " ")
		if got := ask(t, at, path, header, gz); got != want {
			t.Errorf("%s: %q, want %q", asked, got, want)
		}
	}
	tag := strings.TrimPrefix(ask(t, at, "/small.css", "ETag"), "200 ")
	if got := ask(t, at, "/small.css", "Content-Type", "If-None-Match: "+tag); !strings.HasPrefix(got, "304") {
		t.Errorf("/small.css is sent again: %q", got)
	}
	if got := ask(t, at, "/small.css.gz", "", gz, "If-None-Match: "+tag); got != "200 "+stale {
		t.Errorf("/small.css.gz: %q", got)
	}
}

// TestBelowItsPath: pages that are built for a path answer below it and at the
// root.
func TestBelowItsPath(t *testing.T) {
	at := serve(t, map[string]string{"index.html": "home", "about.html": "about", "a/index.html": "a", "assets/x.js": "let longName = 1", "docs.html": "docs"}, func(s *Site) { s.Rules.Base = "/team/docs" })
	for asked, want := range map[string]string{
		"/": "200 home", "/team/docs": "200 home", "/team/docs/": "200 home", "/team/docs/about": "200 about", "/about": "200 about", "/team/docs/a/": "200 a",
		"/team/docs/assets/x.js": "200 let longName = 1", "/assets/x.js": "200 let longName = 1", "/docs": "200 docs", "/healthz": "200 ok\n",
	} {
		if got := ask(t, at, asked, ""); got != want {
			t.Errorf("%s: %q, want %q", asked, got, want)
		}
	}
	if got := ask(t, at, "/team/docsx", ""); !strings.HasPrefix(got, "404") {
		t.Errorf("/team/docsx: %q", got)
	}
}

// TestSinglePage: a page answers unknown paths and no missing file; pages that
// exist answer themselves.
func TestSinglePage(t *testing.T) {
	at := serve(t, map[string]string{"index.html": "app", "about.html": "about", "guide/index.html": "guide", "a.js": "1"}, func(s *Site) { s.Fallback = "/index.html" })
	for asked, want := range map[string]string{"/": "200 app", "/deep/link": "200 app", "/about": "200 about", "/guide/": "200 guide", "/guide": "200 guide", "/a.js": "200 1", "/deep.v2": "200 app"} {
		if got := ask(t, at, asked, ""); got != want {
			t.Errorf("%s: %q, want %q", asked, got, want)
		}
	}
	if got := ask(t, at, "/b.js", ""); !strings.HasPrefix(got, "404") {
		t.Errorf("/b.js: %q", got)
	}
}

// TestMediaTypes: the types of well-known files, with and without an extension.
func TestMediaTypes(t *testing.T) {
	files := map[string]string{"index.html": "home", ".well-known/apple-app-site-association": `{"applinks": {}}`, "apple-app-site-association": `{"a": 1}`,
		".well-known/matrix/server": `{"m.server": "a:443"}`, ".well-known/host-meta": "<?xml version='1.0'?><XRD/>", ".well-known/acme-challenge/token": "abc", "LICENSE": "free", "page": "<!doctype html><p>a", "blob": "a\x00b",
		"a.webmanifest": "{}", "a.wasm": "x", "a.mjs": "1", "a.avif": "x", "a.js.map": "{}", "a.woff2": "x", "a.svgz": gzipped("<svg/>"), "a.ts": "x", ".env": "A=1", ".git/config": "x", "A B/c'd\"e.txt": "odd"}
	answers(t, files, map[string]string{
		"/.well-known/apple-app-site-association Content-Type": "200 application/json",
		"/apple-app-site-association Content-Type":             "200 application/json",
		"/.well-known/matrix/server Content-Type":              "200 application/json",
		"/.well-known/host-meta Content-Type":                  "200 text/xml; charset=utf-8",
		"/.well-known/acme-challenge/token Content-Type":       "200 text/plain; charset=utf-8",
		"/LICENSE Content-Type":                                "200 text/plain; charset=utf-8",
		"/page Content-Type":                                   "200 text/html; charset=utf-8",
		"/blob Content-Type":                                   "200 application/octet-stream",
		"/a.webmanifest Content-Type":                          "200 application/manifest+json",
		"/a.wasm Content-Type":                                 "200 application/wasm",
		"/a.mjs Content-Type":                                  "200 text/javascript; charset=utf-8",
		"/a.avif Content-Type":                                 "200 image/avif",
		"/a.js.map Content-Type":                               "200 application/json",
		"/a.woff2 Content-Type":                                "200 font/woff2",
		"/a.svgz Content-Type":                                 "200 image/svg+xml",
		"/a.svgz Content-Encoding":                             "200 gzip",
		"/A%20B/c'd%22e.txt":                                   "200 odd",
	})
	if got := ask(t, serve(t, files), "/.env", ""); !strings.HasPrefix(got, "404") {
		t.Errorf("/.env: %q", got)
	}
}
