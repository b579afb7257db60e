package secret

import (
	"bytes"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/pattern"
)

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
	has := func(word string) bool { return bytes.Contains(data, []byte(word)) }
	switch {
	case has("PRIVATE KEY") && (pemKey().Match(data) || MayHoldKey(name) && pemShort().Match(data)):
	case has("PuTTY-User-Key-File-") && has("Private-Lines:") && puttyKey().Match(data):
	case has("AGE-SECRET-KEY-1") && ageKey().Match(data):
	case has("PrivateKey") && wgKey().Match(data):
	case has(`"kty"`) && jwkType().Match(data) && jwkSecret().Match(data):
	default:
		return false
	}
	return true
}

// IsPublic reports the content of a file that, whatever its name, holds only what
// everybody may know: a certificate or a public key.
func IsPublic(data []byte) bool {
	return pemPublic().Match(data) && !bytes.Contains(data, []byte("PRIVATE KEY"))
}

// MayHoldKey reports a file that is read in search of a key. Sources, pages and
// media are not: a plan looks at each file, and the check of the image finds keys
// in those that it does not look at.
func MayHoldKey(name string) bool {
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
