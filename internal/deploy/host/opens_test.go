package host_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/slipway-build/slipway/internal/deploy/host"
	"github.com/slipway-build/slipway/internal/diag"
)

// TestARouteThatCannotOpenIsRefused: the address is another program's, or the certificate
// cannot be read. The routes before stay.
func TestARouteThatCannotOpenIsRefused(t *testing.T) {
	y := newYard(t)
	b := y.host(t.TempDir())
	up(y, t, b, "v1", 1)
	other, err := net.Listen("tcp", "127.0.7.2:0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	set := func(r host.Route) error {
		return b.SetRoutes(t.Context(), host.Rollout{ID: "r1", Environment: env, Routes: []host.Route{r}})
	}
	for name, r := range map[string]host.Route{
		"taken":       {Listen: other.Addr().String(), Service: "web"},
		"certificate": {Listen: "127.0.7.3:0", Service: "web", Certificate: filepath.Join(t.TempDir(), "none.pem"), Key: "k"},
	} {
		if err := set(r); diag.ExitOf(err) != diag.ExitUsage || diag.HintOf(err) == "" || !strings.Contains(err.Error(), r.Listen) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if view, err := b.View(t.Context(), env); err != nil || len(view.Routes) > 0 {
		t.Errorf("routes %+v, %v", view.Routes, err)
	}
}

// TestAnAddressStartsAndEndsTLS: a route that gets a certificate is never served without.
func TestAnAddressStartsAndEndsTLS(t *testing.T) {
	y := newYard(t)
	b := y.host(t.TempDir())
	up(y, t, b, "v1", 1)
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "c.pem"), filepath.Join(dir, "k.pem")
	certify(t, "shop.example", cert, key)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}}
	listen := fmt.Sprintf("127.0.7.4:%d", y.port)
	for _, r := range []host.Route{
		{Listen: listen, Service: "web"},
		{Listen: listen, Service: "web", Certificate: cert, Key: key},
		{Listen: listen, Service: "web"},
	} {
		if err := b.SetRoutes(t.Context(), host.Rollout{ID: "r1", Environment: env, Routes: []host.Route{r}}); err != nil {
			t.Fatal(err)
		}
		scheme, got := "http", ""
		if r.Certificate != "" {
			scheme = "https"
		}
		for begin := time.Now(); time.Since(begin) < 10*time.Second && got != "v1"; time.Sleep(20 * time.Millisecond) {
			if res, err := client.Get(scheme + "://" + listen); err == nil {
				body, _ := io.ReadAll(res.Body)
				got = string(body)
				res.Body.Close()
			}
		}
		if got != "v1" {
			t.Errorf("%s gets %q", scheme, got)
		}
	}
}

// TestAnAddressWithoutRoutesIsFree for other programs, and for a route to come.
func TestAnAddressWithoutRoutesIsFree(t *testing.T) {
	y := newYard(t)
	b := y.host(t.TempDir())
	up(y, t, b, "v1", 1)
	listen := fmt.Sprintf("127.0.7.5:%d", y.port)
	for range 2 {
		for _, routes := range [][]host.Route{{{Listen: listen, Service: "web"}}, nil} {
			if err := b.SetRoutes(t.Context(), host.Rollout{ID: "r1", Environment: env, Routes: routes}); err != nil {
				t.Fatal(err)
			}
			free := func() bool {
				l, err := net.Listen("tcp", listen)
				return err == nil && l.Close() == nil
			}
			for begin := time.Now(); time.Since(begin) < 10*time.Second && free() == (len(routes) > 0); {
				time.Sleep(20 * time.Millisecond)
			}
			if free() == (len(routes) > 0) {
				t.Errorf("with %d routes, free: %v", len(routes), free())
			}
		}
	}
}
