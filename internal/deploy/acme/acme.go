// Package acme gets certificates from an authority that speaks ACME (RFC 8555), such as
// Let's Encrypt, and renews them. The authority asks for each name on port 443 of the
// name's address, within TLS (TLS-ALPN-01, RFC 8737): whoever listens there takes its
// certificates from here.
//
//	names := acme.New(acme.Options{Dir: dir, Note: note})
//	names.Keep(ctx, map[string]acme.Authority{"shop.example": {Email: "ops@shop.example"}})
//	config := &tls.Config{GetCertificate: names.Certificate, NextProtos: []string{acme.Protocol}}
//
// Names get their certificates in the background. What an authority refuses is tried again,
// less and less often, and clients of other names do not notice. The package gets no
// certificates for wildcards, and asks no authority because a client connects. It does not
// speak to authorities that demand an external account.
//
// It uses golang.org/x/crypto/acme itself, because autocert above it loses the reason for
// which an authority refuses a name, and renews names until the process ends.
package acme

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/acme"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/pattern"
)

// Protocol is what an authority speaks that asks for a name.
const Protocol = acme.ALPNProto

// Authority is who signs the certificates of names.
type Authority struct {
	Directory string // URL; "": that of Let's Encrypt
	Email     string // which the authority may write to; "": none
}

// Options are what a Manager works with.
type Options struct {
	Dir    string            // for accounts, keys and certificates; private
	Note   func(text string) // says what comes and what fails; nil: nothing
	Client *http.Client      // nil: http.DefaultClient
}

// Certificate is that of a name, as it is.
type Certificate struct {
	Name    string    `json:"name"`
	Until   time.Time `json:"until,omitzero"`    // its end; zero: there is none yet
	Problem string    `json:"problem,omitempty"` // why there is none, or no newer one
}

// Manager has the certificates of names. It is safe for concurrent use.
type Manager struct {
	opts Options

	mu       sync.Mutex
	accounts map[Authority]*account
	names    map[string]*name
}

// name is one that is kept; the Manager's mutex guards it.
type name struct {
	host      string
	account   *account
	stop      context.CancelFunc
	cert      *tls.Certificate // nil: there is none yet
	challenge *tls.Certificate // for the authority, while it asks
	problem   string
}

// New makes a Manager that keeps no name yet. It reads and writes nothing before Keep.
func New(o Options) *Manager {
	if o.Note == nil {
		o.Note = func(string) {}
	}
	return &Manager{opts: o, accounts: map[Authority]*account{}, names: map[string]*name{}}
}

// form is that of names: of two parts at least, without wildcards.
var form = pattern.Lazy(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+$`)

// Check returns why no authority certifies a name, nil when one may.
func Check(host string) error {
	if form().MatchString(host) && len(host) <= 253 && strings.Trim(host, "0123456789.") != "" {
		return nil
	}
	return diag.Fail(diag.ExitUsage, "no authority certifies %q by itself", host).WithHint("write one name in lower case, such as shop.example, without *")
}

// Keep says which names have certificates from now on, until the context ends. One that is
// kept already stays as it is. Keep does not wait for an authority.
func (m *Manager) Keep(ctx context.Context, wanted map[string]Authority) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for host, n := range m.names {
		if from, still := wanted[host]; !still || from != n.account.from {
			n.stop()
			delete(m.names, host)
		}
	}
	for host, from := range wanted {
		if m.names[host] != nil || Check(host) != nil {
			continue
		}
		if m.accounts[from] == nil {
			m.accounts[from] = newAccount(from, m.opts)
		}
		own, stop := context.WithCancel(ctx)
		n := &name{host: host, account: m.accounts[from], stop: stop}
		m.names[host] = n
		go m.run(own, n)
	}
}

// Certificate returns the certificate for a client, and answers an authority that asks for
// a name; nil without an error for a name that is not kept.
func (m *Manager) Certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	host := strings.ToLower(strings.TrimSuffix(hello.ServerName, "."))
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.names[host]
	if n == nil {
		return nil, nil
	}
	cert := n.cert
	if slices.Equal(hello.SupportedProtos, []string{Protocol}) {
		cert = n.challenge
	}
	if cert == nil {
		return nil, fmt.Errorf("there is no certificate for %s yet", host)
	}
	return cert, nil
}

// Certificates are those of all names, by name.
func (m *Manager) Certificates() []Certificate {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []Certificate
	for _, host := range slices.Sorted(maps.Keys(m.names)) {
		n := m.names[host]
		c := Certificate{Name: host, Problem: n.problem}
		if n.cert != nil {
			c.Until = n.cert.Leaf.NotAfter
		}
		out = append(out, c)
	}
	return out
}

// pauses are those after failures; the last one is repeated. Let's Encrypt allows five
// failures an hour for a name (https://letsencrypt.org/docs/rate-limits).
func pauses() []time.Duration {
	return []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour}
}

// attemptTime bounds one attempt, most of which an authority takes to ask.
const attemptTime = 5 * time.Minute

// run gets a name its certificate, from the disk or the authority, and renews it.
func (m *Manager) run(ctx context.Context, n *name) {
	if cert, err := n.account.stored(n.host); err == nil {
		m.has(n, cert)
	}
	for failures := 0; ctx.Err() == nil; {
		pause := m.fresh(n, time.Now())
		if pause <= 0 {
			attempt, cancel := context.WithTimeout(ctx, attemptTime)
			cert, err := n.account.obtain(attempt, n.host, func(c *tls.Certificate) { m.asked(n, c) })
			cancel()
			switch {
			case ctx.Err() != nil:
				return
			case err == nil:
				failures, pause = 0, time.Second
				m.has(n, cert)
				m.opts.Note(fmt.Sprintf("%s has a new certificate, until %s", n.host, cert.Leaf.NotAfter.UTC().Format(time.DateOnly)))
			default:
				pause = max(pauses()[min(failures, len(pauses())-1)], asksToWait(err))
				failures++
				m.failed(n, err)
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// renewal is how long before its end a certificate is renewed at the earliest; one of a
// short life has a third of it.
const renewal = 30 * 24 * time.Hour

// glance is how often a certificate is looked at: the clock may have been set.
const glance = time.Hour

// fresh is how long a name needs no new certificate.
func (m *Manager) fresh(n *name, now time.Time) time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	if n.cert == nil {
		return 0
	}
	leaf := n.cert.Leaf
	return min(leaf.NotAfter.Add(-min(renewal, leaf.NotAfter.Sub(leaf.NotBefore)/3)).Sub(now), glance)
}

func (m *Manager) has(n *name, cert *tls.Certificate) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n.cert, n.problem = cert, ""
}

func (m *Manager) asked(n *name, challenge *tls.Certificate) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n.challenge = challenge
}

// failed notes a problem, and says it when it is new.
func (m *Manager) failed(n *name, err error) {
	why := diag.Printable(strings.Join(strings.Fields(err.Error()), " "))
	m.mu.Lock()
	news := why != n.problem
	n.problem = why
	m.mu.Unlock()
	if news {
		m.opts.Note(fmt.Sprintf("%s gets no certificate: %s", n.host, why))
	}
}

// asksToWait is how long an authority wants to be left alone.
func asksToWait(err error) time.Duration {
	if refused := (*acme.Error)(nil); errors.As(err, &refused) {
		wait, _ := acme.RateLimit(refused)
		return min(wait, 24*time.Hour)
	}
	return 0
}
