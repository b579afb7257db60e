package kubernetes

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/slipway-build/slipway/internal/netns"
)

// keys writes an authority, what it certifies, and the key of accounts.
func (c *Cluster) keys() error {
	dir := filepath.Join(c.Dir, "keys")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "slipway-test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(365 * 24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, ca, ca, key.Public(), key)
	if err != nil {
		return err
	}
	if err := writePEM(filepath.Join(dir, "ca.crt"), "CERTIFICATE", der); err != nil {
		return err
	}
	for i, of := range []struct {
		name, common, group string
		ips, names          []string
	}{
		{"apiserver", "kube-apiserver", "", []string{"127.0.0.1", nodeIP, serviceIP}, []string{"localhost", "kubernetes", "kubernetes.default.svc"}},
		{"admin", "admin", "system:masters", nil, nil},
		{"kubelet", "system:node:" + node, "system:nodes", []string{"127.0.0.1", nodeIP}, []string{node}},
	} {
		subject := pkix.Name{CommonName: of.common}
		if of.group != "" {
			subject.Organization = []string{of.group}
		}
		cert := &x509.Certificate{
			SerialNumber: big.NewInt(int64(i) + 2), Subject: subject, NotBefore: ca.NotBefore, NotAfter: ca.NotAfter, DNSNames: of.names,
			KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		}
		for _, ip := range of.ips {
			cert.IPAddresses = append(cert.IPAddresses, net.ParseIP(ip))
		}
		if err := certify(filepath.Join(dir, of.name), cert, ca, key); err != nil {
			return err
		}
	}
	return accounts(dir)
}

func certify(path string, cert, ca *x509.Certificate, by crypto.Signer) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	der, err := x509.CreateCertificate(rand.Reader, cert, ca, key.Public(), by)
	if err != nil {
		return err
	}
	if err := writePEM(path+".crt", "CERTIFICATE", der); err != nil {
		return err
	}
	private, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	return writePEM(path+".key", "EC PRIVATE KEY", private)
}

// accounts writes the key that signs the tokens of accounts.
func accounts(dir string) error {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return err
	}
	if err := writePEM(filepath.Join(dir, "accounts.pub"), "PUBLIC KEY", public); err != nil {
		return err
	}
	return writePEM(filepath.Join(dir, "accounts.key"), "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key))
}

func writePEM(path, kind string, der []byte) error {
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
}

// answers asks the API as the administrator, and looks for a text in the answer.
func (c *Cluster) answers(ctx context.Context, path, want string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	client, err := c.client()
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://127.0.0.1:6443"+path, nil)
	if err != nil {
		return err
	}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if !strings.Contains(string(body), want) {
		return fmt.Errorf("%s answers %.300s", path, body)
	}
	return nil
}

func (c *Cluster) client() (*http.Client, error) {
	pair, err := tls.LoadX509KeyPair(filepath.Join(c.Dir, "keys/admin.crt"), filepath.Join(c.Dir, "keys/admin.key"))
	if err != nil {
		return nil, err
	}
	ca, err := os.ReadFile(filepath.Join(c.Dir, "keys/ca.crt"))
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	return &http.Client{Transport: &http.Transport{
		DialContext: c.Dial, TLSClientConfig: &tls.Config{Certificates: []tls.Certificate{pair}, RootCAs: roots},
	}}, nil
}

// Dial connects to an address inside the cluster's network.
func (c *Cluster) Dial(ctx context.Context, network, address string) (conn net.Conn, err error) {
	ns, err := os.Open(c.Network)
	if err != nil {
		return nil, err
	}
	defer ns.Close()
	err = netns.Inside(ns, func() error {
		conn, err = (&net.Dialer{FallbackDelay: -1}).DialContext(ctx, network, address) // one thread alone is inside
		return err
	})
	return conn, err
}

// Listen listens at an address inside the cluster's network.
func (c *Cluster) Listen(address string) (l net.Listener, err error) {
	ns, err := os.Open(c.Network)
	if err != nil {
		return nil, err
	}
	defer ns.Close()
	err = netns.Inside(ns, func() error {
		l, err = net.Listen("tcp", address)
		return err
	})
	return l, err
}
