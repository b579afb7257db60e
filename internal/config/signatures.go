package config

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/invopop/jsonschema"

	"github.com/slipway-build/slipway/internal/diag"
)

// signatures are what images must have before commands take them.
type signatures struct {
	Keys       oneOrMore   `yaml:"keys" jsonschema:"required" jsonschema_description:"Public key, or a list of them of which one must have signed: files relative to this one, or env://NAME."`
	Statements []statement `yaml:"statements,omitempty" jsonschema_description:"Types of statements that the key must have signed too: provenance, cyclonedx, spdx, tests, vulnerabilities, or the address of a predicate type."`
	Enforce    []enforced  `yaml:"enforce,omitempty" jsonschema_description:"Commands that refuse other images; push and deploy when left out."`
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
	Keys       []string // files relative to the fleet's root, or env://NAME; one suffices
	Statements []string // words of StatementTypes, or addresses of predicate types
	Enforce    []string
}

// By tells whether a command refuses images without them; nil enforces nothing.
func (s *Signatures) By(command string) bool {
	return s != nil && slices.Contains(s.Enforce, command)
}

// checkSignatures reports a policy that nobody can meet.
func (d *decoder) checkSignatures(s signatures) {
	if len(s.Keys) == 0 && !d.hasFindingIn("signatures") && !d.hasFindingIn("signatures/keys") {
		d.report(codeSignatures, "signatures", "keys: keys/release.pub; make one with slipway sign --generate-key", "the signatures name no key")
	}
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

// resolve applies the defaults.
func (s signatures) resolve() *Signatures {
	out := &Signatures{Keys: s.Keys}
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
