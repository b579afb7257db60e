package config

import (
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/invopop/jsonschema"

	"github.com/slipway-build/slipway/internal/diag"
)

// signatures are what images must have before commands take them.
type signatures struct {
	Keys        oneOrMore   `yaml:"keys,omitempty" jsonschema_description:"Public key, or a list of them of which one must have signed: files relative to this one, or env://NAME."`
	Identities  []identity  `yaml:"identities,omitempty" jsonschema_description:"Identities of which one may have signed in place of a key (slipway sign --keyless)."`
	TrustedRoot string      `yaml:"trusted_root,omitempty" jsonschema_description:"File with the authorities and logs of the Sigstore that identities are verified with, relative to this one."`
	Statements  []statement `yaml:"statements,omitempty" jsonschema_description:"Types of statements that the key must have signed too: provenance, cyclonedx, spdx, tests, vulnerabilities, or the address of a predicate type."`
	Enforce     []enforced  `yaml:"enforce,omitempty" jsonschema_description:"Commands that refuse other images; push and deploy when left out."`
}

// identity is who may have signed: a subject and the issuer that vouches for it.
type identity struct {
	Subject       string `yaml:"subject,omitempty" jsonschema_description:"Subject of the certificate, such as https://github.com/acme/shop/.github/workflows/release.yml@refs/heads/main."`
	SubjectRegexp string `yaml:"subject_regexp,omitempty" jsonschema_description:"Regular expression for the whole subject."`
	Issuer        string `yaml:"issuer,omitempty" jsonschema_description:"Issuer of the identity token, such as https://token.actions.githubusercontent.com."`
	IssuerRegexp  string `yaml:"issuer_regexp,omitempty" jsonschema_description:"Regular expression for the whole issuer."`
}

// statement is the type of a statement.
type statement string

// StatementTypes are the words for types of statements.
func StatementTypes() []string {
	return []string{"cyclonedx", "provenance", "spdx", "tests", "vulnerabilities"}
}

// JSONSchema makes the schema of a type of statements.
func (statement) JSONSchema() *jsonschema.Schema {
	words := &jsonschema.Schema{Type: "string"}
	for _, w := range StatementTypes() {
		words.Enum = append(words.Enum, w)
	}
	return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{words, {Type: "string", Pattern: "^https://"}}}
}

// scanner is a program whose arguments Slipway knows. Other commands come from the
// command line and the environment: a repository starts no program of its choice.
type scanner string

func (scanner) choices() []string { return []string{"clair", "grype", "snyk", "trivy"} }

// JSONSchema makes the schema of a choice.
func (c scanner) JSONSchema() *jsonschema.Schema { return enum(c) }

// enforced is a command that takes images.
type enforced string

func (enforced) choices() []string { return []string{"deploy", "push", "run"} }

// JSONSchema makes the schema of a choice.
func (c enforced) JSONSchema() *jsonschema.Schema { return enum(c) }

// Signatures are what images must have before the commands in Enforce take them.
type Signatures struct {
	Keys        []string // files relative to the fleet's root, or env://NAME; one suffices
	Identities  []Identity
	TrustedRoot string   // file relative to the fleet's root, for Identities
	Statements  []string // words of StatementTypes, or addresses of predicate types
	Enforce     []string
}

// Identity is who may have signed in place of a key. Regular expressions are for the
// whole of a name.
type Identity struct{ Subject, SubjectRegexp, Issuer, IssuerRegexp string }

// By tells whether a command refuses images without them; nil enforces nothing.
func (s *Signatures) By(command string) bool {
	return s != nil && slices.Contains(s.Enforce, command)
}

// checkSignatures reports a policy that nobody can meet.
func (d *decoder) checkSignatures(s signatures) {
	if len(s.Keys)+len(s.Identities) == 0 && !d.hasFindingIn("signatures") && !d.hasFindingIn("signatures/keys") && !d.hasFindingIn("signatures/identities") {
		d.report(codeSignatures, "signatures", "keys: keys/release.pub; make one with slipway sign --generate-key", "the signatures name neither a key nor an identity")
	}
	d.checkIdentities(s)
	for i, k := range s.Keys {
		at := fmt.Sprintf("signatures/keys/%d", i)
		name, variable := strings.CutPrefix(k, "env://")
		switch {
		case d.hasFindingIn(at):
		case variable && !envForm().MatchString(name), k == "", !variable && strings.Contains(k, "://"):
			d.report(codeSignatures, at, "name a file, or a variable as env://NAME", "%q is not a key", clip(k))
		case !variable && (path.IsAbs(k) || !fs.ValidPath(path.Clean(k))):
			d.report(codePath, at, "copy the public key into the repository, or name a variable: env://NAME", "the key %q is outside the repository", clip(k))
		}
	}
	for i, w := range s.Statements {
		at := fmt.Sprintf("signatures/statements/%d", i)
		if slices.Contains(StatementTypes(), string(w)) || strings.HasPrefix(string(w), "https://") || d.hasFindingIn(at) {
			continue
		}
		hint := "use " + strings.Join(StatementTypes(), ", ") + ", or the https address of a predicate type"
		if near := diag.Nearest(string(w), StatementTypes()); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		d.report(codeSignatures, at, hint, "%q is not a type of statement", clip(string(w)))
	}
}

// checkIdentities reports identities that nobody has, or that cannot be verified.
func (d *decoder) checkIdentities(s signatures) {
	for i, who := range s.Identities {
		at := fmt.Sprintf("signatures/identities/%d", i)
		if d.hasFindingIn(at) {
			continue
		}
		if who.Subject == "" && who.SubjectRegexp == "" || who.Issuer == "" && who.IssuerRegexp == "" {
			d.report(codeSignatures, at, "write both, such as {subject: dev@example.com, issuer: https://accounts.example.com}", "the identity lacks its subject or its issuer")
		}
		for key, expression := range map[string]string{"subject_regexp": who.SubjectRegexp, "issuer_regexp": who.IssuerRegexp} {
			if _, err := regexp.Compile(expression); err != nil {
				d.report(codeSignatures, at+"/"+key, "see https://golang.org/s/re2syntax", "%q is not a regular expression", clip(expression))
			}
		}
	}
	switch {
	case len(s.Identities) > 0 && s.TrustedRoot == "" && !d.hasFindingIn("signatures/trusted_root"):
		d.report(codeSignatures, "signatures/identities", "add trusted_root: keys/trusted-root.json, which the operators of your Sigstore publish", "identities cannot be verified without a trusted root")
	case len(s.Identities) == 0 && s.TrustedRoot != "":
		d.report(codeSignatures, "signatures/trusted_root", "add identities:, or remove it", "the trusted root is for identities, and there are none")
	}
	d.checkPath("signatures/trusted_root", s.TrustedRoot, "write it relative to slipway.yaml", "copy it into the repository")
}

// resolve applies the defaults.
func (s signatures) resolve() *Signatures {
	out := &Signatures{Keys: s.Keys, TrustedRoot: s.TrustedRoot}
	for _, i := range s.Identities {
		out.Identities = append(out.Identities, Identity(i))
	}
	for _, w := range s.Statements {
		out.Statements = append(out.Statements, string(w))
	}
	for _, c := range s.Enforce {
		out.Enforce = append(out.Enforce, string(c))
	}
	if len(out.Enforce) == 0 {
		out.Enforce = []string{"deploy", "push"}
	}
	return out
}
