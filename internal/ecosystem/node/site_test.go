package node

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/diag"
)

func TestSite(t *testing.T) {
	type found struct{ Dir, Fallback string }
	const page = "/index.html"
	vite := func(rest string) string { return `{"scripts": {"build": "vite build"` + rest + `}` }
	for name, c := range map[string]struct {
		files map[string]string
		want  found
	}{
		"vite":                   {map[string]string{"package.json": vite("}"), "index.html": ""}, found{"dist", page}},
		"vite, flag":             {map[string]string{"package.json": `{"scripts": {"build": "vite build --outDir web"}}`, "index.html": ""}, found{"web", page}},
		"vite, configured":       {map[string]string{"package.json": vite("}"), "index.html": "", "vite.config.ts": "export default {\n build: { outDir: './build' } }"}, found{"build", page}},
		"vite, outside":          {map[string]string{"package.json": vite("}"), "index.html": "", "vite.config.ts": "outDir: '../x'"}, found{"../x", page}},
		"vite, called by a name": {map[string]string{"package.json": `{"scripts": {"build": "run-p types \"only {@}\" --", "only": "vite build", "types": "tsc"}}`, "index.html": ""}, found{"dist", page}},
		"vite, preview":          {map[string]string{"package.json": vite(`, "start": "vite preview"}`), "index.html": ""}, found{"dist", page}},
		"vite, library":          {map[string]string{"package.json": vite("}"), "vite.config.ts": "build: { lib: { entry: 'a' } }"}, found{}},
		"vite, by another name":  {map[string]string{"package.json": vite(`, "start": "NODE_ENV=development pnpm exec vite --host"}`), "index.html": ""}, found{"dist", page}},
		"vite-node, a server":    {map[string]string{"package.json": vite(`, "start": "vite-node server.ts"}`), "index.html": "", "server.ts": ""}, found{}},
		"eleventy, by npx":       {map[string]string{"package.json": `{"scripts": {"build": "npx @11ty/eleventy", "start": "npx @11ty/eleventy --serve --quiet"}}`}, found{"_site", ""}},
		"vite, with a server":    {map[string]string{"package.json": vite(`, "start": "node server.js"}`), "index.html": "", "server.js": ""}, found{}},
		"vite, with express":     {map[string]string{"package.json": vite(`}, "dependencies": {"express": "5"}`), "index.html": "", "package-lock.json": `{"packages": {"": {"dependencies": {"express": "5"}}}}`, "server.js": ""}, found{}},
		"vite, rendered":         {map[string]string{"package.json": `{"scripts": {"build": "vite build && vite build --ssr a.ts"}, "main": "a.js"}`, "index.html": "", "a.js": ""}, found{}},
		"create react app":       {map[string]string{"package.json": `{"scripts": {"build": "react-scripts build", "start": "react-scripts start"}}`}, found{"build", page}},
		"next, exported":         {map[string]string{"package.json": `{"scripts": {"build": "next build", "start": "next start"}}`, "next.config.mjs": "output: 'export'"}, found{"out", ""}},
		"next, served":           {map[string]string{"package.json": `{"scripts": {"build": "next build", "start": "next start"}}`, "next.config.mjs": "output: 'standalone'"}, found{}},
		"astro":                  {map[string]string{"package.json": `{"scripts": {"build": "astro check && astro build", "start": "astro dev"}}`}, found{"dist", ""}},
		"sveltekit, static":      {map[string]string{"package.json": vite(`}, "devDependencies": {"@sveltejs/kit": "2", "@sveltejs/adapter-static": "3"}`), "svelte.config.js": "adapter({ fallback: '200.html' })", "package-lock.json": `{"packages": {"": {"devDependencies": {"@sveltejs/kit": "2", "@sveltejs/adapter-static": "3"}}}}`}, found{"build", "/200.html"}},
		"angular":                {map[string]string{"package.json": `{"scripts": {"build": "ng build"}}`, "angular.json": `{"projects": {"a": {"projectType": "library"}, "b": {"projectType": "application", "architect": {"build": {"builder": "@angular-devkit/build-angular:browser", "options": {"outputPath": "dist/b"}}}}}}`}, found{"dist/b", page}},
		"angular, two paths":     {map[string]string{"package.json": `{"scripts": {"build": "ng build"}}`, "angular.json": `{"projects": {"b": {"projectType": "application", "architect": {"build": {"builder": "@angular/build:application", "options": {"outputPath": {"base": "out", "browser": ""}}}}}}}`}, found{"out", page}},
		"angular, rendered":      {map[string]string{"package.json": `{"scripts": {"build": "ng build"}}`, "angular.json": `{"projects": {"b": {"projectType": "application", "architect": {"build": {"builder": "@angular/build:application", "options": {"ssr": {"entry": "a"}}}}}}}`}, found{}},
	} {
		s := (Ecosystem{}).inspect(tree(c.files), config.Service{Name: "a", Path: "a"}, nil)
		var got found
		if s.site != nil {
			got = found{s.site.Dir, s.site.Fallback}
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if s.site != nil && s.Findings.Errors() != nil {
			t.Errorf("%s: %v", name, s.Findings)
		}
	}
}

// TestSiteGenerators: where each generator writes, and the path that it builds for.
func TestSiteGenerators(t *testing.T) {
	for name, c := range map[string]struct {
		build, file, text string
		dir, base         string
	}{
		"docusaurus":            {"docusaurus build", "docusaurus.config.ts", "const config = {\n  url: 'https://a.example',\n  baseUrl: '/docs/',\n};", "build", "/docs"},
		"docusaurus, at /":      {"docusaurus build --out-dir web", "docusaurus.config.js", "  baseUrl: '/',", "web", ""},
		"vitepress":             {"vitepress build", "", "", ".vitepress/dist", ""},
		"vitepress, docs":       {"vitepress build docs", "docs/.vitepress/config.mts", "export default {\n  base: '/repo/' }", "docs/.vitepress/dist", "/repo"},
		"vitepress, another":    {"vitepress build website", "", "", "website/.vitepress/dist", ""},
		"vuepress":              {"vuepress build src", "", "", "src/.vuepress/dist", ""},
		"eleventy, configured":  {"npx @11ty/eleventy", ".eleventy.js", "return { dir: { output: 'public' }, pathPrefix: '/blog/' }", "public", "/blog"},
		"eleventy, by a call":   {"eleventy", "eleventy.config.mjs", "c.setOutputDirectory('out');", "out", ""},
		"astro":                 {"astro build", "astro.config.mjs", "export default defineConfig({ site: 'https://a.example', base: '/x' })", "dist", "/x"},
		"vite":                  {"vite build", "vite.config.ts", "export default {\n  base: '/sub/path/',\n}", "dist", "/sub/path"},
		"vite, relative":        {"vite build", "vite.config.ts", "export default {\n  base: './',\n}", "dist", ""},
		"vite, a host":          {"vite build --base=https://cdn.example/a/", "", "", "dist", "/a"},
		"vite, out of bounds":   {"vite build --base=/../x", "", "", "dist", ""},
		"gatsby":                {"gatsby build", "gatsby-config.js", "module.exports = {\n  pathPrefix: '/p' }", "public", ""},
		"gatsby, with prefixes": {"gatsby build --prefix-paths", "gatsby-config.js", "module.exports = {\n  pathPrefix: '/p' }", "public", "/p"},
		"next":                  {"next build", "next.config.js", "module.exports = { output: 'export', basePath: '/n' }", "out", "/n"},
		"hexo":                  {"hexo generate", "_config.yml", "root: /blog/\npublic_dir: web\n", "web", "/blog"},
		"webpack":               {"webpack --mode production", "webpack.config.js", "plugins: [new HtmlWebpackPlugin()]", "dist", ""},
		"rspress":               {"rspress build", "", "", "doc_build", ""},
		"published":             {"node make.mjs", "netlify.toml", "[build]\npublish = \"site\"\n", "site", ""},
		"angular":               {"ng build --base-href /ng/", "angular.json", `{"projects": {"b": {"projectType": "application", "architect": {"build": {"builder": "@angular/build:application"}}}}}`, "dist/b/browser", "/ng"},
	} {
		files := map[string]string{"package.json": `{"scripts": {"build": "` + c.build + `"}}`, "index.html": ""}
		if c.file != "" {
			files[c.file] = c.text
		}
		s := (Ecosystem{}).inspect(tree(files), config.Service{Name: "a", Path: "a"}, nil)
		if s.site == nil {
			t.Errorf("%s: no site: %v", name, s.Findings)
			continue
		}
		if s.site.Dir != c.dir || s.site.Rules.Base != c.base {
			t.Errorf("%s: %q below %q, want %q below %q", name, s.site.Dir, s.site.Rules.Base, c.dir, c.base)
		}
	}
	s := (Ecosystem{}).inspect(tree(map[string]string{"package.json": `{"homepage": "https://a.github.io/repo", "scripts": {"build": "react-scripts build"}}`, "public/_redirects": "/a /b\n/c /d 999\n"}), config.Service{Name: "a", Path: "a"}, nil)
	if s.site == nil || s.site.Rules.Base != "/repo" || len(s.site.Rules.Redirects) != 1 || len(s.Findings) != 1 || s.Findings[0].Place.File != "a/public/_redirects" || s.Findings[0].Place.Line != 2 {
		t.Errorf("%+v, %v", s.site, s.Findings)
	}
}

// TestWrittenTypeWins: slipway.yaml decides between a site and a program.
func TestWrittenTypeWins(t *testing.T) {
	files := map[string]string{"package.json": `{"scripts": {"build": "node make.js", "start": "node make.js"}}`, "make.js": ""}
	if s := (Ecosystem{}).inspect(tree(files), config.Service{Name: "a", Path: "a", Type: "static"}, nil); s.site == nil || s.site.Dir != "dist" || s.Findings.Errors() != nil {
		t.Errorf("site %+v, findings %v", s.site, s.Findings)
	}
	files = map[string]string{"package.json": `{"scripts": {"build": "vite build"}, "main": "a.js"}`, "a.js": "", "index.html": ""}
	if s := (Ecosystem{}).inspect(tree(files), config.Service{Name: "a", Path: "a", Type: "worker"}, nil); s.site != nil {
		t.Errorf("site %+v", s.site)
	}
}

// TestPlainSite: a package.json with tools alone makes no program of a page.
func TestPlainSite(t *testing.T) {
	for pkg, want := range map[string]bool{
		`{"devDependencies": {"prettier": "3"}}`: true,
		`{"scripts": {"start": "npx serve ."}}`:  true,
		`{"scripts": {"start": "node app.js"}}`:  false,
		`{"dependencies": {"express": "5"}}`:     false,
		`{"main": "a.js"}`:                       false,
		`{"scripts": {"build": "tsc"}}`:          false,
		`{`:                                      false,
	} {
		dir := tree(map[string]string{"package.json": pkg, "index.html": "", "a.js": ""})
		if got := plainSite(dir, config.Service{}); got != want {
			t.Errorf("%s: %v", pkg, got)
		}
	}
	p, findings := Ecosystem{}.Plan(tree(map[string]string{"package.json": "{}", "index.html": ""}), config.Service{Name: "a", Path: "a"}, nil)
	if p.Type != "static" || findings != nil {
		t.Errorf("type %q, %v", p.Type, findings)
	}
}

// TestOutputAboveTheService: what the configuration names is taken, also above
// the service's directory, and never a directory of the builder's system.
func TestOutputAboveTheService(t *testing.T) {
	for name, c := range map[string]struct{ files, config, dir, code string }{
		"a literal":            {`{"scripts": {"build": "vite build"}}`, `export default {build: {outDir: "../api/static"}}`, "../api/static", codeOutputAbove},
		"beside the config":    {`{"scripts": {"build": "vite build"}}`, `export default {build: {outDir: path.resolve(__dirname, "../backend/app/www")}}`, "../backend/app/www", codeOutputAbove},
		"below a root":         {`{"scripts": {"build": "vite build"}}`, "export default {\n root: 'client',\n build: {outDir: '../dist/public'}}", "dist/public", ""},
		"a flag":               {`{"scripts": {"build": "vite build --outDir ../web"}}`, "", "../web", ""},
		"a variable":           {`{"scripts": {"build": "BUILD_PATH='../server/public' react-scripts build"}}`, "", "../server/public", ""},
		"the builder's system": {`{"scripts": {"build": "vite build"}}`, `export default {build: {outDir: "../etc/ssl"}}`, "dist", ""},
		"an absolute path":     {`{"scripts": {"build": "vite build"}}`, `export default {build: {outDir: "/srv/www"}}`, "dist", ""},
	} {
		s := (Ecosystem{}).inspect(tree(map[string]string{"package.json": c.files, "vite.config.ts": c.config, "index.html": ""}), config.Service{Name: "web", Path: "web"}, nil)
		if s.site == nil || s.site.Dir != c.dir {
			t.Errorf("%s: the site is %+v, not in %s", name, s.site, c.dir)
			continue
		}
		if c.code == "" != (len(s.Findings) == 0) || c.code != "" && (s.Findings[0].Code != c.code || s.Findings[0].Severity != diag.Info || !strings.Contains(s.Findings[0].Hint, "from: web")) {
			t.Errorf("%s: %v", name, s.Findings)
		}
	}
}

// FuzzSite: whatever the configuration of a bundler holds, a site lies inside
// of its service, or above it where the builder has nothing of its own.
func FuzzSite(f *testing.F) {
	f.Add(`{"scripts": {"build": "ng build"}}`, `{"projects": {"b": {"projectType": "application", "architect": {"build": {"options": {"outputPath": {"base": "../x"}}}}}}}`, "", "")
	f.Add(`{"scripts": {"build": "vite build --outDir ../../x"}}`, "", "outDir: '/etc'", "fallback: '../x'")
	f.Add(`{"scripts": {"build": "only", "only": "build"}, "devDependencies": {"@sveltejs/kit": "2", "@sveltejs/adapter-static": "3"}}`, "", "", "pages: '../../x'")
	f.Fuzz(func(t *testing.T, pkg, angular, vite, svelte string) {
		s := (Ecosystem{}).inspect(tree(map[string]string{"package.json": pkg, "angular.json": angular, "vite.config.ts": vite, "svelte.config.js": svelte, "index.html": ""}), config.Service{Name: "a", Path: "a"}, nil)
		if s.site != nil && !s.reaches(s.site.Dir) {
			t.Fatalf("the site lies at %q", s.site.Dir)
		}
		if s.site != nil && s.site.Fallback != "" && !pageName().MatchString(s.site.Fallback[1:]) {
			t.Fatalf("the fallback is %q", s.site.Fallback)
		}
	})
}
