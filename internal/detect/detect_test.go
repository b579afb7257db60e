package detect_test

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/detect"
)

const (
	manifest = `{"main": "server.js"}`
	lockFile = `{"lockfileVersion": 3, "packages": {"": {}}}`
)

// repo makes a tree with a service in each directory.
func repo(dirs ...string) fstest.MapFS {
	out := fstest.MapFS{}
	for _, d := range dirs {
		prefix := strings.TrimPrefix(d+"/", "./")
		out[prefix+"package.json"] = &fstest.MapFile{Data: []byte(manifest)}
		out[prefix+"package-lock.json"] = &fstest.MapFile{Data: []byte(lockFile)}
		out[prefix+"server.js"] = &fstest.MapFile{}
	}
	return out
}

// workspaceOf is repo with a root that only holds the others together.
func workspaceOf(dirs ...string) fstest.MapFS {
	out := repo(dirs...)
	out["package.json"] = &fstest.MapFile{Data: []byte(`{"name": "all", "workspaces": ["packages/*"], "scripts": {"start": "concurrently a b"}}`)}
	return out
}

func TestWalk(t *testing.T) {
	for name, c := range map[string]struct {
		dirs []string
		want []string // name at path
	}{
		"one at the root":            {[]string{"."}, []string{"app at ."}},
		"several":                    {[]string{"web", "services/api"}, []string{"api at services/api", "web at web"}},
		"a server beside its client": {[]string{".", "client"}, []string{"app at .", "client at client"}},
		"the same name twice":        {[]string{"eu/api", "us/api"}, []string{"eu-api at eu/api", "us-api at us/api"}},
		"below a service is none":    {[]string{"a", "a/b"}, []string{"a at a"}},
		"not in what is fetched":     {[]string{"a", "node_modules/b", ".cache/c", "vendor/d"}, []string{"a at a"}},
		"names are made valid":       {[]string{"My Service", "B"}, []string{"b at B", "service-2 at My Service"}},
		"not deeper than six levels": {[]string{"1/2/3/4/5/6", "1/2/3/4/5/x/7"}, []string{"6 at 1/2/3/4/5/6"}},
	} {
		found, findings := detect.Detect(repo(c.dirs...), nil)
		if findings.Errors() != nil {
			t.Errorf("%s: %v", name, findings)
		}
		var got []string
		for _, f := range found {
			got = append(got, f.Service.Name+" at "+f.Service.Path)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestRootBesideOthers: a root is a service beside those below it when it starts a
// program of its own.
func TestRootBesideOthers(t *testing.T) {
	pkg := func(scripts string) string { return `{"name": "root", "private": true, ` + scripts + `}` }
	for name, c := range map[string]struct {
		files map[string]string // further ones; "" deletes
		want  string
	}{
		"a workspace":                   {map[string]string{"package.json": pkg(`"workspaces": ["libs/*"]`)}, "api web"},
		"starts others":                 {map[string]string{"package.json": pkg(`"scripts": {"start": "concurrently a b"}`)}, "api web"},
		"starts one of them":            {map[string]string{"package.json": pkg(`"scripts": {"start": "node api/server.js"}`)}, "api web"},
		"starts one of them by npm":     {map[string]string{"package.json": pkg(`"scripts": {"start": "npm start --prefix api"}`)}, "api web"},
		"a library":                     {map[string]string{"package.json": pkg(`"main": "index.js"`), "index.js": "module.exports = {}"}, "api web"},
		"a server":                      {map[string]string{"package.json": pkg(`"scripts": {"start": "npm run serve", "serve": "node srv/main.js"}`), "srv/main.js": "//"}, "api root web"},
		"a server by its name":          {map[string]string{"package.json": pkg(`"version": "1.0.0"`), "server.js": "//"}, "api root web"},
		"a server that a build makes":   {map[string]string{"package.json": pkg(`"scripts": {"build": "tsc", "start": "NODE_ENV=production node dist/main.js"}`), "tsconfig.json": `{"compilerOptions": {"outDir": "dist"}}`, "src/main.ts": "//"}, "api root web"},
		"a server that members make":    {map[string]string{"package.json": pkg(`"workspaces": ["libs/*"], "scripts": {"build": "npm run build -ws", "start": "node api/dist/main.js"}`), "tsconfig.json": "{}"}, "api web"},
		"a server and its workspace":    {map[string]string{"package.json": pkg(`"workspaces": ["libs/*"], "scripts": {"start": "node main.js"}`), "main.js": "//"}, "api web"},
		"a site":                        {map[string]string{"package.json": pkg(`"scripts": {"build": "vite build"}, "devDependencies": {"vite": "5.0.0"}`), "index.html": "<p>", "package-lock.json": `{"lockfileVersion": 3, "packages": {"": {"devDependencies": {"vite": "5.0.0"}}, "node_modules/vite": {"version": "5.0.0", "dev": true}}}`}, "api root web"},
		"tools that cannot be built":    {map[string]string{"package.json": pkg(`"scripts": {"start": "node main.js"}`), "main.js": "//", "extra/push/package.json": `{"scripts": {"start": "node x.js"}}`, "extra/cli/main.go": "package main\nfunc main() {}\n"}, "api root web"},
		"an example that serves":        {map[string]string{"package.json": pkg(`"scripts": {"start": "node main.js"}`), "main.js": "//", "examples/a/package.json": manifest, "examples/a/package-lock.json": lockFile, "examples/a/server.js": "require('http').createServer().listen(3000)"}, "a api root web"},
		"an example that serves nobody": {map[string]string{"package.json": pkg(`"scripts": {"start": "node main.js"}`), "main.js": "//", "extra/push/a/package.json": `{"name": "a", "scripts": {"start": "node index.js"}}`, "extra/push/a/index.js": "fetch('https://example.com')"}, "api root web"},
	} {
		tree := repo("api", "web")
		tree["package-lock.json"] = &fstest.MapFile{Data: []byte(`{"lockfileVersion": 3, "packages": {"": {}}}`)}
		for file, text := range c.files {
			tree[file] = &fstest.MapFile{Data: []byte(text)}
		}
		found, _ := detect.Survey(tree, nil)
		var got []string
		for _, f := range found {
			got = append(got, f.Service.Name)
		}
		if slices.Sort(got); strings.Join(got, " ") != c.want {
			t.Errorf("%s: %v, not %s", name, got, c.want)
		}
	}
}

func TestDetectCompletesWhatIsWritten(t *testing.T) {
	tree := repo("api")
	tree["api/server.js"] = &fstest.MapFile{Data: []byte("require('http').createServer().listen(8080); // '/healthz'")}
	fleet := config.Default("f")
	fleet.Services = []config.Service{{Name: "api", Path: "api", Health: config.Health{TCP: true}}}
	found, findings := detect.Detect(tree, fleet)
	if findings != nil {
		t.Fatal(findings)
	}
	want := config.Service{Name: "api", Path: "api", Type: "http", Ecosystem: "node", Port: 8080, Health: config.Health{TCP: true}}
	if diff := cmp.Diff(want, found[0].Service, cmpopts.IgnoreTypes(config.Gates{})); diff != "" {
		t.Errorf("what is written wins, the rest is detected (-want +got):\n%s", diff)
	}
	for _, f := range found[0].Facts {
		if f.Evidence == "" {
			t.Errorf("the fact %v has no evidence", f)
		}
	}
}

func TestAServiceWithErrorsDoesNotHideTheOthers(t *testing.T) {
	tree := repo("a", "b")
	tree["a/package-lock.json"] = &fstest.MapFile{Data: []byte("{")}
	plans, findings := detect.Plan(tree, nil)
	if len(plans) != 1 || plans[0].Name != "b" || len(findings) != 1 {
		t.Errorf("got %d plans and %v", len(plans), findings)
	}
}

func TestOwnDockerfileNeedsNoEcosystem(t *testing.T) {
	tree := fstest.MapFS{"tool/Dockerfile": {Data: []byte("FROM scratch\n")}, "tool/.dockerignore": {Data: []byte("# no\n*.md\n")}}
	plans, findings := detect.Plan(tree, nil)
	if findings != nil || len(plans) != 1 {
		t.Fatal(plans, findings)
	}
	if p := plans[0]; p.Dockerfile != "tool/Dockerfile" || len(p.Stages) != 0 || len(p.DockerIgnore) != 1 {
		t.Errorf("got %+v", p)
	}
}

// TestOneServiceWithAnErrorKeepsNoOther: each has the findings about it.
func TestOneServiceWithAnErrorKeepsNoOther(t *testing.T) {
	tree := fstest.MapFS{
		"good/index.html":  {Data: []byte("<!doctype html>")},
		"bad/package.json": {Data: []byte("{")},
		"more/index.html":  {Data: []byte("<!doctype html>")},
	}
	all, findings := detect.PlanEach(tree, nil)
	if len(findings) > 0 || len(all) != 3 {
		t.Fatalf("%d plans, %v", len(all), findings)
	}
	for i, name := range []string{"bad", "good", "more"} {
		if all[i].Name != name || (all[i].Findings.Errors() != nil) != (name == "bad") || (len(all[i].Plan.Stages) > 0) == (name == "bad") {
			t.Errorf("%+v", all[i])
		}
	}
	if plans, findings := detect.Plan(tree, nil); len(plans) != 2 || findings.Errors() == nil {
		t.Errorf("%d plans, %v", len(plans), findings)
	}
}
