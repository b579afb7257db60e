package remote

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	controlapi "github.com/moby/buildkit/api/services/control"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/engine/conformance"
	"github.com/slipway-build/slipway/internal/event"
)

// authority signs certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

func newAuthority(t *testing.T) authority {
	t.Helper()
	a := authority{cert: &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}}
	a.key, a.pem = a.sign(t, a.cert, a.cert, nil)
	return a
}

// sign makes a key and a certificate for it.
func (a authority) sign(t *testing.T, cert, parent *x509.Certificate, by *ecdsa.PrivateKey) (*ecdsa.PrivateKey, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if by == nil {
		by = key
	}
	der, err := x509.CreateCertificate(rand.Reader, cert, parent, &key.PublicKey, by)
	if err != nil {
		t.Fatal(err)
	}
	return key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// issue makes a directory of certificates for a host; trust is whom its owner
// trusts.
func (a authority) issue(t *testing.T, host string, trust authority) string {
	t.Helper()
	cert := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: host}, NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if ip := net.ParseIP(host); ip != nil {
		cert.IPAddresses = []net.IP{ip}
	} else {
		cert.DNSNames = []string{host}
	}
	key, text := a.sign(t, cert, a.cert, a.key)
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, data := range map[string][]byte{"ca.pem": trust.pem, "cert.pem": text, "key.pem": pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// listenTLS starts a fake that asks for certificates, as buildkitd --tlscacert does.
func listenTLS(t *testing.T, certs string) string {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(filepath.Join(certs, "cert.pem"), filepath.Join(certs, "key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	ca, err := os.ReadFile(filepath.Join(certs, "ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(grpc.Creds(credentials.NewTLS(&tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS12})))
	controlapi.RegisterControlServer(server, fake{version: "v0.33.1"})
	go func() { _ = server.Serve(l) }()
	t.Cleanup(server.Stop)
	return "tcp://" + l.Addr().String()
}

func TestTLSIsCheckedOnBothSides(t *testing.T) {
	ours, theirs := newAuthority(t), newAuthority(t)
	good := listenTLS(t, ours.issue(t, "127.0.0.1", ours))
	misnamed := listenTLS(t, ours.issue(t, "builder.example", ours))
	plain := fake{version: "v0.33.1"}.listen(t)
	for name, c := range map[string]struct{ address, certs, want, hint string }{
		"good":                            {good, ours.issue(t, "me", ours), "", ""},
		"good, by its name":               {misnamed + "?servername=builder.example", ours.issue(t, "me", ours), "", ""},
		"the builder of somebody else":    {good, ours.issue(t, "me", theirs), "was refused", "does not belong to the authority that signed the builder's certificate"},
		"another name":                    {misnamed, ours.issue(t, "me", ours), "was refused", "servername=NAME"},
		"a certificate of somebody else":  {good, theirs.issue(t, "me", ours), "was refused", "does not take cert.pem"},
		"no certificate":                  {good, "", "cannot be reached", "--builder-certs DIR"},
		"certificates for a plain server": {plain, ours.issue(t, "me", ours), "was refused", "does not speak TLS"},
	} {
		t.Run(name, func(t *testing.T) {
			e, err := Open(t.Context(), Options{Addresses: []string{c.address}, Certs: c.certs, StateDir: t.TempDir(), ImageDir: t.TempDir()}, event.Discard{})
			if c.want == "" {
				if err != nil {
					t.Fatal(err, diag.HintOf(err))
				}
				if err := e.Close(); err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(diag.HintOf(err), c.hint) {
				t.Errorf("error %v, hint %q; want %q and %q", err, diag.HintOf(err), c.want, c.hint)
			}
		})
	}
}

// TestARealBuildkitdWithTLS builds over TCP with certificates on both sides.
func TestARealBuildkitdWithTLS(t *testing.T) {
	s := buildkitds(t)
	ours := newAuthority(t)
	certs := ours.issue(t, "127.0.0.1", ours)
	file := func(name string) string { return filepath.Join(certs, name) }
	n := s.start(t, "tcp://127.0.0.1:"+freePort(t), nil, "--tlscacert", file("ca.pem"), "--tlscert", file("cert.pem"), "--tlskey", file("key.pem"))
	subject := open(t, Options{Certs: ours.issue(t, "me", ours)}, n)
	res, err := subject.Builder.Build(t.Context(), engine.Request{Name: "web", Context: conformance.Busybox(t), Dockerfile: []byte(conformance.BusyboxBase)}, event.Discard{})
	if err != nil || res.Digest == "" {
		t.Errorf("digest %q, error %v", res.Digest, err)
	}
}

// freePort returns a port of this machine that nobody listens at.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}
