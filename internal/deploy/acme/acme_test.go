package acme

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"strings"
	"testing"
	"time"
)

// deaf is an authority that nobody reaches.
var deaf = Authority{Directory: "https://127.0.0.1:1/directory", Email: "ops@shop.example"}

// certify returns a certificate for a name with its key, as on the disk.
func certify(t *testing.T, host string, from, until time.Time) []byte {
	t.Helper()
	key, text, err := newKey()
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host}, NotBefore: from, NotAfter: until}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public().(*ecdsa.PublicKey), key)
	if err != nil {
		t.Fatal(err)
	}
	return append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
}

// until waits until a name has a certificate, or a problem.
func until(t *testing.T, m *Manager, host string) Certificate {
	t.Helper()
	for begin := time.Now(); time.Since(begin) < 10*time.Second; time.Sleep(5 * time.Millisecond) {
		for _, c := range m.Certificates() {
			if c.Name == host && (!c.Until.IsZero() || c.Problem != "") {
				return c
			}
		}
	}
	t.Fatalf("%s has neither a certificate nor a problem", host)
	return Certificate{}
}

// TestWhatIsOnTheDisk: a certificate is used without the authority, unless it has ended, is
// of another name or cannot be read; one that is due stays until there is a newer one.
func TestWhatIsOnTheDisk(t *testing.T) {
	now := time.Now()
	for name, c := range map[string]struct {
		data            []byte
		usable, problem bool
	}{
		"fresh":   {certify(t, "shop.example", now.Add(-time.Hour), now.Add(60*24*time.Hour)), true, false},
		"due":     {certify(t, "shop.example", now.Add(-60*24*time.Hour), now.Add(20*24*time.Hour)), true, true},
		"ended":   {certify(t, "shop.example", now.Add(-2*time.Hour), now.Add(-time.Hour)), false, true},
		"another": {certify(t, "other.example", now, now.Add(60*24*time.Hour)), false, true},
		"torn":    {[]byte("-----BEGIN CERTIFICATE-----\nMII"), false, true},
	} {
		t.Run(name, func(t *testing.T) {
			said := make(chan string, 10)
			m := New(Options{Dir: t.TempDir(), Note: func(text string) { said <- text }})
			a := newAccount(deaf, m.opts)
			if err := a.write(a.file("shop.example"), c.data); err != nil {
				t.Fatal(err)
			}
			m.Keep(t.Context(), map[string]Authority{"shop.example": deaf})
			seen := until(t, m, "shop.example")
			if c.problem {
				if text := <-said; !strings.Contains(text, "shop.example gets no certificate: opening an account at https://127.0.0.1:1/directory") {
					t.Errorf("it says %q", text)
				}
				seen = until(t, m, "shop.example")
			}
			if seen.Until.IsZero() == c.usable || (seen.Problem != "") != c.problem {
				t.Errorf("%+v", seen)
			}
			cert, err := m.Certificate(&tls.ClientHelloInfo{ServerName: "SHOP.example."})
			if (err == nil) != c.usable || (cert != nil) != c.usable {
				t.Errorf("a client gets %v, %v", cert != nil, err)
			}
			if cert, err := m.Certificate(&tls.ClientHelloInfo{ServerName: "shop.example", SupportedProtos: []string{Protocol}}); cert != nil || err == nil {
				t.Errorf("an authority that was not asked gets %v, %v", cert, err)
			}
			if cert, err := m.Certificate(&tls.ClientHelloInfo{ServerName: "no.example"}); cert != nil || err != nil {
				t.Errorf("a name that is not kept: %v, %v", cert, err)
			}
			m.Keep(t.Context(), nil)
			if cert, err := m.Certificate(&tls.ClientHelloInfo{ServerName: "shop.example"}); cert != nil || err != nil || len(m.Certificates()) > 0 {
				t.Errorf("a name that is no longer kept: %v, %v", cert, err)
			}
		})
	}
}

// TestTheKeyOfTheAccountStays: one key for an authority and address, which only its owner
// may read; one that cannot be read is not replaced.
func TestTheKeyOfTheAccountStays(t *testing.T) {
	o := Options{Dir: t.TempDir()}
	first, err := newAccount(deaf, o).key()
	if err != nil {
		t.Fatal(err)
	}
	again, err := newAccount(deaf, o).key()
	if err != nil || !first.Equal(again) {
		t.Errorf("another key: %v", err)
	}
	other, err := newAccount(Authority{Directory: deaf.Directory}, o).key()
	if err != nil || first.Equal(other) {
		t.Errorf("the same key for another address: %v", err)
	}
	path := newAccount(deaf, o).dir + "/account.key"
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := newAccount(deaf, o).key(); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("a broken key: %v", err)
	}
}

func TestWhenACertificateIsRenewed(t *testing.T) {
	now := time.Now().Truncate(time.Second)
	day := 24 * time.Hour
	for _, c := range []struct {
		life, left, want time.Duration
	}{
		{90 * day, 90 * day, glance},
		{90 * day, 30*day + time.Minute, time.Minute},
		{90 * day, 30 * day, 0},
		{90 * day, day, -29 * day},
		{398 * day, 31 * day, glance},
		{398 * day, 29 * day, -day},
		{6 * day, 2*day + time.Minute, time.Minute},
		{6 * day, 2 * day, 0},
	} {
		cert, err := parse(certify(t, "shop.example", now.Add(c.left-c.life), now.Add(c.left)), "shop.example")
		if err != nil {
			t.Fatal(err)
		}
		if got := New(Options{}).fresh(&name{cert: cert}, now); got != c.want {
			t.Errorf("%s of %s left: %s, want %s", c.left, c.life, got, c.want)
		}
	}
	if got := New(Options{}).fresh(&name{}, now); got != 0 {
		t.Errorf("without a certificate: %s", got)
	}
}

func TestNamesThatAreCertified(t *testing.T) {
	for _, good := range []string{"shop.example", "a.b-c.example", "1.example", "xn--80ak6aa92e.example"} {
		if err := Check(good); err != nil {
			t.Error(err)
		}
	}
	for _, bad := range []string{"", "localhost", "*.shop.example", "Shop.example", "shop.example.", "-a.example", "a..example", "../a.example", "10.0.0.1", "[::1]", strings.Repeat("a.", 130) + "example"} {
		if Check(bad) == nil {
			t.Errorf("%q may be certified", bad)
		}
	}
}
