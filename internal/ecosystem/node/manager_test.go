package node

import (
	"strings"
	"testing"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/plan"
)

// npmApp is a service without npm's lock file, with others in its place.
func npmApp(pkg string, names ...string) map[string]string {
	return with(`{"main": "a.js", `+pkg+`}`, append([]string{"a.js", "package-lock.json=-"}, names...)...)
}

// TestManagers: which manager in which version installs, whether it keeps to the lock
// file, and what the summary says of it.
func TestManagers(t *testing.T) {
	const (
		ms        = `"dependencies": {"ms": "^2.1.0"}`
		pnpm9     = "pnpm-lock.yaml=lockfileVersion: '9.0'\n\nimporters:\n\n  .:\n    dependencies:\n      ms:\n        specifier: ^2.1.0\n        version: 2.1.3\n\npackages:\n\n  ms@2.1.3: {}\n"
		pnpm6     = "pnpm-lock.yaml=lockfileVersion: '6.0'\n\ndependencies:\n  ms:\n    specifier: ^2.1.0\n    version: 2.1.3\n\npackages:\n\n  /ms@2.1.3: {}\n"
		pnpm54    = "pnpm-lock.yaml=lockfileVersion: 5.4\n\nspecifiers:\n  ms: ^2.1.0\n\ndependencies:\n  ms: 2.1.3\n\npackages:\n\n  /ms/2.1.3: {}\n"
		yarn1     = "yarn.lock=# yarn lockfile v1\n\n\nms@^2.1.0:\n  version \"2.1.3\"\n"
		berryHead = "yarn.lock=# This file is generated\n\n__metadata:\n  version: "
		berryTail = "\n\n\"a@workspace:.\":\n  version: 0.0.0-use.local\n\n\"ms@npm:^2.1.0\":\n  version: 2.1.3\n"
		bun       = "bun.lock={\"lockfileVersion\": 1, \"workspaces\": {\"\": {\"dependencies\": {\"ms\": \"^2.1.0\",},},},}"
	)
	for name, c := range map[string]struct {
		files   map[string]string
		setUp   string // of the manager, "" for npm
		install string
		codes   string
	}{
		"npm without a lock file":      {npmApp(ms), "", "npm install --package-lock", codeNoLock + " warning"},
		"nothing to install":           {npmApp(`"version": "1.0.0"`), "", "npm install --package-lock", ""},
		"pnpm without one":             {npmApp(ms + `, "packageManager": "pnpm@9.1.0"`), "pnpm@9.1.0", "pnpm install --no-frozen-lockfile", codeNoLock + " warning"},
		"pnpm by its workspace file":   {npmApp(ms, "pnpm-workspace.yaml=onlyBuiltDependencies: []\n"), "pnpm@10.34.9", "pnpm install --no-frozen-lockfile", codeNoLock + " warning"},
		"Yarn 1 without one":           {npmApp(ms + `, "packageManager": "yarn@1.22.19"`), "yarn@1.22.19", "yarn install --non-interactive", codeNoLock + " warning"},
		"Yarn 4 without one":           {npmApp(ms+`, "packageManager": "yarn@4.5.0"`, ".yarnrc.yml=nodeLinker: node-modules\n"), "@yarnpkg/cli-dist@4.5.0", "touch yarn.lock && yarn install --no-immutable", codeNoLock + " warning"},
		"Bun without one":              {npmApp(ms + `, "packageManager": "bun@1.2.3"`), "bun@1.2.3", "bun install --backend=copyfile", codeNoLock + " warning"},
		"Bun with nothing to install":  {npmApp(`"packageManager": "bun@1.2.3"`, "bun.lock={\"lockfileVersion\": 1, \"packages\": {}}"), "bun@1.2.3", "mkdir -p node_modules", ""},
		"devEngines":                   {npmApp(ms + `, "devEngines": {"packageManager": {"name": "pnpm", "version": ">=9 <10"}}`), "pnpm@9.15.9", "pnpm install --no-frozen-lockfile", codeNoLock + " warning"},
		"devEngines, a list":           {npmApp(ms+`, "devEngines": {"packageManager": [{"name": "bun"}, {"name": "npm"}]}`, bun), "bun@1.4.5", "bun install --frozen-lockfile", ""},
		"a shrinkwrap":                 {npmApp(ms, `npm-shrinkwrap.json={"lockfileVersion": 3, "packages": {"": {"dependencies": {"ms": "^2.1.0"}}, "node_modules/ms": {"version": "2.1.3"}}}`), "", "npm ci", ""},
		"a lock file of bytes":         {npmApp(ms, "bun.lockb=bun\x00ms"), "bun@1.4.5", "bun install --frozen-lockfile", ""},
		"pnpm's format 9":              {npmApp(ms, pnpm9), "pnpm@10.34.9", "pnpm install --frozen-lockfile", ""},
		"pnpm's format 6":              {npmApp(ms, pnpm6), "pnpm@8.15.9", "pnpm install --frozen-lockfile", ""},
		"pnpm's format 5.4":            {npmApp(ms, pnpm54), "pnpm@7.33.7", "pnpm install --frozen-lockfile", ""},
		"pnpm's format 5.3":            {npmApp(ms, strings.Replace(pnpm54, "5.4", "5.3", 1)), "pnpm@7.33.7", "pnpm install --frozen-lockfile", ""},
		"scripts of packages":          {npmApp(ms, pnpm9+"  better-sqlite3@11.0.0: {}\n"), "pnpm@9.15.9", "pnpm install --frozen-lockfile", ""},
		"scripts that are allowed":     {npmApp(ms, pnpm9+"  better-sqlite3@11.0.0: {}\n", "pnpm-workspace.yaml=onlyBuiltDependencies:\n  - better-sqlite3\n"), "pnpm@10.34.9", "pnpm install --frozen-lockfile", ""},
		"a major":                      {npmApp(ms+`, "packageManager": "pnpm@8"`, pnpm6), "pnpm@8.15.9", "pnpm install --frozen-lockfile", ""},
		"a major of today":             {npmApp(ms+`, "packageManager": "pnpm@11.2.0+sha512.ab"`, pnpm9), "pnpm@11.2.0", "pnpm install --frozen-lockfile", ""},
		"engines":                      {npmApp(ms+`, "engines": {"pnpm": ">=8"}`, pnpm9), "pnpm@10.34.9", "pnpm install --frozen-lockfile", ""},
		"engines of an old format":     {npmApp(ms+`, "engines": {"pnpm": ">=7"}`, pnpm6), "pnpm@8.15.9", "pnpm install --frozen-lockfile", ""},
		"a version that is none":       {npmApp(ms+`, "packageManager": "pnpm@latest"`, pnpm9), "pnpm@10.34.9", "pnpm install --frozen-lockfile", codeManager + " warning"},
		"Yarn 1":                       {npmApp(ms, yarn1), "yarn@1.22.22", "yarn install --frozen-lockfile --non-interactive --ignore-engines", ""},
		"Yarn 1 on a Node.js":          {npmApp(ms+`, "engines": {"node": "22"}`, yarn1), "yarn@1.22.22", "yarn install --frozen-lockfile --non-interactive\n", ""},
		"Yarn 4 with Yarn 1's lock":    {npmApp(ms+`, "packageManager": "yarn@4.5.0"`, yarn1), "yarn@1.22.22", "yarn install --frozen-lockfile", ""},
		"Yarn 2":                       {npmApp(ms, berryHead+"4\n  cacheKey: 7"+berryTail), "@yarnpkg/cli-dist@2.4.2", "yarn install --immutable", codeLinker + " info"},
		"Yarn 3.0":                     {npmApp(ms, berryHead+"4\n  cacheKey: 8"+berryTail), "@yarnpkg/cli-dist@3.0.2", "yarn install --immutable", codeLinker + " info"},
		"Yarn 3.1":                     {npmApp(ms, berryHead+"5\n  cacheKey: 8"+berryTail), "@yarnpkg/cli-dist@3.1.1", "yarn install --immutable", codeLinker + " info"},
		"Yarn 3":                       {npmApp(ms, berryHead+"6\n  cacheKey: 8"+berryTail), "@yarnpkg/cli-dist@3.8.7", "yarn install --immutable", codeLinker + " info"},
		"Yarn 4.0":                     {npmApp(ms, berryHead+"8\n  cacheKey: 10c0"+berryTail), "@yarnpkg/cli-dist@4.13.0", "yarn install --immutable", codeLinker + " info"},
		"Yarn 4.18":                    {npmApp(ms, berryHead+"10\n  cacheKey: 10c0"+berryTail), "@yarnpkg/cli-dist@4.18.1", "yarn install --immutable", codeLinker + " info"},
		"Yarn 1 with Yarn 3's lock":    {npmApp(ms+`, "packageManager": "yarn@1.22.19"`, berryHead+"6"+berryTail), "@yarnpkg/cli-dist@3.8.7", "yarn install --immutable", codeLinker + " info"},
		"npm is named, pnpm locks":     {npmApp(ms+`, "packageManager": "npm@10.8.0"`, pnpm9), "pnpm@10.34.9", "pnpm install --frozen-lockfile", codeOtherManager + " warning"},
		"what only pnpm reads":         {with(`{"main": "a.js", "packageManager": "pnpm@9.1.0", "dependencies": {"ms": "catalog:"}}`, "a.js", "pnpm-workspace.yaml=catalog:\n  ms: 2.1.3\n"), "pnpm@9.1.0", "pnpm install --no-frozen-lockfile", codeNoLock + " warning"},
		"pnpm, out of step":            {npmApp(`"dependencies": {"ms": "^2.1.0", "send": "1"}`, pnpm9), "pnpm@10.34.9", "pnpm install --no-frozen-lockfile", codeStaleLock + " warning"},
		"pnpm 8, another range":        {npmApp(`"dependencies": {"ms": "^2.1.1"}`, pnpm6), "pnpm@8.15.9", "pnpm install --no-frozen-lockfile", codeStaleLock + " warning"},
		"pnpm 7, another range":        {npmApp(`"dependencies": {"ms": "^2.1.1"}`, pnpm54), "pnpm@7.33.7", "pnpm install --no-frozen-lockfile", codeStaleLock + " warning"},
		"pnpm with overrides":          {npmApp(`"dependencies": {"ms": "^2.1.1"}`, strings.Replace(pnpm9, "importers:", "overrides:\n  ms: ^2.1.0\n\nimporters:", 1)), "pnpm@10.34.9", "pnpm install --frozen-lockfile", ""},
		"Yarn 1, out of step":          {npmApp(`"devDependencies": {"send": "1"}, `+ms, yarn1), "yarn@1.22.22", "yarn install --non-interactive", codeStaleLock + " warning"},
		"Yarn 1, another range":        {npmApp(`"dependencies": {"ms": "~2.1.0"}`, yarn1), "yarn@1.22.22", "yarn install --non-interactive", codeStaleLock + " warning"},
		"Yarn 1 with resolutions":      {npmApp(`"dependencies": {"ms": "~2.1.0"}, "resolutions": {"ms": "2.1.3"}`, yarn1), "yarn@1.22.22", "yarn install --frozen-lockfile", ""},
		"Yarn 1, several ranges":       {npmApp(`"dependencies": {"@a/b": "1.x", "ms": "2"}`, "yarn.lock=\"@a/b@1.x\", \"@a/b@^1.2.0\":\n  version \"1.2.0\"\nms@2, ms@^2.1.0:\n  version \"2.1.3\"\n"), "yarn@1.22.22", "yarn install --frozen-lockfile", ""},
		"Yarn 3, out of step":          {npmApp(`"dependencies": {"ms": "^2.1.0", "send": "1"}`, berryHead+"6"+berryTail, ".yarnrc.yml=nodeLinker: node-modules\n"), "@yarnpkg/cli-dist@3.8.7", "yarn install --no-immutable", codeStaleLock + " warning"},
		"Bun, out of step":             {npmApp(`"dependencies": {"ms": "^2.1.0", "send": "1"}`, bun), "bun@1.4.5", "bun install --backend=copyfile", codeStaleLock + " warning"},
		"npm, a package that it needs": {npmApp(ms, `package-lock.json={"lockfileVersion": 3, "packages": {"": {"dependencies": {"ms": "^2.1.0"}}, "node_modules/ms": {"dependencies": {"deep": "1"}}}}`), "", "npm install --package-lock", codeStaleLock + " warning"},
		"npm, one that is deeper":      {npmApp(ms, `package-lock.json={"lockfileVersion": 3, "packages": {"": {"dependencies": {"ms": "^2.1.0"}}, "node_modules/ms": {"dependencies": {"deep": "1", "top": "1", "with": "1"}, "bundleDependencies": ["with"]}, "node_modules/ms/node_modules/deep": {"dependencies": {"top": "1"}}, "node_modules/top": {"optionalDependencies": {"gone": "1"}}}}`), "", "npm ci", ""},
		"npm 6, out of step":           {npmApp(ms, `package-lock.json={"lockfileVersion": 1, "dependencies": {"send": {"version": "1.0.0"}}}`), "", "npm install --package-lock", codeStaleLock + " warning, " + codeOldLock + " warning"},
		"a release in the repository":  {npmApp(ms, berryHead+"6"+berryTail, ".yarnrc.yml=nodeLinker: node-modules\nyarnPath: .yarn/releases/yarn-3.6.1.cjs\n", ".yarn/releases/yarn-3.6.1.cjs"), "exec node /usr/local/lib/yarn-3.6.1.cjs", "yarn install --immutable", ""},
		"a release of Yarn 1":          {npmApp(ms, yarn1, ".yarnrc=yarn-path \".yarn/releases/yarn-1.22.10.js\"\n", ".yarn/releases/yarn-1.22.10.js"), "exec node /usr/local/lib/yarn-1.22.10.js", "yarn install --frozen-lockfile", ""},
		"a release that is not in it":  {npmApp(ms, berryHead+"6"+berryTail, ".yarnrc.yml=nodeLinker: node-modules\nyarnPath: .yarn/releases/yarn-3.6.1.cjs\n"), "@yarnpkg/cli-dist@3.8.7", "yarn install --immutable", ""},
	} {
		p, findings := Ecosystem{}.Plan(tree(c.files), config.Service{Name: "a", Path: "a", Type: "worker"}, nil)
		if got := strings.Join(codes(findings), ", "); got != c.codes {
			t.Errorf("%s: want %q, got %v", name, c.codes, findings)
			continue
		}
		got := shell(p, plan.StageDependencies)
		if c.setUp != "" && !strings.Contains(got, c.setUp+"\n") && !strings.Contains(got, c.setUp+" ") || c.setUp == "" && strings.Contains(got, "--global") {
			t.Errorf("%s: want %s, installs with\n%s", name, c.setUp, got)
		}
		if !strings.Contains(got+" \n", c.install+" ") && !strings.Contains(got+"\n", c.install) {
			t.Errorf("%s: want %s, installs with\n%s", name, c.install, got)
		}
		for _, f := range findings {
			if f.Hint == "" || f.Place.File == "" {
				t.Errorf("%s: without hint or place: %+v", name, f)
			}
		}
	}
}

// TestStrict: what is unwise is refused where slipway.yaml says so.
func TestStrict(t *testing.T) {
	fleet := &config.Fleet{Strict: true}
	_, findings := Ecosystem{}.Plan(tree(npmApp(`"dependencies": {"ms": "2"}`)), config.Service{Name: "a", Path: "a", Type: "worker"}, fleet)
	if err := findings.Errors(); err == nil || findings[0].Code != codeNoLock || findings[0].Severity != diag.Error {
		t.Errorf("got %v", findings)
	}
}

// TestLooseInstalls: the lock file that the install writes is what production is made
// from, and no step copies one that does not exist.
func TestLooseInstalls(t *testing.T) {
	for name, c := range map[string]struct {
		manager, production string
	}{
		"npm":  {"npm@10.1.0", "cp -a package.json package-lock.json .npmrc node_modules /out/deps && cd /out/deps && npm prune --omit=dev --prefer-offline"},
		"pnpm": {"pnpm@9.1.0", "cp -a --parents package.json .npmrc pnpm-lock.yaml /out/deps && cd /out/deps && pnpm install --prod --frozen-lockfile"},
		"yarn": {"yarn@1.22.0", "cp -a --parents package.json .npmrc yarn.lock /out/deps && cd /out/deps && yarn install --production --frozen-lockfile"},
		"bun":  {"bun@1.2.0", "cp -a --parents package.json .npmrc bun.lock /out/deps && cd /out/deps && bun install --production --frozen-lockfile"},
	} {
		p := planOf(t, npmApp(`"dependencies": {"ms": "2"}, "packageManager": "`+c.manager+`"`, ".npmrc=legacy-peer-deps=true\n"), config.Service{Name: "a", Path: "a", Type: "worker"})
		for _, st := range p.Stages {
			for _, args := range copied(p, st.Name) {
				if strings.Contains(args, "lock") {
					t.Errorf("%s: %s copies %s", name, st.Name, args)
				}
			}
		}
		if got := shell(p, plan.StagePackages); !strings.Contains(got, c.production) {
			t.Errorf("%s: production is made by\n%s", name, got)
		}
	}
}

// TestYarnWithoutFocus: Yarn 2 and 3 install no single workspace, so the manifests of
// the others ask for nothing; with the plugin they do.
func TestYarnWithoutFocus(t *testing.T) {
	root := func(more ...string) map[string]string {
		return with(`{"workspaces": ["p/*"]}`, append([]string{"yarn.lock=__metadata:\n  version: 6\n", ".yarnrc.yml=nodeLinker: node-modules\n", "package-lock.json=-",
			`p/a/package.json={"name": "a", "main": "a.js", "dependencies": {"b": "workspace:*"}, "devDependencies": {"t": "workspace:*"}}`, "p/a/a.js", `p/b/package.json={"name": "b"}`,
			`p/t/package.json={"name": "t"}`, `p/web/package.json={"name": "web"}`}, more...)...)
	}
	for name, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"without": {root(), "npm pkg delete devDependencies && npm --prefix p/a pkg delete devDependencies && npm --prefix p/b pkg delete devDependencies && " +
			"npm --prefix p/t pkg delete devDependencies dependencies optionalDependencies && npm --prefix p/web pkg delete devDependencies dependencies optionalDependencies && yarn install --no-immutable"},
		"with": {root(focusPlugin), "yarn workspaces focus --production a"},
	} {
		files := tree(c.files)
		dir, err := files.Sub("p/a")
		if err != nil {
			t.Fatal(err)
		}
		p, findings := in(files).Plan(dir, config.Service{Name: "a", Path: "p/a", Type: "worker"}, nil)
		if err := findings.Errors(); err != nil {
			t.Fatal(err)
		}
		if got := shell(p, plan.StagePackages); !strings.Contains(got, c.want) {
			t.Errorf("%s: production is made by\n%s", name, got)
		}
	}
}
