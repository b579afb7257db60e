package evidence

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"strings"

	"github.com/slipway-build/slipway/internal/annex"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/gate/attest"
)

// Keyless signs with an identity: a certificate of Sigstore's Fulcio for a key of minutes.
// It is a Signer.
type Keyless struct {
	Tools       annex.Tools
	Token       string         // of OpenID Connect
	Ambient     *annex.Ambient // where to get one, when Token is empty
	Services    annex.Services
	TrustedRoot []byte // what is signed is verified with it at once; nil: it is not
}

// Seal implements Signer. Signatures are bundles, which refer to the image as those of
// cosign 3 do.
func (k *Keyless) Seal(ctx context.Context, e attest.Evidence) (attest.Sealed, error) {
	signature, err := attest.NewStatement("", e.Image.Digest.Hex, attest.PredicateSigned, struct{}{})
	if err != nil {
		return attest.Sealed{}, err
	}
	ask := annex.SignRequest{
		Token: k.Token, Ambient: k.Ambient, Services: k.Services, TrustedRoot: k.TrustedRoot,
		Statements: []annex.Unsigned{{Payload: signature, Bundles: bundles(e, attest.Item.IsSignature)}},
	}
	statements := e.Unsigned(nil)
	for _, item := range statements {
		same := func(i attest.Item) bool { return string(i.Payload) == string(item.Payload) }
		ask.Statements = append(ask.Statements, annex.Unsigned{Payload: item.Payload, Bundles: bundles(e, same)})
	}
	var answer annex.SignAnswer
	if err := k.Tools.Ask(ctx, annex.Sign, ask, &answer); err != nil {
		return attest.Sealed{}, err
	}
	if len(answer.Bundles) != len(ask.Statements) {
		return attest.Sealed{}, errors.New("slipway-tools signed another number of statements")
	}
	return sealed(e, statements, answer)
}

// sealed makes artifacts of the bundles: the first signs the image, the others statements.
func sealed(e attest.Evidence, statements []attest.Item, answer annex.SignAnswer) (attest.Sealed, error) {
	done := attest.Sealed{By: answer.Identity + " (issuer " + answer.Issuer + ")"}
	for i, bundle := range answer.Bundles {
		if len(bundle) == 0 || string(bundle) == "null" {
			continue // signed before
		}
		predicate := attest.PredicateSigned
		if i > 0 {
			predicate = statements[i-1].Predicate
			done.Statements = append(done.Statements, predicate)
		}
		artifact, err := attest.Bundled(bundle, predicate, e.Image)
		if err != nil {
			return done, err
		}
		done.Image, done.Artifacts = done.Image || i == 0, append(done.Artifacts, artifact)
	}
	return done, nil
}

// bundles are those of some items, so that nothing is signed twice. In a registry anybody
// who may push could leave one that does not count.
func bundles(e attest.Evidence, which func(attest.Item) bool) []json.RawMessage {
	var out []json.RawMessage
	for _, item := range e.Items {
		if item.Bundle != nil && which(item) && !e.Registry {
			out = append(out, item.Bundle)
		}
	}
	return out
}

// Identities are who may have signed without a key.
type Identities struct {
	Tools       annex.Tools
	Accepted    []annex.Identity // of which one suffices
	TrustedRoot []byte
}

// check completes what keys said of the evidence of an image: a bundle of an identity
// counts too.
func (i *Identities) check(ctx context.Context, s *Subject, checked []attest.Checked) error {
	ask := annex.VerifyRequest{TrustedRoot: i.TrustedRoot, Identities: i.Accepted, SHA256: s.Image.Digest.Hex}
	var asked []int
	for at, c := range checked {
		switch {
		case c.Refused == "" || len(c.Signatures) == 0:
		case c.Bundle == nil:
			checked[at].Refused = "no accepted key or identity signed it, or it was altered"
		case !c.About(s.Image.Digest):
			checked[at].Refused = "it is about another image"
		default:
			asked, ask.Bundles = append(asked, at), append(ask.Bundles, c.Bundle)
		}
	}
	if len(asked) == 0 {
		return nil
	}
	var answer annex.VerifyAnswer
	if err := i.Tools.Ask(ctx, annex.Verify, ask, &answer); err != nil {
		return err
	}
	if len(answer.Results) != len(asked) {
		return errors.New("slipway-tools checked another number of bundles")
	}
	for n, at := range asked {
		checked[at].By, checked[at].Refused = answer.Results[n].By, answer.Results[n].Refused
		if checked[at].By == "" && checked[at].Refused == "" {
			checked[at].Refused = "nobody signed it"
		}
	}
	return nil
}

// ReadFile reads a file of Sigstore that the person names: a trusted root, a signing
// configuration, a token.
func (k Keyring) ReadFile(what, name string) ([]byte, error) {
	data, err := k.file(name, maxSigstore)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, diag.Fail(diag.ExitUsage, "the %s %s does not exist", what, name).WithHint("check the path")
	}
	if err != nil {
		return nil, diag.Fail(diag.ExitUsage, "cannot read the %s %s", what, name).Because(err).WithHint("name a file that you may read")
	}
	return data, nil
}

// maxSigstore bounds those files, in bytes.
const maxSigstore = 4 << 20

// IdentityToken finds the token to sign with: in a file, in SIGSTORE_ID_TOKEN, or where
// GitHub Actions has one.
func (k Keyring) IdentityToken(file string) (token string, ambient *annex.Ambient, err error) {
	var data []byte
	if file != "" {
		if data, err = k.ReadFile("identity token", file); err != nil {
			return "", nil, err
		}
		if token = strings.TrimSpace(string(data)); strings.Count(token, ".") != 2 {
			return "", nil, diag.Fail(diag.ExitUsage, "%s holds no identity token", file).WithHint("a token has three parts with dots between them (JWT)")
		}
		return token, nil, nil
	}
	if token, _ = k.Lookup("SIGSTORE_ID_TOKEN"); token != "" {
		return strings.TrimSpace(token), nil, nil
	}
	address, _ := k.Lookup("ACTIONS_ID_TOKEN_REQUEST_URL")
	bearer, _ := k.Lookup("ACTIONS_ID_TOKEN_REQUEST_TOKEN")
	return "", &annex.Ambient{URL: address, Token: bearer}, nil
}
