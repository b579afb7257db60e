// Package host collects what build steps get from this machine: its
// certificates, its proxies, and what its settings of npm, pip, uv, cargo, Maven
// and Go say about package registries. Nothing of it enters a layer or a cache
// key, and nothing says how this machine compiles. What all steps get has no
// credential of a registry: those are apart, for steps that install packages.
//
//	steps, err := host.For(os.Getenv, filepath.Join(stateDir, "host"))
package host

import (
	"bytes"
	"cmp"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/atomicfile"
	"github.com/slipway-build/slipway/internal/baseimage"
	"github.com/slipway-build/slipway/internal/engine/embedded"
)

// Steps is what the build steps of the embedded engine get.
type Steps struct {
	CAFile string            // bundle of certificates in PEM; empty: none
	Env    []string          // NAME=VALUE
	Files  map[string]string // by name below embedded.StepDir
	Places []string          // "host:port" of the registries and proxies that Env and Files name
	// Logins are the credentials of package registries, by the tools that use them;
	// Hidden are their words, which no log may show.
	Logins []embedded.Login
	Hidden []string
}

// For collects what this machine has for steps; files made for them are kept in
// a directory.
func For(getenv func(string) string, dir string) (Steps, error) {
	java, err := javaHost(getenv, dir)
	if err != nil {
		return Steps{}, err
	}
	cargo, err := cargoHost(getenv, dir)
	if err != nil {
		return Steps{}, err
	}
	env := append(stepEnv(getenv), java.env...)
	steps := Steps{CAFile: CA(getenv), Env: withoutLogins(env), Files: java.public, Hidden: slices.Concat(java.secrets, cargo.secrets)}
	maps.Copy(steps.Files, cargo.public)
	steps.Logins = logins(env, map[string]map[string]string{"Maven": java.private, "cargo": cargo.private})
	for _, kv := range env {
		steps.Hidden = append(steps.Hidden, loginsIn(kv)...)
	}
	if steps.Places, err = places(env, steps.Files); err != nil {
		return Steps{}, err
	}
	return steps, nil
}

// settings are files that hold the settings of a tool: as all steps see them, and
// with credentials, by name below embedded.StepDir.
type settings struct {
	public, private map[string]string
	secrets         []string // words of the private ones
}

// keepFile writes a file that others may read at the same time, unless it is as
// it should be. Steps see files one by one, under any user; other users of this
// machine do not get into the directory.
func keepFile(name string, data []byte, mode os.FileMode) error {
	dir := filepath.Dir(name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := os.Chmod(dir, 0o700); err != nil { // an older one was open
		return err
	}
	info, err := os.Lstat(name)
	if old, failed := os.ReadFile(name); err == nil && failed == nil && bytes.Equal(old, data) && info.Mode() == mode {
		return nil
	}
	return atomicfile.Write(name, data, atomicfile.Options{Mode: mode})
}

// read reads a file of settings: an ordinary one of at most 1 MB.
func read(name string) ([]byte, bool) {
	info, err := os.Stat(name)
	if err != nil || !info.Mode().IsRegular() || info.Size() > 1<<20 {
		return nil, false
	}
	data, err := os.ReadFile(name)
	return data, err == nil
}

// caBundles are where distributions keep the certificates that they trust:
// Debian and Arch, Fedora and RHEL, openSUSE, Alpine.
var caBundles = [...]string{
	"/etc/ssl/certs/ca-certificates.crt",
	"/etc/pki/tls/certs/ca-bundle.crt",
	"/etc/ssl/ca-bundle.pem",
	"/etc/ssl/cert.pem",
}

// CA returns the bundle of this machine: $SSL_CERT_FILE, else the first of
// the usual places; empty when there is none.
func CA(getenv func(string) string) string {
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

// StepEnv collects what the host's environment hands to every build step.
func StepEnv(getenv func(string) string) []string { return withoutLogins(stepEnv(getenv)) }

// stepEnv is StepEnv with the logins in addresses of registries.
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
