package static

import (
	"bytes"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/pattern"
)

// Versions of Debian trixie's packages, for the plan: the base has what its lock
// says.
const (
	hugoDebian   = "0.131"
	jekyllDebian = "4.3"
	mdBookDebian = "0.4"
)

// What the configuration of Hugo says.
var (
	hugoConfig  = pattern.Lazy(`(?mi)^\s*["']?(?:baseURL|languageCode|locale|publishDir)["']?\s*[=:]`)
	hugoTheme   = pattern.Lazy(`(?m)^\s*["']?theme["']?\s*[=:]\s*\[?\s*["']?([\w./@ ,"'-]+)`)
	hugoModules = pattern.Lazy(`(?m)^\s*\[\[\s*module\.imports\s*\]\]|^\s*imports\s*:`)
	hugoMin     = pattern.Lazy(`(?ms)hugoVersion.{0,80}?\bmin['"]?\s*[=:]\s*["']?(\d+\.\d+(?:\.\d+)?)`)
	themeMin    = pattern.Lazy(`(?m)^\s*min_version\s*=\s*["']?(\d+\.\d+(?:\.\d+)?)`)
	hugoWanted  = pattern.Lazy(`(?m)\bHUGO_VERSION['"]?\s*[=:]\s*["']?v?(\d+\.\d+(?:\.\d+)?)|^\s*(?:hugo|gohugo|hugo-extended)['"]?\s*=?\s*["']?(?:extended_)?(\d+\.\d+(?:\.\d+)?)|^hugo-version:\s*["']?(\d+\.\d+(?:\.\d+)?)`)
	npmPackages = pattern.Lazy(`"(?:devDependencies|dependencies)"\s*:\s*\{\s*"`)
	gitInfo     = pattern.Lazy(`(?mi)^\s*["']?enableGitInfo["']?\s*[=:]\s*true`)
)

// hugoFile is the configuration of Hugo, "" without one. The old names are those of
// other programs too.
func hugoFile(dir fs.FS) string {
	for _, name := range []string{"hugo.toml", "hugo.yaml", "hugo.yml", "hugo.json", "config/_default/hugo.toml", "config/_default/hugo.yaml", "config/_default/config.toml", "config/_default/config.yaml"} {
		if ecosystem.Exists(dir, name) {
			return name
		}
	}
	if !slices.ContainsFunc([]string{"content", "layouts", "archetypes", "themes"}, func(name string) bool { return ecosystem.IsDir(dir, name) }) {
		return ""
	}
	for _, name := range []string{"config.toml", "config.yaml", "config.yml", "config.json"} {
		if data, err := ecosystem.Read(dir, name); err == nil && hugoConfig().Match(data) {
			return name
		}
	}
	return ""
}

// hugo finds a site of Hugo (https://gohugo.io/getting-started/configuration/).
func hugo(dir fs.FS) generator {
	file := hugoFile(dir)
	if file == "" {
		return generator{}
	}
	g := generator{name: "Hugo", file: file, debian: []string{"hugo"}, version: hugoDebian, cache: "/root/.cache/hugo", npm: npmInstall(dir)}
	data, _ := ecosystem.Read(dir, file)
	g.env = []string{"HUGO_CACHEDIR=/root/.cache/hugo", "HUGO_ENVIRONMENT=production"}
	g.history = gitInfo().Match(data) && ecosystem.Exists(dir, ".git")
	switch {
	case g.history:
		g.debian = append(g.debian, "git")
	case gitInfo().Match(data):
		g.env = append(g.env, "HUGO_ENABLEGITINFO=false")
	}
	if (ecosystem.Exists(dir, "go.mod") || usesModules(dir, data)) && !ecosystem.IsDir(dir, "_vendor") {
		g.debian = append(g.debian, "golang-go", "git")
		slices.Sort(g.debian)
		g.debian = slices.Compact(g.debian)
	}
	g.command = "hugo --gc --minify --destination " + pagesDir
	if m := siteURL().FindSubmatch(data); m == nil || someones().Match(m[1]) {
		g.command += " --baseURL /"
	}
	if h := hugoVersion(dir, file, data); newer(h.Text, hugoDebian) {
		g.program, g.version = "github.com/gohugoio/hugo@v"+patched(h.Text), patched(h.Text)
		g.debian = slices.DeleteFunc(g.debian, func(p string) bool { return p == "hugo" })
		if hasSass(dir) {
			g.tags = "extended"
			g.debian = append(g.debian, "libstdc++6")
		}
	}
	return g
}

// npmInstall is the command that installs what the build calls of npm, "" for
// nothing.
func npmInstall(dir fs.FS) string {
	data, err := ecosystem.Read(dir, "package.json")
	switch {
	case err != nil:
		return ""
	case ecosystem.Exists(dir, "package-lock.json"):
		return "npm ci"
	case npmPackages().Match(data):
		return "npm install --no-package-lock"
	}
	return ""
}

func usesModules(dir fs.FS, data []byte) bool {
	if hugoModules().Match(data) {
		return true
	}
	for _, name := range []string{"config/_default/module.toml", "config/_default/module.yaml"} {
		if data, err := ecosystem.Read(dir, name); err == nil && strings.Contains(string(data), "imports") {
			return true
		}
	}
	return false
}

// hugoVersion is the version that files name, or the least one that the site and
// its themes ask for.
func hugoVersion(dir fs.FS, file string, data []byte) ecosystem.Hit {
	for _, name := range []string{"netlify.toml", "vercel.json", ecosystem.ToolVersions, "mise.toml", ".mise.toml", ".hvm", ".github/workflows/hugo.yml", ".github/workflows/hugo.yaml", ".github/workflows/gh-pages.yml", ".github/workflows/deploy.yml"} {
		text, err := ecosystem.Read(dir, name)
		if err != nil {
			continue
		}
		if m := hugoWanted().FindSubmatchIndex(text); m != nil {
			for i := 2; i < len(m); i += 2 {
				if m[i] >= 0 {
					return ecosystem.Hit{Text: string(text[m[i]:m[i+1]]), File: name, Line: ecosystem.LineAt(text, int64(m[i]))}
				}
			}
		}
	}
	least := ecosystem.Find(hugoMin(), file, data)
	for _, theme := range themesOf(data) {
		name := path.Join("themes", theme, "theme.toml")
		if text, err := ecosystem.Read(dir, name); err == nil {
			if h := ecosystem.Find(themeMin(), name, text); h.Found() && (!least.Found() || newer(h.Text, least.Text)) {
				least = h
			}
		}
	}
	return least
}

// themesOf are the themes that a configuration names.
func themesOf(data []byte) []string {
	m := hugoTheme().FindSubmatch(data)
	if m == nil {
		return nil
	}
	var out []string
	for _, word := range strings.FieldsFunc(string(m[1]), func(r rune) bool { return strings.ContainsRune(`,"' `, r) }) {
		if fs.ValidPath(word) {
			out = append(out, word)
		}
	}
	return out
}

// newer tells whether a version comes after another one.
func newer(a, b string) bool {
	x, y := strings.Split(a, "."), strings.Split(b, ".")
	for i := range min(len(x), len(y)) {
		m, _ := strconv.Atoi(x[i])
		n, _ := strconv.Atoi(y[i])
		if m != n {
			return m > n
		}
	}
	return false
}

// patched is a version with three numbers, as modules have it.
func patched(version string) string {
	if strings.Count(version, ".") == 1 {
		return version + ".0"
	}
	return version
}

// hasSass reports stylesheets that only the extended edition compiles.
func hasSass(dir fs.FS) bool {
	found, seen := false, 0
	_ = fs.WalkDir(dir, ".", func(p string, e fs.DirEntry, err error) error {
		if seen++; err != nil || seen > 5000 {
			return fs.SkipAll
		}
		if e.IsDir() && (e.Name() == ".git" || e.Name() == "node_modules") {
			return fs.SkipDir
		}
		if found = found || strings.Contains(p, "assets/") && (path.Ext(p) == ".scss" || path.Ext(p) == ".sass"); found {
			return fs.SkipAll
		}
		return nil
	})
	return found
}

// checkHugo reports themes that are not in the repository.
func checkHugo(s *ecosystem.Service, g generator, data []byte) {
	if h := hugoVersion(s.Dir, g.file, data); g.program != "" {
		s.Fact("generator", "Hugo "+g.version, "compiled from its Go module", h.File, h.Line)
	}
	if g.npm == "npm install --no-package-lock" {
		s.Unwise(codeUnpinned, "package.json", 0, "npm install --package-lock-only", "no package-lock.json pins the packages of the build")
	}
	if slices.Contains(g.debian, "golang-go") {
		return // modules bring the themes
	}
	for _, theme := range themesOf(data) {
		at := path.Join("themes", theme)
		if entries, _ := fs.ReadDir(s.Dir, at); len(entries) > 0 || ecosystem.IsDir(s.Dir, "_vendor") || strings.Contains(theme, ".") && strings.Contains(theme, "/") {
			continue
		}
		hint := "add the theme to " + at
		if modules, err := ecosystem.Read(s.Dir, ".gitmodules"); err == nil && strings.Contains(string(modules), at) {
			hint = "git submodule update --init " + at
		}
		h := ecosystem.Find(hugoTheme(), g.file, data)
		s.Report(diag.Error, codeGenerator, g.file, h.Line, hint, "the theme %s is missing: %s is empty or does not exist", theme, at)
	}
}

// What the configuration of mdBook says.
var (
	bookTable     = pattern.Lazy(`(?m)^\s*\[(?:book|output\.html[\w.-]*|build)\]`)
	bookOptional  = pattern.Lazy(`(?m)^\s*optional\s*=\s*true`)
	bookProcessor = pattern.Lazy(`(?m)^\s*\[(?:preprocessor\.([\w-]+)|output\.([\w-]+))`)
)

// mdBook finds a book (https://rust-lang.github.io/mdBook/format/configuration/).
func mdBook(dir fs.FS) generator {
	data, err := ecosystem.Read(dir, "book.toml")
	if err != nil || !bookTable().Match(data) && !ecosystem.Exists(dir, "src/SUMMARY.md") {
		return generator{}
	}
	return generator{name: "mdBook", file: "book.toml", debian: []string{"mdbook"}, version: mdBookDebian, command: "mdbook build --dest-dir " + pagesDir}
}

// tableAt is the rest of a table of TOML.
func tableAt(data []byte, at int) []byte {
	if end := bytes.Index(data[at:], []byte("\n[")); end >= 0 {
		return data[at : at+end]
	}
	return data[at:]
}

// checkMDBook reports programs that the book calls, but for those that mdBook goes on
// without.
func checkMDBook(s *ecosystem.Service, data []byte) {
	for _, m := range bookProcessor().FindAllSubmatchIndex(data, -1) {
		for i, builtIn := range [][]string{{"links", "index"}, {"html", "markdown"}} {
			if m[2*i+2] < 0 {
				continue
			}
			if name := string(data[m[2*i+2]:m[2*i+3]]); !slices.Contains(builtIn, name) && !bookOptional().Match(tableAt(data, m[1])) {
				s.Report(diag.Error, codeGenerator, "book.toml", ecosystem.LineAt(data, int64(m[2*i+2])), "delete the table, or build the book in a Dockerfile",
					"the book requires the program mdbook-%s, which Debian does not have", name)
			}
		}
	}
}
