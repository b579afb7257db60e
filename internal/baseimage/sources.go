package baseimage

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/slipway-build/slipway/internal/baseimage/debian"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/pattern"
)

// Mirrors are the addresses that packages come from, without a slash at the
// end. Several of a kind are tried in order.
type Mirrors struct {
	Debian     []string
	Security   []string          // may be empty: then there are no security updates between point releases
	Python     []string          // where releases of python-build-standalone are
	Registries func() Registries // asked when one is needed, as npm and go may have to be asked; nil: none
}

// Registries are where packages of languages come from.
type Registries struct {
	NPM      string   // "" when none is configured
	NPMToken string   // sent to the npm registry alone; never logged
	Go       []string // module proxies; may be empty
}

func (m Mirrors) registries() Registries {
	if m.Registries == nil {
		return Registries{}
	}
	return m.Registries()
}

// ofDebian tells whether an address is below one of Debian's mirrors.
func (m Mirrors) ofDebian(address string) bool {
	return slices.ContainsFunc(slices.Concat(m.Debian, m.Security), func(base string) bool {
		return strings.HasPrefix(address, base+"/")
	})
}

// Machine is where mirrors are looked up. A base is shared by all repositories, so
// no file of a repository has a say in where its packages come from.
type Machine struct {
	Root   string // "/"; apt's configuration lies in etc/apt below it
	Getenv func(string) string
}

// longestLookup bounds how long npm and go may take to tell their settings.
const longestLookup = 30 * time.Second

// FindMirrors reads the machine's configuration: SLIPWAY_DEBIAN_MIRROR,
// SLIPWAY_DEBIAN_SECURITY_MIRROR, else apt's sources; NPM_CONFIG_REGISTRY, else
// the .npmrc of the user and of the machine, else what npm says;
// SLIPWAY_PYTHON_MIRROR, else the project's releases. It does not use the network.
func FindMirrors(ctx context.Context, m Machine) (Mirrors, error) {
	found := Mirrors{Python: []string{pythonReleases}}
	if v := m.Getenv("SLIPWAY_PYTHON_MIRROR"); v != "" {
		found.Python = trimmed(strings.Fields(v))
	}
	if v := m.Getenv("SLIPWAY_DEBIAN_MIRROR"); v != "" {
		found.Debian = trimmed(strings.Fields(v))
	}
	if v := m.Getenv("SLIPWAY_DEBIAN_SECURITY_MIRROR"); v != "" {
		found.Security = trimmed(strings.Fields(v))
	}
	if len(found.Debian) == 0 {
		main, security := debian.AptMirrors(m.Root)
		found.Debian = trimmed(httpOnly(main))
		if len(found.Security) == 0 {
			found.Security = trimmed(httpOnly(security))
		}
	}
	if len(found.Debian) == 0 {
		return Mirrors{}, diag.Fail(diag.ExitUsage, "no Debian mirror is configured on this machine (looked in %s)", filepath.Join(m.Root, "etc/apt")).
			WithHint("set SLIPWAY_DEBIAN_MIRROR to the address of a Debian archive, such as https://mirror.example/debian")
	}
	found.Registries = sync.OnceValue(func() Registries {
		// Who asks first may be a part of the work that is over when the next asks.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), longestLookup)
		defer cancel()
		r := Registries{Go: goProxies(ctx, m)}
		r.NPM, r.NPMToken = npmRegistry(ctx, m)
		return r
	})
	return found, nil
}

func trimmed(addresses []string) []string {
	var out []string
	for _, a := range addresses {
		if a = strings.TrimRight(a, "/"); !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	return out
}

// httpOnly returns the addresses that are fetched over HTTP.
func httpOnly(uris []string) []string {
	return slices.DeleteFunc(slices.Clone(uris), func(u string) bool {
		return !strings.HasPrefix(u, "http://") && !strings.HasPrefix(u, "https://")
	})
}

// npmRegistry returns the address of the npm registry and the token for it.
func npmRegistry(ctx context.Context, m Machine) (address, token string) {
	settings := map[string]string{}
	for _, name := range []string{ // the first that has a key wins
		HomeFile(m.Getenv, ".npmrc"),
		filepath.Join(m.Root, "usr/local/etc/npmrc"), filepath.Join(m.Root, "etc/npmrc"),
	} {
		text, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		for k, v := range parseNPMRC(string(text), m.Getenv) {
			if _, have := settings[k]; !have {
				settings[k] = v
			}
		}
	}
	for _, v := range []string{m.Getenv("NPM_CONFIG_REGISTRY"), m.Getenv("npm_config_registry"), settings["registry"]} {
		if address == "" {
			address = v
		}
	}
	if address == "" {
		cmd := exec.CommandContext(ctx, "npm", "config", "get", "registry")
		cmd.Dir = m.Root // in a repository, npm would read its .npmrc
		if out, err := cmd.Output(); err == nil {
			address = strings.TrimSpace(string(out))
		}
	}
	if !strings.HasPrefix(address, "http://") && !strings.HasPrefix(address, "https://") {
		return "", ""
	}
	address = strings.TrimRight(address, "/")
	_, rest, _ := strings.Cut(address, ":")
	return address, settings[rest+"/:_authToken"]
}

// HomeFile is the path of a file in the user's home directory; empty, which no file
// has, when HOME is not set: the path would be relative to the working directory,
// which may be that of a stranger's repository.
func HomeFile(getenv func(string) string, name ...string) string {
	home := getenv("HOME")
	if !filepath.IsAbs(home) {
		return ""
	}
	return filepath.Join(append([]string{home}, name...)...)
}

// ConfigFile is the path of a file in the user's directory of settings, by the XDG
// base directory specification, which ignores relative directories; else empty.
func ConfigFile(getenv func(string) string, name ...string) string {
	if dir := getenv("XDG_CONFIG_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(append([]string{dir}, name...)...)
	}
	return HomeFile(getenv, append([]string{".config"}, name...)...)
}

var npmVariable = pattern.Lazy(`\$\{(\w+)\}`)

// parseNPMRC reads the key=value lines of an .npmrc with ${VARIABLES}.
func parseNPMRC(text string, getenv func(string) string) map[string]string {
	out := map[string]string{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		key, value, ok := strings.Cut(line, "=")
		if !ok || strings.HasPrefix(line, ";") || strings.HasPrefix(line, "#") {
			continue
		}
		value = strings.Trim(strings.TrimSpace(value), `"'`)
		out[strings.TrimSpace(key)] = npmVariable().ReplaceAllStringFunc(value, func(v string) string {
			return getenv(v[2 : len(v)-1])
		})
	}
	return out
}
