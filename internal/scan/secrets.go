package scan

import (
	"cmp"
	"errors"
	"io/fs"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/gate"
	"github.com/slipway-build/slipway/internal/inventory"
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

// Unsearched are the files of an image that are too long to search all of them.
func (s Subject) Unsearched() (out []string) {
	for _, l := range s.Layers {
		for p, f := range l.Index.Facts {
			if f.Unsearched {
				out = append(out, "/"+p)
			}
		}
	}
	slices.Sort(out)
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

// maxSourceFiles is the limit of a source tree that is searched.
const maxSourceFiles = 100_000

// SourceSecrets finds the secrets in a source tree, and lists the files that are too long
// to search all of them. Installed packages and what git keeps are not searched.
func SourceSecrets(tree fs.FS) (out []gate.Secret, unsearched []string, err error) {
	out = []gate.Secret{}
	seen := 0
	err = fs.WalkDir(tree, ".", func(p string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() {
			if inventory.NotOwn(tree, p) {
				return fs.SkipDir
			}
			return nil
		}
		if seen++; seen > maxSourceFiles {
			return errors.New("searching for secrets: more than 100,000 files")
		}
		found, whole, err := inSource(tree, p, e)
		out = append(out, found...)
		if !whole {
			unsearched = append(unsearched, p)
		}
		return err
	})
	sortSecrets(out)
	return out, unsearched, err
}

// inSource finds the secrets in a file.
func inSource(tree fs.FS, p string, e fs.DirEntry) (out []gate.Secret, whole bool, err error) {
	info, err := e.Info()
	if err != nil || !info.Mode().IsRegular() {
		return nil, true, err
	}
	f, err := tree.Open(p)
	if err != nil {
		return nil, true, err
	}
	found, whole, err := secret.Stream(p, f, secret.FindInSource)
	for _, m := range found {
		out = append(out, gate.Secret{Rule: m.Rule, File: p, Line: m.Line, Where: "sources"})
	}
	return out, whole, errors.Join(err, f.Close())
}
