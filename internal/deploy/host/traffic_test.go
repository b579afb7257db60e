package host_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/cookiejar"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/slipway-build/slipway/internal/deploy"
	"github.com/slipway-build/slipway/internal/deploy/host"
)

// browser is a client that keeps cookies.
type browser struct {
	http.Client
	url string
}

func (y *yard) browser(t *testing.T) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{Client: http.Client{Jar: jar}, url: fmt.Sprintf("http://127.0.8.1:%d/", y.port)}
}

func (b *browser) get() string {
	res, err := b.Get(b.url)
	if err != nil {
		return err.Error()
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return err.Error()
	}
	return string(body)
}

// TestStickyClientsOnlyMoveForward: while the steps of a canary rise, a client that has
// seen the new release never sees the old one again.
func TestStickyClientsOnlyMoveForward(t *testing.T) {
	y := newYard(t)
	b := y.host(t.TempDir())
	up(y, t, b, "v1", 1)
	on := b.target(y, "v1", "v2")
	on.Part.Spec.Strategy.Sticky = true
	do(t, on, deploy.Action{Kind: deploy.Scale, Side: deploy.New, Count: 1})
	until(t, on, "healthy", func(o deploy.Observed) bool { return o.New.Healthy == 1 })
	stop := make(chan struct{})
	var all sync.WaitGroup
	defer all.Wait()
	defer sync.OnceFunc(func() { close(stop) })()
	begun := make(chan struct{}, 8)
	for range 8 {
		client := y.browser(t)
		all.Go(func() {
			seen := "v1"
			for i := 0; ; i++ {
				switch got := client.get(); {
				case got != "v1" && got != "v2":
					t.Errorf("a client got %q", got)
				case got == "v1" && seen == "v2":
					t.Error("a client moved back")
					return
				default:
					seen = got
				}
				if i == 0 {
					begun <- struct{}{}
				}
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	for range 8 {
		<-begun
	}
	for share := 5; share <= 95; share += 5 {
		do(t, on, deploy.Action{Kind: deploy.Shift, Share: share})
		until(t, on, "shifted", func(o deploy.Observed) bool { return o.Share == share })
	}
	do(t, on, deploy.Action{Kind: deploy.Shift, Share: 100})
	until(t, on, "whole", func(o deploy.Observed) bool { return o.Share == 100 })
}

// TestThePreviewOfARelease: an address shows the new side while it has no traffic, and
// nothing before and after.
func TestThePreviewOfARelease(t *testing.T) {
	y, dir := newYard(t), t.TempDir()
	b := y.host(dir)
	up(y, t, b, "v1", 1)
	on := b.target(y, "v1", "v2")
	on.Part.Spec.Strategy.Preview = fmt.Sprintf("127.0.8.2:%d", y.port)
	if err := b.SetRoutes(t.Context(), host.Rollout{Environment: env, Routes: []host.Route{{Listen: on.Part.Spec.Strategy.Preview, Service: "web", Preview: true}}}); err != nil {
		t.Fatal(err)
	}
	preview := y.browser(t)
	preview.url = "http://" + on.Part.Spec.Strategy.Preview
	shows := func(when, want string) {
		t.Helper()
		got := ""
		for begin := time.Now(); time.Since(begin) < 10*time.Second; time.Sleep(20 * time.Millisecond) {
			if got = preview.get(); got == want {
				return
			}
		}
		t.Errorf("%s, the preview answers %q", when, got)
	}
	const none = "503 no-preview: no new release waits for its traffic\n"
	shows("before", none)
	do(t, on, deploy.Action{Kind: deploy.Scale, Side: deploy.New, Count: 1})
	shows("when it has started", "v2")
	if got := y.get("/"); got != "v1" {
		t.Errorf("%q has the traffic", got)
	}
	b.end()
	b = y.host(dir)
	shows("after a restart of the host", "v2")
	on.Client = b.Client
	b.target(y, "v1", "v2") // takes the lock
	do(t, on, deploy.Action{Kind: deploy.Shift, Share: 100})
	shows("after the switch", none)
	until(t, on, "whole", func(o deploy.Observed) bool { return o.Share == 100 })
	do(t, on, deploy.Action{Kind: deploy.Shift, Share: 0}, deploy.Action{Kind: deploy.Retire, Side: deploy.New})
	until(t, on, "gone", func(o deploy.Observed) bool { return o.New.Up == 0 })
	do(t, on, deploy.Action{Kind: deploy.Scale, Side: deploy.New, Count: 1})
	shows("at the next try", "v2")
	do(t, on, deploy.Action{Kind: deploy.Retire, Side: deploy.New})
	shows("after it was given up", none)
	until(t, on, "gone again", func(o deploy.Observed) bool { return o.New.Up == 0 && o.Share == 0 })
	if got := y.get("/"); got != "v1" {
		t.Errorf("%q has the traffic at the end", got)
	}
}

// TestALaterDeployBringsCertificates: a listener that is open takes those of further routes.
func TestALaterDeployBringsCertificates(t *testing.T) {
	y, dir := newYard(t), t.TempDir()
	b := y.host(dir)
	up(y, t, b, "v1", 1)
	var routes []host.Route
	for _, name := range []string{"a.example", "b.example"} {
		cert, key := filepath.Join(dir, name+".crt"), filepath.Join(dir, name+".key")
		certify(t, name, cert, key)
		routes = append(routes, host.Route{Listen: fmt.Sprintf("%s:%d", edge, y.port), Host: name, Service: "web", Certificate: cert, Key: key})
		if err := b.SetRoutes(t.Context(), host.Rollout{Environment: env, Routes: routes}); err != nil {
			t.Fatal(err)
		}
		got := ""
		for begin := time.Now(); time.Since(begin) < 10*time.Second && got != name; time.Sleep(20 * time.Millisecond) {
			c, err := tls.Dial("tcp", routes[0].Listen, &tls.Config{InsecureSkipVerify: true, ServerName: name})
			if err != nil {
				continue
			}
			got = c.ConnectionState().PeerCertificates[0].Subject.CommonName
			_ = c.Close()
		}
		if got != name {
			t.Errorf("%s gets the certificate of %q", name, got)
		}
	}
}

// certify writes a certificate for a name, and its key.
func certify(t *testing.T, name, certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, NotAfter: time.Now().Add(time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: cert}, keyFile: {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
