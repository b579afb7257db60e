package detect_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/detect"
)

// TestWhatIsWrittenWins: slipway.yaml overrides the build script, its output and
// the package manager, and says so where they make no sense.
func TestWhatIsWrittenWins(t *testing.T) {
	files := func(pairs ...string) fstest.MapFS {
		out := fstest.MapFS{}
		for i := 0; i < len(pairs); i += 2 {
			out[pairs[i]] = &fstest.MapFile{Data: []byte(pairs[i+1])}
		}
		return out
	}
	const (
		manifest = `{"scripts": {"build": "tsc", "compile": "swc src -d out", "start": "node out/a.js"}, "devDependencies": {"typescript": "5"}}`
		npmLock  = `{"lockfileVersion": 3, "packages": {"": {"devDependencies": {"typescript": "5"}}, "node_modules/typescript": {"version": "5.0.0", "integrity": "sha512-x"}}}`
		pnpmLock = "lockfileVersion: '9.0'\n"
	)
	service := files("package.json", manifest, "package-lock.json", npmLock, "pnpm-lock.yaml", pnpmLock, "src/a.ts", "require('http').createServer().listen(3000)")
	site := files("package.json", `{"scripts": {"build": "vite build"}, "devDependencies": {"vite": "5"}}`, "index.html", "", "package-lock.json",
		`{"lockfileVersion": 3, "packages": {"": {"devDependencies": {"vite": "5"}}, "node_modules/vite": {"version": "5.0.0", "integrity": "sha512-x"}}}`)
	crate := files("Cargo.toml", "[package]\nname = \"x\"\n\n[features]\ntls = []\n", "src/main.rs", "fn main() {}\n")
	for name, c := range map[string]struct {
		tree fstest.MapFS
		s    config.Service
		want map[string]string // facts
		fail string
	}{
		"nothing":                {service, config.Service{}, map[string]string{"build": "npm run build", "package manager": "npm"}, ""},
		"a script":               {service, config.Service{Build: "compile", Output: "out"}, map[string]string{"build": "npm run compile", "build output": "out"}, ""},
		"a script that is not":   {service, config.Service{Build: "compil"}, nil, `no script "compil"`},
		"a manager":              {service, config.Service{PackageManager: "pnpm"}, map[string]string{"package manager": "pnpm 10.34.9"}, ""},
		"a manager without lock": {service, config.Service{PackageManager: "bun"}, map[string]string{"package manager": "bun 1.4.5"}, ""},
		"a manager of another":   {service, config.Service{PackageManager: "uv"}, nil, "uv is not a package manager of node services"},
		"output of a site":       {site, config.Service{Output: "www"}, map[string]string{"build output": "www"}, ""},
		"pip beside uv": {files("uv.lock", "", "requirements.txt", "", "main.py", "print(1)"), config.Service{PackageManager: "pip", Type: "worker"},
			map[string]string{"package manager": "pip"}, ""},
		"no such lock":          {files("requirements.txt", "", "main.py", "print(1)"), config.Service{PackageManager: "poetry"}, nil, "package_manager is poetry, but its manifest is missing"},
		"a feature":             {crate, config.Service{Features: []string{"tls"}}, map[string]string{"features": "tls"}, ""},
		"a feature that is not": {crate, config.Service{Features: []string{"tsl"}}, nil, `x has no feature "tsl"`},
		"features of another":   {service, config.Service{Features: []string{"tls"}}, nil, "features: applies to Rust"},
		"of Go":                 {files("go.mod", "module x.example\n", "main.go", "package main\nfunc main() {}\n"), config.Service{Output: "bin"}, nil, "build: and output: apply to Node.js"},
	} {
		t.Run(name, func(t *testing.T) {
			c.s.Name, c.s.Path, c.s.Line = "x", ".", 4
			fleet := config.Default("x")
			fleet.File = config.FileName
			p, findings := detect.PlanOne(c.tree, c.s, fleet)
			if c.fail != "" {
				if err := findings.Errors(); err == nil || !strings.Contains(err.Error(), c.fail) || !strings.Contains(err.Error(), config.FileName+":4") {
					t.Fatalf("findings %v", err)
				}
				return
			}
			got := map[string]string{}
			for _, f := range p.Facts {
				if _, asked := c.want[f.Name]; asked {
					got[f.Name] = f.Value
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("%v (-want +got):\n%s", findings, diff)
			}
		})
	}
}
