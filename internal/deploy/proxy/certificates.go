package proxy

import (
	"crypto/tls"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/slipway-build/slipway/internal/diag"
)

// CertificateFile is a certificate chain and its key, in PEM files.
type CertificateFile struct{ Cert, Key string }

// lookAgain is how often the files are looked at, while clients connect.
const lookAgain = time.Second

// certificates are those of a listener. They are read again when their files change.
type certificates struct {
	now      func() time.Time
	failed   prometheus.Counter
	obtained func(*tls.ClientHelloInfo) (*tls.Certificate, error) // nil: none are

	mu     sync.Mutex
	looked time.Time
	pairs  []pair
}

// pair is one certificate as it was read last.
type pair struct {
	files     CertificateFile
	cert, key os.FileInfo
	loaded    *tls.Certificate
}

func newCertificates(o ListenerOptions, now func() time.Time, failed prometheus.Counter) (*certificates, error) {
	c := &certificates{now: now, failed: failed, obtained: o.Obtained}
	return c, c.set(o.Certificates)
}

// set reads other files from now on. When one of them cannot be read, nothing changes.
func (c *certificates) set(files []CertificateFile) error {
	var pairs []pair
	for _, f := range files {
		p := pair{files: f}
		if err := p.read(); err != nil {
			return diag.Fail(diag.ExitUsage, "certificate %s and key %s cannot be used", f.Cert, f.Key).Because(err).
				WithHint("both are PEM files; the first has the whole chain, the server's certificate first")
		}
		pairs = append(pairs, p)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pairs, c.looked = pairs, c.now()
	return nil
}

// read loads the files. Their state is taken before: a change meanwhile is seen later.
func (p *pair) read() (err error) {
	cert, err := os.Stat(p.files.Cert)
	if err != nil {
		return err
	}
	key, err := os.Stat(p.files.Key)
	if err != nil {
		return err
	}
	loaded, err := tls.LoadX509KeyPair(p.files.Cert, p.files.Key)
	if err != nil {
		return err
	}
	p.cert, p.key, p.loaded = cert, key, &loaded
	return nil
}

// changed reports other files than were read.
func (p *pair) changed() bool {
	return differs(p.files.Cert, p.cert) || differs(p.files.Key, p.key)
}

func differs(path string, read os.FileInfo) bool {
	now, err := os.Stat(path)
	return err != nil || !os.SameFile(now, read) || now.Size() != read.Size() || !now.ModTime().Equal(read.ModTime())
}

// choose returns a certificate that was obtained for the client's name, else the first one
// that fits the client, else the first one. While
// new files cannot be read, such as a certificate whose key has yet to come, the old
// one stays.
func (c *certificates) choose(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if c.obtained != nil {
		if cert, err := c.obtained(hello); cert != nil || err != nil {
			return cert, err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.now(); now.Sub(c.looked) >= lookAgain {
		c.looked = now
		for i := range c.pairs {
			if c.pairs[i].changed() && c.pairs[i].read() != nil {
				c.failed.Inc()
			}
		}
	}
	for _, p := range c.pairs {
		if len(c.pairs) > 1 && hello.SupportsCertificate(p.loaded) == nil {
			return p.loaded, nil
		}
	}
	if len(c.pairs) == 0 {
		return nil, fmt.Errorf("there is no certificate for %q", hello.ServerName)
	}
	return c.pairs[0].loaded, nil
}

// SetCertificates replaces the certificate files of a listener with TLS. Open connections
// stay as they are.
func (p *Proxy) SetCertificates(listener string, files []CertificateFile) error {
	p.mu.Lock()
	l := p.listeners[listener]
	p.mu.Unlock()
	if l == nil || l.certs == nil {
		return diag.Fail(diag.ExitUsage, "there is no listener %q with TLS", listener).WithHint("listen with a certificate first")
	}
	return l.certs.set(files)
}
