package host

import (
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/engine/embedded"
	"github.com/slipway-build/slipway/internal/pattern"
	"github.com/slipway-build/slipway/internal/plaintext"
	"github.com/slipway-build/slipway/internal/repository"
)

// logins returns a login of each tool that has secrets here, from the variables as
// this machine has them and from files by the tool that reads them.
func logins(env []string, files map[string]map[string]string) []embedded.Login {
	var out []embedded.Login
	for _, tool := range tools() {
		l := embedded.Login{Tool: tool.name, Installs: func(command string) bool { return tool.installs().MatchString(command) }, Files: files[tool.name]}
		for _, kv := range env {
			if name, _, _ := strings.Cut(kv, "="); slices.Contains(tool.variables, name) && plaintext.WithoutLogins(kv) != kv {
				l.Env = append(l.Env, kv)
			}
		}
		if len(l.Env)+len(l.Files) > 0 {
			out = append(out, l)
		}
	}
	return out
}

// tool is a package manager, or several that read the same settings.
type tool struct {
	name      string
	variables []string // that name its registries
	installs  func() *regexp.Regexp
}

// The expressions find the commands that fetch packages, in the text of a step.
var (
	npmInstalls    = pattern.Lazy(`\b(npm|pnpm|bun)\s+([^;&|\n]*\s)?(ci|i|install|add|fetch|update|up|rebuild)\b|\byarn(\s+(install|add|--)|\s*$|\s*[;&|\n])`)
	pipInstalls    = pattern.Lazy(`\b(pip3?|uv|poetry|pdm|pipenv)\s[^;&|]*\b(install|sync|download|wheel|lock|add|update)\b`)
	cargoInstalls  = pattern.Lazy(`\bcargo\s+([^;&|\n]*\s)?(fetch|build|install|check|test|run|rustc|update|vendor|chef|metadata|generate-lockfile)\b`)
	mavenInstalls  = pattern.Lazy(`\b(mvnw?|mvnd)\b`)
	moduleInstalls = pattern.Lazy(`\bgo\s+(mod|get|install|build|test|run|generate|vet|list|work)\b`)
)

func tools() []tool {
	npm := slices.Concat([]string{"NPM_CONFIG_REGISTRY", "npm_config_registry"}, registryFollowers[:])
	return []tool{
		{"npm", npm, npmInstalls},
		{"pip", []string{"PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "UV_INDEX_URL", "UV_DEFAULT_INDEX"}, pipInstalls},
		{"cargo", nil, cargoInstalls},
		{"Maven", nil, mavenInstalls},
		{"Go", []string{"GOPROXY", "GOSUMDB"}, moduleInstalls},
	}
}

// withoutLogins returns variables whose addresses of registries have no login. Those
// of proxies keep theirs: without it, no step has a network.
func withoutLogins(env []string) []string {
	out := slices.Clone(env)
	for i, kv := range out {
		if name, _, _ := strings.Cut(kv, "="); !slices.Contains(proxyVariables[:], name) && name != "CARGO_HTTP_PROXY" {
			out[i] = plaintext.WithoutLogins(kv)
		}
	}
	return out
}

// loginsIn returns the logins of addresses in a text, and their passwords.
func loginsIn(text string) []string {
	var out []string
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return r <= ' ' || strings.ContainsRune(`,|"'<>`, r) }) {
		if i := strings.Index(word, "://"); i < 0 || plaintext.WithoutLogins(word) == word {
			continue
		}
		u, err := url.Parse(word[strings.LastIndexByte(word[:strings.Index(word, "://")], '=')+1:])
		if err != nil || u.User == nil {
			continue
		}
		out = append(out, u.User.String())
		if password, set := u.User.Password(); set {
			out = append(out, password, url.QueryEscape(password))
		}
	}
	return out
}

// Trusts tells whether the owner of this machine trusts a repository with the
// credentials of package registries: SLIPWAY_TRUST lists directories, those with
// "/..." at the end with all below them, and addresses, between commas. Nothing else
// is asked, so that no repository can say it of itself. at is the address that the
// repository was fetched from, if it was.
func Trusts(getenv func(string) string, dir, at string) (bool, error) {
	trusted := false
	for word := range strings.SplitSeq(getenv("SLIPWAY_TRUST"), ",") {
		word = strings.TrimSpace(word)
		below, all := strings.CutSuffix(word, "/...")
		switch {
		case word == "":
		case strings.Contains(word, "://"):
			trusted = trusted || at != "" && plaintext.WithoutLogins(word) == plaintext.WithoutLogins(at)
		case !filepath.IsAbs(word):
			return false, diag.Fail(diag.ExitUsage, "SLIPWAY_TRUST names %q, which is neither an absolute path nor an address", word).
				WithHint("SLIPWAY_TRUST=/srv/shop,/home/me/src/...,https://git.example/acme/web.git")
		case at != "": // a directory of Slipway's own
		case all:
			rel, err := filepath.Rel(repository.RealPath(below+"/"), repository.RealPath(dir))
			trusted = trusted || err == nil && filepath.IsLocal(rel)
		default:
			trusted = trusted || repository.Root(word) == repository.Root(dir)
		}
	}
	return trusted, nil
}
