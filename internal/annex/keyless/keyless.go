// Package keyless signs and verifies statements with identities in place of keys, as
// Sigstore does it: a certificate of Fulcio for a key of minutes, and an entry in the
// transparency log of Rekor or a timestamp. It knows no address: all are given to it. The
// token and the key are in no error, and never on a disk.
//
//	answer, err := keyless.Sign(ctx, annex.SignRequest{Token: token, Services: services, Statements: statements})
package keyless

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sigstore/sigstore-go/pkg/bundle"
	"github.com/sigstore/sigstore-go/pkg/fulcio/certificate"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/sign"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/slipway-build/slipway/internal/annex"
	"github.com/slipway-build/slipway/internal/diag"
)

// payloadType is that of in-toto statements in envelopes.
const payloadType = "application/vnd.in-toto+json"

// Sign signs statements with one certificate.
func Sign(ctx context.Context, r annex.SignRequest) (annex.SignAnswer, error) {
	use, err := services(r.Services, time.Now())
	if err != nil {
		return annex.SignAnswer{}, err
	}
	trusted, err := trustedRoot(r.TrustedRoot, true)
	if err != nil {
		return annex.SignAnswer{}, err
	}
	token := r.Token
	if token == "" {
		if token, err = ambientToken(ctx, r.Ambient); err != nil {
			return annex.SignAnswer{}, err
		}
	}
	answer, err := signAll(ctx, use, token, trusted, r.Statements)
	if err != nil {
		return annex.SignAnswer{}, hiding(err, token)
	}
	return answer, nil
}

// hiding is an error without a token that a server repeats.
func hiding(err error, token string) error {
	text := strings.TrimSpace(err.Error())
	for _, part := range append([]string{token}, strings.Split(token, ".")...) {
		if len(part) > 8 {
			text = strings.ReplaceAll(text, part, "***")
		}
	}
	return diag.Fail(diag.ExitOf(err), "%s", diag.Printable(text)).WithHint("%s", diag.HintOf(err))
}

func signAll(ctx context.Context, use used, token string, trusted root.TrustedMaterial, statements []annex.Unsigned) (annex.SignAnswer, error) {
	key, err := sign.NewEphemeralKeypair(nil)
	if err != nil {
		return annex.SignAnswer{}, fmt.Errorf("making a key: %w", err)
	}
	fulcio := sign.NewFulcio(&sign.FulcioOptions{BaseURL: use.fulcio, Retries: 2})
	der, err := fulcio.GetCertificate(ctx, key, &sign.CertificateProviderOptions{IDToken: token})
	if err != nil {
		return annex.SignAnswer{}, diag.Fail(diag.ExitUnexpected, "Fulcio at %s gave no certificate", use.fulcio).Because(err).
			WithHint("check that the identity token is for Sigstore (audience sigstore), has not expired, and is of an issuer that Fulcio accepts")
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return annex.SignAnswer{}, fmt.Errorf("reading the certificate of Fulcio: %w", err)
	}
	who, err := certificate.SummarizeCertificate(leaf)
	if err != nil {
		return annex.SignAnswer{}, fmt.Errorf("reading the certificate of Fulcio: %w", err)
	}
	answer := annex.SignAnswer{Identity: who.SubjectAlternativeName, Issuer: who.Issuer, Bundles: make([]json.RawMessage, len(statements))}
	options := sign.BundleOptions{
		Context: ctx, CertificateProvider: given(der), TransparencyLogs: use.logs, TimestampAuthorities: use.timestamps, TrustedRoot: trusted,
	}
	for i, s := range statements {
		if signedBefore(s.Bundles, who) {
			continue
		}
		made, err := sign.Bundle(&sign.DSSEData{Data: s.Payload, PayloadType: payloadType}, key, options)
		if err != nil {
			return annex.SignAnswer{}, diag.Fail(diag.ExitUnexpected, "Sigstore did not record the signature of %s", who.SubjectAlternativeName).Because(err).
				WithHint("check the addresses of Rekor and of the timestamp authority%s", use.names())
		}
		if answer.Bundles[i], err = protojson.Marshal(made); err != nil {
			return annex.SignAnswer{}, fmt.Errorf("encoding a bundle: %w", err)
		}
	}
	return answer, nil
}

// given is a certificate that is there already: one serves for all statements.
type given []byte

// GetCertificate implements sign.CertificateProvider.
func (g given) GetCertificate(context.Context, sign.Keypair, *sign.CertificateProviderOptions) ([]byte, error) {
	return g, nil
}

// signedBefore tells whether a bundle has a certificate of the same identity, and its
// signature holds. Whether the certificate counts is for those who verify.
func signedBefore(bundles []json.RawMessage, who certificate.Summary) bool {
	for _, raw := range bundles {
		b, leaf, err := read(raw)
		if err != nil {
			continue
		}
		other, err := certificate.SummarizeCertificate(leaf)
		if err != nil || other.SubjectAlternativeName != who.SubjectAlternativeName || other.Issuer != who.Issuer {
			continue
		}
		if e, err := b.Envelope(); err == nil && holds(e, leaf.PublicKey) {
			return true
		}
	}
	return false
}

// read opens a bundle with a certificate.
func read(raw json.RawMessage) (*bundle.Bundle, *x509.Certificate, error) {
	b := &bundle.Bundle{}
	if err := b.UnmarshalJSON(raw); err != nil {
		return nil, nil, errors.New("its bundle cannot be read: " + err.Error())
	}
	content, err := b.VerificationContent()
	if err != nil {
		return nil, nil, errors.New("its bundle cannot be read: " + err.Error())
	}
	leaf := content.Certificate()
	if leaf == nil {
		return nil, nil, errors.New("a key signed it, not an identity")
	}
	return b, leaf, nil
}

// trustedRoot reads whom to trust: authorities of certificates and timestamps, and logs.
func trustedRoot(data json.RawMessage, optional bool) (root.TrustedMaterial, error) {
	if len(data) == 0 && optional {
		return nil, nil
	}
	trusted, err := root.NewTrustedRootFromJSON(data)
	if err == nil && len(trusted.FulcioCertificateAuthorities()) == 0 {
		err = errors.New("it names no authority of certificates")
	}
	if err == nil && len(trusted.RekorLogs()) == 0 && len(trusted.TimestampingAuthorities()) == 0 {
		err = errors.New("it names neither a transparency log nor a timestamp authority")
	}
	if err != nil {
		return nil, diag.Fail(diag.ExitUsage, "the trusted root cannot be used").Because(err).
			WithHint("give the file that the operators of your Sigstore publish, such as trusted_root.json of their TUF repository")
	}
	return trusted, nil
}

// names lists what signatures go through.
func (u used) names() string {
	if len(u.addresses) == 0 {
		return ""
	}
	return ": " + strings.Join(u.addresses, ", ")
}
