package python

import (
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
)

// uvLock is the part of uv.lock that matters here.
type uvLock struct {
	Requires string      `toml:"requires-python"`
	Package  []uvPackage `toml:"package"`
}

// excludes reports a Python that the lock file is not for. It lists no wheels for it.
func (l uvLock) excludes(python string) bool {
	if l.Requires == "" {
		return false
	}
	_, err := choices(l.Requires, []string{python})
	return err != nil
}

type uvPackage struct {
	Name   string `toml:"name"`
	Source struct {
		Registry  string `toml:"registry"`
		Virtual   string `toml:"virtual"`
		Editable  string `toml:"editable"`
		Directory string `toml:"directory"`
	} `toml:"source"`
	Dependencies []uvNeed            `toml:"dependencies"`
	Optional     map[string][]uvNeed `toml:"optional-dependencies"` // by extra
	Metadata     struct {
		RequiresDist []struct {
			Name      string `toml:"name"`
			Specifier string `toml:"specifier"`
		} `toml:"requires-dist"`
	} `toml:"metadata"`
}

type uvNeed struct {
	Name  string   `toml:"name"`
	Extra []string `toml:"extra"`
}

// dir is where a package of the repository lies, relative to the lock file, ""
// for one of an index.
func (p uvPackage) dir() string {
	for _, d := range []string{p.Source.Editable, p.Source.Directory, p.Source.Virtual} {
		if d != "" {
			return path.Clean(d)
		}
	}
	return ""
}

// registries are the package indexes that the lock names.
func (l uvLock) registries() []string {
	var out []string
	for _, p := range l.Package {
		if r := p.Source.Registry; r != "" && !slices.Contains(out, r) {
			out = append(out, r)
		}
	}
	return out
}

// find returns a package by its name.
func (l uvLock) find(name string) (uvPackage, bool) {
	i := slices.IndexFunc(l.Package, func(p uvPackage) bool { return normalised(p.Name) == normalised(name) })
	if i < 0 {
		return uvPackage{}, false
	}
	return l.Package[i], true
}

// locals are the projects of the repository that a package needs, those they
// need first.
func (l uvLock) locals(of string) []local {
	var out []local
	seen := map[string]bool{}
	var visit func(name string)
	visit = func(name string) {
		p, ok := l.find(name)
		if !ok || seen[normalised(name)] {
			return
		}
		seen[normalised(name)] = true
		for _, d := range p.Dependencies {
			visit(d.Name)
		}
		if dir := p.dir(); dir != "" && normalised(name) != normalised(of) {
			out = append(out, local{name: normalised(name), dir: dir})
		}
	}
	visit(of)
	return out
}

// uv lets pip install what uv.lock pins, by digest, so that the machine's package
// index is asked instead of the addresses in the lock file. Without a lock file
// that fits, uv makes one in the build.
func (s *service) uv(data []byte) bool {
	lock := s.uvLock
	if name, asked, locked := uvDifference(s.project, lock, ecosystem.Or(s.memberOfLock(), ".")); name != "" && !s.stale {
		s.outOfDate("uv.lock", "uv lock", "pyproject.toml", s.project.line(name), fmt.Sprintf("%s is %s in pyproject.toml and %s in the lock file", name, asked, locked))
	}
	name := s.project.name()
	if _, ok := lock.find(name); s.memberOfLock() != "" && !ok && !s.stale {
		s.outOfDate("uv.lock", "uv lock", "pyproject.toml", s.project.line("name"), "the member "+name+" is missing")
	}
	workspace, all := s.memberOfLock() != "", lock.locals(name)
	if s.stale {
		all = s.manifestLocals()
	}
	if !s.localProjects(all) || s.stale && !s.sourcesGit() {
		return false
	}
	s.manager = manager{name: "uv", manifests: []string{"pyproject.toml", "uv.lock"}, tool: uvTool, cache: pipCache}
	if data == nil {
		s.manager.manifests = s.manager.manifests[:1]
	}
	what, project := "", "--no-emit-project"
	if workspace {
		s.manager.manifests = append(s.manager.manifests, path.Join(s.member, "pyproject.toml"))
		what = " --package " + name
		s.Fact("workspace", ecosystem.Or(s.at, "."), "uv workspace", s.fromTop("uv.lock"), 0)
	}
	if workspace || len(s.locals) > 0 {
		project = "--no-emit-workspace"
	}
	if s.own || slices.ContainsFunc(s.locals, func(l local) bool { return !workspace && !s.project.hasMember(l.dir) }) {
		project = "--no-emit-project --no-emit-local"
	}
	frozen := "--frozen "
	if s.stale {
		frozen, s.manager.first = `${PIP_INDEX_URL:+--default-index "$PIP_INDEX_URL"} `, true // uv does not know pip's settings
		s.manager.manifests = append(s.manager.manifests, s.memberManifests()...)
	}
	s.manager.install = []string{tools + "/bin/uv export --quiet " + frozen + "--no-dev " + project + what + " --output-file " + exported, pipInstall + exported}
	if len(lock.registries()) > 1 || s.git.Package != "" { // only uv knows which package comes from where, and takes git's beside digests
		s.manager.cache = "/root/.cache/uv"
		s.manager.install = []string{tools + "/bin/uv sync " + frozen + "--no-dev " + strings.ReplaceAll(project, "emit", "install") + what}
	}
	return true
}

// manifestLocals are the projects of the repository that the manifest's sources
// name, and those that these need, which come first. Without a lock file that fits
// nothing else lists them.
func (s *service) manifestLocals() []local {
	members := map[string]string{} // directories by name
	for _, f := range s.memberManifests() {
		if data, err := ecosystem.Read(s.top, f); err == nil {
			if p, _, err := parsePyproject(data); err == nil {
				members[normalised(p.name())] = path.Dir(f)
			}
		}
	}
	manifest := func(dir string) ([]byte, error) { // the context is widened for what is found
		if name := path.Join(path.Clean(s.Want.Path), dir, "pyproject.toml"); s.memberOfLock() == "" && s.repo != nil && fs.ValidPath(name) {
			return ecosystem.Read(s.repo, name)
		}
		return ecosystem.Read(s.contextDir(), path.Join(dir, "pyproject.toml"))
	}
	var out []local
	seen := map[string]bool{}
	var visit func(p *pyproject, base string)
	visit = func(p *pyproject, base string) {
		for _, name := range slices.Sorted(maps.Keys(p.Tool.UV.Sources)) {
			for _, source := range tables(p.Tool.UV.Sources[name]) {
				dir, _ := source["path"].(string)
				if dir != "" {
					dir = path.Join(base, dir)
				} else if source["workspace"] == true {
					dir = members[normalised(name)]
				}
				if dir == "" || seen[dir] {
					continue
				}
				seen[dir] = true
				if data, err := manifest(dir); err == nil {
					if of, _, err := parsePyproject(data); err == nil {
						visit(of, dir)
					}
				}
				out = append(out, local{name: normalised(name), dir: dir})
			}
		}
	}
	visit(s.project, ecosystem.Or(s.memberOfLock(), "."))
	return out
}

// sourcesGit has git in the toolchain for sources that it fetches.
func (s *service) sourcesGit() bool {
	for _, name := range slices.Sorted(maps.Keys(s.project.Tool.UV.Sources)) {
		for _, source := range tables(s.project.Tool.UV.Sources[name]) {
			if address, ok := source["git"].(string); ok && !s.needGit(name, address, "pyproject.toml", s.project.line(name)) {
				return false
			}
		}
	}
	return true
}

// tables are the tables that a value of TOML is, or holds.
func tables(value any) []map[string]any {
	switch v := value.(type) {
	case map[string]any:
		return []map[string]any{v}
	case []any:
		var out []map[string]any
		for _, x := range v {
			out = append(out, tables(x)...)
		}
		return out
	}
	return nil
}

// localProjects takes the projects of the repository that the service depends on.
// Those of a workspace are relative to it.
func (s *service) localProjects(all []local) bool {
	if s.memberOfLock() == "" {
		return s.takeLocals(s.placed(all))
	}
	line := func(l local) int { return s.project.line(l.name) }
	for _, l := range all {
		if !fs.ValidPath(l.dir) || !ecosystem.Exists(s.lockDir(), path.Join(l.dir, "pyproject.toml")) {
			s.Report(diag.Error, codeLocal, "pyproject.toml", line(l), "make a workspace of both: [tool.uv.workspace] in a pyproject.toml above them",
				"the dependency %s is at %s, outside the build context", l.name, l.dir)
			return false
		}
		s.Fact("local package", l.name, "project in "+l.dir, "pyproject.toml", line(l))
	}
	s.locals = all
	return true
}

// uvDifference names the first dependency that pyproject.toml and uv.lock
// disagree on, "" when they agree. The project lies in a directory relative to
// the lock file.
func uvDifference(p *pyproject, lock uvLock, dir string) (name, asked, locked string) {
	for _, pkg := range lock.Package {
		if normalised(pkg.Name) != normalised(p.Project.Name) || pkg.dir() != dir {
			continue
		}
		have := map[string]string{}
		for _, r := range pkg.Metadata.RequiresDist {
			have[normalised(r.Name)] = specSet(r.Specifier)
		}
		for _, text := range p.Project.Dependencies {
			d, ok := parseRequirement(text)
			if !ok {
				continue
			}
			spec, known := have[d.name]
			if !known {
				continue // reported as absent
			}
			if want := specSet(d.spec); !strings.HasPrefix(d.spec, "@") && spec != want && strings.Count(string(p.data), d.name) == 1 {
				return d.name, ecosystem.Or(d.spec, "any version"), ecosystem.Or(spec, "any version")
			}
		}
	}
	return "", "", ""
}
