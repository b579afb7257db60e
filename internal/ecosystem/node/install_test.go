package node

import (
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/plan"
)

// TestInstallScripts: what changes packages reaches production, what prepares a
// developer's machine does not run, and what generates code runs with the sources.
func TestInstallScripts(t *testing.T) {
	for name, c := range map[string]struct {
		scripts string
		runs    string // in the builder
		patched bool   // with the install
		from    string // the stage that production's packages are made from
	}{
		"husky":                     {`"prepare": "husky"`, "", false, plan.StageDependencies},
		"husky, but not in CI":      {`"prepare": "is-ci || husky install || true"`, "", false, plan.StageDependencies},
		"hooks of another kind":     {`"postinstall": "lefthook install", "preinstall": "npx only-allow npm"`, "", false, plan.StageDependencies},
		"patch-package":             {`"postinstall": "patch-package"`, "", true, plan.StageDependencies},
		"patch-package, then hooks": {`"postinstall": "npx patch-package --error-on-fail && husky install"`, "", true, plan.StageDependencies},
		"the build":                 {`"prepare": "npm run build", "build": "tsc"`, "", false, plan.StageDependencies},
		"Prisma's client":           {`"postinstall": "prisma generate"`, "prisma generate", false, plan.StageDependencies},
		"a program":                 {`"postinstall": "node fix-modules.js"`, "npm run postinstall", false, plan.StageBuilder},
		"patches and a program":     {`"postinstall": "patch-package && node fix-modules.js"`, "npm run postinstall", true, plan.StageBuilder},
		"a script by its name":      {`"postinstall": "npm run fix", "fix": "sed -i s/a/b/ node_modules/ms/index.js"`, "npm run postinstall", false, plan.StageBuilder},
		"hooks by a script's name":  {`"prepare": "npm run hooks", "hooks": "husky install"`, "", false, plan.StageDependencies},
	} {
		p := planOf(t, with(`{"main": "server.js", "scripts": {`+c.scripts+`}}`, "server.js", "fix-modules.js", "patches/ms+2.1.3.patch"), config.Service{Name: "a", Path: "a", Type: "worker"})
		if got := stage(p, plan.StagePackages).From; got != c.from {
			t.Errorf("%s: packages are made from %s", name, got)
		}
		if got := strings.Contains(shell(p, plan.StageDependencies), "patch-package"); got != c.patched {
			t.Errorf("%s: patched with the install: %v", name, got)
		}
		before, _, _ := strings.Cut(shell(p, plan.StageBuilder), "mkdir -p /out/app/")
		if c.runs == "" && before != "" && !strings.Contains(before, "build") || !strings.Contains(before, c.runs) || strings.Contains(shell(p, plan.StageBuilder), "husky") {
			t.Errorf("%s: the builder runs %s", name, shell(p, plan.StageBuilder))
		}
		order := func(name string) int {
			return slices.IndexFunc(p.Stages, func(s plan.Stage) bool { return s.Name == name })
		}
		if order(c.from) > order(plan.StagePackages) {
			t.Errorf("%s: packages come before %s", name, c.from)
		}
	}
}

// TestPatchesOfOtherManagers: packages that are installed anew are patched anew.
func TestPatchesOfOtherManagers(t *testing.T) {
	p := planOf(t, with(`{"main": "server.js", "scripts": {"postinstall": "patch-package --patch-dir fixes"}}`, "server.js", "fixes/ms+2.1.3.patch", "yarn.lock=# yarn lockfile v1\n", "package-lock.json=-"), config.Service{Name: "a", Path: "a", Type: "worker"})
	if got := shell(p, plan.StageDependencies); !strings.HasSuffix(got, "&& CI=true npx --yes patch-package --patch-dir fixes") {
		t.Errorf("all packages: %s", got)
	}
	if got := shell(p, plan.StagePackages); !strings.Contains(got, "--prefer-offline --ignore-engines && env -u CI -u NODE_ENV PATH=/app/node_modules/.bin:$PATH patch-package --patch-dir fixes") || !strings.Contains(got, "yarn.lock fixes") {
		t.Errorf("those for production: %s", got)
	}
	if !slices.Contains(copied(p, plan.StageDependencies), "fixes/ fixes/") {
		t.Errorf("the install has %v", copied(p, plan.StageDependencies))
	}
}

// TestChangedPackagesOfOtherManagers are carried to those for production.
func TestChangedPackagesOfOtherManagers(t *testing.T) {
	p := planOf(t, with(`{"main": "server.js", "scripts": {"postinstall": "node fix.js"}}`, "server.js", "fix.js", "yarn.lock=# yarn lockfile v1\n", "package-lock.json=-"), config.Service{Name: "a", Path: "a", Type: "worker"})
	packages := stage(p, plan.StagePackages)
	if packages.From != plan.StageBuilder || packages.Steps[0].Content != carryScript || !strings.Contains(shell(p, plan.StagePackages), "npm pkg delete scripts.postinstall && yarn install --production") ||
		!strings.Contains(shell(p, plan.StagePackages), "node /opt/slipway/carry.mjs /app . && ") {
		t.Errorf("packages: %+v", packages)
	}
}

// TestGenerators: only what surely generates code, and asks nobody, runs before
// the build.
func TestGenerators(t *testing.T) {
	for name, c := range map[string]struct {
		scripts string
		want    string
	}{
		"plop":                            {`"generate": "plop"`, ""},
		"hygen":                           {`"generate": "hygen component new"`, ""},
		"a release":                       {`"gen": "changeset"`, ""},
		"a static site":                   {`"generate": "nuxt generate"`, ""},
		"migrations":                      {`"generate": "drizzle-kit generate"`, ""},
		"prompts of a program":            {`"generate": "node ask.js"`, ""},
		"a program that is not there":     {`"codegen": "node gone.js"`, ""},
		"a program":                       {`"codegen": "node scripts/gen.js"`, "codegen"},
		"GraphQL":                         {`"codegen": "graphql-codegen --config codegen.ts"`, "codegen"},
		"OpenAPI, after a directory":      {`"generate": "mkdir -p src/api && openapi-typescript api.yaml -o src/api/types.ts && prettier -w src/api"`, "generate"},
		"protoc by npx":                   {`"proto": "npx grpc_tools_node_protoc --js_out=. a.proto"`, "proto"},
		"Prisma":                          {`"generate": "prisma generate"`, "generate"},
		"a script that calls others":      {`"generate": "npm run proto:a", "proto:a": "buf generate"`, "generate"},
		"plop, and GraphQL under a later": {`"generate": "plop", "codegen": "graphql-codegen"`, "codegen"},
		"what the build does":             {`"codegen": "graphql-codegen", "prebuild": "npm run codegen", "build": "tsc"`, ""},
	} {
		s := (Ecosystem{}).inspect(tree(with(`{"main": "server.js", "scripts": {`+c.scripts+`}}`, "server.js", "ask.js=require('inquirer')", "scripts/gen.js=fs.writeFileSync('a', 'b')")), config.Service{Name: "a", Path: "a", Type: "worker"}, nil)
		if s.generate != c.want {
			t.Errorf("%s: %q generates code, not %q", name, s.generate, c.want)
		}
	}
}

// TestPrismaSchemaOfTheManifest: the client is generated from where package.json says.
func TestPrismaSchemaOfTheManifest(t *testing.T) {
	lock := lockOf(`"dependencies": {"@prisma/client": "4.16.1"}, "devDependencies": {"prisma": "4.16.1"}`)
	p := planOf(t, with(`{"main": "server.js", "prisma": {"schema": "src/db/schema.prisma"}, "dependencies": {"@prisma/client": "4.16.1"}, "devDependencies": {"prisma": "4.16.1"}}`, "server.js", "src/db/schema.prisma", "package-lock.json="+lock),
		config.Service{Name: "a", Path: "a", Type: "worker"})
	if got := shell(p, plan.StageBuilder); !strings.Contains(got, "prisma generate") {
		t.Errorf("the builder runs %s", got)
	}
}

// TestPackagesOfTheRepository: directories that packages come from are there when
// they are installed, and are no services.
func TestPackagesOfTheRepository(t *testing.T) {
	lock := `{"lockfileVersion": 3, "packages": {"": {"dependencies": {"shared": "file:./libs/shared", "other": "file:libs/other"}},
		"libs/shared": {"dependencies": {"deep": "file:../deep"}}, "libs/deep": {}, "node_modules/shared": {"resolved": "libs/shared", "link": true}, "node_modules/deep": {"resolved": "libs/deep", "link": true},
		"libs/other": {}, "node_modules/other": {"resolved": "libs/other", "link": true}}}`
	files := with(`{"main": "server.js", "dependencies": {"shared": "file:./libs/shared", "other": "file:libs/other"}}`, "server.js", "package-lock.json="+lock,
		`libs/shared/package.json={"name": "shared", "dependencies": {"deep": "file:../deep"}}`, "libs/shared/index.js", `libs/other/package.json={"name": "other"}`, `libs/deep/package.json={"name": "deep"}`)
	p := planOf(t, files, config.Service{Name: "a", Path: "a", Type: "worker"})
	if diff := cmp.Diff([]string{"package.json package-lock.json ./", "libs/deep/ libs/deep/", "libs/other/ libs/other/", "libs/shared/ libs/shared/"}, copied(p, plan.StageDependencies)); diff != "" {
		t.Errorf("the install has (-want +got):\n%s", diff)
	}
	if got := shell(p, plan.StagePackages); !strings.Contains(got, "cp -a --parents libs/deep libs/other libs/shared /out/deps") {
		t.Errorf("packages: %s", got)
	}
	if got := laidOut(p); !strings.Contains(got, " libs ") {
		t.Errorf("production: %s", got)
	}
	for name, c := range map[string]struct{ pkg, code string }{
		"above the service":   {`{"main": "a.js", "dependencies": {"b": "file:../b"}}`, codeLocal},
		"a missing directory": {`{"main": "a.js", "dependencies": {"b": "file:./b"}}`, codeLocal},
	} {
		_, findings := Ecosystem{}.Plan(tree(with(c.pkg, "a.js", "package-lock.json="+lockOf(`"dependencies": {"b": "file:../b"}`))), config.Service{Name: "a", Path: "a", Type: "worker"}, nil)
		if len(findings) == 0 || findings[0].Code != c.code || findings[0].Hint == "" || findings[0].Place.Line == 0 && name == "above the service" {
			t.Errorf("%s: %v", name, findings)
		}
	}
}

// TestArchivesOfTheRepository: a packed package is where the lock file says.
func TestArchivesOfTheRepository(t *testing.T) {
	lock := `{"lockfileVersion": 3, "packages": {"": {"dependencies": {"b": "file:vendor/b-1.0.0.tgz"}}, "node_modules/b": {"version": "1.0.0", "resolved": "file:vendor/b-1.0.0.tgz"}}}`
	p := planOf(t, with(`{"main": "a.js", "dependencies": {"b": "file:vendor/b-1.0.0.tgz"}}`, "a.js", "vendor/b-1.0.0.tgz", "package-lock.json="+lock), config.Service{Name: "a", Path: "a", Type: "worker"})
	if !slices.Contains(copied(p, plan.StageDependencies), "vendor/ vendor/") {
		t.Errorf("the install has %v", copied(p, plan.StageDependencies))
	}
}

func TestLibrariesByPathAreNoServices(t *testing.T) {
	root := fstest.MapFS{}
	for name, text := range map[string]string{
		"package.json": `{"dependencies": {"shared": "file:./libs/shared"}}`, "libs/shared/package.json": `{"name": "shared"}`, "libs/shared/index.js": "",
		"web/package.json": `{"dependencies": {"ui": "link:../ui"}}`, "ui/package.json": `{"name": "ui"}`, "api/package.json": `{"name": "api", "scripts": {"start": "node a.js"}}`,
		"gateway/package.json": `{"dependencies": {"api": "file:../api"}}`, "alone/package.json": `{"name": "alone"}`,
	} {
		root[name] = &fstest.MapFile{Data: []byte(text)}
	}
	e := Ecosystem{}.In(fs.FS(root)).(Ecosystem)
	for at, want := range map[string]bool{"libs/shared": true, "ui": true, "api": false, "alone": false, "web": false} {
		if e.IsLibrary(at) != want {
			t.Errorf("%s is a library: %v", at, !want)
		}
	}
}

// TestOldLockFile: npm installs from it, and looks up what it does not say.
func TestOldLockFile(t *testing.T) {
	lock := `{"lockfileVersion": 1, "requires": true, "dependencies": {"ms": {"version": "2.1.3"}, "bcrypt": {"version": "5.0.0", "requires": {"@mapbox/node-pre-gyp": "^1"}}, "x": {"version": "1.0.0", "requires": true, "dependencies": {"y": {"version": "1.0.0", "dev": true, "requires": {"node-gyp": "1"}}}}}}`
	p, findings := Ecosystem{}.Plan(tree(with(`{"main": "a.js", "dependencies": {"ms": "2.1.3", "bcrypt": "5"}}`, "a.js", "package-lock.json="+lock)), config.Service{Name: "a", Path: "a", Type: "worker"}, nil)
	if got := codes(findings); !slices.Equal(got, []string{codeOldLock + " warning"}) {
		t.Fatalf("findings %v", findings)
	}
	if got := shell(p, plan.StageDependencies); got != (manager{lock: "package-lock.json"}).currentLock()+" && npm ci" {
		t.Errorf("installs by %s", got)
	}
	packages := stage(p, plan.StagePackages).Steps[0]
	if !strings.Contains(packages.Shell, "npm prune --omit=dev --prefer-offline") || len(packages.Mounts) != 1 {
		t.Errorf("packages: %+v", packages)
	}
	if stage(p, plan.StageDependencies).BuildPlatform || !strings.Contains(stage(p, plan.StageDependencies).From, "native") {
		t.Errorf("bcrypt is compiled by %+v", stage(p, plan.StageDependencies))
	}
}
