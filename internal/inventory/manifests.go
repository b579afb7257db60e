package inventory

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"path"
	"regexp"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/slipway-build/slipway/internal/pattern"
)

// manifest is a kind of file that names dependencies. read returns those whose version it
// states, and whether it names any; what cannot be read may name some.
type manifest struct {
	locks []string // that pin them: beside it or above
	read  func(tree fs.FS, p string, data []byte) ([]Package, bool)
}

// manifestOf is the kind of a file; one without read names no dependencies.
func manifestOf(base string) manifest {
	names := func(pattern func() *regexp.Regexp) func(fs.FS, string, []byte) ([]Package, bool) {
		return func(_ fs.FS, _ string, data []byte) ([]Package, bool) { return nil, pattern().Match(data) }
	}
	switch base {
	case "package.json":
		return manifest{[]string{"package-lock.json", "npm-shrinkwrap.json", "pnpm-lock.yaml", "yarn.lock", "bun.lock"}, npmManifest}
	case "pom.xml":
		return manifest{nil, pom}
	case "build.gradle", "build.gradle.kts":
		return manifest{[]string{"gradle.lockfile", "gradle/verification-metadata.xml"}, gradle}
	case "pyproject.toml", "Pipfile":
		return manifest{append(pythonLocks(), "requirements.txt"), pythonProject}
	case "setup.py", "setup.cfg":
		return manifest{append(pythonLocks(), "requirements.txt"), names(setupRequires)}
	case "Cargo.toml":
		return manifest{[]string{"Cargo.lock"}, cargoManifest}
	case "composer.json": // the languages whose lock files nobody reads here
		return manifest{nil, names(composerRequires)}
	case "Gemfile":
		return manifest{nil, names(gemfileNames)}
	case "mix.exs", "pubspec.yaml", "Package.swift":
		return manifest{nil, names(otherNames)}
	case "deno.json", "deno.jsonc":
		return manifest{nil, names(denoImports)}
	}
	if ext := path.Ext(base); ext == ".csproj" || ext == ".fsproj" || ext == ".vbproj" {
		return manifest{nil, names(packageReference)}
	}
	return manifest{}
}

func pythonLocks() []string {
	return []string{"uv.lock", "poetry.lock", "pdm.lock", "pylock.toml", "Pipfile.lock"}
}

var (
	setupRequires    = pattern.Lazy(`install_requires\s*=\s*\[?\s*[^\s\]]`)
	composerRequires = pattern.Lazy(`"require(?:-dev)?"\s*:\s*\{[^}]*"[^"/}]+/[^"]+"\s*:`)
	gemfileNames     = pattern.Lazy(`(?m)^\s*gem\b`)
	otherNames       = pattern.Lazy(`(?m)^\s*(?:dependencies:|defp? deps|\.package\()`)
	denoImports      = pattern.Lazy(`"(?:npm|jsr):`)
	packageReference = pattern.Lazy(`<PackageReference\s`)
	exactNPM         = pattern.Lazy(`^=?v?(\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?)(?:\+.*)?$`)
	gradleNames      = pattern.Lazy(`(?m)^\s*\w*(?:[iI]mplementation|[aA]pi|[cC]ompileOnly|[rR]untimeOnly|compile|[aA]nnotationProcessor|kapt|ksp)\b[ \t(]+(?:platform|enforcedPlatform|kotlin|libs|group|["'])`)
	gradleExact      = pattern.Lazy(`["']([A-Za-z0-9_.-]+):([A-Za-z0-9_.-]+):(\d[A-Za-z0-9_.-]*)(?:@\w+)?["']`)
)

// manifest lists what a manifest pins by itself, and notes one that no lock file pins.
func (c *collector) manifest(tree fs.FS, p string) error {
	kind := manifestOf(path.Base(p))
	if kind.read == nil || pinnedBy(tree, p, kind.locks) {
		return nil
	}
	data, err := readLock(tree, p)
	if err != nil {
		return err
	}
	list, names := kind.read(tree, p, data)
	c.found(p, list)
	if names {
		c.unpinned = append(c.unpinned, p)
	}
	return nil
}

// pinnedBy reports a lock file beside a manifest, or in a directory above it that is the
// root of a workspace.
func pinnedBy(tree fs.FS, p string, locks []string) bool {
	for dir := path.Dir(p); ; dir = path.Dir(dir) {
		for _, name := range locks {
			if _, err := fs.Stat(tree, path.Join(dir, name)); err == nil && (dir == path.Dir(p) || isWorkspace(tree, dir)) {
				return true
			}
		}
		if dir == "." {
			return false
		}
	}
}

// isWorkspace tells whether the lock file of a directory pins what those below need.
func isWorkspace(tree fs.FS, dir string) bool {
	for _, name := range []string{"pnpm-workspace.yaml", "settings.gradle", "settings.gradle.kts"} {
		if _, err := fs.Stat(tree, path.Join(dir, name)); err == nil {
			return true
		}
	}
	for _, name := range []string{"package.json", "Cargo.toml", "pyproject.toml"} {
		if data, err := readLock(tree, path.Join(dir, name)); err == nil && bytes.Contains(data, []byte("workspace")) {
			return true
		}
	}
	return false
}

// npmManifest reads a package.json. What lies in the repository is no package.
func npmManifest(_ fs.FS, _ string, data []byte) (out []Package, names bool) {
	var m struct {
		Normal   map[string]string `json:"dependencies"`
		Develop  map[string]string `json:"devDependencies"`
		Optional map[string]string `json:"optionalDependencies"`
	}
	if json.Unmarshal(data, &m) != nil {
		return nil, true
	}
	for _, group := range []map[string]string{m.Normal, m.Develop, m.Optional} {
		for name, version := range group {
			kind, _, _ := strings.Cut(version, ":")
			if kind == "workspace" || kind == "file" || kind == "link" || kind == "portal" {
				continue
			}
			names = true
			if exact := exactNPM().FindStringSubmatch(strings.TrimSpace(version)); exact != nil {
				out = append(out, Package{Type: NPM, Name: name, Version: exact[1]})
			}
		}
	}
	return out, names
}

// pythonProject reads a pyproject.toml or a Pipfile.
func pythonProject(_ fs.FS, _ string, data []byte) (out []Package, names bool) {
	type group struct {
		Dependencies map[string]any `toml:"dependencies"`
	}
	var m struct {
		Project struct {
			Dependencies []string            `toml:"dependencies"`
			Optional     map[string][]string `toml:"optional-dependencies"`
		} `toml:"project"`
		Groups map[string][]any `toml:"dependency-groups"`
		Tool   struct {
			Poetry struct {
				group
				Groups map[string]group `toml:"group"`
			} `toml:"poetry"`
		} `toml:"tool"`
		Packages map[string]any `toml:"packages"` // of a Pipfile
		Develop  map[string]any `toml:"dev-packages"`
	}
	if toml.Unmarshal(data, &m) != nil {
		return nil, true
	}
	lines := m.Project.Dependencies
	for _, more := range m.Project.Optional {
		lines = append(lines, more...)
	}
	for _, more := range m.Groups {
		for _, one := range more {
			if text, ok := one.(string); ok {
				lines = append(lines, text)
			}
		}
	}
	tables := []map[string]any{m.Tool.Poetry.Dependencies, m.Packages, m.Develop}
	for _, g := range m.Tool.Poetry.Groups {
		tables = append(tables, g.Dependencies)
	}
	for _, table := range tables {
		for name, version := range table {
			text, _ := version.(string)
			if name != "python" {
				lines = append(lines, name+text)
			}
		}
	}
	out, _ = requirements([]byte(strings.Join(lines, "\n"))) // never fails
	return out, len(lines) > 0
}

// cargoManifest reads a Cargo.toml.
func cargoManifest(_ fs.FS, _ string, data []byte) ([]Package, bool) {
	type groups struct {
		Normal  map[string]any `toml:"dependencies"`
		Develop map[string]any `toml:"dev-dependencies"`
		Build   map[string]any `toml:"build-dependencies"`
	}
	var m struct {
		groups
		Workspace groups            `toml:"workspace"`
		Target    map[string]groups `toml:"target"`
	}
	if toml.Unmarshal(data, &m) != nil {
		return nil, true
	}
	all := []groups{m.groups, m.Workspace}
	for _, g := range m.Target {
		all = append(all, g)
	}
	for _, g := range all {
		for _, list := range []map[string]any{g.Normal, g.Develop, g.Build} {
			for _, v := range list {
				if table, ok := v.(map[string]any); !ok || table["path"] == nil {
					return nil, true
				}
			}
		}
	}
	return nil, false
}

// gradle reads the coordinates of a build file of Gradle.
func gradle(_ fs.FS, _ string, data []byte) (out []Package, names bool) {
	for _, m := range gradleExact().FindAllStringSubmatch(string(data), -1) {
		out = append(out, Package{Type: Maven, Name: m[1] + ":" + m[2], Version: m[3]})
	}
	return out, len(out) > 0 || gradleNames().Match(data)
}
