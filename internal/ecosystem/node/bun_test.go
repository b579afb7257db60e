package node

import (
	"slices"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/plan"
)

// bunPlan plans a service that Bun installs.
func bunPlan(t *testing.T, files map[string]string, want config.Service) (plan.Service, diag.Findings) {
	t.Helper()
	all := map[string]string{"package-lock.json": "-", "bun.lock": `{"lockfileVersion": 1, "packages": {}}`}
	for name, text := range files {
		all[name] = text
	}
	want.Name, want.Path = "a", "."
	return Ecosystem{}.Plan(tree(all), want, nil)
}

// started is the command that the image starts.
func started(p plan.Service) string {
	for _, step := range p.Stages[len(p.Stages)-1].Steps {
		if step.Op == plan.OpCmd {
			return strings.Join(step.Args, " ")
		}
	}
	return ""
}

const bunServes = `Bun.serve({ fetch: () => new Response("x") })`

// TestBunStarts: what a repository says of its start decides between Bun and Node.js.
func TestBunStarts(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		want  config.Service
		start string
		base  string
		port  int
	}{
		"start script":          {map[string]string{"package.json": `{"scripts": {"start": "bun run src/index.ts"}}`, "src/index.ts": bunServes}, config.Service{}, "bun src/index.ts", "bun:1", 3000},
		"without run":           {map[string]string{"package.json": `{"scripts": {"start": "NODE_ENV=production bun --smol src/index.ts --verbose"}}`, "src/index.ts": bunServes}, config.Service{}, "bun --smol src/index.ts --verbose", "bun:1", 3000},
		"without extension":     {map[string]string{"package.json": `{"scripts": {"start": "bun src/index"}}`, "src/index.ts": `Bun.serve({ port: 8081, fetch })`}, config.Service{}, "bun src/index", "bun:1", 8081},
		"through a script":      {map[string]string{"package.json": `{"scripts": {"start": "bun run serve", "serve": "bun --hot server.ts"}}`, "server.ts": `export default { port: 4000, fetch(r: Request) { return new Response() } }`}, config.Service{}, "bun server.ts", "bun:1", 4000},
		"bun start":             {map[string]string{"package.json": `{"scripts": {"start:prod": "bun start", "start": "bun a.js"}}`, "a.js": bunServes}, config.Service{}, "bun a.js", "bun:1", 3000},
		"developers' script":    {map[string]string{"package.json": `{"scripts": {"dev": "bun run --watch src/index.ts"}, "dependencies": {"elysia": "1"}}`, "src/index.ts": `new Elysia().listen(3333)`}, config.Service{}, "bun src/index.ts", "bun:1", 3333},
		"module":                {map[string]string{"package.json": `{"module": "index.ts", "type": "module", "devDependencies": {"@types/bun": "latest"}}`, "index.ts": bunServes}, config.Service{}, "bun index.ts", "bun:1", 3000},
		"the file exists":       {map[string]string{"package.json": `{}`, "src/server.ts": bunServes}, config.Service{}, "bun src/server.ts", "bun:1", 3000},
		"Procfile":              {map[string]string{"package.json": `{}`, "Procfile": "web: bun run src/web.ts\n", "src/web.ts": bunServes}, config.Service{}, "bun src/web.ts", "bun:1", 3000},
		"command":               {map[string]string{"package.json": `{}`, "src/web.ts": bunServes}, config.Service{Command: []string{"bun", "run", "src/web.ts"}}, "bun run src/web.ts", "bun:1", 3000},
		"the build's output":    {map[string]string{"package.json": `{"scripts": {"build": "bun build src/index.ts --outdir dist --target bun", "start": "bun dist/index.js"}}`, "src/index.ts": bunServes}, config.Service{}, "bun dist/index.js", "bun:1", 3000},
		"Node.js starts":        {map[string]string{"package.json": `{"scripts": {"start": "node a.js"}}`, "a.js": "http.createServer().listen(80)"}, config.Service{}, "node a.js", "node:22", 80},
		"Node.js' main":         {map[string]string{"package.json": `{"main": "a.js"}`, "a.js": "http.createServer().listen(80)"}, config.Service{}, "node a.js", "node:22", 80},
		"main of Bun":           {map[string]string{"package.json": `{"main": "a.js", "engines": {"bun": "^1.1"}}`, "a.js": bunServes}, config.Service{}, "bun a.js", "bun:1", 3000},
		"npm's packages":        {map[string]string{"package.json": `{"scripts": {"start": "bun a.ts"}}`, "bun.lock": "-", "package-lock.json": lock, "a.ts": bunServes}, config.Service{}, "bun a.ts", "bun:1", 3000},
		".bun-version":          {map[string]string{"package.json": `{"scripts": {"start": "bun a.ts"}}`, ".bun-version": "1.2.5\n", "a.ts": bunServes}, config.Service{}, "bun a.ts", "bun:1.2.5", 3000},
		".tool-versions":        {map[string]string{"package.json": `{"scripts": {"start": "bun a.ts"}}`, ".tool-versions": "nodejs 20.1.0\nbun 1.1.45\n", "a.ts": bunServes}, config.Service{}, "bun a.ts", "bun:1.1.45", 3000},
		"mise":                  {map[string]string{"package.json": `{"scripts": {"start": "bun a.ts"}}`, "mise.toml": "[tools]\nbun = \"1.2\"\n", "a.ts": bunServes}, config.Service{}, "bun a.ts", "bun:1.2.23", 3000},
		"packageManager":        {map[string]string{"package.json": `{"packageManager": "bun@1.3.3+sha512.abc", "scripts": {"start": "bun a.ts"}}`, "a.ts": bunServes}, config.Service{}, "bun a.ts", "bun:1.3.3", 3000},
		"version in the fleet":  {map[string]string{"package.json": `{"scripts": {"start": "bun a.ts"}}`, ".bun-version": "1.2.5\n", "a.ts": bunServes}, config.Service{Version: "1.4"}, "bun a.ts", "bun:1.4.5", 3000},
		"the old binary lock":   {map[string]string{"package.json": `{"scripts": {"start": "bun a.ts"}}`, "bun.lock": "-", "bun.lockb": "\x00bun-lockfile-format-v0\n", "a.ts": bunServes}, config.Service{}, "bun a.ts", "bun:1", 3000},
		"another port, by PORT": {map[string]string{"package.json": `{"scripts": {"start": "bun a.ts"}}`, "a.ts": bunServes}, config.Service{Port: 9000}, "bun a.ts", "bun:1", 9000},
	} {
		t.Run(name, func(t *testing.T) {
			p, findings := bunPlan(t, c.files, c.want)
			if err := findings.Errors(); err != nil {
				t.Fatal(err)
			}
			if got := started(p); got != c.start || p.Port != c.port || p.Bases[1].Ref != "slipway/"+c.base+"-trixie" {
				t.Errorf("%s on %s, port %d; want %s on %s, port %d", got, p.Bases[1].Ref, p.Port, c.start, c.base, c.port)
			}
			var runtimes []string
			for _, f := range p.Facts {
				if f.Name == "runtime" {
					runtimes = append(runtimes, f.Value)
				}
			}
			title := map[string]string{"bun": "Bun ", "node": "Node.js "}
			kind, version, _ := strings.Cut(c.base, ":")
			if !slices.Equal(runtimes, []string{title[kind] + version}) {
				t.Errorf("runtimes %v", runtimes)
			}
		})
	}
}

// TestBunBuilds: Bun's base installs and builds with its Bun; sources stay in the image,
// because Bun runs them.
func TestBunBuilds(t *testing.T) {
	p, findings := bunPlan(t, map[string]string{
		"package.json": `{"scripts": {"build": "tsc --noEmit", "start": "bun src/index.ts"}, "devDependencies": {"typescript": "5"}}`,
		"src/index.ts": bunServes, "tsconfig.json": `{"compilerOptions": {"outDir": "dist"}}`, "bunfig.toml": "preload = [\"./src/first.ts\"]\n", "src/first.ts": "",
		"bun.lock": `{"lockfileVersion": 1, "workspaces": {"": {"devDependencies": {"typescript": "5",},},},}`,
	}, config.Service{Port: 9000})
	if findings != nil {
		t.Error(findings)
	}
	var shell []string
	for _, st := range p.Stages {
		for _, step := range st.Steps {
			shell = append(shell, step.Shell)
		}
	}
	text := strings.Join(shell, "\n")
	for _, want := range []string{"bun install --frozen-lockfile", "bun run build", "bun install --production --frozen-lockfile"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	for _, no := range []string{"npm install --global bun", "--exclude=./src", "--exclude=./tsconfig.json", "--exclude=./bunfig.toml"} {
		if strings.Contains(text, no) {
			t.Errorf("%q in\n%s", no, text)
		}
	}
	env := ""
	for _, step := range p.Stages[len(p.Stages)-1].Steps {
		if step.Op == plan.OpEnv {
			env = strings.Join(step.Args, " ")
		}
	}
	if !strings.Contains(env, "PORT=9000") || !strings.Contains(env, "BUN_RUNTIME_TRANSPILER_CACHE_PATH=0") {
		t.Errorf("variables %s", env)
	}
}

// TestBunRefuses: what cannot run has a finding with its next step.
func TestBunRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		want  config.Service
		code  string
	}{
		"program of a package": {map[string]string{"package.json": `{"scripts": {"start": "bun --bun serve public"}}`}, config.Service{}, "error " + codeStartShell},
		"no such file":         {map[string]string{"package.json": `{"scripts": {"start": "bun src/gone.ts"}}`}, config.Service{}, "error " + codeNoStart},
		"Bun 2":                {map[string]string{"package.json": `{"scripts": {"start": "bun a.ts"}}`, ".bun-version": "2", "a.ts": ""}, config.Service{}, "error " + ecosystem.CodeRuntime},
		"Bun 0":                {map[string]string{"package.json": `{"scripts": {"start": "bun a.ts"}}`, ".bun-version": "0.8.1", "a.ts": ""}, config.Service{}, "warning " + ecosystem.CodeNearest},
		"of the fleet":         {map[string]string{"package.json": `{"scripts": {"start": "bun a.ts"}}`, "a.ts": ""}, config.Service{Version: "22"}, "error " + ecosystem.CodeRuntime},
	} {
		_, findings := bunPlan(t, c.files, c.want)
		if got := codesOf(findings); !slices.Equal(got, []string{c.code}) {
			t.Errorf("%s: %v, want %s", name, findings, c.code)
			continue
		}
		if findings[0].Hint == "" {
			t.Errorf("%s: no hint", name)
		}
	}
}

// TestRelease: one major has bases, of the newest release or of a named one.
func TestRelease(t *testing.T) {
	for text, want := range map[string]string{
		"1": "1", "^1.1.0": "1", ">=1.0.0": "1", "*": "1", "latest": "1", "1.2": "1.2.23", "~1.1.3": "1.1.45", "v1.3.4": "1.3.4", "1.99.0": "1.99.0", ">=1.1 <1.3": "1.2.23",
		"0.5": "~1", "0.8.1": "~1", "2": "", ">=3": "", "newest": "",
	} {
		got, near, err := Release(text, bunReleases)
		if near {
			got = "~" + got
		}
		if got != want || (err == nil) != (want != "") {
			t.Errorf("Release(%q) = %q, %v; want %q", text, got, err, want)
		}
	}
}
