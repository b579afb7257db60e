package node

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/plan"
)

// with are the files of a service with an empty lock file; no text stands for "".
func with(pkg string, names ...string) map[string]string {
	files := map[string]string{"package.json": pkg}
	for _, n := range names {
		name, text, _ := strings.Cut(n, "=")
		files[name] = text
	}
	return files
}

// laidOut is how the builder lays production out, without what comes before.
func laidOut(p plan.Service) string {
	_, out, _ := strings.Cut(shell(p, plan.StageBuilder), "/out/app/ && ")
	return out
}

func leftOut(p plan.Service) map[string]string {
	out := map[string]string{}
	for _, l := range p.LeftOut {
		out[l.Path] = l.Why
	}
	return out
}

const (
	start  = `"start": "node server.js"`
	tsc    = `"build": "tsc", "start": "node dist/server.js"`
	outSrc = `tsconfig.json={"compilerOptions": {"outDir": "dist", "rootDir": "src"}, "include": ["src"]}`
)

// TestProductionHoldsTheTree: with a build all that it has not replaced, without
// one all that is not needless.
func TestProductionHoldsTheTree(t *testing.T) {
	const tar = "tar -c --exclude=./node_modules --exclude=./package-lock.json"
	for name, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"files at the top beside a compiled program": {
			with(`{"scripts": {`+tsc+`}}`, "src/server.ts", outSrc, "openapi.yaml", "data/seed.json"), tar + " --exclude=./src --exclude=./tsconfig.json . | tar -x -C /out/app/"},
		"hidden directories and docs": {
			with(`{"scripts": {`+start+`}}`, "server.js", ".well-known/assetlinks.json", "docs/terms.md", "README.md"), "cp -a package.json .well-known docs server.js /out/app/"},
		"a start file beside the output": {
			with(`{"scripts": {"build": "vite build", `+start+`}, "dependencies": {"express": "4"}, "devDependencies": {"vite": "5"}}`, "package-lock.json="+lockOf(`"dependencies": {"express": "4"}, "devDependencies": {"vite": "5"}`), "server.js", "index.html", "src/main.js"),
			tar + " . | tar -x -C /out/app/"},
		"a build that makes an asset": {
			with(`{"scripts": {"build": "node build-css.js", `+start+`}}`, "server.js", "build-css.js", "routes/index.js", "views/a.ejs"), tar + " . | tar -x -C /out/app/"},
		"a build for style sheets beside committed output": {
			with(`{"scripts": {"build": "sass scss:lib/css", `+start+`}}`, "server.js", "lib/a.js", "scss/a.scss"), tar + " . | tar -x -C /out/app/"},
		"templates beside the sources": {
			with(`{"scripts": {`+tsc+`}}`, "src/server.ts", "src/mail/welcome.html", outSrc), tar + " --exclude='./src/*.ts' --exclude=./tsconfig.json . | tar -x -C /out/app/"},
		"views and public beside a compiler that reads everything": {
			with(`{"scripts": {`+tsc+`}}`, "server.ts", "lib/a.ts", "views/a.ejs", "public/clip.ts", `tsconfig.json={"compilerOptions": {"outDir": "dist"}}`),
			tar + " --exclude=./lib --exclude=./server.ts --exclude=./tsconfig.json . | tar -x -C /out/app/"},
		"TypeScript that production runs": {
			with(`{"scripts": {"build": "tsc", "start": "node --import tsx src/server.ts"}, "dependencies": {"tsx": "4"}}`, "package-lock.json="+lockOf(`"dependencies": {"tsx": "4"}`), "src/server.ts", outSrc),
			tar + " . | tar -x -C /out/app/"},
		"paths of tsconfig while it runs": {
			with(`{"scripts": {"build": "tsc", "start": "node -r tsconfig-paths/register dist/server.js"}, "dependencies": {"tsconfig-paths": "4"}}`, "package-lock.json="+lockOf(`"dependencies": {"tsconfig-paths": "4"}`), "src/server.ts", outSrc),
			tar + " --exclude=./src . | tar -x -C /out/app/"},
		"a client that is generated among the sources": {
			with(`{"scripts": {"prebuild": "node gen.js", `+tsc+`}}`, "src/server.ts", "gen.js", outSrc), tar + " --exclude='./src/*.ts' --exclude=./tsconfig.json . | tar -x -C /out/app/"},
		"tests below": {
			with(`{"scripts": {`+start+`}}`, "server.js", "lib/a.js", "lib/a.test.js", "lib/__tests__/b.js", "lib/deep/c.test.js"),
			tar + " --exclude=./lib/__tests__ --exclude='*.test.js' . | tar -x -C /out/app/"},
		"tests that the compiler reads": {
			with(`{"scripts": {`+tsc+`}}`, "src/server.ts", "test/a.ts", `tsconfig.json={"compilerOptions": {"outDir": "dist"}}`), tar + " --exclude=./test --exclude=./src --exclude=./tsconfig.json . | tar -x -C /out/app/"},
		"a server of the service's own for Next.js": {
			with(`{"scripts": {"build": "next build", `+start+`}, "dependencies": {"next": "15"}}`, "package-lock.json="+lockOf(`"dependencies": {"next": "15"}`), "server.js", "pages/index.jsx", "posts/a.md", ".next/old"),
			tar + " --exclude=./.next/cache . | tar -x -C /out/app/"},
		"an incremental compiler": {
			with(`{"scripts": {`+tsc+`}}`, "src/server.ts", `tsconfig.json={"compilerOptions": {"outDir": "dist", "incremental": true}, "include": ["src"]}`),
			tar + " --exclude='*.tsbuildinfo' --exclude=./src --exclude=./tsconfig.json . | tar -x -C /out/app/"},
	} {
		p := planOf(t, c.files, config.Service{Name: "a", Path: "a", Type: "worker"})
		if diff := cmp.Diff(c.want, laidOut(p)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// lockOf is a lock file whose root has these members.
func lockOf(root string) string {
	return `{"lockfileVersion": 3, "packages": {"": {` + root + `}}}`
}

// TestWhatTheSourcesNameStays: a name in a string, an import or the start wins over
// the table of what is needless.
func TestWhatTheSourcesNameStays(t *testing.T) {
	for name, c := range map[string]struct {
		source string
		out    map[string]string
	}{
		"nothing is named":           {"", map[string]string{"README.md": ecosystem.WhyPeople, "test": ecosystem.WhyTests, "lib/test": ecosystem.WhyTests, "LICENSE": ecosystem.WhyPeople}},
		"a file":                     {`readFileSync("README.md")`, map[string]string{"test": ecosystem.WhyTests, "lib/test": ecosystem.WhyTests, "LICENSE": ecosystem.WhyPeople}},
		"a file by its directory":    {`join(__dirname, "..", "LICENSE")`, map[string]string{"README.md": ecosystem.WhyPeople, "test": ecosystem.WhyTests, "lib/test": ecosystem.WhyTests}},
		"an import":                  {`require("./lib/test/probe")`, map[string]string{"README.md": ecosystem.WhyPeople, "test": ecosystem.WhyTests, "LICENSE": ecosystem.WhyPeople}},
		"a directory that it serves": {`express.static("test")`, map[string]string{"README.md": ecosystem.WhyPeople, "LICENSE": ecosystem.WhyPeople}},
		"a word that is no path":     {`if (process.env.NODE_ENV === "test") log("see README.md for more")`, map[string]string{"README.md": ecosystem.WhyPeople, "test": ecosystem.WhyTests, "lib/test": ecosystem.WhyTests, "LICENSE": ecosystem.WhyPeople}},
	} {
		p := planOf(t, with(`{"main": "server.js"}`, "server.js="+c.source, "README.md", "LICENSE", "test/a.js", "lib/test/probe.js", "lib/a.js"), config.Service{Name: "a", Path: "a", Type: "worker"})
		got := leftOut(p)
		delete(got, "lib/test")
		want := maps.Clone(c.out)
		_, below := want["lib/test"]
		delete(want, "lib/test")
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if strings.Contains(laidOut(p), "./lib/test") != below && name != "a directory that it serves" {
			t.Errorf("%s: lib/test is left out: %v\n%s", name, !below, laidOut(p))
		}
	}
}

// TestFilesAndExclude: exclude: wins over everything, files: over the tables.
func TestFilesAndExclude(t *testing.T) {
	p := planOf(t, with(`{"scripts": {`+tsc+`}}`, "src/server.ts", "src/mail.ts", "data/big.bin", "data/seed.json", "README.md", "conf/prod.key", outSrc),
		config.Service{Name: "a", Path: "a", Type: "worker", Exclude: []string{"data/*.bin", "dist/**/*.map", "**/*.orig"},
			Files: []config.File{{Path: "README.md", To: "README.md"}, {Path: "src/mail.ts", To: "src/mail.ts"}, {Path: "conf/prod.key", To: "conf/prod.key"}, {Path: "data/seed.json", To: "seed/first.json"}}})
	want := "tar -c --exclude=./node_modules --exclude=./package-lock.json --exclude=./data/big.bin --exclude='./src/*.ts' --exclude=./tsconfig.json . | tar -x -C /out/app/" +
		" && cp -a --parents README.md /out/app/ && cp -a --parents src/mail.ts /out/app/ && cp -a --parents conf/prod.key /out/app/" +
		" && mkdir -p /out/app/seed && cp -aT data/seed.json /out/app/seed/first.json && rm -rf /out/app/data/*.bin && find /out/app/ -name '*.orig' -prune -exec rm -rf {} +"
	if diff := cmp.Diff(want, laidOut(p)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := leftOut(p); got["data/big.bin"] != ecosystem.WhyExcluded || got["README.md"] != "" || got["conf/prod.key"] != "" {
		t.Errorf("left out %v", got)
	}
	if !slices.Contains(p.DockerIgnore, "!conf/prod.key") {
		t.Errorf("the key that files: names does not reach the build: %v", p.DockerIgnore)
	}
	_, findings := Ecosystem{}.Plan(tree(with(`{"main": "a.js"}`, "a.js")), config.Service{Name: "a", Path: "a", Files: []config.File{{Path: "gone.txt", To: "gone.txt"}}}, nil)
	if len(findings) != 1 || findings[0].Code != codeFilesMissing {
		t.Errorf("a file that does not exist: %v", findings)
	}
}

// TestSecretsStayOut at any depth, also when a .dockerignore of the service's own
// lets them into the build.
func TestSecretsStayOut(t *testing.T) {
	files := with(`{"scripts": {`+start+`}}`, "server.js", ".env", "config/.env", "config/app.json", "deploy/id_rsa", "a/b/.env.local", ".env.example")
	p := planOf(t, files, config.Service{Name: "a", Path: "a", Type: "worker"})
	for _, name := range []string{".env", "config/.env", "deploy/id_rsa", "a/b/.env.local"} {
		if leftOut(p)[name] != ecosystem.WhySecret {
			t.Errorf("%s is not left out as a secret: %v", name, leftOut(p))
		}
	}
	files[".dockerignore"] = "node_modules\n"
	p = planOf(t, files, config.Service{Name: "a", Path: "a", Type: "worker"})
	want := "tar -c --exclude=./node_modules --exclude=./package-lock.json --exclude=./a/b/.env.local --exclude=./config/.env --exclude=./deploy/id_rsa . | tar -x -C /out/app/"
	if diff := cmp.Diff(want, laidOut(p)); diff != "" {
		t.Errorf("with a .dockerignore (-want +got):\n%s", diff)
	}
}

// TestKeysThatTheSourcesRead are in, with a warning; other secrets are not.
func TestKeysThatTheSourcesRead(t *testing.T) {
	files := with(`{"main": "server.js"}`, `server.js=readFileSync("certs/tls.key"); dotenv("config/.env")`, "certs/tls.key", "certs/other.key", "config/.env")
	p, findings := Ecosystem{}.Plan(tree(files), config.Service{Name: "a", Path: "a", Type: "worker"}, nil)
	if len(findings) != 1 || findings[0].Code != codeKeyInImage || findings[0].Severity != diag.Warning || findings[0].Place != (diag.Place{File: "a/server.js", Line: 1}) {
		t.Errorf("findings %v", findings)
	}
	if !slices.Contains(p.DockerIgnore, "!certs/tls.key") || slices.Contains(p.DockerIgnore, "!certs/other.key") || leftOut(p)["certs/tls.key"] != "" || leftOut(p)["certs/other.key"] == "" || leftOut(p)["config/.env"] == "" {
		t.Errorf("patterns %v, left out %v", p.DockerIgnore, leftOut(p))
	}
	_, findings = Ecosystem{}.Plan(tree(files), config.Service{Name: "a", Path: "a", Type: "worker", Exclude: []string{"certs"}}, nil)
	if findings != nil {
		t.Errorf("it is excluded, and reported: %v", findings)
	}
}

// TestStaleOutput: a directory that the build makes is not copied, unless the
// repository keeps it.
func TestStaleOutput(t *testing.T) {
	for name, c := range map[string]struct {
		ignore string
		copied bool
	}{
		"no .gitignore": {"", false}, "ignored": {"node_modules\n/dist/\n", false}, "kept": {"node_modules\n", true}, "kept by an exception": {"dist\n!dist\n", true}, "by a pattern": {"*ist\n", false},
	} {
		files := with(`{"scripts": {`+tsc+`}}`, "src/server.ts", "dist/logo.png", outSrc)
		if c.ignore != "" {
			files[".gitignore"] = c.ignore
		}
		p := planOf(t, files, config.Service{Name: "a", Path: "a", Type: "worker"})
		if got := slices.Contains(copied(p, plan.StageBuilder), "dist/ dist/"); got != c.copied {
			t.Errorf("%s: copied %v", name, got)
		}
	}
}

// TestPackagesOfABundledClient: a build that installs the packages of a front end
// leaves them where it bundles them; production has the bundle alone.
func TestPackagesOfABundledClient(t *testing.T) {
	const root = `{"scripts": {"build": "cd client && npm install && npm run build", "start": "node server.js"}}`
	for name, c := range map[string]struct {
		files map[string]string
		want  bool
	}{
		"a site":               {with(root, "server.js", `client/package.json={"scripts": {"build": "vite build"}, "devDependencies": {"vite": "5"}}`, "client/index.html"), true},
		"a program":            {with(root, "server.js", `client/package.json={"scripts": {"start": "node a.js"}, "dependencies": {"express": "4"}}`, "client/a.js"), false},
		"no package.json":      {with(root, "server.js", "client/index.html"), false},
		"a site without build": {with(`{"scripts": {"start": "node server.js"}}`, "server.js", `client/package.json={"scripts": {"build": "vite build"}, "devDependencies": {"vite": "5"}}`, "client/index.html"), false},
	} {
		p := planOf(t, c.files, config.Service{Name: "a", Path: "a", Type: "worker"})
		if got := strings.Contains(laidOut(p), "--exclude=./client/node_modules"); got != c.want {
			t.Errorf("%s: %s", name, laidOut(p))
		}
		if got := leftOut(p)["client/node_modules"] != ""; got != c.want {
			t.Errorf("%s: left out %v", name, p.LeftOut)
		}
	}
}
