package java

import (
	"io/fs"
	"path"
	"regexp"
	"strings"

	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/pattern"
)

// Names in Gradle's build files that stand for something written elsewhere.
var (
	catalogAlias   = pattern.Lazy(`\balias\s*\(?\s*libs\.plugins\.([\w.]+)(?:[ \t]*\))?`)
	catalogSection = pattern.Lazy(`^\s*\[([\w.-]+)\]`)
	catalogPlugin  = pattern.Lazy(`^\s*["']?([\w.-]+)["']?\s*=\s*(.+)$`)
	catalogID      = pattern.Lazy(`\bid\s*=\s*["']([^"']+)["']`)
	catalogVersion = pattern.Lazy(`\bversion\s*=\s*["']([^"']+)["']`)
	catalogRef     = pattern.Lazy(`\bversion(?:\.ref\s*=|\s*=\s*\{\s*ref\s*=)\s*["']([^"']+)["']`)
	gradleVariable = pattern.Lazy(`\$\{?([A-Za-z_]\w*)\}?`)
	gradleAssigned = `\b%s["']?\]?\s*(?:by\s+extra\s*\(|=)\s*["']?([\w.-]+)["']?`
)

// gradleExpanded is a build file with what a version catalogue and properties
// say of its plugins put in. Lines stay where they are.
func gradleExpanded(tree fs.FS, at string, data []byte) []byte {
	const catalogue = "gradle/libs.versions.toml"
	if catalogAlias().Match(data) {
		if file := first(tree, at, catalogue); file != "" {
			data = aliased(tree, file, data)
		} else if file := first(tree, ".", catalogue); file != "" {
			data = aliased(tree, file, data)
		}
	}
	known := map[string]string{}
	return gradleVariable().ReplaceAllFunc(data, func(ref []byte) []byte {
		name := string(gradleVariable().FindSubmatch(ref)[1])
		v, asked := known[name]
		if !asked && len(known) < maxVariables {
			v = gradleProperty(tree, at, data, name)
			known[name] = v
		}
		if v != "" {
			return []byte(v)
		}
		return ref
	})
}

// maxVariables of a build file are looked up: each costs a search of it.
const maxVariables = 50

// gradleProperty looks for the value of a variable: in the build file, and in
// gradle.properties of the project and the root.
func gradleProperty(tree fs.FS, at string, data []byte, name string) string {
	re, err := regexp.Compile(strings.Replace(gradleAssigned, "%s", regexp.QuoteMeta(name), 1))
	if err != nil {
		return ""
	}
	if m := re.FindSubmatch(data); m != nil {
		return string(m[1])
	}
	for _, dir := range []string{at, "."} {
		props, err := ecosystem.Read(tree, path.Join(dir, "gradle.properties"))
		if h, ok := readProperties(props)[name]; err == nil && ok {
			return strings.TrimSpace(h.Text)
		}
	}
	return ""
}

// aliased replaces the aliases of a version catalogue by what they stand for
// (https://docs.gradle.org/current/userguide/version_catalogs.html).
func aliased(tree fs.FS, file string, data []byte) []byte {
	text, err := ecosystem.Read(tree, file)
	if err != nil {
		return data
	}
	versions, plugins, section := map[string]string{}, map[string]string{}, ""
	for line := range strings.Lines(string(text)) {
		if m := catalogSection().FindStringSubmatch(line); m != nil {
			section = m[1]
			continue
		}
		m := catalogPlugin().FindStringSubmatch(strings.TrimSpace(line))
		switch {
		case m == nil:
		case section == "versions":
			versions[m[1]] = strings.Trim(strings.TrimSpace(m[2]), `"'`)
		case section == "plugins":
			plugins[strings.NewReplacer("-", ".", "_", ".").Replace(m[1])] = m[2]
		}
	}
	return catalogAlias().ReplaceAllFunc(data, func(alias []byte) []byte {
		said := plugins[string(catalogAlias().FindSubmatch(alias)[1])]
		id, version := said, ""
		if m := catalogID().FindStringSubmatch(said); m != nil {
			id = m[1]
			if m := catalogRef().FindStringSubmatch(said); m != nil {
				version = versions[m[1]]
			} else if m := catalogVersion().FindStringSubmatch(said); m != nil {
				version = m[1]
			}
		} else {
			id, version, _ = strings.Cut(strings.Trim(said, `"' `), ":") // "id:version"
		}
		if id == "" {
			return alias
		}
		out := `id("` + id + `")`
		if version != "" {
			out += ` version "` + version + `"`
		}
		return []byte(out)
	})
}
