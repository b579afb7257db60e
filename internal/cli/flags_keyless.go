package cli

import (
	"cmp"

	"github.com/spf13/pflag"

	"github.com/slipway-build/slipway/internal/annex"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/evidence"
)

// keylessFlags say how to sign with an identity. Commands that sign what they make have
// only --keyless, and take the rest from the environment.
type keylessFlags struct {
	on        bool
	token     string // file
	fulcio    string
	rekor     string
	timestamp string
	config    string // file
	root      string // file
}

// keylessSwitch describes --keyless of commands that have --sign.
const keylessSwitch = "sign with an identity in place of a key, through the Sigstore that SLIPWAY_FULCIO_URL and other variables name"

// registerSwitch adds --keyless.
func (f *keylessFlags) registerSwitch(fl *pflag.FlagSet, signs string) {
	fl.BoolVar(&f.on, "keyless", false, signs)
}

// register adds all of them.
func (f *keylessFlags) register(fl *pflag.FlagSet) {
	f.registerSwitch(fl, "sign with an identity in place of a key, through a Sigstore")
	fl.StringVar(&f.token, "identity-token", "", "file with the identity token (default $SIGSTORE_ID_TOKEN, else the one of GitHub Actions)")
	fl.StringVar(&f.fulcio, "fulcio-url", "", "address of Fulcio (also $SLIPWAY_FULCIO_URL)")
	fl.StringVar(&f.rekor, "rekor-url", "", "address of Rekor, version 1 (also $SLIPWAY_REKOR_URL)")
	fl.StringVar(&f.timestamp, "timestamp-url", "", "address of a timestamp authority (also $SLIPWAY_TIMESTAMP_URL)")
	fl.StringVar(&f.config, "signing-config", "", "file with these addresses (also $SLIPWAY_SIGNING_CONFIG)")
	fl.StringVar(&f.root, "trusted-root", "", "verify each signature with this file at once (also $SLIPWAY_TRUSTED_ROOT)")
}

// keyless is what signs with an identity. The token is read, and nothing is asked yet.
func (a *app) keyless(f keylessFlags) (*evidence.Keyless, error) {
	k := &evidence.Keyless{Tools: a.tools()}
	k.Services.Fulcio = cmp.Or(f.fulcio, a.Getenv("SLIPWAY_FULCIO_URL"))
	k.Services.Rekor = cmp.Or(f.rekor, a.Getenv("SLIPWAY_REKOR_URL"))
	k.Services.Timestamp = cmp.Or(f.timestamp, a.Getenv("SLIPWAY_TIMESTAMP_URL"))
	var err error
	if k.Token, k.Ambient, err = a.keyring().IdentityToken(f.token); err != nil {
		return nil, err
	}
	if name := cmp.Or(f.config, a.Getenv("SLIPWAY_SIGNING_CONFIG")); name != "" {
		if k.Services.Config, err = a.keyring().ReadFile("signing configuration", name); err != nil {
			return nil, err
		}
	}
	if name := cmp.Or(f.root, a.Getenv("SLIPWAY_TRUSTED_ROOT")); name != "" {
		k.TrustedRoot, err = a.keyring().ReadFile("trusted root", name)
	}
	return k, err
}

// identityFlags say who may have signed without a key.
type identityFlags struct {
	annex.Identity
	root string // file
}

func (f *identityFlags) register(fl *pflag.FlagSet) {
	fl.StringVar(&f.Subject, "certificate-identity", "", "identity that may have signed in place of a key: an address of e-mail, a URL")
	fl.StringVar(&f.SubjectRegexp, "certificate-identity-regexp", "", "regular expression for the whole identity")
	fl.StringVar(&f.Issuer, "certificate-oidc-issuer", "", "issuer of the identity's token")
	fl.StringVar(&f.IssuerRegexp, "certificate-oidc-issuer-regexp", "", "regular expression for the whole issuer")
	fl.StringVar(&f.root, "trusted-root", "", "file with the authorities and logs of the Sigstore (also $SLIPWAY_TRUSTED_ROOT)")
}

// identities is whom the flags accept; nil: none of them is set.
func (a *app) identities(f identityFlags) (*evidence.Identities, error) {
	if f.Identity == (annex.Identity{}) {
		if f.root != "" {
			return nil, diag.Fail(diag.ExitUsage, "--trusted-root requires an identity").WithHint("add --certificate-identity and --certificate-oidc-issuer")
		}
		return nil, nil
	}
	if f.Subject == "" && f.SubjectRegexp == "" || f.Issuer == "" && f.IssuerRegexp == "" {
		return nil, diag.Fail(diag.ExitUsage, "an identity is a subject and its issuer, and one of them is missing").
			WithHint("add --certificate-identity and --certificate-oidc-issuer: without the issuer, anybody's could vouch for the subject")
	}
	name := cmp.Or(f.root, a.Getenv("SLIPWAY_TRUSTED_ROOT"))
	if name == "" {
		return nil, diag.Fail(diag.ExitUsage, "verifying an identity requires a trusted root").
			WithHint("add --trusted-root FILE, or set SLIPWAY_TRUSTED_ROOT: the operators of the Sigstore publish the file")
	}
	root, err := a.keyring().ReadFile("trusted root", name)
	if err != nil {
		return nil, err
	}
	return &evidence.Identities{Tools: a.tools(), Accepted: []annex.Identity{f.Identity}, TrustedRoot: root}, nil
}
