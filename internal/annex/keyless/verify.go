package keyless

import (
	"bytes"
	"cmp"
	"context"
	"crypto"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"time"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	"github.com/sigstore/sigstore-go/pkg/bundle"
	"github.com/sigstore/sigstore-go/pkg/fulcio/certificate"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/verify"
	"github.com/sigstore/sigstore/pkg/signature"

	"github.com/slipway-build/slipway/internal/annex"
	"github.com/slipway-build/slipway/internal/diag"
)

// Verify says of each bundle whether one of the identities signed it, about this image.
// What the trusted root names is required: an entry in one of its transparency logs, a
// timestamp of one of its authorities where it has no log, and that the certificate was
// recorded in one of its certificate logs.
func Verify(_ context.Context, r annex.VerifyRequest) (annex.VerifyAnswer, error) {
	trusted, err := trustedRoot(r.TrustedRoot, false)
	if err != nil {
		return annex.VerifyAnswer{}, err
	}
	digest, err := hex.DecodeString(r.SHA256)
	if err != nil || len(digest) != 32 {
		return annex.VerifyAnswer{}, fmt.Errorf("%q is not the SHA-256 of an image", r.SHA256)
	}
	accepted, err := identities(r.Identities)
	if err != nil {
		return annex.VerifyAnswer{}, err
	}
	options := []verify.VerifierOption{verify.WithObserverTimestamps(1), verify.WithoutStatementPredicate()}
	if len(trusted.RekorLogs()) > 0 {
		options = append(options, verify.WithTransparencyLog(1))
	}
	if len(trusted.CTLogs()) > 0 {
		options = append(options, verify.WithSignedCertificateTimestamps(1))
	}
	verifier, err := verify.NewVerifier(trusted, options...)
	if err != nil {
		return annex.VerifyAnswer{}, fmt.Errorf("preparing the check: %w", err)
	}
	c := checker{trusted: trusted, verifier: verifier, digest: digest, accepted: accepted}
	answer := annex.VerifyAnswer{Results: []annex.BundleResult{}}
	for _, raw := range r.Bundles {
		by, refused := c.check(raw)
		answer.Results = append(answer.Results, annex.BundleResult{By: by, Refused: diag.Printable(refused)})
	}
	return answer, nil
}

// checker checks bundles about one image.
type checker struct {
	trusted  root.TrustedMaterial
	verifier *verify.Verifier
	digest   []byte
	accepted []identity
}

// check finds the reason of a refusal itself where Sigstore's library has only one for
// several. What it accepts, the library has accepted.
func (c checker) check(raw json.RawMessage) (by, refused string) {
	b, leaf, err := read(raw)
	if err != nil {
		return "", err.Error()
	}
	if why := c.wrong(b, leaf); why != "" {
		return "", why
	}
	policy := verify.NewPolicy(verify.WithArtifactDigest("sha256", c.digest), verify.WithoutIdentitiesUnsafe())
	result, err := c.verifier.Verify(b, policy)
	if err != nil {
		return "", "it does not hold: " + err.Error()
	}
	who := *result.Signature.Certificate
	name := nameOf(who)
	for _, i := range c.accepted {
		if i.is(who) {
			return name, ""
		}
	}
	for _, i := range c.accepted {
		if i.subject(who.SubjectAlternativeName) {
			return "", fmt.Sprintf("%s signed it, and the issuer is not accepted", name)
		}
	}
	return "", name + " signed it, who is not accepted"
}

// wrong says in words what is most likely wrong; empty: nothing that it looks at.
func (c checker) wrong(b *bundle.Bundle, leaf *x509.Certificate) string {
	e, err := b.Envelope()
	if err != nil {
		return "its bundle holds no statement"
	}
	if !holds(e, leaf.PublicKey) {
		return "it was altered after it was signed"
	}
	if !issued(leaf, c.trusted) {
		return fmt.Sprintf("its certificate, for %s, is of an authority that the trusted root does not have", leafName(leaf))
	}
	entries, err := b.TlogEntries()
	if err != nil {
		return "its entry in the transparency log cannot be read: " + err.Error()
	}
	logs := c.trusted.RekorLogs()
	known, promised := 0, false
	for _, entry := range entries {
		if logs[hex.EncodeToString([]byte(entry.LogKeyID()))] == nil {
			continue
		}
		known++
		promised = promised || entry.HasInclusionPromise()
		if at := entry.IntegratedTime(); !at.IsZero() && (at.Before(leaf.NotBefore) || at.After(leaf.NotAfter)) {
			return fmt.Sprintf("its certificate, valid from %s to %s, was not valid when it was signed, at %s", when(leaf.NotBefore), when(leaf.NotAfter), when(at))
		}
	}
	switch {
	case len(logs) > 0 && len(entries) == 0:
		return "it has no entry in a transparency log"
	case len(logs) > 0 && known == 0:
		return "its entry is in a transparency log that the trusted root does not have"
	}
	if stamps, err := b.Timestamps(); err == nil && len(stamps) == 0 && !promised {
		return "neither a timestamp nor a transparency log of the trusted root says when it was signed"
	}
	return ""
}

func when(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// issued tells whether an authority that is trusted issued a certificate, at the time
// that the certificate names.
func issued(leaf *x509.Certificate, trusted root.TrustedMaterial) bool {
	_, err := verify.VerifyLeafCertificate(leaf.NotBefore, bare(leaf), trusted)
	return err == nil
}

// bare is a certificate without the name that Go does not read (OtherName), which
// verification would refuse.
func bare(leaf *x509.Certificate) *x509.Certificate {
	c := *leaf
	c.UnhandledCriticalExtensions = nil
	return &c
}

// holds tells whether a key made a signature of an envelope.
func holds(e *bundle.Envelope, key crypto.PublicKey) bool {
	verifier, err := signature.LoadDefaultVerifier(key)
	if err != nil {
		return false
	}
	payload, err := e.DecodeB64Payload()
	if err != nil {
		return false
	}
	for _, s := range e.Signatures {
		made, err := base64.StdEncoding.DecodeString(s.Sig)
		if err == nil && verifier.VerifySignature(bytes.NewReader(made), bytes.NewReader(dsse.PAE(e.PayloadType, payload))) == nil {
			return true
		}
	}
	return false
}

func leafName(leaf *x509.Certificate) string {
	who, err := certificate.SummarizeCertificate(leaf)
	if err != nil {
		return "nobody"
	}
	return nameOf(who)
}

// nameOf is an identity for people.
func nameOf(who certificate.Summary) string {
	return who.SubjectAlternativeName + " (issuer " + who.Issuer + ")"
}

// identity is one that is accepted.
type identity struct {
	subject, issuer func(string) bool
}

func (i identity) is(who certificate.Summary) bool {
	return i.subject(who.SubjectAlternativeName) && i.issuer(who.Issuer)
}

// identities reads who is accepted. Regular expressions are for the whole of a name: with
// a part, https://example.com/ would accept https://attacker.org/?https://example.com/.
func identities(list []annex.Identity) ([]identity, error) {
	var out []identity
	for _, i := range list {
		subject, err := matcher("identity", i.Subject, i.SubjectRegexp)
		if err != nil {
			return nil, err
		}
		issuer, err := matcher("issuer", i.Issuer, i.IssuerRegexp)
		if err != nil {
			return nil, err
		}
		out = append(out, identity{subject, issuer})
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("no identity is accepted")
	}
	return out, nil
}

func matcher(what, literal, expression string) (func(string) bool, error) {
	switch {
	case literal == "" && expression == "":
		return nil, fmt.Errorf("an identity without its %s", what)
	case expression == "":
		return func(s string) bool { return s == literal }, nil
	}
	// Compiled alone too: "a)|(b" would leave the parentheses.
	_, alone := regexp.Compile(expression)
	r, err := regexp.Compile(`^(?:` + expression + `)$`)
	if err = cmp.Or(alone, err); err != nil {
		return nil, diag.Fail(diag.ExitUsage, "the regular expression of the %s, %q, cannot be read", what, expression).Because(err).WithHint("see https://golang.org/s/re2syntax")
	}
	return func(s string) bool { return r.MatchString(s) && (literal == "" || s == literal) }, nil
}
