package attest_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/gate/attest"
)

func block(kind string, der []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func pkcs8(key any) []byte {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	return block("PRIVATE KEY", der, err)
}

func public(key crypto.PublicKey) []byte {
	der, err := x509.MarshalPKIXPublicKey(key)
	return block("PUBLIC KEY", der, err)
}

func ec(tb testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	tb.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

func p256(tb testing.TB) *ecdsa.PrivateKey {
	tb.Helper()
	return ec(tb, elliptic.P256())
}

// smallRSA is too small for crypto/rsa to make today.
func smallRSA(t *testing.T) crypto.PublicKey {
	t.Helper()
	return &rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 1023), E: 65537}
}

func subject() v1.Descriptor {
	return v1.Descriptor{MediaType: types.OCIManifestSchema1, Digest: v1.Hash{Algorithm: "sha256", Hex: strings.Repeat("ab", 32)}, Size: 7}
}

// checks signs an image and checks it with the public key.
func checks(t *testing.T, private, publicText []byte, password attest.Password) {
	t.Helper()
	signer, err := attest.ParsePrivate("a.key", private, password)
	if err != nil {
		t.Fatal(err, diag.HintOf(err))
	}
	verifier, err := attest.ParsePublic("a.pub", publicText)
	if err != nil {
		t.Fatal(err, diag.HintOf(err))
	}
	if signer.ID() != verifier.ID() {
		t.Errorf("the pair has the ids %s and %s", signer.ID(), verifier.ID())
	}
	statement, err := attest.NewStatement("web", subject().Digest.Hex, attest.PredicateTests, map[string]string{"result": "PASSED"})
	if err != nil {
		t.Fatal(err)
	}
	made, err := attest.Sign(t.Context(), signer, "web", subject())
	if err != nil {
		t.Fatal(err)
	}
	said, err := attest.Attest(t.Context(), signer, statement, subject())
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range append(made, said...) {
		items, err := attest.Read(a.Image)
		if err != nil || len(items) != 1 {
			t.Fatalf("%d items, %v", len(items), err)
		}
		good := attest.Check(items, subject().Digest, []attest.Verifier{verifier})[0]
		if good.Refused != "" || good.By != "a.pub" {
			t.Errorf("refused: %s", good.Refused)
		}
		for i := range items[0].Signatures[0].Bytes { // no bit of a signature may change
			if i%7 > 0 {
				continue
			}
			items[0].Signatures[0].Bytes[i] ^= 1
			if bad := attest.Check(items, subject().Digest, []attest.Verifier{verifier})[0]; bad.Refused == "" {
				t.Errorf("byte %d of the signature does not count", i)
			}
			items[0].Signatures[0].Bytes[i] ^= 1
		}
	}
}

func TestKindsOfKeys(t *testing.T) {
	p256 := ec(t, elliptic.P256())
	edPublic, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	big, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	sec1, err := x509.MarshalECPrivateKey(p256)
	for name, pair := range map[string][2][]byte{
		"ECDSA P-256":           {pkcs8(p256), public(&p256.PublicKey)},
		"ECDSA P-256 in SEC 1":  {block("EC PRIVATE KEY", sec1, err), public(&p256.PublicKey)},
		"Ed25519":               {pkcs8(ed), public(edPublic)},
		"RSA 2048":              {pkcs8(big), public(&big.PublicKey)},
		"RSA 2048 in PKCS #1":   {block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(big), nil), block("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&big.PublicKey), nil)},
		"with EC parameters":    {append(block("EC PARAMETERS", []byte{6, 0}, nil), block("EC PRIVATE KEY", sec1, nil)...), public(&p256.PublicKey)},
		"with a certificate":    {pkcs8(p256), certificate(t, p256, time.Now().Add(time.Hour))},
		"with text around them": {append([]byte("# release\n"), pkcs8(p256)...), public(&p256.PublicKey)},
	} {
		t.Run(name, func(t *testing.T) { checks(t, pair[0], pair[1], nil) })
	}
}

func TestGeneratedKey(t *testing.T) {
	private, public, err := attest.Generate("CANARY")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(private), "-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----") {
		t.Errorf("not the format of cosign: %.50s", private)
	}
	checks(t, private, public, func() (string, bool) { return "CANARY", true })
	for name, c := range map[string]struct {
		password attest.Password
		want     string
	}{
		"wrong password": {func() (string, bool) { return "CANARX", true }, "the password does not open the key a.key"},
		"no password":    {func() (string, bool) { return "", false }, "the key a.key is encrypted, and no password was given"},
	} {
		_, err := attest.ParsePrivate("a.key", private, c.password)
		if err == nil || err.Error() != c.want || !strings.Contains(diag.HintOf(err), "SLIPWAY_KEY_PASSWORD") || diag.ExitOf(err) != diag.ExitUsage {
			t.Errorf("%s: %v, hint %q", name, err, diag.HintOf(err))
		}
		if err != nil && strings.Contains(err.Error()+diag.HintOf(err), "CANAR") {
			t.Errorf("%s: the message holds the password", name)
		}
	}
}

func TestKeysOfTheWrongKind(t *testing.T) {
	p256 := ec(t, elliptic.P256())
	for _, c := range []struct {
		name, text, want, hint string
		public                 bool
	}{
		{"public to sign", string(public(&p256.PublicKey)), "holds a public key, and signing requires the private one", "--key cosign.key", false},
		{"private to verify", string(pkcs8(p256)), "holds a private key, and verifying requires the public one", "--key cosign.pub", true},
		{"another curve", string(pkcs8(ec(t, elliptic.P384()))), "an ECDSA key on the curve P-384", "ECDSA P-256, Ed25519 or RSA", false},
		{"another curve to verify", string(public(&ec(t, elliptic.P521()).PublicKey)), "an ECDSA key on the curve P-521", "ECDSA P-256", true},
		{"small RSA", string(public(smallRSA(t))), "an RSA key of only 1024 bits", "from 2048 bits up", true},
		{"SSH", string(block("OPENSSH PRIVATE KEY", []byte("x"), nil)), "an SSH key, which signs no images", "PEM", false},
		{"OpenSSL's encryption", string(block("ENCRYPTED PRIVATE KEY", []byte("x"), nil)), "encrypted by OpenSSL", "PEM", false},
		{"PGP", string(block("PGP PRIVATE KEY BLOCK", []byte("x"), nil)), `a "PGP PRIVATE KEY BLOCK"`, "PEM", false},
		{"no PEM", "CANARY-secret", "holds no key in PEM format", "slipway sign --generate-key", false},
		{"empty", "", "holds no key in PEM format", "slipway sign --generate-key", true},
		{"damaged", string(block("PRIVATE KEY", []byte("CANARY"), nil)), "is damaged", "restore the file", false},
		{"damaged to verify", string(block("PUBLIC KEY", []byte("CANARY"), nil)), "is damaged", "restore the file", true},
	} {
		var err error
		if c.public {
			_, err = attest.ParsePublic("k", []byte(c.text))
		} else {
			_, err = attest.ParsePrivate("k", []byte(c.text), nil)
		}
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(diag.HintOf(err), c.hint) || diag.ExitOf(err) != diag.ExitUsage {
			t.Errorf("%s: %v, hint %q", c.name, err, diag.HintOf(err))
			continue
		}
		if strings.Contains(err.Error()+diag.HintOf(err), "CANARY") {
			t.Errorf("%s: the message holds the file", c.name)
		}
	}
}

func certificate(t *testing.T, key *ecdsa.PrivateKey, until time.Time) []byte {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "release"}, NotBefore: until.Add(-48 * time.Hour), NotAfter: until}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	return block("CERTIFICATE", der, err)
}

func TestACertificateHasAnEnd(t *testing.T) {
	until := time.Date(2026, 3, 31, 12, 0, 0, 0, time.UTC)
	v, err := attest.ParsePublic("release.pem", certificate(t, ec(t, elliptic.P256()), until))
	if err != nil {
		t.Fatal(err)
	}
	if err := v.Valid(until.Add(-time.Hour)); err != nil {
		t.Error(err)
	}
	for at, want := range map[time.Time]string{
		until.Add(time.Hour):        "the certificate release.pem expired on 2026-03-31",
		until.Add(-100 * time.Hour): "the certificate release.pem is not valid before 2026-03-29",
	} {
		if err := v.Valid(at); err == nil || err.Error() != want || diag.ExitOf(err) != diag.ExitGate || diag.HintOf(err) == "" {
			t.Errorf("%v: %v", at, err)
		}
	}
}
