package attest

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"time"

	"github.com/secure-systems-lab/go-securesystemslib/encrypted"

	"github.com/slipway-build/slipway/internal/diag"
)

// Names of PEM blocks. Cosign wrote the second one before version 2.
const (
	blockSigstore = "ENCRYPTED SIGSTORE PRIVATE KEY"
	blockCosign   = "ENCRYPTED COSIGN PRIVATE KEY"
	blockPublic   = "PUBLIC KEY"
)

// minRSA is the size of the smallest RSA key that counts (NIST SP 800-131A), in bits.
const minRSA = 2048

// Signer signs with a private key. It is a dsse.Signer, safe for concurrent use.
type Signer struct {
	key crypto.Signer
	Verifier
}

// Verifier is a public key. It is safe for concurrent use.
type Verifier struct {
	Name   string // as the person named the key
	public crypto.PublicKey
	id     string
	until  time.Time // end of its certificate; zero: it has none
	from   time.Time
}

// ID is the SHA-256 of the key, hex.
func (v Verifier) ID() string { return v.id }

// Short is the beginning of the ID, for people.
func (v Verifier) Short() string { return v.id[:12] }

// Sign implements dsse.Signer.
func (s *Signer) Sign(_ context.Context, data []byte) ([]byte, error) { return s.SignData(data) }

// SignData signs: ECDSA in ASN.1 and RSA (PKCS #1 v1.5) over the SHA-256, Ed25519 over the
// data.
func (s *Signer) SignData(data []byte) ([]byte, error) {
	if _, plain := s.public.(ed25519.PublicKey); plain {
		return s.key.Sign(rand.Reader, data, crypto.Hash(0))
	}
	sum := sha256.Sum256(data)
	return s.key.Sign(rand.Reader, sum[:], crypto.SHA256)
}

// KeyID implements dsse.Signer.
func (s *Signer) KeyID() (string, error) { return s.id, nil }

// Seal signs the image, and every statement about it, with what the key has not signed
// yet.
func (s *Signer) Seal(ctx context.Context, e Evidence) (Sealed, error) {
	done := Sealed{By: s.id}
	signed := false
	ours := map[string]bool{} // statements that the key signed, by content
	for _, c := range Check(e.Items, e.Image.Digest, []Verifier{s.Verifier}) {
		if c.Refused == "" {
			signed = signed || c.Predicate == ""
			ours[string(c.Payload)] = true
		}
	}
	if !signed {
		made, err := Sign(ctx, s, e.Repository, e.Image)
		if err != nil {
			return done, err
		}
		done.Image, done.Artifacts = true, made
	}
	for _, item := range e.Unsigned(ours) {
		made, err := Attest(ctx, s, item.Payload, e.Image)
		if err != nil {
			return done, err
		}
		done.Statements, done.Artifacts = append(done.Statements, item.Predicate), append(done.Artifacts, made...)
	}
	return done, nil
}

// Verifies tells whether a signature of some data is that of the key.
func (v Verifier) Verifies(data, signature []byte) bool {
	sum := sha256.Sum256(data)
	switch key := v.public.(type) {
	case *ecdsa.PublicKey:
		return ecdsa.VerifyASN1(key, sum[:], signature)
	case ed25519.PublicKey:
		return ed25519.Verify(key, data, signature)
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], signature) == nil
	}
	return false
}

// PublicPEM is the public key as a file.
func (v Verifier) PublicPEM() ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(v.public)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: blockPublic, Bytes: der}), nil
}

// newVerifier checks that a key is of a kind that others can use too.
func newVerifier(name string, public crypto.PublicKey) (Verifier, error) {
	refuse := func(what string) error {
		return diag.Fail(diag.ExitUsage, "the key %s is %s", name, what).
			WithHint("use ECDSA P-256, Ed25519 or RSA from %d bits up: slipway sign --generate-key", minRSA)
	}
	switch key := public.(type) {
	case *ecdsa.PublicKey:
		if key.Curve != elliptic.P256() {
			return Verifier{}, refuse("an ECDSA key on the curve " + key.Curve.Params().Name)
		}
	case *rsa.PublicKey:
		if key.N.BitLen() < minRSA {
			return Verifier{}, refuse(fmt.Sprintf("an RSA key of only %d bits", key.N.BitLen()))
		}
	case ed25519.PublicKey:
	default:
		return Verifier{}, refuse(fmt.Sprintf("of a kind that does not sign (%T)", public))
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return Verifier{}, refuse("no valid public key")
	}
	sum := sha256.Sum256(der)
	return Verifier{Name: name, public: public, id: hex.EncodeToString(sum[:])}, nil
}

// Password returns the password of an encrypted key, and whether one was given at all.
type Password func() (string, bool)

// ParsePrivate reads a private key: cosign's encrypted format, PKCS #8, SEC 1 or PKCS #1.
// The name is for messages, which never hold the key.
func ParsePrivate(name string, text []byte, password Password) (*Signer, error) {
	block, err := onlyBlock(name, text)
	if err != nil {
		return nil, err
	}
	var key any
	switch block.Type {
	case blockSigstore, blockCosign:
		der, err := decrypt(name, block.Bytes, password)
		if err != nil {
			return nil, err
		}
		key, err = x509.ParsePKCS8PrivateKey(der)
		if err != nil {
			return nil, damagedKey(name)
		}
	case "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		if block.Headers["DEK-Info"] != "" {
			return nil, foreign(name, "encrypted by OpenSSL")
		}
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "ENCRYPTED PRIVATE KEY":
		return nil, foreign(name, "encrypted by OpenSSL")
	case "OPENSSH PRIVATE KEY":
		return nil, foreign(name, "an SSH key")
	case blockPublic, "RSA PUBLIC KEY", "CERTIFICATE":
		return nil, diag.Fail(diag.ExitUsage, "%s holds a public key, and signing requires the private one", name).
			WithHint("name the private key, such as --key cosign.key")
	default:
		return nil, foreign(name, fmt.Sprintf("a %q", block.Type))
	}
	if err != nil {
		return nil, damagedKey(name)
	}
	private, ok := key.(crypto.Signer)
	if !ok {
		return nil, foreign(name, "of a kind that does not sign")
	}
	v, err := newVerifier(name, private.Public())
	return &Signer{private, v}, err
}

// ParsePublic reads a public key, or a certificate that holds one.
func ParsePublic(name string, text []byte) (Verifier, error) {
	block, err := onlyBlock(name, text)
	if err != nil {
		return Verifier{}, err
	}
	switch block.Type {
	case blockPublic:
		key, err := x509.ParsePKIXPublicKey(block.Bytes)
		if err != nil {
			return Verifier{}, damagedKey(name)
		}
		return newVerifier(name, key)
	case "RSA PUBLIC KEY":
		key, err := x509.ParsePKCS1PublicKey(block.Bytes)
		if err != nil {
			return Verifier{}, damagedKey(name)
		}
		return newVerifier(name, key)
	case "CERTIFICATE":
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return Verifier{}, damagedKey(name)
		}
		v, err := newVerifier(name, cert.PublicKey)
		v.from, v.until = cert.NotBefore, cert.NotAfter
		return v, err
	case blockSigstore, blockCosign, "PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "OPENSSH PRIVATE KEY":
		return Verifier{}, diag.Fail(diag.ExitUsage, "%s holds a private key, and verifying requires the public one", name).
			WithHint("name the public key, such as --key cosign.pub; keep the private one away from machines that only verify")
	}
	return Verifier{}, foreign(name, fmt.Sprintf("a %q", block.Type))
}

// Valid refuses a key whose certificate is not valid at a time.
func (v Verifier) Valid(now time.Time) error {
	switch {
	case !v.until.IsZero() && now.After(v.until):
		return diag.Fail(diag.ExitGate, "the certificate %s expired on %s", v.Name, v.until.Format(time.DateOnly)).
			WithHint("ask the signer for the current certificate, and sign the image again with its key")
	case now.Before(v.from):
		return diag.Fail(diag.ExitGate, "the certificate %s is not valid before %s", v.Name, v.from.Format(time.DateOnly)).
			WithHint("check the clock of this machine")
	}
	return nil
}

// onlyBlock finds the PEM block of a key; a file of OpenSSL has parameters before it.
func onlyBlock(name string, text []byte) (*pem.Block, error) {
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "EC PARAMETERS" {
			return block, nil
		}
	}
	return nil, diag.Fail(diag.ExitUsage, "%s holds no key in PEM format", name).
		WithHint("a key begins with a line such as -----BEGIN %s-----; make one: slipway sign --generate-key", blockPublic)
}

func decrypt(name string, box []byte, password Password) ([]byte, error) {
	given, ok := "", false
	if password != nil {
		given, ok = password()
	}
	if !ok {
		return nil, diag.Fail(diag.ExitUsage, "the key %s is encrypted, and no password was given", name).
			WithHint("set SLIPWAY_KEY_PASSWORD")
	}
	der, err := encrypted.Decrypt(box, []byte(given))
	if err != nil {
		return nil, diag.Fail(diag.ExitUsage, "the password does not open the key %s", name).
			WithHint("check SLIPWAY_KEY_PASSWORD (or COSIGN_PASSWORD); if it is right, the file is damaged")
	}
	return der, nil
}

func damagedKey(name string) error {
	return diag.Fail(diag.ExitUsage, "the key %s is damaged", name).WithHint("restore the file, or make a new key: slipway sign --generate-key")
}

func foreign(name, what string) error {
	return diag.Fail(diag.ExitUsage, "the key %s is %s, which signs no images", name, what).
		WithHint("use a key of cosign or a PEM file of ECDSA P-256, Ed25519 or RSA: slipway sign --generate-key")
}

// Generate makes an ECDSA P-256 key. The private file is encrypted as cosign does it.
func Generate(password string) (private, public []byte, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	box, err := encrypted.Encrypt(der, []byte(password))
	if err != nil {
		return nil, nil, err
	}
	v, err := newVerifier("", key.Public())
	if err != nil {
		return nil, nil, err
	}
	public, err = v.PublicPEM()
	return pem.EncodeToMemory(&pem.Block{Type: blockSigstore, Bytes: box}), public, err
}
