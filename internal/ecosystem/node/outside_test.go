package node

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/plan"
)

// outsideOf plans services/api of a repository.
func outsideOf(t *testing.T, files map[string]string) (plan.Service, []string) {
	t.Helper()
	root := tree(files)
	delete(root, "package-lock.json")
	dir, err := root.Sub("services/api")
	if err != nil {
		t.Fatal(err)
	}
	p, findings := in(root).Plan(dir, config.Service{Name: "api", Path: "services/api", Type: "worker"}, nil)
	return p, codes(findings)
}

func api(spec, lock string, more ...string) map[string]string {
	return with(`{}`, append([]string{"package.json=-", `services/api/package.json={"main": "a.js", "dependencies": {"x": "` + spec + `"}}`, "services/api/a.js", "services/api/" + lock}, more...)...)
}

func npmLink(spec, at string) string {
	return `package-lock.json={"lockfileVersion": 3, "packages": {"": {"dependencies": {"x": "` + spec + `"}}, "` + at + `": {"dependencies": {"ms": "2.1.3"}}, "node_modules/x": {"resolved": "` + at + `", "link": true}}}`
}

// TestPackagesAboveTheService: the build context is the smallest directory that holds
// the service and the package, each lies where it lies in the repository, and what is
// linked to has its own packages.
func TestPackagesAboveTheService(t *testing.T) {
	const plain, needs = `libs/x/package.json={"name": "x", "main": "index.js"}`, `libs/x/package.json={"name": "x", "main": "index.js", "dependencies": {"ms": "2.1.3"}}`
	const built = `libs/x/package.json={"name": "x", "main": "dist/index.js", "scripts": {"build": "tsc"}, "devDependencies": {"typescript": "5"}}`
	const file = "file:../../libs/x"
	link := npmLink(file, "../../libs/x")
	for name, c := range map[string]struct {
		files map[string]string
		dir   string   // the build context
		steps []string // of the package, in the dependencies stage
		keeps bool     // production has the directory
		codes string
	}{
		"npm":           {api(file, link, plain, "libs/x/index.js"), ".", []string{"libs/x/ /app/libs/x/"}, true, ""},
		"npm's link:":   {api("link:../../libs/x", npmLink("link:../../libs/x", "../../libs/x"), plain, "libs/x/index.js"), ".", []string{"libs/x/ /app/libs/x/"}, true, ""},
		"no scheme":     {api("../../libs/x", npmLink("../../libs/x", "../../libs/x"), plain, "libs/x/index.js"), ".", []string{"libs/x/ /app/libs/x/"}, true, ""},
		"in a neighbor": {api("file:../x", npmLink("file:../x", "../x"), `services/x/package.json={"name": "x"}`, "services/x/index.js"), "services", []string{"x/ /app/x/"}, true, ""},
		"with packages": {api(file, link, needs, "libs/x/index.js", "libs/x/package-lock.json={}"), ".",
			[]string{"libs/x/ /app/libs/x/", "cd /app/libs/x && npm ci --omit=dev && rm -rf node_modules/.package-lock.json node_modules/.cache"}, true, ""},
		"without a lock file": {api(file, link, needs, "libs/x/index.js"), ".",
			[]string{"libs/x/ /app/libs/x/", "cd /app/libs/x && npm install --no-package-lock --omit=dev && rm -rf node_modules/.package-lock.json node_modules/.cache"}, true, codeOutside + " warning"},
		"to be built": {api(file, link, built, "libs/x/src/index.ts"), ".",
			[]string{"libs/x/ /app/libs/x/", "cd /app/libs/x && npm install --no-package-lock && npm run build && npm prune --omit=dev --no-package-lock && rm -rf node_modules/.package-lock.json node_modules/.cache"}, true, ""},
		"built already": {api(file, link, built, "libs/x/dist/index.js"), ".", []string{"libs/x/ /app/libs/x/"}, true, ""},
		"of another":    {api(file, link, `libs/x/package.json={"name": "x", "dependencies": {"y": "file:../../more/y"}}`, "libs/x/index.js", `more/y/package.json={"name": "y"}`, "more/y/index.js"), ".", []string{"more/y/ /app/more/y/", "libs/x/ /app/libs/x/"}, true, ""},
		"Yarn 1 copies": {api(file, "yarn.lock=\"x@file:../../libs/x\":\n  version \"1.0.0\"\n", needs, "libs/x/index.js"), ".", []string{"libs/x/ /app/libs/x/"}, false, ""},
		"pnpm links": {api("link:../../libs/x", "pnpm-lock.yaml=lockfileVersion: '9.0'\nimporters:\n  .: {}\n", needs, "libs/x/index.js", "libs/x/package-lock.json={}"), ".",
			[]string{"libs/x/ /app/libs/x/", "cd /app/libs/x && npm ci --omit=dev && rm -rf node_modules/.package-lock.json node_modules/.cache"}, true, ""},
		"an archive": {api("file:../../packed/x-1.0.0.tgz", `package-lock.json={"lockfileVersion": 3, "packages": {"": {"dependencies": {"x": "file:../../packed/x-1.0.0.tgz"}}, "node_modules/x": {"version": "1.0.0", "resolved": "file:../../packed/x-1.0.0.tgz"}}}`, "packed/x-1.0.0.tgz"), ".",
			[]string{"packed/ /app/packed/"}, false, ""},
		"above the repository": {api("file:../../../x", npmLink("file:../../../x", "../../../x")), "", nil, false, codeLocal + " error"},
		"that is not there":    {api(file, link), "", nil, false, codeLocal + " error"},
	} {
		p, got := outsideOf(t, c.files)
		if diff := cmp.Diff(c.codes, strings.Join(got, ", ")); diff != "" {
			t.Errorf("%s: findings (-want +got):\n%s", name, diff)
			continue
		}
		if c.dir == "" {
			continue
		}
		home := strings.TrimPrefix("services/api", c.dir+"/")
		if p.Dir != c.dir {
			t.Errorf("%s: the build context is %s, not %s", name, p.Dir, c.dir)
		}
		var steps []string
		for _, step := range stage(p, plan.StageDependencies).Steps {
			switch {
			case step.Op == plan.OpWorkdir && step.Args[0] != "/app/"+home:
				t.Errorf("%s: installs in %s", name, step.Args[0])
			case step.Op == plan.OpCopy && strings.Contains(step.Args[0], home+"/package.json"), step.Op == plan.OpRun && strings.Contains(step.Shell, "--global"):
			case step.Op == plan.OpCopy:
				steps = append(steps, strings.Join(step.Args, " "))
			case step.Op == plan.OpRun && strings.HasPrefix(step.Shell, "cd "):
				steps = append(steps, step.Shell)
			}
		}
		if diff := cmp.Diff(c.steps, steps); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		packages := shell(p, plan.StagePackages)
		_, at, _ := strings.Cut(c.steps[0], " /app/")
		at = strings.TrimSuffix(at, "/")
		if keeps := strings.Contains(packages, "cp -a /app/"+at+" /out/deps/"+at) && !strings.Contains(packages, "rm -rf /out/deps/"+at); keeps != c.keeps {
			t.Errorf("%s: production has %s: %v, by %s", name, at, keeps, packages)
		}
		if !strings.Contains(packages, "cd /out/deps/"+home+" && ") || !strings.Contains(shell(p, plan.StageBuilder), "/out/app/"+home+"/") {
			t.Errorf("%s: packages: %s\nbuilder: %s", name, packages, shell(p, plan.StageBuilder))
		}
		if production := stage(p, plan.StageProduction).Steps[0]; production.Op != plan.OpWorkdir || production.Args[0] != "/app/"+home {
			t.Errorf("%s: production starts in %v", name, production)
		}
	}
}
