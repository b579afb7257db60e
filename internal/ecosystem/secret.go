package ecosystem

import (
	"bytes"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/slipway-build/slipway/internal/pattern"
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

// The forms of private keys. A key itself counts, not a text that mentions its
// first line: base64 follows, in JSON after a line end that is written \n.
var (
	pemKey    = pattern.Lazy(`-{4,5} ?BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)? ?-{4,5}(?:\s|\\r|\\n)+(?:[A-Za-z-]+: [^\n]*\n)*\s*[A-Za-z0-9+/=]{32,}`) // RFC 7468, OpenSSH, OpenPGP, SSH.COM
	pemShort  = pattern.Lazy(`(?m)^\s*-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----\s*\n(?:[A-Za-z-]+: [^\n]*\n)*[A-Za-z0-9+/=\s]+-----END `)
	puttyKey  = pattern.Lazy(`(?m)^PuTTY-User-Key-File-[0-9]+:`)
	ageKey    = pattern.Lazy(`\bAGE-SECRET-KEY-1[0-9A-Z]{58}\b`)
	wgKey     = pattern.Lazy(`(?m)^\s*PrivateKey\s*=\s*[A-Za-z0-9+/]{43}=\s*$`) // WireGuard
	jwkType   = pattern.Lazy(`"kty"\s*:\s*"(?:RSA|EC|OKP)"`)                    // RFC 7517
	jwkSecret = pattern.Lazy(`"d"\s*:\s*"[A-Za-z0-9_-]{40,}"`)
	pemPublic = pattern.Lazy(`-----BEGIN (?:[A-Z0-9]+ )*(?:PUBLIC KEY|CERTIFICATE|CERTIFICATE REQUEST|X509 CRL|PARAMETERS)-----`)
)

// HoldsKey reports the content of a file that holds a private key, encrypted ones
// included. The planner leaves such files out, and the check of an image looks for
// them: both ask this. In a source, a short text in the form of a key is none.
func HoldsKey(name string, data []byte) bool {
	has := func(word string) bool { return Contains(data, word) }
	switch {
	case has("PRIVATE KEY") && (pemKey().Match(data) || mayHoldKey(name) && pemShort().Match(data)):
	case has("PuTTY-User-Key-File-") && has("Private-Lines:") && puttyKey().Match(data):
	case has("AGE-SECRET-KEY-1") && ageKey().Match(data):
	case has("PrivateKey") && wgKey().Match(data):
	case has(`"kty"`) && jwkType().Match(data) && jwkSecret().Match(data):
	default:
		return false
	}
	return true
}

// isPublic reports the content of a file that, whatever its name, holds only what
// everybody may know: a certificate or a public key.
func isPublic(data []byte) bool {
	return pemPublic().Match(data) && !bytes.Contains(data, []byte("PRIVATE KEY"))
}

// Files that are read in search of a key have at most and at least these bytes; a key
// of 16,384 bits with its certificates has 20,000.
const (
	maxKeyFile = 32 << 10
	minKeyFile = 40
)

// mayHoldKey reports a file that is read in search of a key. Sources, pages and
// media are not: a plan looks at each file, and the check of the image finds keys
// in those that it does not look at.
func mayHoldKey(name string) bool {
	base := strings.ToLower(path.Base(name))
	if strings.HasPrefix(base, "tsconfig") || slices.Contains([]string{"package.json", "package-lock.json", "composer.json", "manifest.json", "slipway.lock", "go.mod", "go.sum"}, base) {
		return false
	}
	return !slices.Contains([]string{
		".js", ".mjs", ".cjs", ".jsx", ".ts", ".mts", ".cts", ".tsx", ".vue", ".svelte", ".map", ".css", ".scss", ".sass", ".less", ".html", ".htm", ".ejs", ".hbs", ".pug", ".tmpl", ".j2", ".jinja", ".md", ".mdx", ".rst",
		".py", ".pyi", ".pyc", ".go", ".rs", ".java", ".kt", ".kts", ".scala", ".groovy", ".gradle", ".c", ".h", ".cc", ".cpp", ".hpp", ".rb", ".php", ".sh", ".sql", ".proto", ".graphql", ".gql", ".prisma", ".thrift",
		".png", ".jpg", ".jpeg", ".gif", ".webp", ".avif", ".ico", ".svg", ".bmp", ".woff", ".woff2", ".ttf", ".otf", ".eot", ".mp3", ".mp4", ".webm", ".ogg", ".wav", ".pdf", ".zip", ".gz", ".tgz", ".xz", ".zst", ".bz2", ".tar",
		".jar", ".war", ".class", ".so", ".a", ".o", ".node", ".wasm", ".exe", ".dll", ".dylib", ".bin", ".onnx", ".pt", ".parquet", ".csv", ".tsv", ".xml", ".po", ".mo", ".lock", ".sum", ".log", ".sqlite", ".sqlite3", ".db", ".ipynb", ".snap",
	}, path.Ext(base))
}

// SecretAt reports a file that holds secrets: by its name, unless its content is
// public, or by its content where the file is small and may hold a key.
func SecretAt(dir fs.FS, at string) bool {
	named := IsSecret(at)
	if named && strings.HasPrefix(path.Base(at), ".") || !named && !mayHoldKey(at) {
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
		return !isPublic(data)
	}
	return HoldsKey(at, data)
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
