package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/evidence"
)

// verifyFlags are the flags of `slipway verify`.
type verifyFlags struct {
	evidenceFlags
	keys       []string
	identity   identityFlags
	statements []string
}

func (a *app) verifyCommand() *cobra.Command {
	var f verifyFlags
	cmd := &cobra.Command{
		Use:   "verify [SERVICE… | IMAGE…]",
		Short: "Check the signatures of images and of the statements about them",
		Long: `Check that one of the keys or identities signed each image, and with --statement, that
it signed statements of these types: provenance, cyclonedx, spdx, tests,
vulnerabilities, or the address of another predicate type. A statement that tests
failed does not count. Signatures of cosign count as those of slipway sign do.

Keys are public keys or certificates in PEM format; env://NAME takes the text from a
variable. An identity is a subject and the issuer that vouches for it, verified with
--trusted-root and offline: what that file names is required, such as an entry in a
transparency log. Without either, signatures: in slipway.yaml says which keys,
identities and statements count. Exit code 4 says that an image was refused.`,
		Example: `  slipway verify --key release.pub
  slipway verify --key release.pub --statement provenance --statement cyclonedx
  slipway verify --key release.pub --remote registry.example/shop/web:v1
  slipway verify --certificate-identity-regexp 'https://github\.com/acme/.*' \
    --certificate-oidc-issuer https://token.actions.githubusercontent.com --trusted-root trusted_root.json`,
		RunE: func(cmd *cobra.Command, args []string) error { return a.verify(cmd.Context(), args, f) },
	}
	f.register(cmd)
	cmd.Flags().StringArrayVar(&f.keys, "key", nil, "public key: a file, or env://NAME; may be repeated, and one suffices")
	f.identity.register(cmd.Flags())
	cmd.Flags().StringSliceVar(&f.statements, "statement", nil, "type of a statement that the key must have signed; may be repeated")
	return cmd
}

func (a *app) verify(ctx context.Context, args []string, f verifyFlags) error {
	policy, err := a.verifyPolicy(f)
	if err != nil {
		return err
	}
	subjects, err := a.subjects(ctx, args, f.evidenceFlags)
	if err != nil {
		return err
	}
	verdicts := []evidence.Verdict{}
	var refused []error
	for _, s := range subjects {
		v, err := s.Verify(ctx, policy, time.Now())
		verdicts = append(verdicts, v)
		if err != nil {
			refused = append(refused, err)
		}
	}
	if f.json {
		if err := a.printJSON(verdicts); err != nil {
			return err
		}
		return errors.Join(refused...)
	}
	for _, v := range verdicts {
		a.printVerdict(v)
	}
	return errors.Join(refused...)
}

// verifyPolicy is what the flags ask for, else what slipway.yaml does.
func (a *app) verifyPolicy(f verifyFlags) (evidence.Policy, error) {
	required, err := predicates(f.statements)
	if err != nil {
		return evidence.Policy{}, err
	}
	identities, err := a.identities(f.identity)
	if err != nil {
		return evidence.Policy{}, err
	}
	if len(f.keys) == 0 && identities == nil {
		p, _, err := a.policy(a.Dir)
		if err == nil && p == nil {
			err = diag.Fail(diag.ExitUsage, "verifying requires a public key or an identity").
				WithHint("add --key FILE, --key env://NAME or --certificate-identity, or set signatures: {keys: FILE} in slipway.yaml")
		}
		if err != nil {
			return evidence.Policy{}, err
		}
		p.Required = append(p.Required, required...)
		return *p, nil
	}
	keys, err := a.keyring().Public(f.keys)
	return evidence.Policy{Keys: keys, Identities: identities, Required: required}, err
}

// printVerdict prints what counts of an image's evidence, each kind once.
func (a *app) printVerdict(v evidence.Verdict) {
	said := map[string]bool{}
	for _, p := range v.Evidence {
		if line := fmt.Sprintf("%s: %s signed by %s (%s)", v.Called(), p.Type, p.By, v.Digest); p.Refused == "" && !said[line] {
			said[line] = true
			fmt.Fprintln(a.Stdout, line)
		}
	}
	for _, one := range v.Platforms {
		a.printVerdict(one)
	}
}
