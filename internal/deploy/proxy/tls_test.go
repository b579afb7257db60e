package proxy_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/slipway-build/slipway/internal/deploy/proxy"
	"github.com/slipway-build/slipway/internal/diag"
)

// certify returns a certificate for a name and its key.
func certify(t *testing.T, name string) (cert, key []byte) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<60))
	must(t, err)
	template := &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, k.Public(), k)
	must(t, err)
	raw, err := x509.MarshalPKCS8PrivateKey(k)
	must(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})
}

func store(t *testing.T, path string, data []byte) {
	t.Helper()
	must(t, os.WriteFile(path+".new", data, 0o600), os.Rename(path+".new", path))
}

// securely are the options of a listener with TLS.
func securely(t *testing.T) proxy.ListenerOptions {
	t.Helper()
	dir := t.TempDir()
	f := proxy.CertificateFile{Cert: filepath.Join(dir, "c"), Key: filepath.Join(dir, "k")}
	cert, key := certify(t, "shop.example")
	store(t, f.Cert, cert)
	store(t, f.Key, key)
	return proxy.ListenerOptions{Certificates: []proxy.CertificateFile{f}}
}

// names asks a server for its certificate.
func names(t *testing.T, addr, server string) string {
	t.Helper()
	c, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true, ServerName: server})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.ConnectionState().PeerCertificates[0].Subject.CommonName
}

func TestCertificatesAreReadAgain(t *testing.T) {
	dir := t.TempDir()
	file := func(name string) proxy.CertificateFile {
		f := proxy.CertificateFile{Cert: filepath.Join(dir, name+".crt"), Key: filepath.Join(dir, name+".key")}
		cert, key := certify(t, name)
		store(t, f.Cert, cert)
		store(t, f.Key, key)
		return f
	}
	shop, other := file("shop.example"), file("other.example")
	var late atomic.Int64
	now := func() time.Time { return time.Now().Add(time.Duration(late.Load())) }
	w := newWebWith(t, proxy.Options{Now: now}, proxy.ServiceOptions{}, proxy.ListenerOptions{Certificates: []proxy.CertificateFile{shop, other}}, mirror(t))
	for server, want := range map[string]string{"shop.example": "shop.example", "other.example": "other.example", "": "shop.example", "no.example": "shop.example"} {
		if got := names(t, w.addr, server); got != want {
			t.Errorf("%s got the certificate of %s", server, got)
		}
	}
	for name, c := range map[string]*http.Client{"HTTP/2.0": client(t, h2), "HTTP/1.1": client(t, func(tr *http.Transport) { tr.TLSClientConfig = &tls.Config{InsecureSkipVerify: true} })} {
		res, text := ask(t, c, "GET", "https://"+w.addr+"/", "", "Host", "shop.example")
		if got := headers(t, text); res.Proto != name || got["X-Forwarded-Proto"] != "https" || !strings.HasSuffix(got["Forwarded"], "proto=https") {
			t.Errorf("%s: %v", res.Proto, got)
		}
	}
	cert, key := certify(t, "new.example")
	store(t, shop.Cert, cert) // the key has yet to come
	late.Add(int64(2 * time.Second))
	if got := names(t, w.addr, "shop.example"); got != "shop.example" {
		t.Errorf("half a change: %s", got)
	}
	if !strings.Contains(metricsOf(t, w.Proxy), "slipway_proxy_certificate_reload_failures_total 1") {
		t.Error("the failure is not counted")
	}
	store(t, shop.Key, key)
	late.Add(int64(2 * time.Second))
	if got := names(t, w.addr, "new.example"); got != "new.example" {
		t.Errorf("after the change: %s", got)
	}
	must(t, os.Remove(shop.Key))
	late.Add(int64(2 * time.Second))
	if got := names(t, w.addr, "new.example"); got != "new.example" {
		t.Errorf("without files: %s", got)
	}
	err := w.Listen("second", listenOn(t), proxy.ListenerOptions{Certificates: []proxy.CertificateFile{shop}})
	if err == nil || !strings.Contains(err.Error(), "shop.example.key") || !strings.Contains(diag.HintOf(err), "PEM") {
		t.Errorf("%v", err)
	}
}

func TestOldTLSIsRefused(t *testing.T) {
	w := newWeb(t, proxy.ServiceOptions{}, securely(t), serve(t, says("fine")))
	if c, err := tls.Dial("tcp", w.addr, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS11}); err == nil {
		_ = c.Close()
		t.Error("TLS 1.1 was accepted")
	}
}

// TestCertificatesThatAreObtained: they come before the files, which may change; a name with
// neither sees no certificate.
func TestCertificatesThatAreObtained(t *testing.T) {
	pairOf := func(name string) *tls.Certificate {
		cert, key := certify(t, name)
		pair, err := tls.X509KeyPair(cert, key)
		must(t, err)
		return &pair
	}
	own, proof := pairOf("own.example"), pairOf("proof.example")
	lo := proxy.ListenerOptions{Obtained: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		switch {
		case len(hello.SupportedProtos) == 1 && hello.SupportedProtos[0] == "acme-tls/1":
			return proof, nil
		case hello.ServerName == "own.example":
			return own, nil
		case hello.ServerName == "late.example":
			return nil, errors.New("there is none yet")
		}
		return nil, nil
	}}
	w := newWeb(t, proxy.ServiceOptions{}, lo, serve(t, says("fine")))
	refused := func(server string) {
		t.Helper()
		if c, err := tls.Dial("tcp", w.addr, &tls.Config{InsecureSkipVerify: true, ServerName: server}); err == nil {
			_ = c.Close()
			t.Errorf("%s got a certificate", server)
		}
	}
	refused("shop.example")
	refused("late.example")
	files := securely(t).Certificates
	must(t, w.SetCertificates("public", files))
	refused("late.example")
	for server, want := range map[string]string{"own.example": "own.example", "shop.example": "shop.example"} {
		if got := names(t, w.addr, server); got != want {
			t.Errorf("%s got the certificate of %s", server, got)
		}
	}
	if res, text := ask(t, client(t, h2), "GET", "https://"+w.addr+"/", ""); res.ProtoMajor != 2 || text != "fine" {
		t.Errorf("%s %q", res.Proto, text)
	}
	c, err := tls.Dial("tcp", w.addr, &tls.Config{InsecureSkipVerify: true, ServerName: "own.example", NextProtos: []string{"acme-tls/1"}})
	must(t, err)
	defer c.Close()
	if s := c.ConnectionState(); s.NegotiatedProtocol != "acme-tls/1" || s.PeerCertificates[0].Subject.CommonName != "proof.example" {
		t.Errorf("an authority got %s by %q", s.PeerCertificates[0].Subject.CommonName, s.NegotiatedProtocol)
	}
	must(t, os.Remove(files[0].Key))
	if err := w.SetCertificates("public", files); err == nil || names(t, w.addr, "shop.example") != "shop.example" {
		t.Errorf("a key that is gone: %v", err)
	}
	for name, w := range map[string]*web{"nothing": w, "public": newWeb(t, proxy.ServiceOptions{}, proxy.ListenerOptions{})} {
		if err := w.SetCertificates(name, files); err == nil || !strings.Contains(err.Error(), "with TLS") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
