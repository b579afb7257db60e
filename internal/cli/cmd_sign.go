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
	keyless  keylessFlags
	generate bool
}

func (a *app) signCommand() *cobra.Command {
	var f signFlags
	cmd := &cobra.Command{
		Use:   "sign [SERVICE… | IMAGE…]",
		Short: "Sign images and the statements about them",
		Long: `Sign built images, and every statement about them that the key or identity has not
signed yet (provenance, SBOM, test and scan results; see slipway evidence). slipway push
sends signatures along; an image that is only in a registry is signed there.

Keys are files of cosign, or PEM files with ECDSA P-256, Ed25519 or RSA; env://NAME
takes the text of the key from a variable. The password of an encrypted key is in
SLIPWAY_KEY_PASSWORD or COSIGN_PASSWORD. cosign verify --key accepts the signatures
(with --insecure-ignore-tlog: with a key, Slipway writes to no transparency log).

--keyless signs with the identity of a token of OpenID Connect: from a file, from
SIGSTORE_ID_TOKEN (GitLab CI sets it with id_tokens:), or from GitHub Actions for a job
with the permission id-token: write. Fulcio issues the certificate, and Rekor or a
timestamp authority records when it was used; slipway has no address of its own. Their
operators publish the files for --signing-config and --trusted-root. Signatures are
bundles, as of cosign 3, and cosign verify --certificate-identity accepts them.

--generate-key writes NAME.key (encrypted) and NAME.pub; NAME is slipway when left out.`,
		Example: `  SLIPWAY_KEY_PASSWORD=… slipway sign --generate-key release
  slipway sign --key release.key
  slipway sign --key env://SIGNING_KEY fast-orchestrator-service
  slipway sign --key release.key registry.example/shop/web:v1 --remote
  slipway sign --keyless --fulcio-url https://fulcio.example --rekor-url https://rekor.example`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.generate {
				return a.generateKey(args)
			}
			return a.sign(cmd.Context(), args, f)
		},
	}
	f.register(cmd)
	cmd.Flags().StringVar(&f.key, "key", "", "private key: a file, or env://NAME (also $SLIPWAY_KEY)")
	f.keyless.register(cmd.Flags())
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
	KeySHA256  string   `json:"key_sha256,omitempty"`
	Identity   string   `json:"identity,omitempty"` // without a key
	Signed     bool     `json:"signed"`             // false: the key or identity had signed it before
	Statements []string `json:"statements"`
}

func (a *app) sign(ctx context.Context, args []string, f signFlags) error {
	signer, err := a.signs(f.key, f.keyless)
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
		row := signedImage{Image: s.Name, Digest: s.Digest(), KeySHA256: done.By, Signed: done.Image, Statements: []string{}}
		if f.keyless.on {
			row.KeySHA256, row.Identity = "", done.By
		}
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
		return fmt.Sprintf("%s: already signed by this %s", r.Image, r.signer())
	}
	if r.Identity != "" {
		return fmt.Sprintf("%s: signed %s as %s (%s)", r.Image, strings.Join(what, ", "), r.Identity, r.Digest)
	}
	return fmt.Sprintf("%s: signed %s (%s)", r.Image, strings.Join(what, ", "), r.Digest)
}

func (r signedImage) signer() string {
	if r.Identity != "" {
		return "identity"
	}
	return "key"
}
