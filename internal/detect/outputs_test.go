package detect

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/dockerfile"
	"github.com/slipway-build/slipway/internal/plan"
)

// frontEnd is a Vite app in web/, and what else a repository has.
func frontEnd(more map[string]string) map[string]string {
	files := map[string]string{
		"web/package.json":      `{"name": "web", "scripts": {"build": "vite build"}, "devDependencies": {"vite": "7"}}`,
		"web/package-lock.json": `{"name": "web", "lockfileVersion": 3, "packages": {"": {"name": "web", "devDependencies": {"vite": "7"}}, "node_modules/vite": {"version": "7.0.0", "dev": true}}}`,
		"web/index.html":        "<!doctype html>", "web/src/main.js": "",
	}
	for name, text := range more {
		files[name] = text
	}
	return files
}

// fleetOf reads a slipway.yaml of services.
func fleetOf(t *testing.T, services string) *config.Fleet {
	t.Helper()
	fleet, findings := config.Parse(config.FileName, []byte("version: 1\nfleet: f\nservices:\n"+services))
	if fleet == nil {
		t.Fatal(findings)
	}
	return fleet
}

// stepsOf are the copies of a stage from another one and from the context, as the
// Dockerfile writes them.
func stepsOf(p plan.Service, stage string, op plan.Op) []string {
	var out []string
	for _, st := range p.Stages {
		for _, s := range st.Steps {
			if st.Name == stage && s.Op == op && s.Content == "" {
				text := strings.Join(s.Args, " ") + s.Shell
				if s.From != "" {
					text = s.From + ": " + text
				}
				out = append(out, text)
			}
		}
	}
	return out
}

const (
	embedding = "package main\n\nimport (\n\t\"embed\"\n\t\"net/http\"\n)\n\n//go:embed static\nvar files embed.FS\n\nfunc main() {\n\thttp.ListenAndServe(\":8080\", http.FileServerFS(files))\n}\n"
	serving   = "package main\n\nimport \"net/http\"\n\nfunc main() {\n\thttp.ListenAndServe(\":8080\", http.FileServer(http.Dir(\"static\")))\n}\n"
	goMod     = "module example.com/api\n\ngo 1.26\n"
)

// TestOutputOfAnotherService: the front end's build becomes part of the API's
// Dockerfile, where the program finds it.
func TestOutputOfAnotherService(t *testing.T) {
	fastAPI := map[string]string{"api/requirements.txt": "fastapi==0.115.0\nuvicorn==0.30.0\n", "api/main.py": "from fastapi import FastAPI\n\napp = FastAPI()\n"}
	for name, c := range map[string]struct {
		files    map[string]string
		services string
		dir      string // of the build context
		stage    string
		copies   []string // of the stage, from the front end
	}{
		"embedded by Go": {
			frontEnd(map[string]string{"api/go.mod": goMod, "api/main.go": embedding}),
			"  web: {}\n  api: {files: [{from: web, to: static}]}\n", ".", plan.StageBuilder, []string{"web-builder: /app/dist /src/static"},
		},
		"opened by Go": {
			frontEnd(map[string]string{"api/go.mod": goMod, "api/main.go": serving}),
			"  web: {}\n  api: {files: [{from: web, to: static}]}\n", ".", plan.StageProduction, []string{"web-builder: /app/dist /app/static"},
		},
		"served by FastAPI": {
			frontEnd(fastAPI), "  web: {}\n  api: {port: 8000, files: [{from: web, to: static}]}\n", ".", plan.StageProduction, []string{"web-builder: /app/dist /app/static"},
		},
		"a path of the output": {
			frontEnd(fastAPI), "  web: {}\n  api: {port: 8000, files: [{from: web, path: dist/assets, to: public/a}]}\n", ".", plan.StageProduction, []string{"web-builder: /app/dist/assets /app/public/a"},
		},
		"written above the front end": {
			frontEnd(map[string]string{"web/vite.config.js": "export default {build: {outDir: '../api/static', emptyOutDir: true}}", "api/requirements.txt": fastAPI["api/requirements.txt"], "api/main.py": fastAPI["api/main.py"]}),
			"  web: {}\n  api: {port: 8000, files: [{from: web, to: static}]}\n", ".", plan.StageProduction, []string{"web-builder: /api/static /app/static"},
		},
		"in a directory of both": {
			func() map[string]string {
				files := map[string]string{}
				for n, text := range frontEnd(map[string]string{"api/go.mod": goMod, "api/main.go": embedding}) {
					files["shop/"+n] = text
				}
				return files
			}(),
			"  web: {path: shop/web}\n  api: {path: shop/api, files: [{from: web, to: static}]}\n", "shop", plan.StageBuilder, []string{"web-builder: /app/dist /src/static"},
		},
		"a program in a module": {
			frontEnd(map[string]string{"go.mod": goMod, "cmd/api/main.go": embedding}),
			"  web: {}\n  api: {path: cmd/api, files: [{from: web, to: static}]}\n", ".", plan.StageBuilder, []string{"web-builder: /app/dist /src/cmd/api/static"},
		},
	} {
		all, findings := PlanEach(repo(c.files), fleetOf(t, c.services))
		if findings.Errors() != nil || all[0].Findings.Errors() != nil {
			t.Errorf("%s: %v %v", name, findings, all[0].Findings)
			continue
		}
		p := all[0].Plan
		got := slices.DeleteFunc(stepsOf(p, c.stage, plan.OpCopy), func(s string) bool { return !strings.HasPrefix(s, "web-") })
		if diff := cmp.Diff(c.copies, got); diff != "" || p.Dir != c.dir {
			t.Errorf("%s: in %s (-want +got):\n%s", name, p.Dir, diff)
		}
		names := []string{}
		for _, st := range p.Stages {
			names = append(names, st.Name)
		}
		if !slices.Contains(names, "web-dependencies") || slices.Index(names, "web-builder") > slices.Index(names, plan.StageDependencies) || names[len(names)-1] != plan.StageProduction || slices.Contains(names, "web-production") {
			t.Errorf("%s: stages %v", name, names)
		}
		if !slices.ContainsFunc(p.Bases, func(b plan.Base) bool { return b.Ref == "slipway/node:22-trixie-toolchain" }) {
			t.Errorf("%s: the toolchain of the front end is missing: %v", name, p.Bases)
		}
		if _, err := dockerfile.Read(name, dockerfile.Render(p)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, s := range stepsOf(p, plan.StageBuilder, plan.OpCopy) {
			if strings.HasPrefix(s, "api/static") {
				t.Errorf("%s: copies what is not there: %s", name, s)
			}
		}
	}
}

// TestOutputOfAnotherServiceAlone: a selection of services still knows the others.
func TestOutputOfAnotherServiceAlone(t *testing.T) {
	fleet := fleetOf(t, "  web: {}\n  api: {files: [{from: web, to: static}]}\n")
	only := *fleet
	only.Services = fleet.Services[:1]
	plans, findings := Plan(repo(frontEnd(map[string]string{"api/go.mod": goMod, "api/main.go": embedding})), &only)
	if findings.Errors() != nil || len(plans) != 1 || len(stepsOf(plans[0], "web-builder", plan.OpRun)) == 0 {
		t.Errorf("%d plans, %v", len(plans), findings)
	}
}

// TestEqualStepsMerge: the front end's steps are the same in both Dockerfiles, but
// for where the context begins.
func TestEqualStepsMerge(t *testing.T) {
	plans, findings := Plan(repo(frontEnd(map[string]string{"api/go.mod": goMod, "api/main.go": embedding})), fleetOf(t, "  web: {}\n  api: {files: [{from: web, to: static}]}\n"))
	if findings.Errors() != nil {
		t.Fatal(findings)
	}
	for _, stage := range []string{plan.StageDependencies, plan.StageBuilder} {
		if diff := cmp.Diff(stepsOf(plans[1], stage, plan.OpRun), stepsOf(plans[0], "web-"+stage, plan.OpRun)); diff != "" {
			t.Errorf("%s (-web +api):\n%s", stage, diff)
		}
	}
}

// TestRefusedOutputs: what cannot be taken is said before any step runs.
func TestRefusedOutputs(t *testing.T) {
	api := map[string]string{"api/go.mod": goMod, "api/main.go": serving}
	with := func(more map[string]string) map[string]string {
		files := frontEnd(api)
		for n, text := range more {
			files[n] = text
		}
		return files
	}
	for name, c := range map[string]struct {
		files          map[string]string
		services, code string
		hint           string
	}{
		"a Dockerfile of its own": {with(map[string]string{"web/Dockerfile": "FROM scratch\n"}), "  web: {}\n  api: {files: [{from: web, to: static}]}\n", codeFrom, "write dockerfile: false for web"},
		"a service with an error": {with(map[string]string{"web/package.json": "{"}), "  web: {}\n  api: {files: [{from: web, to: static}]}\n", codeFrom, ""},
		"no output": {with(map[string]string{"job/go.mod": goMod, "job/main.go": "package main\n\nfunc main() {}\n"}),
			"  job: {}\n  api: {files: [{from: job, to: static}]}\n", codeFrom, "write path: in the entry"},
		"each other": {with(map[string]string{"two/go.mod": goMod, "two/main.go": serving}),
			"  two: {files: [{from: api, path: x, to: y}]}\n  api: {files: [{from: two, path: x, to: y}]}\n", codeCircle, "delete one of the entries"},
		"into a site": {with(map[string]string{"docs/index.html": "<!doctype html>"}), "  web: {}\n  docs: {files: [{from: web, to: app}]}\n", codeFrom, "merge the two sites"},
	} {
		_, findings := Plan(repo(c.files), fleetOf(t, c.services))
		if !slices.ContainsFunc(findings, func(f diag.Finding) bool {
			return f.Code == c.code && f.Severity == diag.Error && f.Place.File == config.FileName && f.Place.Line > 0 && strings.Contains(f.Hint, c.hint)
		}) {
			t.Errorf("%s: %v", name, findings)
		}
	}
}

// TestPatternsOfJoinedContexts: each service's patterns hold for its own files.
func TestPatternsOfJoinedContexts(t *testing.T) {
	if diff := cmp.Diff([]string{"a/**/*.log", "!a/keep.log", "a/x"}, deeperPatterns([]string{"**/*.log", "!keep.log", "/x"}, "a")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff([]string{"web", "*.log", "!web", "!web/**", "web/node_modules"}, joinedPatterns([]string{"web", "*.log"}, []string{"web/node_modules"}, "web")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestFilesOfAnOwnDockerfile are for planned images.
func TestFilesOfAnOwnDockerfile(t *testing.T) {
	_, findings := Plan(repo(map[string]string{"api/Dockerfile": "FROM scratch\n"}), fleetOf(t, "  api: {exclude: [data]}\n"))
	if len(findings) != 1 || findings[0].Code != codeOwnFiles || findings[0].Severity != diag.Warning {
		t.Errorf("%v", findings)
	}
}

// TestManifestsOfAnotherService: both builds read the same manifests, so that one
// install serves them.
func TestManifestsOfAnotherService(t *testing.T) {
	plans, findings := Plan(repo(frontEnd(map[string]string{"api/go.mod": goMod, "api/main.go": embedding})), fleetOf(t, "  web: {}\n  api: {files: [{from: web, to: static}]}\n"))
	if findings.Errors() != nil {
		t.Fatal(findings)
	}
	names := []string{"package.json", "package-lock.json"}
	if diff := cmp.Diff(map[string]plan.ManifestsOf{"web-manifests": {Dir: "web", Names: names}}, plans[0].Manifests()); diff != "" {
		t.Errorf("api (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]plan.ManifestsOf{"manifests": {Dir: ".", Names: names}}, plans[1].Manifests()); diff != "" {
		t.Errorf("web (-want +got):\n%s", diff)
	}
}
