package acme

import (
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/acme"

	"github.com/slipway-build/slipway/internal/atomicfile"
)

// account is one at an authority, with the certificates that came from there.
type account struct {
	from   Authority
	dir    string
	opts   Options
	mu     sync.Mutex // one is enough, however many names are asked for
	client *acme.Client
}

func newAccount(from Authority, o Options) *account {
	return &account{from: from, opts: o, dir: filepath.Join(o.Dir, from.folder())}
}

func (a Authority) directory() string { return cmp.Or(a.Directory, acme.LetsEncryptURL) }

// folder names the directory of an account: readable, and its own.
func (a Authority) folder() string {
	host := "acme"
	if u, err := url.Parse(a.directory()); err == nil && u.Hostname() != "" {
		host = strings.ReplaceAll(u.Hostname(), ":", "_")
	}
	sum := sha256.Sum256([]byte(a.directory() + "\x00" + a.Email))
	return host + "-" + hex.EncodeToString(sum[:4])
}

// registered returns a client with the account, which is made when there is none.
func (a *account) registered(ctx context.Context) (*acme.Client, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.client != nil {
		return a.client, nil
	}
	key, err := a.key()
	if err != nil {
		return nil, err
	}
	client := &acme.Client{Key: key, DirectoryURL: a.from.directory(), HTTPClient: a.opts.Client, UserAgent: "slipway", RetryBackoff: again}
	contact := &acme.Account{}
	if a.from.Email != "" {
		contact.Contact = []string{"mailto:" + a.from.Email}
	}
	if _, err := client.Register(ctx, contact, acme.AcceptTOS); err != nil && !errors.Is(err, acme.ErrAccountAlreadyExists) {
		return nil, fmt.Errorf("opening an account at %s: %w", a.from.directory(), err)
	}
	a.client = client
	return client, nil
}

// again is how long to wait before a request is repeated that the authority could not
// answer, or whose nonce was old; 0 ends that.
func again(n int, _ *http.Request, _ *http.Response) time.Duration {
	if n > 4 {
		return 0
	}
	return time.Duration(n) * time.Second
}

// forget lets the next attempt open the account again, with the same key.
func (a *account) forget() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.client = nil
}

// key is that of the account, which is made when there is none.
func (a *account) key() (*ecdsa.PrivateKey, error) {
	path := filepath.Join(a.dir, "account.key")
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		key, text, err := newKey()
		if err != nil {
			return nil, err
		}
		return key, a.write(path, text)
	}
	if err != nil {
		return nil, err
	}
	key, err := readKey(data)
	if err != nil {
		return nil, fmt.Errorf("reading the key of the account, %s: %w", path, err)
	}
	return key, nil
}

// newKey returns a key, and its text as PEM.
func newKey() (*ecdsa.PrivateKey, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	return key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), err
}

func readKey(data []byte) (*ecdsa.PrivateKey, error) {
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, errors.New("it is no PEM")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	own, ok := key.(*ecdsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("it is a %T", key)
	}
	return own, nil
}

// write writes a file that only its owner may read.
func (a *account) write(path string, data []byte) error {
	if err := os.MkdirAll(a.dir, 0o700); err != nil {
		return err
	}
	return atomicfile.Write(path, data, atomicfile.Options{Mode: 0o600, Sync: true})
}

func (a *account) file(host string) string { return filepath.Join(a.dir, host+".pem") }

// stored is the certificate of a name on the disk, with its key; one that has ended is an
// error.
func (a *account) stored(host string) (*tls.Certificate, error) {
	data, err := os.ReadFile(a.file(host))
	if err != nil {
		return nil, err
	}
	return parse(data, host)
}

// parse reads a certificate with its key, for a name.
func parse(data []byte, host string) (*tls.Certificate, error) {
	cert, err := tls.X509KeyPair(data, data)
	if err != nil {
		return nil, err
	}
	if now := time.Now(); now.After(cert.Leaf.NotAfter) {
		return nil, fmt.Errorf("it ended at %s", cert.Leaf.NotAfter)
	}
	return &cert, cert.Leaf.VerifyHostname(host)
}

// obtain gets a certificate for a name. While the authority asks, it gets what asked was
// given.
func (a *account) obtain(ctx context.Context, host string, asked func(*tls.Certificate)) (*tls.Certificate, error) {
	client, err := a.registered(ctx)
	if err != nil {
		return nil, err
	}
	order, err := client.AuthorizeOrder(ctx, acme.DomainIDs(host))
	if err != nil {
		a.forget() // the authority may have
		return nil, err
	}
	defer asked(nil)
	for _, at := range order.AuthzURLs {
		if err := prove(ctx, client, at, host, asked); err != nil {
			return nil, err
		}
	}
	ready, err := client.WaitOrder(ctx, order.URI)
	if err != nil {
		return nil, err
	}
	key, text, err := newKey()
	if err != nil {
		return nil, err
	}
	request, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{DNSNames: []string{host}}, key)
	if err != nil {
		return nil, err
	}
	chain, _, err := client.CreateOrderCert(ctx, ready.FinalizeURL, request, true)
	if err != nil {
		chain, err = later(ctx, client, order.URI, err)
	}
	if err != nil {
		return nil, err
	}
	for _, der := range chain {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	cert, err := parse(text, host)
	if err != nil {
		return nil, fmt.Errorf("the authority gave a certificate that cannot be used: %w", err)
	}
	if err := a.write(a.file(host), text); err != nil { // it is good until this process ends
		a.opts.Note(fmt.Sprintf("the certificate of %s cannot be kept: %v", host, err))
	}
	return cert, nil
}

// later gets the certificate of an order that was asked for, and did not come with the
// answer. CreateOrderCert looks for the order where the answer says, which RFC 8555 does not
// demand and Pebble does not do: CreateCertFromOrder of golang.org/x/crypto v0.58 replaces
// both.
func later(ctx context.Context, client *acme.Client, order string, why error) ([][]byte, error) {
	done, err := client.WaitOrder(ctx, order)
	if err != nil || done.CertURL == "" {
		return nil, why
	}
	return client.FetchCert(ctx, done.CertURL, true)
}

// prove lets the authority ask for a name.
func prove(ctx context.Context, client *acme.Client, at, host string, asked func(*tls.Certificate)) error {
	authorization, err := client.GetAuthorization(ctx, at)
	if err != nil || authorization.Status == acme.StatusValid {
		return err
	}
	for _, c := range authorization.Challenges {
		if c.Type != "tls-alpn-01" {
			continue
		}
		cert, err := client.TLSALPN01ChallengeCert(c.Token, host)
		if err != nil {
			return err
		}
		asked(&cert)
		if _, err := client.Accept(ctx, c); err != nil {
			return err
		}
		_, err = client.WaitAuthorization(ctx, at)
		return err
	}
	return fmt.Errorf("the authority does not ask for %s by TLS-ALPN-01", host)
}
