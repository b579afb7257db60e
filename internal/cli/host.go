package cli

import (
	"cmp"
	"os"
	"strings"

	"github.com/slipway-build/slipway/internal/baseimage"
)

// caBundles are where distributions keep the certificates that they trust:
// Debian and Arch, Fedora and RHEL, openSUSE, Alpine.
var caBundles = [...]string{
	"/etc/ssl/certs/ca-certificates.crt",
	"/etc/pki/tls/certs/ca-bundle.crt",
	"/etc/ssl/ca-bundle.pem",
	"/etc/ssl/cert.pem",
}

// hostCA returns the bundle of this machine: $SSL_CERT_FILE, else the first of
// the usual places; empty when there is none.
func hostCA(getenv func(string) string) string {
	for _, path := range append([]string{getenv("SSL_CERT_FILE")}, caBundles[:]...) {
		if path == "" {
			continue
		}
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return path
		}
	}
	return ""
}

// proxyVariables are handed to build steps in the case in which they are set.
var proxyVariables = [...]string{
	"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "FTP_PROXY",
	"http_proxy", "https_proxy", "no_proxy", "all_proxy", "ftp_proxy",
}

// registryVariables name this machine's package registries; a build step uses
// the same ones.
var registryVariables = [...]string{"NPM_CONFIG_REGISTRY", "npm_config_registry", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_TRUSTED_HOST", "UV_INDEX_URL", "UV_DEFAULT_INDEX", "CARGO_REGISTRY_DEFAULT", "CARGO_HTTP_PROXY", "CARGO_HTTP_TIMEOUT", "CARGO_HTTP_MULTIPLEXING", "CARGO_NET_RETRY"}

// registryFollowers are other managers' names for the npm registry, which they
// do not read from npm's configuration.
var registryFollowers = [...]string{"YARN_NPM_REGISTRY_SERVER", "BUN_CONFIG_REGISTRY"}

// goVariables say where modules come from and which are private; go's own
// settings file has them too.
var goVariables = [...]string{"GOPROXY", "GONOPROXY", "GOPRIVATE", "GOINSECURE", "GOSUMDB", "GONOSUMDB"}

// stepEnv collects what the host's environment hands to every build step.
func stepEnv(getenv func(string) string) []string {
	var env []string
	for _, names := range [][]string{proxyVariables[:], registryVariables[:]} {
		for _, name := range names {
			if v := getenv(name); v != "" && !strings.ContainsRune(v, 0) {
				env = append(env, name+"="+v)
			}
		}
	}
	for _, name := range registryFollowers {
		if v := cmp.Or(getenv(name), getenv("NPM_CONFIG_REGISTRY"), getenv("npm_config_registry")); v != "" && !strings.ContainsRune(v, 0) {
			env = append(env, name+"="+v)
		}
	}
	settings := baseimage.GoSettings(getenv)
	for _, name := range goVariables {
		if v := cmp.Or(getenv(name), settings[name]); v != "" && !strings.ContainsRune(v, 0) {
			env = append(env, name+"="+v)
		}
	}
	return append(env, pipEnv(getenv)...)
}
