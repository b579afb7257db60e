package ecosystem

import (
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/slipway-build/slipway/internal/secret"
)

// secretFiles are the names of files that hold secrets, and those among them that
// hold none: what explains the variables of .env without their values.
var secretFiles = sync.OnceValues(func() (names, except []glob) {
	return globs(".env", ".env.*", "id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", "*.key", "*-key.pem", "*.p12", "*.pfx", ".netrc", ".pypirc", ".pgpass"),
		globs(".env.example", ".env.sample", ".env.template", ".env.dist", ".env.defaults")
})

// IsSecret reports a file that, by its name, holds secrets.
func IsSecret(name string) bool {
	base := strings.ToLower(path.Base(name))
	is := func(patterns []glob) bool {
		return slices.ContainsFunc(patterns, func(g glob) bool { return g.matches(base) })
	}
	names, except := secretFiles()
	return is(names) && !is(except)
}

// Files that are read in search of a key have at most and at least these bytes; a key
// of 16,384 bits with its certificates has 20,000.
const (
	maxKeyFile = 32 << 10
	minKeyFile = 40
)

// SecretAt reports a file that holds secrets: by its name, unless its content is
// public, or by its content where the file is small and may hold a key.
func SecretAt(dir fs.FS, at string) bool {
	named := IsSecret(at)
	if named && strings.HasPrefix(path.Base(at), ".") || !named && !secret.MayHoldKey(at) {
		return named
	}
	info, err := fs.Stat(dir, at)
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxKeyFile || info.Size() < minKeyFile {
		return named
	}
	data, err := Read(dir, at)
	if err != nil {
		return named
	}
	if named {
		return !secret.IsPublic(data)
	}
	return secret.HoldsKey(at, data)
}

// Secret is SecretAt in the service's directory, remembered.
func (s *Service) Secret(at string) bool {
	is, known := s.secrets[at]
	if !known {
		if s.secrets == nil {
			s.secrets = map[string]bool{}
		}
		is = SecretAt(s.Dir, at)
		s.secrets[at] = is
	}
	return is
}

// Needless is like the function, and knows secrets by their content too.
func (s *Service) Needless(name string, dir bool) string {
	return s.needlessAs(name, name, dir)
}

// needlessAs is Needless for a file of another place.
func (s *Service) needlessAs(at, name string, dir bool) string {
	if !dir && s.Secret(at) {
		return WhySecret
	}
	if why := Needless(name, dir); why != WhySecret {
		return why
	}
	return "" // a public key or a certificate that is called like a private one
}

// UnhidePublic appends the exceptions that files need which are called like
// secrets and are public, and the names of those that are not called like the
// secrets that they are. Both were asked about before. inContext is the place of
// a file in the build context.
func (s *Service) UnhidePublic(patterns []string, inContext func(string) string) []string {
	var hidden, public []string
	for at, secret := range s.secrets {
		switch named := IsSecret(at); {
		case strings.ContainsAny(at, "*?[]!#\\\""): // no pattern means it alone
		case secret && !named:
			hidden = append(hidden, inContext(at))
		case named && !secret:
			public = append(public, "!"+inContext(at))
		}
	}
	slices.Sort(hidden)
	slices.Sort(public)
	return slices.Concat(patterns, hidden[:min(len(hidden), maxHidden)], public[:min(len(public), maxHidden)])
}

// maxHidden is the most files of each kind that patterns name: every file of the
// context is held against each pattern.
const maxHidden = 60

// LookForSecrets asks about each file below a directory, within limits.
func (s *Service) LookForSecrets(below string) {
	seen := 0
	_ = fs.WalkDir(s.Dir, below, func(p string, e fs.DirEntry, err error) error {
		if seen++; err != nil || seen > maxIgnored {
			return fs.SkipAll
		}
		if e.IsDir() && (e.Name() == "node_modules" || e.Name() == ".git") {
			return fs.SkipDir
		}
		if !e.IsDir() && !s.Wanted(p) {
			s.Secret(p)
		}
		return nil
	})
}
