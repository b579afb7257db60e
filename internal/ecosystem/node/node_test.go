package node

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/plan"
)

const lock = `{"lockfileVersion": 3, "packages": {"": {"name": "x"}}}`

// planOf plans a service of these files that has no errors.
func planOf(t *testing.T, files map[string]string, want config.Service) plan.Service {
	t.Helper()
	p, findings := Ecosystem{}.Plan(tree(files), want, nil)
	if err := findings.Errors(); err != nil {
		t.Fatal(err)
	}
	return p
}

func tree(files map[string]string) fstest.MapFS {
	out := fstest.MapFS{"package-lock.json": {Data: []byte(lock)}}
	for name, text := range files {
		if text == "-" {
			delete(out, name)
			continue
		}
		out[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return out
}

// shell joins the RUN steps of a stage.
func shell(p plan.Service, stage string) string {
	var out []string
	for _, st := range p.Stages {
		for _, step := range st.Steps {
			if st.Name == stage && step.Op == plan.OpRun {
				out = append(out, step.Shell)
			}
		}
	}
	return strings.Join(out, "\n")
}

func copied(p plan.Service, stage string) []string {
	var out []string
	for _, st := range p.Stages {
		for _, step := range st.Steps {
			if st.Name == stage && step.Op == plan.OpCopy && step.From == "" && step.Content == "" {
				out = append(out, strings.Join(step.Args, " "))
			}
		}
	}
	return out
}

func stage(p plan.Service, name string) plan.Stage {
	i := slices.IndexFunc(p.Stages, func(s plan.Stage) bool { return s.Name == name })
	return p.Stages[i]
}

func TestStages(t *testing.T) {
	p := planOf(t, map[string]string{"package.json": `{"main": "a.js"}`, "a.js": ""}, config.Service{Name: "a", Path: "a", Type: "worker"})
	var names []string
	for _, s := range p.Stages {
		names = append(names, s.Name)
	}
	if diff := cmp.Diff([]string{"manifests", "dependencies", "packages", "builder", "runtime-tools", "production"}, names); diff != "" {
		t.Errorf("stages (-want +got):\n%s", diff)
	}
}

func TestProductionRunsNothing(t *testing.T) {
	p := planOf(t, map[string]string{"package.json": `{"main": "a.js"}`, "a.js": ""}, config.Service{Name: "a", Path: "a", Type: "worker"})
	for _, stage := range []string{plan.StageProduction, plan.StageRuntimeTools} {
		if s := shell(p, stage); s != "" {
			t.Errorf("stage %s runs %q: another platform would need emulation", stage, s)
		}
	}
}

// TestPackagesWaitForNoSource holds what the speed of a build and of a rebuild
// stands on.
func TestPackagesWaitForNoSource(t *testing.T) {
	p := planOf(t, map[string]string{
		"package.json": `{"scripts": {"build": "tsc", "start": "node dist/a.js"}}`, "src/a.ts": "", "tsconfig.json": "{}",
	}, config.Service{Name: "a", Path: "a", Type: "worker"})
	packages := stage(p, plan.StagePackages)
	if packages.From != plan.StageDependencies || len(packages.Steps) != 1 || !strings.Contains(packages.Steps[0].Shell, "node -e") {
		t.Errorf("the packages for production are made by %+v", packages)
	}
	if strings.Contains(shell(p, plan.StageBuilder), "node -e") {
		t.Error("the builder prunes too")
	}
}

func TestScriptsRunWithoutNPMWhereNothingOfItIsAskedFor(t *testing.T) {
	const inBin = "( PATH=/app/node_modules/.bin:$PATH && "
	for _, c := range []struct{ node, scripts, want string }{
		{"20.x", `"build": "tsc && cp -R proto dist/"`, inBin + "tsc && cp -R proto dist/ )"},
		{"20.x", `"build": "cd src && tsc -p ."`, inBin + "cd src && tsc -p . )"},
		{"20.x", `"build": "tsc", "prebuild": "rm -rf dist"`, "npm run build"},
		{"20.x", `"build": "tsc", "postbuild": "cp a b"`, "npm run build"},
		{"20.x", `"build": "tsc --define $npm_package_version"`, "npm run build"},
		{"20.x", `"build": "tsc || true"`, "npm run build"},
		{"20.x", `"build": "tsc & tsc -p b"`, "npm run build"},
		{"20.x", `"build": "tsc > log"`, "npm run build"},
		{"20.x", `"build": "tsc # twice"`, "npm run build"},
		{"20.x", `"build": "vite build"`, "npm run build"},
		{"20.x", `"build": "A=1 tsc"`, "npm run build"},
		{"20.x", `"build": "tsc && "`, "npm run build"},
		{"22.x", `"build": "tsc"`, "node --run build"},
		{"22.x", `"build": "vite build"`, "node --run build"},
	} {
		p := planOf(t, map[string]string{
			"package.json": `{"engines": {"node": "` + c.node + `"}, "scripts": {` + c.scripts + `, "start": "node dist/a.js"}}`, "src/a.ts": "", "tsconfig.json": "{}",
		}, config.Service{Name: "a", Path: "a", Type: "worker"})
		if got := shell(p, plan.StageBuilder); !strings.HasPrefix(got, c.want+" && mkdir") {
			t.Errorf("Node.js %s, %s is built by %s, want %s", c.node, c.scripts, got, c.want)
		}
	}
}

func TestNothingNativeIsInstalledOnTheWrongPlatform(t *testing.T) {
	for name, c := range map[string]struct {
		packages string
		native   bool
	}{
		"development only": {`"node_modules/esbuild": {"dev": true, "hasInstallScript": true}`, false},
		"install script":   {`"node_modules/bcrypt": {"hasInstallScript": true}`, true},
		"for one cpu":      {`"node_modules/@img/sharp-linux-x64": {"optional": true, "os": ["linux"], "cpu": ["x64"]}`, true},
		"for macOS":        {`"node_modules/fsevents": {"optional": true, "os": ["darwin"], "hasInstallScript": true}`, false},
		"message only":     {`"node_modules/protobufjs": {"hasInstallScript": true}`, false},
		"os as a word":     {`"node_modules/x": {"os": "!win32", "cpu": "x64"}`, true},
	} {
		p := planOf(t, map[string]string{
			"package.json": `{"main": "a.js"}`, "a.js": "",
			"package-lock.json": `{"lockfileVersion": 3, "packages": {"": {}, ` + c.packages + `}}`,
		}, config.Service{Name: "a", Path: "a", Type: "worker"})
		if got := !stage(p, plan.StageDependencies).BuildPlatform; got != c.native {
			t.Errorf("%s: installed on the target's platform: %v, want %v", name, got, c.native)
		}
	}
}

func TestCodeGeneration(t *testing.T) {
	const loader = `cd proto && proto-loader-gen-types --outDir=../src/gen *.proto`
	for name, c := range map[string]struct {
		generate, ignore string
		copies           []string
	}{
		"known, before the sources": {loader, "", []string{"proto/ proto/", "tsconfig.json ./", "src/ src/"}},
		"output not ignored":        {loader, "dist\n", []string{"tsconfig.json ./", "proto/ proto/", "src/ src/"}},
		"output ignored":            {loader, "src/gen\n", []string{"proto/ proto/", "tsconfig.json ./", "src/ src/"}},
		"unknown tool":              {"buf generate", "", []string{"tsconfig.json ./", "proto/ proto/", "src/ src/"}},
		"other inputs":              {"proto-loader-gen-types -I ../shared --outDir=src/gen a.proto", "", []string{"tsconfig.json ./", "proto/ proto/", "src/ src/"}},
	} {
		files := map[string]string{
			"package.json":  `{"scripts": {"generate": "` + c.generate + `", "build": "tsc", "start": "node dist/a.js"}}`,
			"tsconfig.json": `{"compilerOptions": {"outDir": "dist"}, "include": ["src"]}`,
			"proto/a.proto": "", "src/a.ts": "", "test/a.ts": "",
		}
		if c.ignore != "" {
			files[".dockerignore"] = c.ignore
		}
		p := planOf(t, files, config.Service{Name: "a", Path: "a", Type: "worker", Version: "22"})
		if diff := cmp.Diff(append([]string{"package.json package-lock.json ./"}, c.copies...), copied(p, plan.StageBuilder)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if s := shell(p, plan.StageBuilder); strings.Count(s, "node --run generate") != 1 || strings.Index(s, "generate") > strings.Index(s, "--run build") {
			t.Errorf("%s: generation has to run once and before the build:\n%s", name, s)
		}
	}
}

func TestStart(t *testing.T) {
	for name, c := range map[string]struct {
		pkg     string
		command []string
		want    []string
		code    string
	}{
		"script":              {`{"scripts": {"start": "node --enable-source-maps a.js"}}`, nil, []string{"node", "--enable-source-maps", "a.js"}, ""},
		"script of a script":  {`{"scripts": {"start": "npm run serve", "serve": "node a.js"}}`, nil, []string{"node", "a.js"}, ""},
		"circle of scripts":   {`{"scripts": {"start": "npm run start"}}`, nil, nil, codeStartShell},
		"main":                {`{"main": "./a.js"}`, nil, []string{"node", "a.js"}, ""},
		"written":             {`{"scripts": {"start": "nodemon"}}`, []string{"node", "b.js"}, []string{"node", "b.js"}, ""},
		"other tool":          {`{"scripts": {"start": "nodemon a.js"}}`, nil, nil, codeStartShell},
		"shell":               {`{"scripts": {"start": "node a.js | tee log"}}`, nil, nil, codeStartShell},
		"file does not exist": {`{"main": "gone.js"}`, nil, nil, codeNoStart},
		"nothing":             {`{}`, nil, nil, codeNoStart},
		"TypeScript":          {`{"scripts": {"start": "node a.ts"}}`, nil, nil, codeNoBuild},
	} {
		files := map[string]string{"package.json": c.pkg, "a.js": "", "a.ts": "", "b.js": ""}
		p, findings := Ecosystem{}.Plan(tree(files), config.Service{Name: "a", Path: "a", Type: "worker", Command: c.command}, nil)
		if c.code != "" {
			if len(findings) != 1 || findings[0].Code != c.code || findings[0].Hint == "" {
				t.Errorf("%s: want %s with a hint, got %v", name, c.code, findings)
			}
			continue
		}
		if findings.Errors() != nil {
			t.Errorf("%s: %v", name, findings)
			continue
		}
		steps := stage(p, plan.StageProduction).Steps
		var got []string
		for _, s := range steps {
			if s.Op == plan.OpCmd {
				got = s.Args
			}
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestFindings(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		code  string
	}{
		"no lock":         {map[string]string{"package.json": `{"main": "a.js", "dependencies": {"b": "1"}}`, "a.js": "", "package-lock.json": "-"}, codeNoLock},
		"bad shrinkwrap":  {map[string]string{"package.json": `{"main": "a.js"}`, "a.js": "", "package-lock.json": "-", "npm-shrinkwrap.json": ""}, codeLock},
		"no such yarn":    {map[string]string{"package.json": `{"main": "a.js", "packageManager": "yarn@1.new"}`, "a.js": "", "package-lock.json": "-", "yarn.lock": ""}, codeManager},
		"packageManager":  {map[string]string{"package.json": `{"main": "a.js", "packageManager": "pnpm@9"}`, "a.js": ""}, codeOtherManager},
		"workspaces":      {map[string]string{"package.json": `{"workspaces": ["a"]}`}, codeLocal},
		"old lock":        {map[string]string{"package.json": `{"main": "a.js"}`, "a.js": "", "package-lock.json": `{"lockfileVersion": 1}`}, codeOldLock},
		"stale old lock":  {map[string]string{"package.json": `{"main": "a.js", "dependencies": {"b": "1"}}`, "a.js": "", "package-lock.json": `{"lockfileVersion": 1, "dependencies": {"c": {"requires": true}}}`}, codeStaleLock + " " + codeOldLock},
		"broken lock":     {map[string]string{"package.json": `{"main": "a.js"}`, "a.js": "", "package-lock.json": `{"lock`}, codeLock},
		"linked package":  {map[string]string{"package.json": `{"main": "a.js"}`, "a.js": "", "package-lock.json": `{"packages": {"": {}, "node_modules/b": {"link": true, "resolved": "../b"}}}`}, codeLocal},
		"stale lock":      {map[string]string{"package.json": `{"main": "a.js", "dependencies": {"b": "1"}}`, "a.js": ""}, codeStaleLock},
		"broken manifest": {map[string]string{"package.json": `{"main": }`}, codeManifest},
		"wrong types":     {map[string]string{"package.json": `{"scripts": []}`}, codeManifest},
		"token of Bun":    {map[string]string{"package.json": `{"main": "a.js"}`, "a.js": "", "package-lock.json": "-", "bun.lock": "", "bunfig.toml": "[install]\nregistry = { url = \"https://r.example\", token = \"abc\" }\n"}, codeToken},
		"token":           {map[string]string{"package.json": `{"main": "a.js"}`, "a.js": "", ".npmrc": "//r.example/:_authToken=abc\n"}, codeToken},
	} {
		_, findings := Ecosystem{}.Plan(tree(c.files), config.Service{Name: "a", Path: "svc", Type: "worker"}, nil)
		var got []string
		for _, f := range findings {
			got = append(got, f.Code)
		}
		if strings.Join(got, " ") != c.code {
			t.Errorf("%s: want %s, got %v", name, c.code, findings)
			continue
		}
		if f := findings[0]; !strings.HasPrefix(f.Place.File, "svc/") || f.Severity == diag.Error && f.Hint == "" {
			t.Errorf("%s: finding without place or hint: %+v", name, f)
		}
		if strings.Contains(findings.Error(), "abc") {
			t.Errorf("%s: the finding shows the credential: %s", name, findings.Error())
		}
	}
}

func TestTokenFromTheEnvironmentIsFine(t *testing.T) {
	planOf(t, map[string]string{"package.json": `{"main": "a.js"}`, "a.js": "", ".npmrc": "//r.example/:_authToken=${TOKEN}\n"}, config.Service{Name: "a", Path: "a"})
}

func TestPlainJSON(t *testing.T) {
	in := "{ // one\n \"a\": \"http://x/*y*/\", /* two\n lines */ \"b\": [1, 2,],\n}"
	want := "{       \n \"a\": \"http://x/*y*/\",       \n          \"b\": [1, 2 ] \n}"
	if diff := cmp.Diff(want, string(plainJSON([]byte(in)))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// FuzzPlan: whatever a repository's files hold, planning ends, and gives stages
// or an error with a code.
func FuzzPlan(f *testing.F) {
	f.Add(`{"scripts": {"build": "tsc", "start": "node dist/a.js", "generate": "cd proto && proto-loader-gen-types --outDir=x *.proto"}}`, lock, `{"include": ["src"]}`, "node_modules", "v20")
	f.Add(`{"engines": {"node": ">=18 <23 || 24"}, "main": "a.js"}`, `{"packages": {"": {}, "node_modules/a": {"os": "linux", "cpu": ["x64"]}}}`, "{/*", "!a\n**", "lts/*")
	f.Fuzz(func(t *testing.T, pkg, lock, tsconfig, ignore, nvmrc string) {
		p, findings := Ecosystem{}.Plan(tree(map[string]string{
			"package.json": pkg, "package-lock.json": lock, "tsconfig.json": tsconfig, ".dockerignore": ignore, ".nvmrc": nvmrc, "a.js": "", "src/a.ts": "", "proto/a.proto": "",
		}), config.Service{Name: "a", Path: "a"}, nil)
		if (len(p.Stages) == 0) != (findings.Errors() != nil) {
			t.Fatalf("%d stages with findings %v", len(p.Stages), findings)
		}
	})
}
