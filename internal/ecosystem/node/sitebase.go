package node

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/pattern"
)

// The path below which a site's pages expect to be served, as configurations and
// scripts say it.
var (
	baseFlag      = pattern.Lazy(`--(?:base|base-href|public-url)[ =]['"]?([^\s;&|'"]+)`)
	baseOption    = pattern.Lazy(`(?m)^\s*(?:base|basePath|publicPath|baseUrl|pathPrefix|baseURL)['"]?\s*:\s*['"\x60]([^'"\x60$]+)['"\x60]`)
	basePathInner = pattern.Lazy(`[{,]\s*(?:base|basePath|publicPath|baseUrl|pathPrefix)\s*:\s*['"\x60]([^'"\x60$]+)['"\x60]`)
	angularHref   = pattern.Lazy(`"baseHref"\s*:\s*"([^"]+)"`)
	hexoRoot      = pattern.Lazy(`(?m)^root:\s*['"]?([^\s'"#]+)`)
	hexoOutput    = pattern.Lazy(`(?m)^public_dir:\s*['"]?([^\s'"#]+)`)
	eleventyOut   = pattern.Lazy(`(?:setOutputDirectory\(\s*|\boutput['"]?\s*:\s*)['"\x60]([^'"\x60$]+)['"\x60]`)
	builtDir      = pattern.Lazy(`\b(?:vitepress|vuepress) build (?:-[^\s]+\s+)*([\w][\w./-]*)`)
	hostPart      = pattern.Lazy(`^(?:https?:)?//[^/]+`)
	basePath      = pattern.Lazy(`^/[\w~-][\w.~/-]*$`)
)

// settingsOf are the files with the settings of generators that have no other use
// for them here.
func settingsOf(name, root string) []string {
	return map[string][]string{
		"VitePress":  {path.Join(root, ".vitepress/config")},
		"VuePress":   {path.Join(root, ".vuepress/config")},
		"Docusaurus": {"docusaurus.config"},
		"Eleventy":   {".eleventy", "eleventy.config"},
		"Gatsby":     {"gatsby-config"},
		"Nuxt":       {"nuxt.config"},
	}[name]
}

// servedBelow is the path that the pages of a site are built for, with the file
// that says so; "" for the root.
func (s *service) servedBelow(b bundler, script, file string, data []byte) (string, ecosystem.Hit) {
	var h ecosystem.Hit
	switch {
	case b.name == "Gatsby" && !strings.Contains(script, "--prefix-paths"):
		return "", h
	case b.name == "Create React App":
		text, _ := s.pkg.Homepage.(string)
		h = ecosystem.Hit{Text: text, File: "package.json", Line: s.pkg.line("homepage")}
	case b.name == "Angular":
		if data, err := ecosystem.Read(s.Dir, "angular.json"); err == nil {
			h = ecosystem.Find(angularHref(), "angular.json", data)
		}
	case b.name == "Hexo":
		h = ecosystem.Find(hexoRoot(), file, data)
	case data != nil:
		h.Keep(ecosystem.Find(baseOption(), file, data))
		h.Keep(ecosystem.Find(basePathInner(), file, data))
	}
	if m := baseFlag().FindStringSubmatch(script); m != nil {
		h = ecosystem.Hit{Text: m[1], File: "package.json", Line: s.pkg.line("scripts", s.building)}
	}
	at := strings.TrimRight(hostPart().ReplaceAllString(h.Text, ""), "/")
	if !basePath().MatchString(at) || slices.Contains(strings.Split(at, "/"), "..") {
		return "", h
	}
	return at, h
}

// readSettings takes what the site's files say of requests. Bundlers copy what
// lies in public/ or static/ as it is.
func (s *service) readSettings(root string) {
	dirs := []string{"public", "static", "src", path.Join(root, "public"), path.Join(root, "static"), "source"}
	s.site.ReadRules(&s.Service, slices.Compact(dirs)...)
}

// first returns the first group of an expression, when it is a path below the
// service.
func first(re func() *regexp.Regexp, data []byte) string {
	if re == nil {
		return ""
	}
	if m := re().FindSubmatch(data); m != nil && inside(string(m[1])) {
		return path.Clean(string(m[1]))
	}
	return ""
}

// generatorRoot is the directory that a script of VitePress or VuePress builds,
// "." for the service's own.
func (s *service) generatorRoot(b bundler, script string) string {
	if m := builtDir().FindStringSubmatch(script); m != nil && (b.name == "VitePress" || b.name == "VuePress") && inside(m[1]) {
		return path.Clean(m[1])
	}
	return "."
}
