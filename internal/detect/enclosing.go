package detect

import (
	"bytes"
	"encoding/xml"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/ecosystem/node"
	"github.com/slipway-build/slipway/internal/pattern"
)

// Enclosing returns the outermost directory above one whose workspace it belongs
// to, relative to the tree, "" when it belongs to none: the root of an npm, pnpm,
// Yarn, Bun, uv, Cargo, Go, Maven or Gradle workspace. A service in a member is
// planned from there, with the workspace's lock file.
func Enclosing(tree fs.FS, at string) string {
	t := ecosystem.Guard(tree)
	found, member := "", path.Clean(at)
	for up := member; up != "."; {
		up = path.Dir(up)
		if holds(t, up, member) {
			found, member = up, up
		}
	}
	return together(t, found, path.Clean(at))
}

var (
	goReplaced = pattern.Lazy(`(?m)=>[ \t]+(\.\.?/[^ \t\r\n]*)`)
	localNode  = pattern.Lazy(`"(?:file:|link:|portal:)?(\.\./[^"\n]*)"`)
	cargoPath  = pattern.Lazy(`(?m)\bpath[ \t]*=[ \t]*"(\.\.[^"\n]*)"`)
)

// together widens the directory of a workspace to what the manifests of a member and
// of the workspace take from beside it: replaced modules of Go, packages of Cargo and
// npm that are used by their path. Only what lies in the tree counts.
func together(tree fs.FS, found, at string) string {
	top := ecosystem.Or(found, at)
	for _, dir := range []string{at, top} {
		for name, sign := range map[string]func() *regexp.Regexp{"go.mod": goReplaced, "Cargo.toml": cargoPath, "package.json": localNode} {
			data, err := ecosystem.Read(tree, path.Join(dir, name))
			if err != nil {
				continue
			}
			for _, m := range sign().FindAllSubmatch(data, -1) {
				used := path.Join(dir, string(m[1]))
				if used == ".." || strings.HasPrefix(used, "../") || !ecosystem.Exists(tree, path.Join(used, name)) {
					continue
				}
				if common := ecosystem.CommonDir(top, used); common != top {
					found, top = common, common
				}
			}
		}
	}
	return found
}

// holds reports whether a directory's manifests name one below it as a member.
func holds(tree fs.FS, up, at string) bool {
	rel := at
	if up != "." {
		rel = strings.TrimPrefix(at, up+"/")
	}
	for name, list := range map[string]func(data []byte) []string{
		"pyproject.toml": uvMembers, "Cargo.toml": cargoMembers,
		"go.work": goMembers, "pom.xml": mavenMembers, "settings.gradle": gradleMembers, "settings.gradle.kts": gradleMembers,
	} {
		file := path.Join(up, name)
		if !ecosystem.Exists(tree, file) {
			continue
		}
		if data, err := ecosystem.Read(tree, file); err == nil && ecosystem.MembersOf(list(data)).Has(rel) {
			return true
		}
	}
	if top, err := fs.Sub(tree, up); err == nil && node.MembersOf(top).Has(rel) {
		return true
	}
	return mainPackage(tree, up, at)
}

var (
	tomlSection = pattern.Lazy(`(?m)^\s*\[+([^\]\n]+)\]+\s*(?:#.*)?$`)
	tomlMembers = pattern.Lazy(`(?s)(?:^|\n)\s*members\s*=\s*\[(.*?)\]`)
	quotedWord  = pattern.Lazy(`["']([^"'\n]+)["']`)
	goUse       = pattern.Lazy(`(?m)^\s*(?:use\s+)?\.?/?([\w./-]+)\s*(?://.*)?$`)
	gradleNames = pattern.Lazy(`(?m)^\s*include\b\s*(\([^)]*\)|[^\n,]*(?:,\s*[^\n,]*)*)`)
	packageMain = pattern.Lazy(`(?m)^package main\b`)
)

// tomlList is the list members of a section.
func tomlList(data []byte, section string) []string {
	var out []string
	starts := tomlSection().FindAllSubmatchIndex(data, -1)
	for i, m := range starts {
		if strings.TrimSpace(string(data[m[2]:m[3]])) != section {
			continue
		}
		end := len(data)
		if i+1 < len(starts) {
			end = starts[i+1][0]
		}
		if list := tomlMembers().FindSubmatch(data[m[1]:end]); list != nil {
			for _, q := range quotedWord().FindAllSubmatch(list[1], -1) {
				out = append(out, string(q[1]))
			}
		}
	}
	return out
}

func uvMembers(data []byte) []string    { return tomlList(data, "tool.uv.workspace") }
func cargoMembers(data []byte) []string { return tomlList(data, "workspace") }

// goMembers are the modules that go.work uses, each with what lies below it.
func goMembers(data []byte) []string {
	var out []string
	if _, rest, ok := bytes.Cut(data, []byte("use")); ok {
		for _, m := range goUse().FindAllSubmatch(append([]byte("use"), rest...), -1) {
			dir := strings.TrimPrefix(path.Clean(string(m[1])), "./")
			out = append(out, dir, path.Join(dir, "**"))
		}
	}
	return out
}

func mavenMembers(data []byte) []string {
	var pom struct {
		Modules []string `xml:"modules>module"`
	}
	_ = xml.Unmarshal(data, &pom) // a broken one names none
	return pom.Modules
}

func gradleMembers(data []byte) []string {
	var out []string
	for _, line := range gradleNames().FindAllSubmatch(data, -1) {
		for _, q := range quotedWord().FindAllSubmatch(line[1], -1) {
			out = append(out, strings.Trim(strings.ReplaceAll(string(q[1]), ":", "/"), "/"))
		}
	}
	return out
}

// mainPackage tells whether a directory is a program of the Go module above it.
func mainPackage(tree fs.FS, up, at string) bool {
	if !ecosystem.Exists(tree, path.Join(up, "go.mod")) || ecosystem.Exists(tree, path.Join(at, "go.mod")) {
		return false
	}
	entries, _ := fs.ReadDir(tree, at)
	return slices.ContainsFunc(entries, func(e fs.DirEntry) bool {
		if path.Ext(e.Name()) != ".go" || strings.HasSuffix(e.Name(), "_test.go") {
			return false
		}
		data, err := ecosystem.Read(tree, path.Join(at, e.Name()))
		return err == nil && packageMain().Match(data)
	})
}
