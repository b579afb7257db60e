package scan

import (
	"cmp"
	"errors"
	"io/fs"
	"slices"
	"sort"
	"strings"

	"github.com/slipway-build/slipway/internal/gate"
	"github.com/slipway-build/slipway/internal/secret"
)

// Secrets finds those in an image: in every layer, deleted files included, in its
// variables and labels, and in its history. What they are is never kept.
func (s Subject) Secrets() []gate.Secret {
	out := []gate.Secret{}
	for _, l := range s.Layers {
		for p, f := range l.Index.Facts {
			if f.Secret != "" {
				out = append(out, gate.Secret{Rule: ruleOf(f.Secret), File: p, Layer: l.Digest, Where: "layer"})
			}
			for _, m := range f.Tokens {
				out = append(out, gate.Secret{Rule: m.Rule, File: p, Line: m.Line, Layer: l.Digest, Where: "layer"})
			}
		}
	}
	for _, kv := range s.Env {
		name, value, _ := strings.Cut(kv, "=")
		if rule := secret.InVariable(name, value); rule != "" {
			out = append(out, gate.Secret{Rule: rule, File: "ENV " + name, Where: "configuration"})
		}
	}
	for name, value := range s.Labels {
		for _, m := range secret.Find([]byte(value)) {
			out = append(out, gate.Secret{Rule: m.Rule, File: "LABEL " + name, Where: "configuration"})
		}
	}
	for i, command := range s.Commands {
		for _, rule := range inCommand(command) {
			out = append(out, gate.Secret{Rule: rule, File: "history", Line: i + 1, Where: "history"})
		}
	}
	sortSecrets(out)
	return slices.Compact(out)
}

// inCommand names the rules of the secrets in an instruction: those of known forms,
// and build arguments whose name says that they are one (ARG TOKEN=…; "|1 TOKEN=…" of
// docker's history).
func inCommand(command string) (out []string) {
	for _, m := range secret.Find([]byte(command)) {
		out = append(out, m.Rule)
	}
	for word := range strings.FieldsSeq(command) {
		if name, value, ok := strings.Cut(word, "="); ok && !strings.HasPrefix(name, "-") {
			if rule := secret.InVariable(name, strings.Trim(value, `"'`)); rule != "" {
				out = append(out, rule)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// ruleOf is the name of a rule of package layer, which describes what it found.
func ruleOf(what string) string {
	switch {
	case strings.Contains(what, "private key"):
		return "private-key"
	case strings.Contains(what, "variables"):
		return "variables-file"
	case strings.Contains(what, "registry"):
		return "registry-login"
	}
	return "credentials-file"
}

func sortSecrets(list []gate.Secret) {
	slices.SortFunc(list, func(a, b gate.Secret) int {
		return cmp.Or(strings.Compare(a.Where, b.Where), strings.Compare(a.File, b.File), a.Line-b.Line, strings.Compare(a.Rule, b.Rule), strings.Compare(a.Layer, b.Layer), strings.Compare(a.Commit, b.Commit))
	})
}

// Limits of a source tree that is searched.
const (
	maxSourceFile  = 1 << 20
	maxSourceFiles = 100_000
)

// SourceSecrets finds the secrets in a source tree. Installed packages and what git
// keeps are not searched.
func SourceSecrets(tree fs.FS) ([]gate.Secret, error) {
	out := []gate.Secret{}
	seen := 0
	err := fs.WalkDir(tree, ".", func(p string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() {
			if i := sort.SearchStrings(skipped(), e.Name()); i < len(skipped()) && skipped()[i] == e.Name() {
				return fs.SkipDir
			}
			return nil
		}
		if seen++; seen > maxSourceFiles {
			return errors.New("searching for secrets: more than 100,000 files")
		}
		found, err := inSource(tree, p, e)
		out = append(out, found...)
		return err
	})
	sortSecrets(out)
	return out, err
}

// skipped are the directories of others, sorted.
func skipped() []string {
	return []string{".git", ".slipway", ".venv", "node_modules", "target", "vendor", "venv"}
}

// inSource finds the secrets in a file.
func inSource(tree fs.FS, p string, e fs.DirEntry) (out []gate.Secret, err error) {
	info, err := e.Info()
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxSourceFile {
		return nil, err
	}
	data, err := fs.ReadFile(tree, p)
	if err != nil {
		return nil, err
	}
	if secret.HoldsKey(p, data) {
		out = append(out, gate.Secret{Rule: "private-key", File: p, Where: "sources"})
	}
	for _, m := range secret.FindInSource(p, data) {
		out = append(out, gate.Secret{Rule: m.Rule, File: p, Line: m.Line, Where: "sources"})
	}
	return out, nil
}
