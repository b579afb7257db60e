package python

import (
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
)

// workspace is uv's: several projects with one lock file. The zero value is that
// of a service outside of one.
type workspace struct {
	top    fs.FS  // the directory of the lock file
	at     string // top relative to the fleet's root
	member string // the service's directory relative to top
	locals []local

	ignores []string // of a .dockerignore of the member's own
}

// local is a project of the repository that the service depends on.
type local struct {
	name string
	dir  string // relative to the build context
}

// openWorkspace looks above the service for the workspace that it is a member
// of, unless the service has a lock file.
func (s *service) openWorkspace(root fs.FS, at string) {
	at = path.Clean(at)
	if root == nil || s.project == nil || at == "." || !fs.ValidPath(at) || ecosystem.Exists(s.Dir, "uv.lock") {
		return
	}
	for up := path.Dir(at); ; up = path.Dir(up) {
		rel := strings.TrimPrefix(at, up+"/")
		if isMember(root, up, rel) {
			if top, err := fs.Sub(root, up); err == nil {
				s.workspace = workspace{top: top, at: up, member: rel}
			}
			return
		}
		if up == "." {
			return
		}
	}
}

// isMember reports a directory that the workspace of another one names, and that
// has a lock file.
func isMember(root fs.FS, up, rel string) bool {
	data, err := ecosystem.Read(root, path.Join(up, "pyproject.toml"))
	if err != nil || !ecosystem.Exists(root, path.Join(up, "uv.lock")) {
		return false
	}
	p, _, err := parsePyproject(data)
	return err == nil && p.hasMember(rel)
}

// hasMember reports a directory that the project's workspace names.
func (p *pyproject) hasMember(rel string) bool {
	table, _ := p.Tool.UV.Workspace.(map[string]any)
	matches := func(key string) bool {
		globs, _ := table[key].([]any)
		return slices.ContainsFunc(globs, func(g any) bool {
			text, _ := g.(string)
			ok, _ := path.Match(path.Clean(text), rel)
			before, _, deep := strings.Cut(text, "**")
			return ok || deep && strings.HasPrefix(rel, strings.TrimSuffix(before, "/"))
		})
	}
	return matches("members") && !matches("exclude")
}

// lockDir is the directory of the lock file, and fromTop the path of a file in
// it as seen from the service.
func (s *service) lockDir() fs.FS {
	if s.member != "" {
		return s.top
	}
	return s.Dir
}

func (s *service) fromTop(name string) string {
	if s.member == "" {
		return name
	}
	return strings.Repeat("../", 1+strings.Count(s.member, "/")) + name
}

// inTop does what concerns the build context, which is the workspace's.
func (s *service) inTop(do func()) {
	if s.member == "" {
		do()
		return
	}
	dir, context := s.Dir, s.Context
	s.Dir, s.Context = s.top, path.Join(".", s.at)
	do()
	s.Dir, s.Context = dir, context
}

// inContext is a path of the service's directory as the build context has it.
func (s *service) inContext(name string) string { return path.Join(s.member, name) }

// uvLock is the part of uv.lock that matters here.
type uvLock struct {
	Package []uvPackage `toml:"package"`
}

type uvPackage struct {
	Name   string `toml:"name"`
	Source struct {
		Registry  string `toml:"registry"`
		Virtual   string `toml:"virtual"`
		Editable  string `toml:"editable"`
		Directory string `toml:"directory"`
	} `toml:"source"`
	Dependencies []struct {
		Name string `toml:"name"`
	} `toml:"dependencies"`
	Metadata struct {
		RequiresDist []struct {
			Name      string `toml:"name"`
			Specifier string `toml:"specifier"`
		} `toml:"requires-dist"`
	} `toml:"metadata"`
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
			out = append(out, local{normalised(name), dir})
		}
	}
	visit(of)
	return out
}

// uv lets pip install what uv.lock pins, by digest, so that the machine's package
// index is asked instead of the addresses in the lock file.
func (s *service) uv(data []byte) bool {
	var lock uvLock
	if err := toml.Unmarshal(data, &lock); err != nil {
		s.Report(diag.Error, codeManifest, s.fromTop("uv.lock"), errorLine(err), s.inDir("uv lock"), "uv.lock is not valid: %v", err)
		return false
	}
	if name, asked, locked := uvDifference(s.project, lock, ecosystem.Or(s.member, ".")); name != "" {
		s.Report(diag.Error, codeStale, "pyproject.toml", s.project.line(name), s.inDir("uv lock"),
			"uv.lock is out of date: %s is %s in pyproject.toml and %s in the lock file", name, asked, locked)
	}
	name := s.project.name()
	if _, ok := lock.find(name); s.member != "" && !ok {
		s.Report(diag.Error, codeStale, "pyproject.toml", s.project.line("name"), s.inDir("uv lock"), "uv.lock is out of date: the member %s is missing", name)
		return false
	}
	if !s.localProjects(lock.locals(name)) {
		return false
	}
	s.manager = manager{name: "uv", manifests: []string{"pyproject.toml", "uv.lock"}, tool: uvTool, cache: pipCache}
	what, project := "", "--no-emit-project"
	if s.member != "" {
		s.manager.manifests = append(s.manager.manifests, path.Join(s.member, "pyproject.toml"))
		what = " --package " + name
		s.Fact("workspace", ecosystem.Or(s.at, "."), "uv workspace", s.fromTop("uv.lock"), 0)
	}
	if s.member != "" || len(s.locals) > 0 {
		project = "--no-emit-workspace"
	}
	s.manager.install = []string{tools + "/bin/uv export --quiet --frozen --no-dev " + project + what + " --output-file " + exported, pipInstall + exported}
	if len(lock.registries()) > 1 { // only uv knows which package comes from where
		s.manager.cache = "/root/.cache/uv"
		s.manager.install = []string{tools + "/bin/uv sync --frozen --no-dev " + strings.ReplaceAll(project, "emit", "install") + what}
	}
	return true
}

// localProjects takes the projects of the repository that the service depends
// on: those in the build context.
func (s *service) localProjects(all []local) bool {
	for _, l := range all {
		if !fs.ValidPath(l.dir) || !ecosystem.Exists(s.lockDir(), path.Join(l.dir, "pyproject.toml")) {
			s.Report(diag.Error, codeLocal, "pyproject.toml", s.project.line(l.name), "make a workspace of both: [tool.uv.workspace] in a pyproject.toml above them",
				"the dependency %s is at %s, outside the build context", l.name, l.dir)
			return false
		}
		s.Fact("local package", l.name, "project in "+l.dir, "pyproject.toml", s.project.line(l.name))
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
