package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/gate/attest"
)

// signFlags are the flags of `slipway sign`.
type signFlags struct {
	evidenceFlags
	key      string
	generate bool
}

func (a *app) signCommand() *cobra.Command {
	var f signFlags
	cmd := &cobra.Command{
		Use:   "sign [SERVICE… | IMAGE…]",
		Short: "Sign images and the statements about them",
		Long: `Sign built images, and every statement about them that the key has not signed yet
(provenance, SBOM, test and scan results; see slipway evidence). slipway push sends
signatures along; an image that is only in a registry is signed there.

Keys are files of cosign, or PEM files with ECDSA P-256, Ed25519 or RSA; env://NAME
takes the text of the key from a variable. The password of an encrypted key is in
SLIPWAY_KEY_PASSWORD or COSIGN_PASSWORD. cosign verify --key accepts the signatures
(with --insecure-ignore-tlog: Slipway writes to no transparency log). There is no
keyless signing.

--generate-key writes NAME.key (encrypted) and NAME.pub; NAME is slipway when left out.`,
		Example: `  SLIPWAY_KEY_PASSWORD=… slipway sign --generate-key release
  slipway sign --key release.key
  slipway sign --key env://SIGNING_KEY fast-orchestrator-service
  slipway sign --key release.key registry.example/shop/web:v1 --remote`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.generate {
				return a.generateKey(args)
			}
			return a.sign(cmd.Context(), args, f)
		},
	}
	f.register(cmd)
	cmd.Flags().StringVar(&f.key, "key", "", "private key: a file, or env://NAME (also $SLIPWAY_KEY)")
	cmd.Flags().BoolVar(&f.generate, "generate-key", false, "write a new pair of keys, and sign nothing")
	return cmd
}

func (a *app) generateKey(args []string) error {
	if len(args) > 1 {
		return diag.Fail(diag.ExitUsage, "--generate-key takes one name").WithHint("slipway sign --generate-key release")
	}
	prefix := "slipway"
	if len(args) == 1 {
		prefix = args[0]
	}
	private, public, err := a.keyring().Generate(prefix)
	if err != nil {
		return err
	}
	fmt.Fprintf(a.Stdout, "wrote %s and %s\n", private, public)
	fmt.Fprintf(a.Stderr, "keep %s and its password secret; give %s to those who verify: slipway verify --key %s\n", private, public, public)
	return nil
}

// signedImage is what `slipway sign --json` prints of an image.
type signedImage struct {
	Image      string   `json:"image"`
	Digest     string   `json:"digest"`
	KeySHA256  string   `json:"key_sha256"`
	Signed     bool     `json:"signed"` // false: the key had signed it before
	Statements []string `json:"statements"`
}

func (a *app) sign(ctx context.Context, args []string, f signFlags) error {
	name, err := a.signingKey(f.key)
	if err != nil {
		return err
	}
	signer, err := a.keyring().Private(name)
	if err != nil {
		return err
	}
	subjects, err := a.subjects(ctx, args, f.evidenceFlags)
	if err != nil {
		return err
	}
	rows := []signedImage{}
	for _, s := range subjects {
		done, err := s.Sign(ctx, signer)
		if err != nil {
			return err
		}
		row := signedImage{s.Name, s.Digest(), signer.ID(), done.Image, []string{}}
		for _, p := range done.Statements {
			row.Statements = append(row.Statements, attest.Word(p))
		}
		rows = append(rows, row)
	}
	if f.json {
		return a.printJSON(rows)
	}
	for _, row := range rows {
		fmt.Fprintln(a.Stdout, row.text())
	}
	return nil
}

func (r signedImage) text() string {
	var what []string
	if r.Signed {
		what = append(what, "the image")
	}
	what = append(what, r.Statements...)
	if len(what) == 0 {
		return fmt.Sprintf("%s: already signed by this key", r.Image)
	}
	return fmt.Sprintf("%s: signed %s (%s)", r.Image, strings.Join(what, ", "), r.Digest)
}
