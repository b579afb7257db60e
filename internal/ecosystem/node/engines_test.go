package node

import (
	"slices"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/internal/config"
)

const enginesLock = `{
  "lockfileVersion": 3,
  "packages": {
    "": {
      "name": "x",
      "engines": {
        "node": "20"
      }
    },
    "node_modules/@achrinza/node-ipc": {
      "version": "9.2.2",
      "dev": true,
      "engines": {
        "node": "8 || 10 || 12 || 14 || 16 || 17"
      }
    },
    "node_modules/a/node_modules/b": {
      "version": "1.0.0",
      "engines": {"npm": ">=2", "node": "~0.10"}
    },
    "node_modules/fine": {
      "version": "1.0.0",
      "engines": {
        "node": ">=6"
      }
    },
    "node_modules/odd": {
      "version": "1.0.0",
      "engines": {
        "node": "whatever"
      }
    }
  }
}
`

const pnpmEngines = `lockfileVersion: '9.0'

packages:

  '@achrinza/node-ipc@9.2.2':
    resolution: {integrity: sha512-x}
    engines: {node: 8 || 10}

  old@1.0.0:
    resolution: {integrity: sha512-x}
    engines: {node: '>=4 <18'}

  fine@1.0.0:
    resolution: {integrity: sha512-x}
    engines: {node: '>=4'}
`

// TestPackagesThatRefuse: the engines of packages that do not allow the Node.js are
// said; an error where npm is told to insist.
func TestPackagesThatRefuse(t *testing.T) {
	if got := refusals([]byte(enginesLock), choice{major: 22}); !slices.Equal(got, []string{"@achrinza/node-ipc", "b"}) {
		t.Errorf("npm: %q", got)
	}
	if got := refusals([]byte(pnpmEngines), choice{major: 22, release: "22.1.0"}); !slices.Equal(got, []string{"old"}) {
		t.Errorf("pnpm: %q", got)
	}
	files := map[string]string{"package.json": `{"name": "x", "main": "a.js", "engines": {"node": "22"}}`, "a.js": "", "package-lock.json": enginesLock}
	p := planOf(t, files, config.Service{Name: "a", Path: "."})
	said := ""
	for _, f := range p.Facts {
		if f.Name == "engines" {
			said = f.Value + ": " + f.Evidence
		}
	}
	if said != "@achrinza/node-ipc, b: their engines do not allow Node.js 22; npm installs them all the same" {
		t.Errorf("it says %q", said)
	}
	files[".npmrc"] = "save-exact=true\nengine-strict = true\n"
	_, findings := Ecosystem{}.Plan(tree(files), config.Service{Name: "a", Path: "."}, nil)
	if len(findings) != 1 || findings[0].Code != codeVersion || findings[0].Place.String() != ".npmrc:2" || !strings.Contains(findings[0].Text, "node-ipc") {
		t.Errorf("strict: %v", findings)
	}
}

// TestOldNodeGyp: a node-gyp that imports distutils gets it, in lock files of each kind;
// a newer one needs nothing.
func TestOldNodeGyp(t *testing.T) {
	npm := func(version string) string {
		return `{"lockfileVersion": 3, "packages": {"": {"name": "x", "dependencies": {"better-sqlite3": "9"}}, "node_modules/better-sqlite3": {"hasInstallScript": true, "dependencies": {"node-gyp": "*"}},
			"node_modules/node-gyp": {"resolved": "https://r.example/node-gyp/-/node-gyp-` + version + `.tgz"}}}`
	}
	pkg := func(node string) string {
		return `{"name": "x", "main": "a.js", "engines": {"node": "` + node + `"}, "dependencies": {"better-sqlite3": "9"}}`
	}
	for name, c := range map[string]struct {
		node, file, lock string
		want             bool
	}{
		"npm, 9":           {"22", "package-lock.json", npm("9.4.1"), true},
		"npm, 11":          {"22", "package-lock.json", npm("11.0.0"), false},
		"pnpm, 8":          {"22", "pnpm-lock.yaml", "lockfileVersion: '9.0'\npackages:\n  better-sqlite3@9.0.0:\n    x\n  node-gyp@8.4.1:\n    x\n", true},
		"yarn, 9":          {"22", "yarn.lock", "better-sqlite3@9:\n  version \"9.0.0\"\nnode-gyp@^9.0.0:\n  version \"9.4.1\"\n", true},
		"berry, 10":        {"22", "yarn.lock", "__metadata:\n  version: 8\n\"better-sqlite3@npm:9\":\n\"node-gyp@npm:^10.0.0\":\n", false},
		"bun, 9":           {"22", "bun.lock", `{"packages": {"better-sqlite3": ["better-sqlite3@9.0.0"], "node-gyp": ["node-gyp@9.4.1", ""]}}`, true},
		"npm 9 of Node 19": {"19", "package-lock.json", npm("11.0.0"), true},
		"npm 9 of 20.4":    {"20.4.0", "package-lock.json", npm("11.0.0"), true},
		"npm 10 of 20.11":  {"20.11.1", "package-lock.json", npm("11.0.0"), false},
	} {
		files := map[string]string{"package.json": pkg(c.node), "a.js": "", "package-lock.json": "-"}
		files[c.file] = c.lock
		p := planOf(t, files, config.Service{Name: "a", Path: "."})
		if got := strings.Contains(p.Bases[0].Ref, "/python3-setuptools:"); got != c.want || !strings.HasSuffix(p.Bases[0].Ref, "-native-toolchain") {
			t.Errorf("%s: %s", name, p.Bases[0].Ref)
		}
	}
}
