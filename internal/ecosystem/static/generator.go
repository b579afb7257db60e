package static

import (
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/pattern"
	"github.com/slipway-build/slipway/internal/plan"
)

// Generated is the static sites that a generator of no other ecosystem makes: Hugo,
// Jekyll, mdBook, MkDocs and Sphinx. It is asked before the ecosystems whose
// manifests the generator's own files look like. The zero value is ready for use.
type Generated struct{ Ecosystem }

// pagesDir is where generators write.
const pagesDir = "/out/pages"

// generator makes a site.
type generator struct {
	name     string
	file     string      // its configuration
	debian   []string    // packages of Debian that have it
	version  string      // of those
	env      []string    // of the build
	command  string      // writes to pagesDir
	cache    string      // directory that builds may share, "" for none
	packages *pythonDeps // of Python, nil for others
	program  string      // Go package to compile in place of Debian's, "" for none
	tags     string      // of that
	history  bool        // the build reads the repository's history
	npm      string      // installs the packages of package.json whose programs the build calls, "" for none
}

// Recognise returns the configuration of a generator, "" when none makes a site
// of the directory.
func (Generated) Recognise(dir fs.FS) string {
	g := generatorOf(dir)
	if g.name == "" || hasProgram(dir, g) {
		return ""
	}
	return g.file
}

// Inspect completes a service with what its files say.
func (g Generated) Inspect(dir fs.FS, want config.Service, fleet *config.Fleet) (config.Service, []plan.Fact, diag.Findings) {
	s, _, _ := g.inspect(dir, want, fleet)
	if s == nil {
		return g.Ecosystem.Inspect(dir, want, fleet)
	}
	return s.Want, s.Facts, s.Findings
}

// Plan returns the stages of a site.
func (g Generated) Plan(dir fs.FS, want config.Service, fleet *config.Fleet) (plan.Service, diag.Findings) {
	s, site, gen := g.inspect(dir, want, fleet)
	if s == nil {
		return g.Ecosystem.Plan(dir, want, fleet)
	}
	family, user := ecosystem.Settings(fleet)
	b := BasesFor(s, family, toolchain())
	if s.Findings.Errors() != nil {
		return plan.Service{}, s.Findings
	}
	stages, more := gen.stages(s, b, family, site)
	stages = append(stages, site.RuntimeTools(s, b, user), site.Production(s, ecosystem.Image{Bases: b, User: user}))
	if from := stages[len(stages)-3].From; b.Toolchain.Assembled {
		b.Toolchain.Ref = from
	}
	p := s.Plan(b, user, stages...)
	p.Bases = slices.Concat(p.Bases[:1], more, p.Bases[1:])
	return p, s.Findings
}

// generatorOf finds the generator of a directory by its configuration; without a
// name there is none.
func generatorOf(dir fs.FS) generator {
	for _, find := range []func(fs.FS) generator{hugo, jekyll, mdBook, mkDocs, sphinx} {
		if g := find(dir); g.name != "" {
			return g
		}
	}
	return generator{}
}

// Signs of programs.
var (
	serves     = pattern.Lazy(`(?mi)^[\s"'-]*(?:flask|django|fastapi|uvicorn|gunicorn|streamlit|aiohttp|tornado|starlette|celery|quart|sanic|litestar|dash|gradio)\b`)
	nodeServes = pattern.Lazy(`"(?:express|fastify|koa|next|nuxt|hexo|astro|vite|@docusaurus/core|vitepress|@11ty/eleventy|gatsby)"\s*:|"start"\s*:\s*"(?:node|nodemon|tsx|ts-node|bun)\b`)
	packaged   = pattern.Lazy(`(?m)^\[(?:build-system|project\.scripts|tool\.poetry\.scripts)\]|^\s*packages\s*=`)
)

// hasProgram reports a directory that holds a program or a library beside the
// configuration of a generator: that is what the repository is about.
func hasProgram(dir fs.FS, g generator) bool {
	if slices.ContainsFunc([]string{"manage.py", "app.py", "main.py", "server.py", "wsgi.py", "asgi.py", "Procfile", "setup.py", "setup.cfg", "pom.xml", "build.gradle", "build.gradle.kts", "composer.json", "config.ru", "mix.exs", "Cargo.toml", "main.go", "cmd"},
		func(name string) bool { return ecosystem.Exists(dir, name) }) {
		return true
	}
	for name, re := range map[string]func() *regexp.Regexp{"requirements.txt": serves, "Pipfile": serves, "pyproject.toml": packaged, "package.json": nodeServes} {
		if data, err := ecosystem.Read(dir, name); err == nil && re().Match(data) {
			return true
		}
	}
	if data, err := ecosystem.Read(dir, "pyproject.toml"); err == nil && serves().Match(data) {
		return true
	}
	if g.name != "Hugo" && ecosystem.Exists(dir, "go.mod") {
		return true
	}
	if g.packages == nil {
		return false
	}
	entries, _ := fs.ReadDir(dir, ".")
	return slices.ContainsFunc(entries, func(e fs.DirEntry) bool {
		return e.IsDir() && e.Name() != "docs" && ecosystem.Exists(dir, e.Name()+"/__init__.py") || e.Name() == "src" && e.IsDir() && !ecosystem.Exists(dir, "src/conf.py") && hasPackage(dir, "src")
	})
}

func hasPackage(dir fs.FS, below string) bool {
	found, _ := fs.Glob(dir, below+"/*/__init__.py")
	return len(found) > 0
}

// inspect reads the service's files; no service when no generator makes it.
func (Generated) inspect(dir fs.FS, want config.Service, fleet *config.Fleet) (*ecosystem.Service, Site, generator) {
	g := generatorOf(dir)
	if g.name == "" || pageIn(dir, ".") != "" && g.name == "Sphinx" {
		return nil, Site{}, g
	}
	s := ecosystem.Open(dir, want, fleet)
	s.Name("site")
	site := Site{Dir: pagesDir, Hashed: []string{HexDigest, `^/assets/(?:stylesheets|javascripts)/.*\.[0-9a-f]{8}\.min\.\w+$`}}
	if s.Want.Type == "" {
		s.Fact("type", "static", "a site of "+g.name, g.file, 0)
	}
	g.check(&s, &site)
	dirs := map[string][]string{"Hugo": {"static"}, "mdBook": {"src"}, "MkDocs": {"docs"}, "Sphinx": {path.Dir(g.file) + "/_extra", path.Dir(g.file)}}[g.name]
	site.ReadRules(&s, dirs...)
	Serve(&s, g.file)
	s.ReadIgnore()
	s.LookForSecrets(".")
	s.CheckIgnored(s.UnhidePublic(g.ignored(), path.Clean), []string{g.file})
	return &s, site, g
}

// ignored are the patterns for sites without a .dockerignore.
func (g generator) ignored() []string {
	out := append(ecosystem.Supplied(), "**/node_modules", "slipway.yaml", "slipway.lock", "_site", "public", "book", "site", "_build", ".venv", "venv", "resources/_gen", ".jekyll-cache", ".sass-cache")
	if g.history {
		out = slices.DeleteFunc(out, func(p string) bool { return p == ".git" })
	}
	switch g.name {
	case "Hugo":
		out = slices.DeleteFunc(out, func(p string) bool { return p == "site" || p == "book" || p == "_site" })
	case "Jekyll", "Sphinx":
		out = slices.DeleteFunc(out, func(p string) bool { return p == "site" || p == "book" || p == "public" })
	}
	return out
}

// check reports what the generator lacks, and takes what its configuration says of
// the site.
func (g generator) check(s *ecosystem.Service, site *Site) {
	data, _ := ecosystem.Read(s.Dir, g.file)
	if g.debian != nil && g.program == "" {
		s.Fact("generator", g.name+" "+g.version, "the version of Debian "+ecosystem.Suite, "", 0)
	}
	switch g.name {
	case "Hugo":
		checkHugo(s, g, data)
	case "Jekyll":
		checkJekyll(s, data)
	case "mdBook":
		checkMDBook(s, data)
	default:
		g.packages.check(s, g)
	}
	site.Rules.Base = servedBelow(g.name, data)
	if at := site.Rules.Base; at != "" {
		s.Fact("served below", at, "the pages are built for this path; they answer at / too", g.file, 0)
	}
}

// Addresses in configurations.
var (
	siteURL  = pattern.Lazy(`(?mi)^\s*["']?(?:baseURL|site_url|site-url)["']?\s*[:=]\s*["']?([^\s"'#]+)`)
	baseURL  = pattern.Lazy(`(?m)^baseurl:\s*["']?(/[^\s"'#]*)`)
	urlPath  = pattern.Lazy(`^(?:https?://[^/]+)?(/[\w.~/-]*)$`)
	someones = pattern.Lazy(`^(?:https?:)?//(?:[\w.-]+\.)?(?:example\.(?:com|org|net)|localhost)(?::\d+)?/?$|^/?$`)
)

// servedBelow is the path that the pages are built for, "" for the root.
func servedBelow(name string, data []byte) string {
	re := siteURL
	if name == "Jekyll" {
		re = baseURL
	}
	m := re().FindSubmatch(data)
	if m == nil {
		return ""
	}
	if p := urlPath().FindSubmatch(m[1]); p != nil && !strings.Contains(string(p[1]), "..") {
		return strings.TrimRight(path.Clean(string(p[1])), "/")
	}
	return ""
}

// stages build the pages and lay out the site; more are the bases that they need
// beside the toolchain.
func (g generator) stages(s *ecosystem.Service, b ecosystem.Bases, family config.Bases, site Site) ([]plan.Stage, []plan.Base) {
	if g.packages != nil {
		return g.packages.stages(s, g, b, family, site)
	}
	st := plan.Stage{Name: plan.StageBuilder, Comment: "The pages by " + g.name + ", then the site compressed for nginx.", From: b.Toolchain.Ref, BuildPlatform: true, Steps: site.Pack()}
	if b.Toolchain.Assembled {
		st.From = plan.WithPackages(b.Toolchain.Ref, g.debian)
	} else {
		st.Steps = append(st.Steps, plan.Step{Op: plan.OpRun, Shell: installed(family.Family, g.debian), Comment: g.name + " of the image's distribution."})
	}
	var before []plan.Stage
	var more []plan.Base
	if g.program != "" {
		compile, base := g.compiled(b, family)
		before, more = []plan.Stage{compile}, []plan.Base{base}
		st.Steps = append(st.Steps, plan.Step{Op: plan.OpCopy, From: compile.Name, Args: []string{"/out/bin/", "/usr/local/bin/"}})
	}
	st.Steps = append(st.Steps, plan.Step{Op: plan.OpWorkdir, Args: []string{"/src"}})
	if g.npm != "" {
		files := []string{"package.json", "package-lock.json", "./"}
		if g.npm != "npm ci" {
			files = slices.Delete(files, 1, 2)
		}
		st.Steps = append(st.Steps, plan.Step{Op: plan.OpCopy, Args: files},
			plan.Step{Op: plan.OpRun, Shell: g.npm + " --no-audit --no-fund", Mounts: []plan.Mount{{Type: "cache", Target: "/root/.npm"}}})
	}
	if len(g.env) > 0 {
		st.Steps = append(st.Steps, plan.Step{Op: plan.OpEnv, Args: g.env})
	}
	run := plan.Step{Op: plan.OpRun, Shell: g.command + " && " + site.PackCommand()}
	if g.cache != "" {
		run.Mounts = []plan.Mount{{Type: "cache", Target: g.cache}}
	}
	st.Steps = append(st.Steps, plan.Step{Op: plan.OpCopy, Args: []string{".", "./"}}, run)
	return append(before, st), more
}

// installed is the command that installs packages in an image of others.
func installed(family string, packages []string) string {
	if family == "alpine" {
		return "apk add --no-cache " + strings.Join(packages, " ")
	}
	return "apt-get update && apt-get install -y --no-install-recommends " + strings.Join(packages, " ") + " && rm -rf /var/lib/apt/lists/*"
}

// compiled is the stage that compiles the generator from its Go module.
func (g generator) compiled(b ecosystem.Bases, family config.Bases) (plan.Stage, plan.Base) {
	variant, packages, env := "", []string(nil), "CGO_ENABLED=0"
	if g.tags != "" {
		variant, packages, env = "-cgo", []string{"g++"}, "CGO_ENABLED=1"
	}
	base := plan.Base{Role: plan.RoleToolchain, Ecosystem: "go", Version: goVersion, Assembled: b.Toolchain.Assembled}
	switch {
	case base.Assembled:
		base.Ref = plan.WithPackages("slipway/go:"+goVersion+"-"+ecosystem.Suite+variant+"-toolchain", packages)
	case family.Family == "alpine":
		base.Ref = "golang:" + goVersion + "-alpine"
	default:
		base.Ref = "golang:" + goVersion + "-" + ecosystem.Suite
	}
	tags := ""
	if g.tags != "" {
		tags = "-tags " + g.tags + " "
	}
	return plan.Stage{
		Name: "generator", From: base.Ref, BuildPlatform: true,
		Comment: g.name + ", compiled once: no change of the site compiles it again.",
		Steps: []plan.Step{
			{Op: plan.OpEnv, Args: []string{env, "GOBIN=/out/bin", "GOTOOLCHAIN=local", "GOMODCACHE=/go/pkg/mod", "GOCACHE=/go/cache"}},
			{Op: plan.OpRun, Shell: "go install -trimpath -ldflags=-s " + tags + g.program, Mounts: []plan.Mount{{Type: "cache", Target: "/go/pkg/mod"}, {Type: "cache", Target: "/go/cache"}}},
		},
	}, base
}

// goVersion is the Go that compiles generators.
const goVersion = "1.26"
