package static

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/plan"
)

func files(of map[string]string) fstest.MapFS {
	t := fstest.MapFS{}
	for name, text := range of {
		t[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return t
}

// TestGenerated: what makes a directory the site of a generator, and what makes it
// something else.
func TestGenerated(t *testing.T) {
	const book, docs, conf = "[book]\n", "site_name: a\n", "project = 'a'\n"
	for name, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"Hugo":                       {map[string]string{"hugo.yaml": "title: a"}, "hugo.yaml"},
		"Hugo of old":                {map[string]string{"config.toml": "baseURL = 'https://a.example/'", "content/a.md": ""}, "config.toml"},
		"Hugo, split":                {map[string]string{"config/_default/hugo.toml": "title = 'a'", "content/a.md": ""}, "config/_default/hugo.toml"},
		"Hugo modules":               {map[string]string{"hugo.toml": "", "go.mod": "module a\n"}, "hugo.toml"},
		"Hugo with npm":              {map[string]string{"hugo.toml": "", "package.json": `{"devDependencies": {"postcss": "8"}}`}, "hugo.toml"},
		"settings of a program":      {map[string]string{"config.toml": "baseURL = 'x'\n"}, ""},
		"Jekyll":                     {map[string]string{"_config.yml": "title: a\n", "_posts/2024-01-01-a.md": ""}, "_config.yml"},
		"Jekyll of GitHub":           {map[string]string{"_config.yml": "theme: minima\n", "index.md": ""}, "_config.yml"},
		"a page with a theme":        {map[string]string{"_config.yml": "theme: minima\n", "index.html": "<p>"}, ""},
		"Hexo":                       {map[string]string{"_config.yml": "theme: landscape\n", "package.json": `{"dependencies": {"hexo": "7"}}`}, ""},
		"mdBook":                     {map[string]string{"book.toml": book, "src/SUMMARY.md": ""}, "book.toml"},
		"a Rust crate with a book":   {map[string]string{"book.toml": book, "Cargo.toml": ""}, ""},
		"MkDocs":                     {map[string]string{"mkdocs.yml": docs, "docs/index.md": "", "requirements.txt": "mkdocs\n"}, "mkdocs.yml"},
		"MkDocs and uv":              {map[string]string{"mkdocs.yml": docs, "pyproject.toml": "[project]\nname = 'a'\ndependencies = ['mkdocs-material']\n", "uv.lock": ""}, "mkdocs.yml"},
		"a service with docs":        {map[string]string{"mkdocs.yml": docs, "requirements.txt": "Flask==3.0\nmkdocs\n", "web.py": ""}, ""},
		"an application with docs":   {map[string]string{"mkdocs.yml": docs, "app.py": "", "requirements.txt": "mkdocs\n"}, ""},
		"a library with docs":        {map[string]string{"mkdocs.yml": docs, "pyproject.toml": "[build-system]\nrequires = []\n"}, ""},
		"a package with docs":        {map[string]string{"docs/conf.py": conf, "lathe/__init__.py": "", "requirements.txt": "sphinx\n"}, ""},
		"a package in src with docs": {map[string]string{"docs/conf.py": conf, "src/lathe/__init__.py": ""}, ""},
		"a Go program with docs":     {map[string]string{"mkdocs.yml": docs, "go.mod": "module a\n"}, ""},
		"a Node.js server with docs": {map[string]string{"mkdocs.yml": docs, "package.json": `{"dependencies": {"express": "5"}}`}, ""},
		"a program with a theme":     {map[string]string{"_config.yml": "a: 1\n", "_data/a.yml": "", "package.json": `{"scripts": {"start": "node a.js"}}`}, ""},
		"Sphinx":                     {map[string]string{"docs/source/conf.py": conf, "docs/source/index.rst": ""}, "docs/source/conf.py"},
		"another conf.py":            {map[string]string{"conf.py": "PORT = 80\n"}, ""},
	} {
		if got := (Generated{}).Recognise(files(c.files)); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// stageOf is a stage of the plan of a site.
func stageOf(t *testing.T, of map[string]string, name string) (plan.Stage, diag.Findings) {
	t.Helper()
	p, findings := Generated{}.Plan(files(of), config.Service{Name: "a", Path: "."}, nil)
	for _, st := range p.Stages {
		if st.Name == name {
			return st, findings
		}
	}
	return plan.Stage{}, findings
}

// shells are the commands of a stage.
func shells(st plan.Stage) string {
	var out []string
	for _, s := range st.Steps {
		if s.Shell != "" {
			out = append(out, s.Shell)
		}
	}
	return strings.Join(out, "\n")
}

// TestGeneratorVersions: Debian's Hugo where it is new enough, else the version
// that a file names, compiled from its module; the extended one for Sass.
func TestGeneratorVersions(t *testing.T) {
	for name, c := range map[string]struct {
		files   map[string]string
		compile string
		from    string
	}{
		"any":            {map[string]string{}, "", "slipway/node/hugo:22-trixie-toolchain"},
		"old enough":     {map[string]string{"netlify.toml": "[build.environment]\nHUGO_VERSION = \"0.120.4\"\n"}, "", "slipway/node/hugo:22-trixie-toolchain"},
		"newer":          {map[string]string{"netlify.toml": "[build.environment]\nHUGO_VERSION = \"0.150.1\"\n"}, "hugo@v0.150.1", "slipway/node:22-trixie-toolchain"},
		"of a workflow":  {map[string]string{".github/workflows/hugo.yaml": "env:\n  HUGO_VERSION: 0.147.0\n"}, "hugo@v0.147.0", "slipway/node:22-trixie-toolchain"},
		"of mise":        {map[string]string{"mise.toml": "[tools]\nhugo = \"0.148\"\n"}, "hugo@v0.148.0", "slipway/node:22-trixie-toolchain"},
		"of the site":    {map[string]string{"hugo.toml": "[module.hugoVersion]\nmin = \"0.146.0\"\n"}, "hugo@v0.146.0", "slipway/node:22-trixie-toolchain"},
		"of a theme":     {map[string]string{"hugo.toml": "theme = 'a'\n", "themes/a/theme.toml": "min_version = \"0.146.0\"\n"}, "hugo@v0.146.0", "slipway/node:22-trixie-toolchain"},
		"newer, Sass":    {map[string]string{".tool-versions": "hugo 0.149.0\n", "assets/a.scss": ""}, "-tags extended github.com/gohugoio/hugo@v0.149.0", "slipway/node/libstdc_p_p6:22-trixie-toolchain"},
		"with modules":   {map[string]string{"go.mod": "module a\n"}, "", "slipway/node/git/golang-go/hugo:22-trixie-toolchain"},
		"with vendoring": {map[string]string{"go.mod": "module a\n", "_vendor/modules.txt": ""}, "", "slipway/node/hugo:22-trixie-toolchain"},
	} {
		if c.files["hugo.toml"] == "" {
			c.files["hugo.toml"] = "title = 'a'\n"
		}
		compile, _ := stageOf(t, c.files, "generator")
		builder, findings := stageOf(t, c.files, plan.StageBuilder)
		if findings.Errors() != nil || builder.From != c.from || c.compile == "" != (compile.Name == "") || !strings.Contains(shells(compile), c.compile) {
			t.Errorf("%s: from %s, %q: %v", name, builder.From, shells(compile), findings)
		}
	}
}

// TestGeneratorCommands: what runs, for the settings of the site.
func TestGeneratorCommands(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		stage string
		want  []string
	}{
		"Hugo, nobody's address":  {map[string]string{"hugo.toml": "baseURL = 'https://example.org/'\n"}, plan.StageBuilder, []string{"hugo --gc --minify", "--baseURL /", "pack.mjs /out/pages /out/app"}},
		"Hugo with npm":           {map[string]string{"hugo.toml": "", "package.json": "{}", "package-lock.json": "{}"}, plan.StageBuilder, []string{"npm ci"}},
		"Hugo, npm without lock":  {map[string]string{"hugo.toml": "", "package.json": `{"devDependencies": {"tailwindcss": "4"}}`}, plan.StageBuilder, []string{"npm install --no-package-lock"}},
		"mdBook, optional":        {map[string]string{"book.toml": "[book]\n[preprocessor.gettext]\noptional = true\n[output.html]\n"}, plan.StageBuilder, []string{"mdbook build"}},
		"Jekyll, GitHub Pages":    {map[string]string{"_config.yml": "plugins: [jekyll-feed]\n", "Gemfile": "gem 'github-pages'\n"}, plan.StageBuilder, []string{"jekyll-relative-links", ",jekyll-feed >", "--config _config.yml,/opt/slipway/pages.yml"}},
		"MkDocs, requirements":    {map[string]string{"mkdocs.yml": "", "docs/requirements.txt": "mkdocs\n-r more.txt\n", "docs/more.txt": "mkdocs-material\n"}, plan.StageDependencies, []string{"install -r docs/requirements.txt"}},
		"MkDocs, nothing":         {map[string]string{"mkdocs.yml": "theme: material\nplugins:\n  - search\n  - minify:\n      a: 1\nmarkdown_extensions:\n  - toc\n"}, plan.StageDependencies, []string{"mkdocs==1.6.1", "mkdocs-material==", "mkdocs-minify-plugin"}},
		"MkDocs and uv":           {map[string]string{"mkdocs.yml": "", "pyproject.toml": "", "uv.lock": ""}, plan.StageDependencies, []string{"uv sync --frozen"}},
		"Sphinx, nothing":         {map[string]string{"docs/conf.py": "extensions = [\n 'sphinx.ext.autodoc', 'myst_parser']\nhtml_theme = 'furo'\n"}, plan.StageDependencies, []string{"furo==", "myst-parser==", "sphinx=="}},
		"Sphinx, Read the Docs":   {map[string]string{"docs/conf.py": "project = 'a'\n", ".readthedocs.yaml": "python:\n  install:\n    - requirements: req/d.txt\n    - path: .\n", "req/d.txt": "Sphinx==8\n"}, "pages", []string{"install --no-cache-dir . &&", "sphinx-build -b html -d /tmp/doctrees docs /out/pages"}},
		"mdBook":                  {map[string]string{"book.toml": "[book]\n"}, plan.StageBuilder, []string{"mdbook build --dest-dir /out/pages"}},
		"types of the settings":   {map[string]string{"hugo.toml": "", "static/_headers": "/a b/*\n  Content-Type: text/x; charset=utf-8\n"}, plan.StageBuilder, []string{"'/a b/*=text/x; charset=utf-8'"}},
		"a Hugo site in a folder": {map[string]string{"hugo.toml": "baseURL = 'https://a.example/b/'\n"}, plan.StageRuntimeTools, nil},
	} {
		st, findings := stageOf(t, c.files, c.stage)
		if findings.Errors() != nil || st.Name == "" {
			t.Errorf("%s: %v", name, findings)
		}
		for _, part := range c.want {
			if !strings.Contains(shells(st), part) {
				t.Errorf("%s: no %q in\n%s", name, part, shells(st))
			}
		}
	}
	copies, _ := stageOf(t, map[string]string{"mkdocs.yml": "", "docs/requirements.txt": "mkdocs\n-r more.txt\n", "docs/more.txt": "mkdocs-material\n"}, plan.StageDependencies)
	if diff := cmp.Diff([]string{"docs/more.txt", "docs/requirements.txt", "docs/"}, copies.Steps[2].Args); diff != "" {
		t.Error(diff)
	}
}

// TestGeneratorPython: the Python that a file names, or the next newer one of the
// bases; the default for what Slipway pins.
func TestGeneratorPython(t *testing.T) {
	rtd := func(version string) string { return "build:\n  tools:\n    python: \"" + version + "\"\n" }
	for name, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"nothing":        {map[string]string{"docs/requirements.txt": "mkdocs==1.3.0\n"}, "slipway/python:3.13-trixie-toolchain"},
		"one of a base":  {map[string]string{"docs/requirements.txt": "mkdocs==1.3.0\n", ".readthedocs.yaml": rtd("3.11")}, "slipway/python:3.11-bookworm-toolchain"},
		"between two":    {map[string]string{"docs/requirements.txt": "mkdocs==1.3.0\n", ".readthedocs.yaml": rtd("3.10")}, "slipway/python:3.11-bookworm-toolchain"},
		"older than all": {map[string]string{"docs/requirements.txt": "mkdocs==1.3.0\n", ".readthedocs.yml": rtd("3.7")}, "slipway/python:3.9-bullseye-toolchain"},
		"newer than all": {map[string]string{"uv.lock": "", "pyproject.toml": "", ".python-version": "3.19\n"}, "slipway/python:3.13-trixie-toolchain"},
		"newer":          {map[string]string{"uv.lock": "", "pyproject.toml": "", ".python-version": "3.14.1\n"}, "slipway/python:3.14-forky-toolchain"},
		"any":            {map[string]string{"docs/requirements.txt": "mkdocs==1.3.0\n", ".readthedocs.yaml": rtd("3")}, "slipway/python:3.13-trixie-toolchain"},
		"pinned here":    {map[string]string{".readthedocs.yaml": rtd("3.9")}, "slipway/python:3.13-trixie-toolchain"},
	} {
		c.files["mkdocs.yml"] = "site_name: a\n"
		if st, findings := stageOf(t, c.files, plan.StageDependencies); st.From != c.want {
			t.Errorf("%s: from %s: %v", name, st.From, findings)
		}
	}
}

// TestGeneratorFindings: what the build does not have is an error with the next
// step; what no file pins is a warning, an error under strict: true.
func TestGeneratorFindings(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		code  string
		place string
		hint  string
	}{
		"a submodule": {map[string]string{"hugo.toml": "theme = ['b']\n", ".gitmodules": "path = themes/b\n"}, codeGenerator, "hugo.toml:1", "git submodule update --init themes/b"},
		"a theme":     {map[string]string{"hugo.toml": "title = 'a'\ntheme = 'b'\n"}, codeGenerator, "hugo.toml:2", "add the theme to themes/b"},
		"a gem":       {map[string]string{"_config.yml": "a: 1\nplugins:\n  - jekyll-odd\n", "_posts/a.md": ""}, codeGenerator, "_config.yml:3", "Dockerfile"},
		"a program":   {map[string]string{"book.toml": "[book]\n[preprocessor.links]\n[preprocessor.mermaid]\n"}, codeGenerator, "book.toml:3", "delete the table"},
		"no version":  {map[string]string{"mkdocs.yml": "site_name: a\n"}, codeUnpinned, "mkdocs.yml", "requirements.txt"},
	} {
		_, findings := Generated{}.Plan(files(c.files), config.Service{Name: "a", Path: "."}, nil)
		if len(findings) != 1 || findings[0].Code != c.code || findings[0].Place.String() != c.place || !strings.Contains(findings[0].Hint, c.hint) || (findings[0].Severity == diag.Error) != (c.code == codeGenerator) {
			t.Errorf("%s: %v", name, findings)
		}
	}
	if _, findings := (Generated{}).Plan(files(map[string]string{"mkdocs.yml": ""}), config.Service{Name: "a", Path: "."}, &config.Fleet{Strict: true, Bases: config.Bases{Family: "debian"}, User: config.DefaultUser()}); findings.Errors() == nil {
		t.Error("strict: true accepts a generator that nothing pins")
	}
}
