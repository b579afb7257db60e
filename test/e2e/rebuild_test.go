package e2e

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/slipway-build/slipway/internal/image"
)

// rebuilt is a repository of an ecosystem, the change of a source and the change
// of one of its two dependencies.
type rebuilt struct {
	files   map[string]string
	source  string   // file that gets a further line
	comment string   // that line
	install string   // part of the step that installs dependencies
	bump    []string // old, new text of every manifest; nil: nothing to change
	changed string   // part of the download that the bump brings
	kept    string   // part of the download that it must not bring again; "" is not asserted
	arm64   bool     // built for it without emulation
}

func rebuilds() map[string]rebuilt {
	nonce := time.Now().Format("150405")
	return map[string]rebuilt{
		"node": {
			files: map[string]string{
				"package.json": `{"name": "line", "config": {"nonce": "` + nonce + `"}, "scripts": {"start": "node s.js"}, "dependencies": {"ms": "2.1.2", "vary": "1.1.2"}}`,
				"package-lock.json": `{"name": "line", "lockfileVersion": 3, "packages": {"": {"name": "line", "dependencies": {"ms": "2.1.2", "vary": "1.1.2"}},
"node_modules/ms": {"version": "2.1.2"}, "node_modules/vary": {"version": "1.1.2"}}}`,
				"s.js": "require('ms'); require('vary'); require('http').createServer((q, r) => r.end('ok')).listen(3000)\n",
			},
			source: "s.js", comment: "// changed", install: "npm ci", bump: []string{"2.1.2", "2.1.3"}, changed: "ms-2.1.3", kept: "vary-1.1.2", arm64: true,
		},
		"python": {
			files: map[string]string{
				"requirements.txt": "# " + nonce + "\nitsdangerous==2.1.2\nblinker==1.9.0\n",
				"main.py":          "import time\n\nimport blinker\nimport itsdangerous\n\nprint('waiting')\nwhile True:\n    time.sleep(1)\n",
			},
			source: "main.py", comment: "# changed", install: "install --no-compile", bump: []string{"2.1.2", "2.2.0"}, changed: "itsdangerous-2.2.0", kept: "blinker-1.9.0",
		},
		"pipenv": {
			files: map[string]string{
				"Pipfile": "# " + nonce + "\n[packages]\ncolorama = \"==0.4.5\"\niniconfig = \"==2.0.0\"\n",
				"Pipfile.lock": `{"default": {"iniconfig": {"version": "==2.0.0", "hashes": ["sha256:b6a85871a79d2e3b22d2d1b94ac2824226a63c6b741c88f7ae975f18b6778374"]},
"colorama": {"version": "==0.4.5", "hashes": ["sha256:854bf444933e37f5824ae7bfc1e98d5bce2ebe4160d46b5edf346a89358e99da", "sha256:4f1d9991f5acc0ca119f9d443620b77f9d6b33703e51011c16baf57afb285fc6"]}}}`,
				"main.py": "import time\n\nimport iniconfig\nimport colorama\n\nprint('waiting')\nwhile True:\n    time.sleep(1)\n",
			},
			source: "main.py", comment: "# changed", install: "install --no-compile", bump: []string{"0.4.5", "0.4.6"}, changed: "colorama-0.4.6", kept: "iniconfig-2.0.0",
		},
		"poetry": {
			files: map[string]string{
				"pyproject.toml": "# " + nonce + `
[tool.poetry]
package-mode = false

[tool.poetry.dependencies]
python = "^3.11"
sortedcontainers = ">=2.3"
text-unidecode = "1.3"
`,
				"poetry.lock": `[[package]]
name = "sortedcontainers"
version = "2.3.0"
optional = false
python-versions = "*"
groups = ["main"]
files = [
    {file = "sortedcontainers-2.3.0-py2.py3-none-any.whl", hash = "sha256:37257a32add0a3ee490bb170b599e93095eed89a55da91fa9f48753ea12fd73f"},
    {file = "sortedcontainers-2.4.0-py2.py3-none-any.whl", hash = "sha256:a163dcaede0f1c021485e957a39245190e74249897e2ae4b2aa38595db237ee0"},
]

[[package]]
name = "text-unidecode"
version = "1.3"
optional = false
python-versions = "*"
groups = ["main"]
files = [{file = "text_unidecode-1.3-py2.py3-none-any.whl", hash = "sha256:1311f10e8b895935241623731c2ba64f4c455287888b18189350b67134a822e8"}]

[metadata]
lock-version = "2.1"
python-versions = "^3.11"
content-hash = "97beb3c7f0cfc1d0ed410e876c0b204182b5a30e2ecacb6b5e9313c669d830a3"
`,
				"main.py": "import time\n\nimport sortedcontainers\nimport text_unidecode\n\nprint('waiting')\nwhile True:\n    time.sleep(1)\n",
			},
			source: "main.py", comment: "# changed", install: "install --no-compile", bump: []string{`version = "2.3.0"`, `version = "2.4.0"`}, changed: "sortedcontainers-2.4.0", kept: "text_unidecode-1.3",
		},
		"pdm": {
			files: map[string]string{
				"pyproject.toml": "# " + nonce + `
[project]
name = "line"
version = "1.0.0"
requires-python = ">=3.10"
dependencies = ["toolz>=1", "wcwidth>=0.2.12"]

[tool.pdm]
distribution = false
`,
				"pdm.lock": `[metadata]
groups = ["default"]
lock_version = "4.5.0"

[[package]]
name = "toolz"
version = "1.0.0"
groups = ["default"]
files = [{file = "toolz-1.0.0-py3-none-any.whl", hash = "sha256:292c8f1c4e7516bf9086f8850935c799a874039c8bcf959d47b600e4c44a6236"}]

[[package]]
name = "wcwidth"
version = "0.2.12"
groups = ["default"]
files = [
    {file = "wcwidth-0.2.12-py2.py3-none-any.whl", hash = "sha256:f26ec43d96c8cbfed76a5075dac87680124fa84e0855195a6184da9c187f133c"},
    {file = "wcwidth-0.2.13-py2.py3-none-any.whl", hash = "sha256:3da69048e4540d84af32131829ff948f1e022c1c6bdb8d6102117aac784f6859"},
]
`,
				"main.py": "import time\n\nimport toolz\nimport wcwidth\n\nprint('waiting')\nwhile True:\n    time.sleep(1)\n",
			},
			source: "main.py", comment: "# changed", install: "install --no-compile", bump: []string{`version = "0.2.12"`, `version = "0.2.13"`}, changed: "wcwidth-0.2.13", kept: "toolz-1.0.0",
		},
		"go": {
			files: map[string]string{
				"go.mod": "module example.com/line\n\ngo 1.26.0\n\nrequire (\n\tgithub.com/google/shlex v0.0.0-20191202100458-e7afc7fbc510\n\tgithub.com/rs/xid v1.5.0\n)\n\n// " + nonce + "\n",
				"go.sum": `github.com/google/shlex v0.0.0-20191202100458-e7afc7fbc510 h1:El6M4kTTCOh6aBiKaUGG7oYTSPP8MxqL4YI3kZKwcP4=
github.com/google/shlex v0.0.0-20191202100458-e7afc7fbc510/go.mod h1:pupxD2MaaD3pAXIBCelhxNneeOaAeabZDe5s4K6zSpQ=
github.com/rs/xid v1.5.0 h1:mKX4bl4iPYJtEIxp6CYiUuLQ/8DYMoz0PUdtGgMFRVc=
github.com/rs/xid v1.5.0/go.mod h1:trrq9SKmegXys3aeAKXMUTdJsYXVwGY3RLcfgqegfbg=
github.com/rs/xid v1.6.0 h1:fV591PaemRlL6JfRxGDEPl69wICngIQ3shQtzfy2gxU=
github.com/rs/xid v1.6.0/go.mod h1:7XoLgs4eV+QndskICGsho+ADou8ySMSjJKDIan90Nz0=
`,
				"main.go": "package main\n\nimport (\n\t\"net/http\"\n\n\t\"github.com/google/shlex\"\n\t\"github.com/rs/xid\"\n)\n\nfunc main() {\n\t_, _ = shlex.Split(xid.New().String())\n\tpanic(http.ListenAndServe(\":8080\", nil))\n}\n",
			},
			source: "main.go", comment: "// changed", install: "go mod download", bump: []string{"xid v1.5.0\n)", "xid v1.6.0\n)"}, changed: "xid/@v/v1.6.0", kept: "shlex", arm64: true,
		},
		"static": {
			files:  map[string]string{"index.html": "<h1>" + nonce + "</h1>\n"},
			source: "index.html", comment: "<p>changed</p>", install: "npm ci", arm64: true,
		},
	}
}

// TestRebuildsInstallNothingAgain: after a change of a source no dependency is
// installed, after a change of one dependency no other one is downloaded, and
// what ships runs without root.
func TestRebuildsInstallNothingAgain(t *testing.T) {
	real(t)
	packages := newRegistries(t)
	for name, c := range rebuilds() {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for file, text := range c.files {
				write(t, filepath.Join(dir, file), text)
			}
			build := func(args ...string) result {
				t.Helper()
				return invocation{dir: dir, args: append([]string{"build"}, args...), env: packages.env()}.run(t).must(t, 0)
			}
			write(t, filepath.Join(dir, "slipway.yaml"), "version: 1\nfleet: rebuild\nservices:\n  "+name+": {path: .}\n")
			build()
			if first := packages.taken(); c.bump != nil && name != "go" && !has(first, c.kept) { // the Go of an earlier run has its modules
				t.Errorf("the first build downloaded %q, without %s", first, c.kept)
			}
			runsWithoutRoot(t, "rebuild/"+name+":latest")

			source := filepath.Join(dir, c.source)
			write(t, source, read(t, source)+c.comment+"\n")
			r := build()
			if !stepEnded(r.stderr, c.install, "cached") {
				t.Errorf("after a change of a source, dependencies are installed again:\n%s", r.stderr)
			}
			if got := packages.taken(); len(got) > 0 {
				t.Errorf("after a change of a source, %q is downloaded", got)
			}
			if c.bump != nil {
				c.bumped(t, dir)
				r = build()
				if stepEnded(r.stderr, c.install, "cached") {
					t.Errorf("after a change of a dependency, nothing is installed:\n%s", r.stderr)
				}
				if got := packages.taken(); c.kept != "" && has(got, c.kept) || name != "go" && !has(got, c.changed) {
					t.Errorf("after a change of one dependency, %q is downloaded", got)
				}
			}
			if c.arm64 {
				build("--platform", "linux/arm64")
				if p := platforms(t, "rebuild/"+name+":latest"); !slices.Contains(p, "linux/arm64") {
					t.Errorf("platforms are %q", p)
				}
			}
		})
	}
}

// bumped changes a dependency in every file that names it.
func (c rebuilt) bumped(t *testing.T, dir string) {
	t.Helper()
	for file := range c.files {
		name := filepath.Join(dir, file)
		if text := read(t, name); strings.Contains(text, c.bump[0]) {
			write(t, name, strings.ReplaceAll(text, c.bump[0], c.bump[1]))
		}
	}
}

// TestServicesWithEqualDependenciesShareAnInstall: the second of two services
// that differ in all but their dependencies installs nothing.
func TestServicesWithEqualDependenciesShareAnInstall(t *testing.T) {
	real(t)
	dir := t.TempDir()
	for name, script := range map[string]string{"one": "one.js", "two": "two.js"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, name, "package.json"), `{"name": "`+name+`", "scripts": {"start": "node `+script+`"}, "dependencies": {"vary": "1.1.2"}}`)
		write(t, filepath.Join(dir, name, "package-lock.json"), `{"name": "`+name+`", "lockfileVersion": 3, "packages": {"": {"name": "`+name+`", "dependencies": {"vary": "1.1.2"}},
"node_modules/vary": {"version": "1.1.2"}}}`)
		write(t, filepath.Join(dir, name, script), "require('vary'); console.log(require('./package.json').name)\n")
	}
	write(t, filepath.Join(dir, "slipway.yaml"), "version: 1\nfleet: shared\nservices:\n  one: {path: one, type: job}\n  two: {path: two, type: job}\n")
	invocation{dir: dir, args: []string{"build", "one"}}.run(t).must(t, 0)
	r := invocation{dir: dir, args: []string{"build", "two"}}.run(t).must(t, 0)
	if !stepEnded(r.stderr, "npm ci", "cached") || !stepEnded(r.stderr, "fs.rmSync", "cached") {
		t.Errorf("the second service installs again:\n%s", r.stderr)
	}
	if r := (invocation{dir: dir, args: []string{"run", "two"}}).run(t); !strings.Contains(r.stdout+r.stderr, "two") {
		t.Errorf("the second service has another's manifest:\n%s%s", r.stdout, r.stderr)
	}
}

func has(all []string, part string) bool {
	return slices.ContainsFunc(all, func(s string) bool { return strings.Contains(s, part) })
}

// stepEnded tells whether a line about a step ends so.
func stepEnded(stderr, step, how string) bool {
	for l := range strings.Lines(stderr) {
		if strings.Contains(l, step) && strings.HasSuffix(strings.TrimSpace(l), "… "+how) {
			return true
		}
	}
	return false
}

// runsWithoutRoot looks at the account of an image of the shared store.
func runsWithoutRoot(t *testing.T, name string) {
	t.Helper()
	store, err := image.Open(filepath.Join(state, "images"))
	if err != nil {
		t.Fatal(err)
	}
	all, err := store.Platforms(context.Background(), name)
	if err != nil || len(all) == 0 {
		t.Fatalf("%s has no platform: %v", name, err)
	}
	config, err := stored(t, state, name, all[0]).ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if user := config.Config.User; user != "1001:1001" {
		t.Errorf("%s runs as %q", name, user)
	}
}
