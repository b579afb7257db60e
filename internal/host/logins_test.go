package host

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/diag"
)

// The settings of a user with a credential in each place that there is.
const (
	cargoCanary = `[source.crates-io]
replace-with = "corp"
[source.corp]
registry = "sparse+https://me:CANARYsource@crates.example/index/"
[registries.corp]
index = "sparse+https://me:CANARYindex@crates.example/index/"
token = "CANARYcargotoken"
secret-key = "CANARYsecretkey"
credential-provider = ["cargo:token-from-stdout", "CANARYprovider"]
[registry]
token = "CANARYregistrytoken"
default = "corp"
[http]
timeout = 9
`
	mavenCanary = `<?xml version="1.0" encoding="ISO-8859-1"?>
<settings xmlns="http://maven.apache.org/SETTINGS/1.2.0" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
  <!-- the old one was CANARYcomment -->
  <servers>
    <server><id>corp</id><username>me</username><password>CANARYmavenpassword</password></server>
    <server><id>key</id><passphrase>CANARYpassphrase</passphrase><configuration><httpHeaders><property><name>Authorization</name><value>CANARYheader</value></property></httpHeaders></configuration></server>
    <server><id>ci</id><password>${env.CI_PASSWORD}</password></server>
  </servers>
  <proxies><proxy><host>proxy.example</host><port>3128</port><username>me</username><password>CANARYproxypassword</password></proxy></proxies>
  <mirrors><mirror><id>corp</id><url>https://me:CANARYmirror@maven.example/x?a=1&amp;b=2</url><mirrorOf>*</mirrorOf></mirror></mirrors>
  <profiles><profile><id>p</id><properties><corp.token>CANARYproperty</corp.token><corp.url>https://maven.example</corp.url></properties></profile></profiles>
</settings>
`
	mavenOpen = "<settings>\n  \n  \n  <proxies><proxy><host>proxy.example</host><port>3128</port></proxy></proxies>\n  <mirrors><mirror><id>corp</id><url>https://maven.example/x?a=1&amp;b=2</url><mirrorOf>*</mirrorOf></mirror></mirrors>\n  <profiles><profile><id>p</id><properties><corp.url>https://maven.example</corp.url></properties></profile></profiles>\n</settings>\n"
)

// userWithSecrets is the environment of a user with all of them.
func userWithSecrets(t *testing.T) func(string) string {
	t.Helper()
	home := t.TempDir()
	for name, text := range map[string]string{
		".cargo/config.toml": cargoCanary, ".m2/settings.xml": mavenCanary,
		".config/pip/pip.conf": "[global]\nextra-index-url = https://me:CANARYpip@pip.example/simple\n",
		".config/go/env":       "GOPROXY=https://me:CANARYgo@go.example,direct\n",
		".npmrc":               "registry=https://npm.example/\n//npm.example/:_authToken=CANARYnpm\n",
		".netrc":               "machine go.example login me password CANARYnetrc\n",
	} {
		name = filepath.Join(home, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	env := map[string]string{
		"HOME": home, "NPM_CONFIG_REGISTRY": "https://me:CANARYnpmurl@npm.example/", "PIP_INDEX_URL": "https://me:CANARYpipurl@pip.example/simple",
		"UV_INDEX_URL": "https://CANARYuv@pip.example/simple", "CARGO_HTTP_PROXY": "http://proxy.example:3128", "HTTPS_PROXY": "http://proxy.example:3128",
	}
	return func(name string) string { return env[name] }
}

// texts are the variables and the contents of files that steps get.
func texts(t *testing.T, env []string, files map[string]string) string {
	t.Helper()
	out := strings.Join(env, "\n") + "\n"
	for name, at := range files {
		if name == "java-cacerts" {
			continue
		}
		data, err := os.ReadFile(at)
		if err != nil {
			t.Fatal(err)
		}
		out += "== " + name + "\n" + string(data) + "\n"
	}
	return out
}

// TestAllStepsGetNoCredential: what every step of every repository gets says where
// packages are, and holds no secret.
func TestAllStepsGetNoCredential(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "host")
	getenv := userWithSecrets(t)
	steps, err := For(getenv, dir)
	if err != nil {
		t.Fatal(err)
	}
	got := texts(t, append(steps.Env, StepEnv(getenv)...), steps.Files)
	if strings.Contains(got, "CANARY") {
		t.Errorf("steps get a secret:\n%s", got)
	}
	for _, want := range []string{
		"NPM_CONFIG_REGISTRY=https://npm.example/", "YARN_NPM_REGISTRY_SERVER=https://npm.example/", "PIP_INDEX_URL=https://pip.example/simple", "UV_INDEX_URL=https://pip.example/simple",
		"PIP_EXTRA_INDEX_URL=https://pip.example/simple", "GOPROXY=https://go.example,direct", "HTTPS_PROXY=http://proxy.example:3128",
		"registry = 'sparse+https://crates.example/index/'", "index = 'sparse+https://crates.example/index/'", "default = 'corp'", "timeout = 9", mavenOpen,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("steps lack %q:\n%s", want, got)
		}
	}
	for _, word := range []string{"CANARYsource", "CANARYindex", "CANARYcargotoken", "CANARYsecretkey", "CANARYregistrytoken", "CANARYmavenpassword", "CANARYpassphrase",
		"CANARYheader", "CANARYproxypassword", "CANARYmirror", "CANARYproperty", "CANARYpip", "CANARYgo", "CANARYnpmurl", "CANARYpipurl", "CANARYuv"} {
		if !slices.Contains(steps.Hidden, word) {
			t.Errorf("logs may show %s", word)
		}
	}
}

// TestKeptFilesAreClosed: no other user of the machine reads them, and those with
// credentials have the modes of such files, whatever was there before.
func TestKeptFilesAreClosed(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "host")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"cargo.toml", "login-cargo.toml"} { // of an older version
		if err := os.WriteFile(filepath.Join(dir, name), []byte(cargoCanary), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		steps, err := For(userWithSecrets(t), dir)
		if err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("the directory: %v, %v", info.Mode(), err)
		}
		private := map[string]bool{}
		for _, l := range steps.Logins {
			for _, at := range l.Files {
				private[at] = true
			}
		}
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			at := filepath.Join(dir, e.Name())
			info, err := e.Info()
			if err != nil {
				t.Fatal(err)
			}
			data, err := os.ReadFile(at)
			if err != nil {
				t.Fatal(err)
			}
			secret := strings.Contains(string(data), "CANARY")
			if secret != private[at] || secret && info.Mode().Perm() != 0o600 {
				t.Errorf("%s has the mode %v; a secret %v, for trusted repositories %v", e.Name(), info.Mode(), secret, private[at])
			}
		}
	}
}

// TestLoginsAreThoseOfOneTool: the steps of one tool get its credentials and no
// other one's.
func TestLoginsAreThoseOfOneTool(t *testing.T) {
	steps, err := For(userWithSecrets(t), filepath.Join(t.TempDir(), "host"))
	if err != nil {
		t.Fatal(err)
	}
	of := func(command string) (tools []string) {
		for _, l := range steps.Logins {
			if l.Installs(command) {
				tools = append(tools, l.Tool)
			}
		}
		return tools
	}
	for command, want := range map[string]string{
		"/bin/sh -c npm ci --no-audit":                                  "npm",
		"/bin/sh -c cd app && pnpm install --frozen-lockfile":           "npm",
		"/bin/sh -c yarn":                                               "npm",
		"/bin/sh -c yarn --frozen-lockfile":                             "npm",
		"/bin/sh -c node --run build":                                   "",
		"/bin/sh -c npm run build":                                      "",
		"/bin/sh -c pip install -r requirements.txt":                    "pip",
		"/bin/sh -c python3 -m pip install x":                           "pip",
		"/bin/sh -c uv sync --frozen":                                   "pip",
		"/bin/sh -c python manage.py collectstatic":                     "",
		"/bin/sh -c mkdir -p src && cargo build --release":              "cargo",
		"/bin/sh -c cargo --version":                                    "",
		"/bin/sh -c mvn -B package":                                     "Maven",
		"/bin/sh -c ./mvnw -B package":                                  "Maven",
		"/bin/sh -c go mod download":                                    "Go",
		"/bin/sh -c CGO_ENABLED=0 go build -o /out/app ./cmd/app":       "Go",
		"/bin/sh -c cat /dev/slipway/cargo.toml; env":                   "",
		"/bin/sh -c cat /dev/slipway/maven-settings.xml /dev/slipway/*": "",
		"/bin/sh -c npm ci && cargo build":                              "npm cargo",
	} {
		if got := strings.Join(of(command), " "); got != want {
			t.Errorf("%q gets the credentials of %q, want %q", command, got, want)
		}
	}
	words := map[string]string{}
	for _, l := range steps.Logins {
		words[l.Tool] = texts(t, l.Env, l.Files)
	}
	for tool, mine := range map[string][]string{
		"npm": {"CANARYnpmurl"}, "pip": {"CANARYpip", "CANARYpipurl", "CANARYuv"}, "cargo": {"CANARYcargotoken", "CANARYsource", "CANARYindex"},
		"Maven": {"CANARYmavenpassword", "CANARYmirror"}, "Go": {"CANARYgo"},
	} {
		for other, text := range words {
			for _, word := range mine {
				if got := strings.Contains(text, word); got != (other == tool) {
					t.Errorf("%s has %s: %v", other, word, got)
				}
			}
		}
	}
}

// TestWithoutSecretsThereIsNoLogin: a machine with mirrors alone has nothing apart,
// and its steps get what they got before.
func TestWithoutSecretsThereIsNoLogin(t *testing.T) {
	home := t.TempDir()
	env := map[string]string{"HOME": home, "NPM_CONFIG_REGISTRY": "https://npm.example/", "GOPROXY": "https://go.example,direct", "HTTPS_PROXY": "http://me:secret@proxy.example:3128"}
	steps, err := For(func(name string) string { return env[name] }, filepath.Join(t.TempDir(), "host"))
	if err != nil {
		t.Fatal(err)
	}
	if len(steps.Logins) != 0 {
		t.Errorf("logins: %+v", steps.Logins)
	}
	for _, want := range []string{"NPM_CONFIG_REGISTRY=https://npm.example/", "GOPROXY=https://go.example,direct", "HTTPS_PROXY=http://me:secret@proxy.example:3128"} {
		if !slices.Contains(steps.Env, want) {
			t.Errorf("steps lack %s: %q", want, steps.Env)
		}
	}
}

// TestFilesOfTheWorkingDirectoryAreNotTheUsers: without a home directory, a
// repository's own .cargo, .m2 and .config do not count on the host.
func TestFilesOfTheWorkingDirectoryAreNotTheUsers(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, text := range map[string]string{
		".cargo/config.toml": cargoCanary, ".m2/settings.xml": mavenCanary, ".config/pip/pip.conf": "[global]\nindex-url = https://CANARY.example\n", ".pip/pip.conf": "[global]\nindex-url = https://CANARY.example\n",
		".config/go/env": "GOPROXY=https://CANARY.example\n", "pip.conf": "[global]\nindex-url = https://CANARY.example\n",
	} {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, env := range map[string]map[string]string{
		"no home": nil, "a relative one": {"HOME": "."}, "relative directories": {"CARGO_HOME": ".cargo", "XDG_CONFIG_HOME": ".config", "GOENV": ".config/go/env", "PIP_CONFIG_FILE": "pip.conf"},
	} {
		steps, err := For(func(name string) string { return env[name] }, filepath.Join(t.TempDir(), "host"))
		if err != nil {
			t.Fatal(err)
		}
		if got := texts(t, steps.Env, map[string]string{}); strings.Contains(got, "CANARY") || steps.Files[cargoFile] != "" || len(steps.Logins) > 0 {
			t.Errorf("%s: %s, %v, %v", name, got, steps.Files, steps.Logins)
		}
	}
}

func TestTrusts(t *testing.T) {
	at := t.TempDir()
	dir := func(name string) string {
		full := filepath.Join(at, name)
		if err := os.MkdirAll(full, 0o755); err != nil {
			t.Fatal(err)
		}
		return full
	}
	shop, evil := dir("src/shop"), dir("src-evil/shop")
	if err := os.Symlink(shop, filepath.Join(at, "link")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		list, dir, from string
		want            bool
	}{
		{"", shop, "", false},
		{shop, shop, "", true},
		{" /x , " + shop + "/ ", shop, "", true},
		{filepath.Join(at, "link"), shop, "", true},
		{shop, evil, "", false},
		{shop, dir("src/shop/vendor/x"), "", false},
		{shop, dir("src"), "", false},
		{filepath.Join(at, "src") + "/...", shop, "", true},
		{filepath.Join(at, "src") + "/...", evil, "", false},
		{"/...", evil, "", true},
		{"https://git.example/acme/web.git", "", "https://git.example/acme/web.git", true},
		{"https://git.example/acme/web.git", "", "https://git.example/acme/web.git#fork", false},
		{"https://git.example/acme/web.git", shop, "", false},
		{at + "/...", dir("contexts/1"), "https://git.example/evil.git", false},
		{at + "/...", dir("contexts/1"), "-", false},
	} {
		got, err := Trusts(func(string) string { return c.list }, c.dir, c.from)
		if err != nil || got != c.want {
			t.Errorf("SLIPWAY_TRUST=%s trusts %s%s: %v, %v, want %v", c.list, c.dir, c.from, got, err, c.want)
		}
	}
	for _, word := range []string{".", "shop", "./...", "~/src"} {
		if _, err := Trusts(func(string) string { return word }, shop, ""); diag.ExitOf(err) != diag.ExitUsage || !strings.Contains(diag.HintOf(err), "SLIPWAY_TRUST=") {
			t.Errorf("%q: %v", word, err)
		}
	}
}

func FuzzMavenSources(f *testing.F) {
	f.Add([]byte(mavenCanary))
	f.Add([]byte("<settings><servers><server><password>x</password></servers></settings>"))
	f.Fuzz(func(t *testing.T, text []byte) {
		public, _ := mavenSources(text)
		again, _ := mavenSources(public)
		if public != nil && !cmp.Equal(string(public), string(again)) {
			t.Errorf("%q became %q", public, again)
		}
	})
}
