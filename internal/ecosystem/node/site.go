package node

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/ecosystem/static"
	"github.com/slipway-build/slipway/internal/pattern"
	"github.com/slipway-build/slipway/internal/plan"
)

// Evidence in scripts and configuration files.
var (
	previewStart = pattern.Lazy(`^(?:(?:cross-env )?(?:\w+=\S* +)+)?(?:(?:npm run|pnpm(?: run)?|yarn(?: run)?|bun run) (?:dev|preview|serve|develop)|(?:npx (?:-\S+ )*|pnpm (?:exec |dlx )?|yarn (?:run |exec |dlx )?|bunx (?:-\S+ )*)?(?:vite|ng serve|ng s|react-scripts start|vue-cli-service serve|parcel|rsbuild|astro|gatsby|docusaurus|(?:@11ty/)?eleventy|next|nuxt|serve|http-server|live-server|sirv|browser-sync|lite-server|rsbuild|vitepress|vuepress|hexo|rspress|gridsome|slidev|ember|preact|quasar|expo|webpack(?:-dev-server)?|nuxi))(?:[\s;&@]|$)`)
	outputOption = pattern.Lazy(`\b(?:outDir|outputDir|distDir)['"]?\s*:\s*['"\x60]([^'"\x60$]+)['"\x60]`)
	outputFlag   = pattern.Lazy(`(?:--(?:outDir|out-dir|dest|dist-dir|output|output-path)[ =]|\bBUILD_PATH=)['"]?([^\s;&|'"]+)`)
	outputJoined = pattern.Lazy(`\b(?:outDir|outputDir)['"]?\s*:\s*(?:path\.)?(?:resolve|join)\(\s*(?:__dirname|import\.meta\.dirname|process\.cwd\(\))\s*,\s*['"\x60]([^'"\x60$]+)['"\x60]\s*\)`)
	viteRootDir  = pattern.Lazy(`(?m)^\s*root\s*:\s*['"]([^'"$]+)['"]`)
	kitPages     = pattern.Lazy(`\bpages:\s*['"]([^'"]+)['"]`)
	kitFallback  = pattern.Lazy(`\bfallback:\s*['"]([^'"]+)['"]`)
	pageName     = pattern.Lazy(`^[\w.-]+$`)
	libraryMode  = pattern.Lazy(`\blib:\s*\{`)
	ssrOff       = pattern.Lazy(`\bssr:\s*false`)
	webpackPage  = pattern.Lazy(`\b(?:HtmlWebpackPlugin|HtmlBundlerPlugin)\b`)
	outputExport = pattern.Lazy(`\boutput:\s*['"]export['"]`)
	viteRoot     = pattern.Lazy(`\broot\s*:`)
)

// findSite decides whether the build leaves a static site and no program.
func (s *service) findSite() {
	script, ok := s.pkg.Scripts[s.building]
	if !ok || s.Want.Type != "" && s.Want.Type != "static" || len(s.Want.Command) > 0 {
		return
	}
	line := s.pkg.line("scripts", s.building)
	if s.Want.Type == "" && s.startsServer() {
		return
	}
	text := s.unfolded(script, 3)
	for _, b := range bundlers() {
		if !strings.Contains(text+" ", b.command) || strings.Contains(text, "--ssr") {
			continue
		}
		if site := s.siteOf(b, text); site != nil {
			s.site, s.framework.buildEnv = site, b.env
			if out := s.Want.Output; out != "" {
				site.Dir = out
				s.Facts = slices.DeleteFunc(s.Facts, func(f plan.Fact) bool { return f.Name == "build output" })
				s.Configured("build output", out)
			}
			if site.Rules.Base != "" {
				s.Fact("served below", site.Rules.Base, "the pages are built for this path; they answer at / too", s.basePath.File, s.basePath.Line)
			}
			if s.Want.Type == "" {
				s.Fact("type", "static", "built by "+b.name+", no server in the sources", "package.json", line)
			}
			s.readSettings(s.generatorRoot(b, text))
			if site.Fallback != "" {
				s.Fact("fallback page", site.Fallback, "a single-page application has its own router", "package.json", line)
			}
			return
		}
	}
	published, file, at := static.Published(&s.Service)
	switch {
	case s.Want.Type == "static":
		s.site = &static.Site{Dir: ecosystem.Or(s.outputDir(script), ecosystem.Or(published, "dist")), Hashed: []string{static.HexDigest}}
	case s.Want.Type == "" && inside(published) && !ecosystem.Exists(s.Dir, published) && s.pkg.Main == "": // the build makes it
		s.site = &static.Site{Dir: published, Hashed: []string{static.HexDigest}}
		s.Fact("build output", published, "the site's settings publish it", file, at)
		s.Fact("type", "static", "the site's settings publish what the build writes, no server in the sources", file, at)
	default:
		return
	}
	s.readSettings(".")
}

// startsServer tells whether the service has a program that serves.
func (s *service) startsServer() bool {
	for _, name := range servers() {
		if _, ok := s.pkg.Dependencies[name]; ok {
			return true
		}
		if _, ok := s.pkg.DevDeps[name]; ok && strings.Contains(name, "adapter") {
			return true
		}
	}
	start, ok := s.pkg.Scripts["start"]
	return ok && !previewStart().MatchString(strings.TrimSpace(start))
}

// unfolded is a script with the scripts that it calls, by their names.
func (s *service) unfolded(script string, depth int) string {
	out := script
	if depth == 0 {
		return out
	}
	words := strings.FieldsFunc(script, func(r rune) bool { return strings.ContainsRune(" \t\"';&|{}", r) })
	for _, name := range slices.Sorted(maps.Keys(s.pkg.Scripts)) {
		if called := s.pkg.Scripts[name]; called != script && slices.Contains(words, name) {
			out += " ; " + s.unfolded(called, depth-1)
		}
	}
	return out
}

// siteOf completes what is known of a bundler with the service's configuration;
// nil means that this is no site.
func (s *service) siteOf(b bundler, script string) *static.Site {
	site := &static.Site{Dir: b.dir, Fallback: b.fallback, Hashed: b.hashed}
	note := func(evidence, file string, line int) { s.Fact("build output", site.Dir, evidence, file, line) }
	generator := s.generatorRoot(b, script)
	if b.name == "VitePress" || b.name == "VuePress" {
		site.Dir = path.Join(generator, site.Dir)
	}
	name, data := s.configFile(append(slices.Clone(b.configs), settingsOf(b.name, generator)...))
	if b.name == "Hexo" {
		name = "_config.yml"
		data, _ = ecosystem.Read(s.Dir, name)
	}
	site.Rules.Base, s.basePath = s.servedBelow(b, script, name, data)
	if b.only != nil && !b.only().Match(data) {
		return nil
	}
	_, kit := union(s.pkg.Dependencies, s.pkg.DevDeps)["@sveltejs/kit"]
	switch {
	case b.name == "Angular":
		return s.angular(site)
	case kit:
		return s.svelteKit(site)
	case b.name == "Vite" && (libraryMode().Match(data) || !ecosystem.Exists(s.Dir, "index.html") && !viteRoot().Match(data)):
		return nil
	}
	root := ""
	if h := ecosystem.Find(viteRootDir(), name, data); b.name == "Vite" && h.Found() && inside(h.Text) {
		root = path.Clean(h.Text) // outDir is relative to it
	}
	if m := outputFlag().FindStringSubmatch(script); m != nil && s.reaches(path.Join(root, m[1])) {
		site.Dir = path.Join(root, m[1])
		note("build script", "package.json", s.pkg.line("scripts", s.building))
	} else if dir := first(map[string]func() *regexp.Regexp{"Hexo": hexoOutput, "Eleventy": eleventyOut}[b.name], data); dir != "" {
		site.Dir = dir
		note("configuration file", name, 0)
	} else if h := ecosystem.Find(outputOption(), name, data); h.Found() && s.reaches(path.Join(root, h.Text)) {
		site.Dir = path.Join(root, h.Text)
		note("configuration file", name, h.Line)
		s.noteAbove(site.Dir, name, h.Line)
	} else if h := ecosystem.Find(outputJoined(), name, data); h.Found() && s.reaches(h.Text) {
		site.Dir = path.Clean(h.Text) // by __dirname, which is the configuration's
		note("configuration file", name, h.Line)
		s.noteAbove(site.Dir, name, h.Line)
	} else {
		site.Dir = path.Join(root, site.Dir)
		note("default of "+b.name, "", 0)
	}
	return site
}

// reaches reports a path that the build can write to: in the service's directory,
// or above it, where the builder has nothing of its own.
func (s *service) reaches(dir string) bool {
	dir = path.Clean(dir)
	below := dir
	for strings.HasPrefix(below, "../") {
		below = strings.TrimPrefix(below, "../")
	}
	return inside(below) && (below == dir || ecosystem.WritablePath(path.Join(ecosystem.WorkDir, s.member, dir)))
}

// noteAbove says that a site's files are written above its directory, and how
// another service gets them.
func (s *service) noteAbove(dir, file string, line int) {
	if !strings.HasPrefix(dir, "../") {
		return
	}
	name := ecosystem.Or(s.Want.Name, "this")
	s.Report(diag.Info, codeOutputAbove, file, line, "for the service that serves them, write files: [{from: "+name+", to: "+path.Base(dir)+"}]; output: sets another directory",
		"the build writes to %s, above the service; its image serves the files from there", dir)
}

// inside tells whether a path stays in the service's directory, and has no
// characters that a configuration would mean otherwise.
func inside(dir string) bool {
	dir = path.Clean(dir)
	return fs.ValidPath(dir) && dir != "." && plainPath().MatchString(dir)
}

// configFile reads the first configuration file of a name.
func (s *service) configFile(names []string) (string, []byte) {
	for _, name := range names {
		for _, ext := range []string{".ts", ".js", ".mjs", ".mts", ".cjs", ".cts"} {
			if data, err := ecosystem.Read(s.Dir, name+ext); err == nil {
				return name + ext, data
			}
		}
	}
	return "", nil
}

// svelteKit is a site with the static adapter only.
func (s *service) svelteKit(site *static.Site) *static.Site {
	if _, ok := union(s.pkg.Dependencies, s.pkg.DevDeps)["@sveltejs/adapter-static"]; !ok {
		return nil
	}
	name, data := s.configFile([]string{"svelte.config"})
	*site = static.Site{Dir: "build", Hashed: []string{`^/_app/immutable/`}}
	if h := ecosystem.Find(kitPages(), name, data); h.Found() && inside(h.Text) {
		site.Dir = path.Clean(h.Text)
	}
	if h := ecosystem.Find(kitFallback(), name, data); h.Found() && h.Text != "404.html" && pageName().MatchString(h.Text) {
		site.Fallback = "/" + h.Text
	}
	s.Fact("build output", site.Dir, "SvelteKit's static adapter", name, 0)
	return site
}

// angular reads angular.json for what the build writes.
func (s *service) angular(site *static.Site) *static.Site {
	data, err := ecosystem.Read(s.Dir, "angular.json")
	if err != nil {
		return nil
	}
	var workspace struct {
		DefaultProject string `json:"defaultProject"`
		Projects       map[string]struct {
			Type      string `json:"projectType"`
			Architect struct {
				Build angularBuild `json:"build"`
			} `json:"architect"`
		} `json:"projects"`
	}
	if json.Unmarshal(plainJSON(data), &workspace) != nil {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(workspace.Projects)) {
		p := workspace.Projects[name]
		if p.Type != "application" || workspace.DefaultProject != "" && name != workspace.DefaultProject {
			continue
		}
		if site.Dir = p.Architect.Build.output(name); !s.reaches(site.Dir) {
			return nil
		}
		s.Fact("build output", site.Dir, fmt.Sprintf("application %q", name), "angular.json", 0)
		return site
	}
	return nil
}

// angularBuild is the build target of an Angular project.
type angularBuild struct {
	Builder string `json:"builder"`
	Options struct {
		OutputPath any    `json:"outputPath"`
		OutputMode string `json:"outputMode"`
		SSR        any    `json:"ssr"`
	} `json:"options"`
}

// output is the directory with the pages, "" when the build makes a server.
func (b angularBuild) output(project string) string {
	if rendered := b.Options.SSR != nil && b.Options.SSR != false; rendered && b.Options.OutputMode != "static" {
		return ""
	}
	base, browser := "dist/"+project, ""
	if strings.HasSuffix(b.Builder, ":application") {
		browser = "browser"
	}
	switch o := b.Options.OutputPath.(type) {
	case string:
		base = o
	case map[string]any:
		if v, ok := o["base"].(string); ok {
			base = v
		}
		if v, ok := o["browser"].(string); ok {
			browser = v
		}
	}
	return path.Join(base, browser)
}

// siteTop is the directory that is the build's own, which its context leaves out.
func (s *service) siteTop() string {
	if strings.HasPrefix(s.site.Dir, "..") {
		return "" // above: no part of the service's directory
	}
	top, _, _ := strings.Cut(s.site.Dir, "/")
	if slices.Contains([]string{"dist", "build", "out", "_site", ".output"}, top) {
		return top
	}
	return s.site.Dir
}

// environmentFiles are read by bundlers for values that pages may show.
func (s *service) environmentFiles() []string {
	var out []string
	for _, name := range []string{".env", ".env.production"} {
		if s.site != nil && ecosystem.Exists(s.Dir, name) && !s.Ignore.Excludes(s.in(name)) {
			out = append(out, name)
		}
	}
	return out
}

// sitePlan puts the stages of a site together. Nothing of node_modules ships, so
// all of the build runs on the machine's platform.
func (s *service) sitePlan(family config.Bases, user config.User) plan.Service {
	b := static.BasesFor(&s.Service, family, images(s.node, len(s.compiled) > 0))
	about := s.image(b, user)
	about.Dir, about.Env = "", nil
	s.native, s.framework.complete = nil, true // no package is needed beside the pages
	if s.site.Rules.Accounts != "" {
		s.site.Rules.Accounts = s.in(s.site.Rules.Accounts)
	}
	p := s.Service.Plan(b, user, append(s.install(b), s.builder(), s.site.RuntimeTools(&s.Service, b, user), s.site.Production(&s.Service, about))...)
	if dir := s.contextDir(); dir != "" {
		p.Dir = dir
	}
	s.prove(&p)
	return p
}

// isSite tells whether a package of a workspace is a site.
func isSite(dir fs.FS, m *manifest) bool {
	s := &service{Service: ecosystem.Open(dir, config.Service{}, nil), pkg: m, building: "build"}
	s.findSite()
	return s.site != nil
}

// plainSite tells whether a package.json only brings tools to a directory of
// pages: nothing is built, nothing is imported, nothing serves.
func plainSite(dir fs.FS, want config.Service) bool {
	if want.Type != "" && want.Type != "static" || len(want.Command) > 0 || !ecosystem.Exists(dir, "index.html") {
		return false
	}
	data, err := ecosystem.Read(dir, "package.json")
	if err != nil {
		return false
	}
	pkg, _, err := parseManifest(data)
	if err != nil {
		return false
	}
	_, build := pkg.Scripts[ecosystem.Or(want.Build, "build")]
	start, starts := pkg.Scripts["start"]
	program := ecosystem.Exists(dir, "server.js") || ecosystem.Exists(dir, "src/server.js") || pkg.Main != "" && ecosystem.Exists(dir, path.Clean(pkg.Main))
	return !build && len(pkg.Dependencies) == 0 && !program && (!starts || previewStart().MatchString(start))
}
