package host_test

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/slipway-build/slipway/internal/deploy/acme"
	"github.com/slipway-build/slipway/internal/deploy/host"
)

const edge = "127.0.8.3" // where clients and authorities find all names

// certified are routes to web whose certificates come from an authority.
func (y *yard) certified(directory string, names ...string) host.Rollout {
	r := host.Rollout{Environment: env}
	for _, name := range names {
		r.Routes = append(r.Routes, host.Route{Listen: fmt.Sprintf("%s:%d", edge, y.port), Host: name, Service: "web", ACME: true, Directory: directory, Email: "ops@shop.example"})
	}
	return r
}

// greet asks for a name over TLS and returns the certificate, and what web answers.
func (y *yard) greet(name string, roots *x509.CertPool) (*x509.Certificate, string, error) {
	tr := &http.Transport{TLSClientConfig: &tls.Config{ServerName: name, RootCAs: roots}, DisableKeepAlives: true, ForceAttemptHTTP2: true}
	req, err := http.NewRequest(http.MethodGet, fmt.Sprintf("https://%s:%d/", edge, y.port), nil)
	if err != nil {
		return nil, "", err
	}
	req.Host = name
	res, err := (&http.Client{Transport: tr, Timeout: 5 * time.Second}).Do(req)
	if err != nil {
		return nil, "", err
	}
	defer res.Body.Close()
	text, err := bufio.NewReader(res.Body).ReadString('\n')
	if err != nil && text == "" {
		return nil, "", err
	}
	return res.TLS.PeerCertificates[0], res.Proto + " " + text, nil
}

// certificates are those of the environment, when they are as they should be.
func (b bed) certificates(what string, holds func(map[string]acme.Certificate) bool) map[string]acme.Certificate {
	b.t.Helper()
	by := map[string]acme.Certificate{}
	for begin := time.Now(); time.Since(begin) < 40*time.Second; time.Sleep(50 * time.Millisecond) {
		view, err := b.View(b.t.Context(), env)
		if err != nil {
			b.t.Fatal(err)
		}
		clear(by)
		for _, c := range view.Certificates {
			by[c.Name] = c
		}
		if holds(by) {
			return by
		}
	}
	b.t.Fatalf("never %s: %v", what, by)
	return nil
}

// TestAnAuthorityThatDoesNotAnswer: the status says so, clients of the name see no
// certificate, and let nobody ask again; all other routes answer.
func TestAnAuthorityThatDoesNotAnswer(t *testing.T) {
	var asked atomic.Int64
	authority := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		http.Error(w, "closed today", http.StatusForbidden)
	}))
	t.Cleanup(authority.Close)
	y, dir := newYard(t), t.TempDir()
	y.authorities = authority.Client()
	b := y.host(dir)
	up(y, t, b, "v1", 1)
	plain := host.Route{Listen: fmt.Sprintf("127.0.8.2:%d", y.port), Service: "web"}
	routes := y.certified(authority.URL, "shop.example")
	routes.Routes = append(routes.Routes, plain)
	if err := b.SetRoutes(t.Context(), routes); err != nil {
		t.Fatal(err)
	}
	seen := b.certificates("said", func(by map[string]acme.Certificate) bool { return by["shop.example"].Problem != "" })
	if c := seen["shop.example"]; !c.Until.IsZero() || !strings.Contains(c.Problem, "opening an account at "+authority.URL) || !strings.Contains(c.Problem, "403") {
		t.Errorf("%+v", c)
	}
	before := asked.Load()
	for range 5 {
		if _, _, err := y.greet("shop.example", nil); err == nil || !strings.Contains(err.Error(), "tls: ") {
			t.Errorf("a client got %v", err)
		}
	}
	if n := asked.Load(); n != before {
		t.Errorf("clients let the authority be asked %d times", n-before)
	}
	other := y.browser(t)
	other.url = "http://" + plain.Listen
	if got := other.get(); got != "v1" {
		t.Errorf("another route answers %q", got)
	}
	for _, bad := range []string{"", "*.shop.example", "10.0.0.1", "localhost", "../shop.example", "Shop.example"} {
		if err := b.SetRoutes(t.Context(), y.certified("", bad)); err == nil || !strings.Contains(err.Error(), "no authority certifies") {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if err := b.SetRoutes(t.Context(), host.Rollout{Environment: env, Routes: []host.Route{plain}}); err != nil {
		t.Fatal(err)
	}
	b.certificates("given up", func(by map[string]acme.Certificate) bool { return len(by) == 0 })
}

// TestCertificatesOfARealAuthority: each name gets one that Pebble has signed, which is
// renewed, and is there at once when the host starts again; a name that it refuses has the
// reason in the status.
func TestCertificatesOfARealAuthority(t *testing.T) {
	if os.Getenv("SLIPWAY_ACME") == "" {
		t.Skip("needs the modules of test/acme: set SLIPWAY_ACME=1")
	}
	y, dir := newYard(t), t.TempDir()
	directory, roots := pebble(t, y, "20s")
	b := y.host(dir)
	up(y, t, b, "v1", 1)
	if err := b.SetRoutes(t.Context(), y.certified(directory, "shop.example", "www.shop.example", "bad.example")); err != nil {
		t.Fatal(err)
	}
	seen := b.certificates("certified", func(by map[string]acme.Certificate) bool {
		return !by["shop.example"].Until.IsZero() && !by["www.shop.example"].Until.IsZero() && by["bad.example"].Problem != ""
	})
	if c := seen["bad.example"]; !strings.Contains(c.Problem, "rejectedIdentifier") {
		t.Errorf("a refused name: %+v", c)
	}
	first, text, err := y.greet("shop.example", roots)
	if err != nil || text != "HTTP/2.0 v1" {
		t.Fatalf("%q, %v", text, err)
	}
	if _, text, err := y.greet("www.shop.example", roots); err != nil || text != "HTTP/2.0 v1" {
		t.Errorf("%q, %v", text, err)
	}
	private(t, filepath.Join(dir, "acme"), "account.key", "shop.example.pem", "www.shop.example.pem")
	b.end()
	b = y.host(dir)
	b.certificates("read again", func(by map[string]acme.Certificate) bool { return !by["shop.example"].Until.IsZero() })
	if again, _, err := y.greet("shop.example", roots); err != nil || again.SerialNumber.Cmp(first.SerialNumber) != 0 {
		t.Errorf("after a restart, another certificate: %v", err)
	}
	b.certificates("renewed", func(by map[string]acme.Certificate) bool { return by["shop.example"].Until.After(first.NotAfter) })
	if next, text, err := y.greet("shop.example", roots); err != nil || text != "HTTP/2.0 v1" || next.SerialNumber.Cmp(first.SerialNumber) == 0 {
		t.Errorf("after the renewal: %q, %v", text, err)
	}
	if c := b.certificates("there", func(map[string]acme.Certificate) bool { return true })["shop.example"]; c.Problem != "" {
		t.Errorf("%+v", c)
	}
}

// private fails unless a tree has files of these names, which only their owner may read.
func private(t *testing.T, dir string, names ...string) {
	t.Helper()
	found := map[string]bool{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has the mode %s", path, info.Mode())
		}
		found[d.Name()] = true
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if !found[name] {
			t.Errorf("there is no %s in %v", name, found)
		}
	}
}

// pebble starts an authority, which refuses bad.example, and returns its directory and its
// certificate.
func pebble(t *testing.T, y *yard, validity string) (directory string, roots *x509.CertPool) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "run", "-C", "../../../test/acme", ".", "-address", edge, "-port", fmt.Sprint(y.port), "-validity", validity, "-refuse", "bad.example")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if testing.Verbose() {
		cmd.Stderr = os.Stderr
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close() // ends it
		_ = cmd.Wait()
	})
	var where struct{ Directory, Server, Root string }
	if err := json.NewDecoder(out).Decode(&where); err != nil {
		t.Fatal(err)
	}
	servers, roots := x509.NewCertPool(), x509.NewCertPool()
	servers.AppendCertsFromPEM([]byte(where.Server))
	roots.AppendCertsFromPEM([]byte(where.Root))
	y.authorities = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: servers}, DialContext: (&net.Dialer{}).DialContext}}
	return where.Directory, roots
}
