package layer

import (
	"bytes"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/pattern"
	"github.com/slipway-build/slipway/internal/secret"
)

// A variable that holds a secret, by its name or by a password in an address.
var (
	secretVariable = pattern.Lazy(`(?im)^\s*(?:export\s+)?\w*(?:SECRET|TOKEN|PASSWORD|PASSWD|API_?KEY|PRIVATE_?KEY|ACCESS_?KEY|CREDENTIALS?)\w*\s*[=:]\s*["']?[^\s"'$<][^\s"']{3,}`)
	secretAddress  = pattern.Lazy(`(?m)=\s*["']?\w[\w+.-]*://[^\s/:@$]*:[^\s/@$]+@`)
	npmToken       = pattern.Lazy(`(?m):_(?:authToken|password|auth)\s*=\s*["']?[^\s$"']`)
)

// maxSecretFile is the largest file that is searched: keys and settings are small.
const maxSecretFile = 256 << 10

// secretIn says in words which secret a file is, "" for none. Files of packages
// are no secrets of the service: libraries ship keys for their own tests.
func secretIn(name string, data []byte) string {
	if thirdParty(name) {
		return ""
	}
	base := path.Base(name)
	dir := path.Base(path.Dir(name))
	switch {
	case isDotEnv(base):
		if secretVariable().Match(data) || secretAddress().Match(data) {
			return "a file of environment variables with secrets"
		}
	case base == ".npmrc" || base == ".yarnrc.yml":
		if npmToken().Match(data) || base == ".yarnrc.yml" && bytes.Contains(data, []byte("npmAuthToken:")) && !bytes.Contains(data, []byte("npmAuthToken: \"${")) {
			return "a token of a package registry"
		}
	case base == ".netrc" || base == "_netrc" || base == ".pypirc" || base == ".git-credentials":
		if bytes.Contains(data, []byte("password")) || base == ".git-credentials" && bytes.Contains(data, []byte("@")) {
			return "a password of a server"
		}
	case dir == ".aws" && base == "credentials", dir == "gcloud" && base == "application_default_credentials.json":
		return "credentials of a cloud"
	case dir == ".kube" && base == "config", base == "kubeconfig":
		return "credentials of a cluster"
	case dir == ".docker" && base == "config.json" && bytes.Contains(data, []byte(`"auth"`)):
		return "credentials of an image registry"
	}
	if secret.HoldsKey(name, data) {
		return "a private key"
	}
	return ""
}

// isDotEnv tells whether a file holds environment variables, not an example of them.
func isDotEnv(base string) bool {
	if base != ".env" && !strings.HasPrefix(base, ".env.") {
		return false
	}
	end := strings.TrimPrefix(path.Ext(base), ".")
	return !slices.Contains([]string{"example", "sample", "template", "dist", "defaults", "schema", "tpl"}, end)
}

// thirdParty tells whether a path belongs to a package, not to the service.
func thirdParty(name string) bool {
	for _, prefix := range []string{"usr/lib/", "usr/share/", "usr/include/", "usr/local/lib/", "var/lib/dpkg/", "lib/", "opt/venv/"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return inPackages(name)
}

// inPackages tells whether a path is below where a package manager of a language
// installs.
func inPackages(name string) bool {
	for _, dir := range []string{"node_modules/", "site-packages/", "dist-packages/"} {
		if at := strings.Index(name, dir); at == 0 || at > 0 && name[at-1] == '/' {
			return true
		}
	}
	return false
}
