package static

import (
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/pattern"
)

// What Jekyll's files say.
var (
	gemfileJekyll = pattern.Lazy(`(?m)^\s*gem\s+["'](?:jekyll|github-pages)["']`)
	gemLine       = pattern.Lazy(`(?m)^\s*gem\s+["']([\w.-]+)["']`)
	pluginItem    = pattern.Lazy(`(?m)^\s*-\s*["']?(jekyll-[\w-]+|jemoji)["']?\s*$`)
	pluginList    = pattern.Lazy(`(?m)^(?:plugins|gems)\s*:\s*\[([^\]]*)\]`)
	jekyllTheme   = pattern.Lazy(`(?m)^theme\s*:\s*["']?([\w.-]+)`)
	remoteTheme   = pattern.Lazy(`(?m)^remote_theme\s*:\s*["']?([\w./@-]+)`)
)

// gems maps the gems that sites name to Debian's packages; "" is part of Jekyll's
// own package, or of the machine's.
func gems() map[string]string {
	out := map[string]string{
		"jekyll": "", "github-pages": "", "kramdown": "", "kramdown-parser-gfm": "", "webrick": "", "rake": "", "bundler": "", "rouge": "", "liquid": "", "base64": "", "bigdecimal": "", "csv": "", "logger": "", "fiddle": "", "ostruct": "",
		"tzinfo": "", "tzinfo-data": "", "wdm": "", "http_parser.rb": "", "faraday-retry": "", "ffi": "", "eventmachine": "", "jekyll-sass-converter": "", "jekyll-watch": "", "html-proofer": "", "minima": "jekyll-theme-minima",
	}
	for _, name := range []string{"archives", "asciidoc", "avatar", "commonmark", "compose", "data", "default-layout", "feed", "gist", "github-metadata", "include-cache", "last-modified-at", "mentions", "optional-front-matter", "paginate",
		"polyglot", "readme-index", "redirect-from", "relative-links", "seo-tag", "sitemap", "titles-from-headings", "toc"} {
		out["jekyll-"+name] = "ruby-jekyll-" + name
	}
	return out
}

// jekyll finds a site of Jekyll (https://jekyllrb.com/docs/configuration/).
func jekyll(dir fs.FS) generator {
	file := "_config.yml"
	if !ecosystem.Exists(dir, file) {
		file = "_config.yaml"
	}
	if !ecosystem.Exists(dir, file) {
		return generator{}
	}
	gemfile, _ := ecosystem.Read(dir, "Gemfile")
	if !gemfileJekyll().Match(gemfile) && !slices.ContainsFunc([]string{"_layouts", "_includes", "_posts", "_pages", "_data", "_sass"}, func(name string) bool { return ecosystem.IsDir(dir, name) }) {
		data, _ := ecosystem.Read(dir, file)
		if !jekyllTheme().Match(data) && !remoteTheme().Match(data) || ecosystem.Exists(dir, "package.json") || pageIn(dir, ".") != "" {
			return generator{}
		}
	}
	data, _ := ecosystem.Read(dir, file)
	g := generator{name: "Jekyll", file: file, debian: []string{"jekyll"}, version: jekyllDebian, env: []string{"JEKYLL_ENV=production", "JEKYLL_NO_BUNDLER_REQUIRE=true", "LANG=C.UTF-8"},
		command: "jekyll build --trace --destination " + pagesDir}
	known := gems()
	for _, name := range gemsOf(gemfile, data) {
		if p := known[name]; p != "" {
			g.debian = append(g.debian, p)
		}
	}
	if strings.Contains(string(gemfile), "github-pages") { // its plugins that are always on
		g.debian = append(g.debian, "ruby-jekyll-optional-front-matter", "ruby-jekyll-readme-index", "ruby-jekyll-relative-links", "ruby-jekyll-titles-from-headings", "ruby-jekyll-default-layout")
		g.command += " --config " + file + ",/opt/slipway/pages.yml"
		g.command = strings.Join([]string{`printf 'plugins: [%s]\n' jekyll-optional-front-matter,jekyll-readme-index,jekyll-relative-links,jekyll-titles-from-headings,jekyll-default-layout` + pluginsOf(data) + ` >/opt/slipway/pages.yml`, g.command}, " && ")
	}
	slices.Sort(g.debian)
	g.debian = slices.Compact(g.debian)
	return g
}

// pluginsOf are the plugins of a configuration for a list that replaces its own.
func pluginsOf(data []byte) string {
	out := ""
	for _, name := range gemsOf(nil, data) {
		if name != "minima" {
			out += "," + name
		}
	}
	return out
}

// gemsOf are the names of the gems that a site asks for, sorted.
func gemsOf(gemfile, data []byte) []string {
	names := map[string]bool{}
	for _, m := range gemLine().FindAllSubmatch(gemfile, -1) {
		names[string(m[1])] = true
	}
	for _, m := range pluginItem().FindAllSubmatch(data, -1) {
		names[string(m[1])] = true
	}
	if m := pluginList().FindSubmatch(data); m != nil {
		for word := range strings.SplitSeq(string(m[1]), ",") {
			if word = strings.Trim(strings.TrimSpace(word), `"'`); word != "" {
				names[word] = true
			}
		}
	}
	if m := jekyllTheme().FindSubmatch(data); m != nil {
		names[string(m[1])] = true
	}
	return slices.Sorted(maps.Keys(names))
}

// checkJekyll reports gems and themes that Debian does not have.
func checkJekyll(s *ecosystem.Service, data []byte) {
	gemfile, _ := ecosystem.Read(s.Dir, "Gemfile")
	file := "_config.yml"
	if !ecosystem.Exists(s.Dir, file) {
		file = "_config.yaml"
	}
	known := gems()
	for _, name := range gemsOf(gemfile, data) {
		if _, ok := known[name]; ok {
			continue
		}
		at, text := file, data
		if strings.Contains(string(gemfile), name) {
			at, text = "Gemfile", gemfile
		}
		line := 0
		if i := strings.Index(string(text), name); i >= 0 {
			line = ecosystem.LineAt(text, int64(i))
		}
		s.Report(diag.Error, codeGenerator, at, line, "delete it, or build the site in a Dockerfile", "the gem %s is not among Debian's packages, from which Slipway builds Jekyll sites", name)
	}
	if h := ecosystem.Find(remoteTheme(), file, data); h.Found() {
		s.Report(diag.Error, codeGenerator, file, h.Line, "copy the theme's files into the repository, or build the site in a Dockerfile", "the remote theme %s requires the gem jekyll-remote-theme, which Debian does not have", h.Text)
	}
	if strings.Contains(string(gemfile), "github-pages") {
		s.Unwise(codeUnpinned, "Gemfile", ecosystem.LineAt(gemfile, int64(strings.Index(string(gemfile), "github-pages"))), "compare the pages with those of GitHub Pages, or build the site in a Dockerfile", "the gem github-pages pins Jekyll 3, and the build uses Jekyll %s of Debian", jekyllDebian)
	}
}
