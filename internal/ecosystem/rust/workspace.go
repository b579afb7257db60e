package rust

import (
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
)

// maxCrates bounds what is read of one workspace; the largest public ones have
// some 500.
const maxCrates = 2000

// findCrates finds the package of a directory, the workspace that it belongs to,
// and all packages that cargo reads to build it.
func (s *service) findCrates(at string) bool {
	m := s.readManifest(at)
	if m == nil {
		return false
	}
	s.top, s.rootFile = at, m
	if m.Package != nil {
		s.Name(m.Package.Name)
	}
	if m.Workspace == nil && !s.findWorkspace(at, m) {
		return false
	}
	if key := m.inherits(); key != "" && s.rootFile.Workspace == nil {
		s.Report(diag.Error, codeManifest, path.Join(at, "Cargo.toml"), m.line(key), "build it in the repository that has the workspace, or write a value in place of workspace = true",
			"Cargo.toml inherits %s from a workspace, and no directory above it has one", key)
		return false
	}
	if s.rootFile.Workspace != nil && !s.addMembers() {
		return false
	}
	if m.Package == nil {
		return s.chooseMember(at)
	}
	if s.crate = s.addCrate(at); s.crate == nil {
		return false
	}
	return s.follow()
}

// readManifest reads the Cargo.toml of a directory. Findings tell why it is nil.
func (s *service) readManifest(dir string) *manifest {
	name := path.Join(dir, "Cargo.toml")
	data, err := ecosystem.Read(s.Dir, name)
	if err != nil {
		s.Report(diag.Error, codeManifest, name, 0, "", "Cargo.toml cannot be read: %v", err)
		return nil
	}
	m, line, err := parseManifest(data)
	if err != nil {
		s.Report(diag.Error, codeManifest, name, line, "", "Cargo.toml is not valid: %v", err)
		return nil
	}
	if m.Package == nil && m.Workspace == nil || m.Package != nil && m.Package.Name == "" {
		s.Report(diag.Error, codeManifest, name, 0, "start it with [package] and name = \"…\"", "Cargo.toml declares neither a package nor a workspace")
		return nil
	}
	if bad := m.badName(); bad != "" {
		s.Report(diag.Error, codeManifest, name, 0, "use letters, digits, - and _", "cargo does not allow the name %q", bad)
		return nil
	}
	return m
}

// findWorkspace looks for the workspace above a package, as cargo does: the first
// manifest with [workspace] that does not exclude it.
func (s *service) findWorkspace(at string, m *manifest) bool {
	if w := m.Package.Workspace; w != "" {
		dir := joined(at, w)
		if outside(dir) {
			s.outside(path.Join(at, "Cargo.toml"), m.line("workspace"), w)
			return false
		}
		s.rootFile = s.readManifest(dir)
		s.top = dir
		return s.rootFile != nil
	}
	for dir := at; dir != "."; {
		dir = path.Dir(dir)
		if !ecosystem.Exists(s.Dir, path.Join(dir, "Cargo.toml")) {
			continue
		}
		up := s.readManifest(dir)
		if up == nil {
			return false
		}
		if up.Workspace == nil {
			continue
		}
		if slices.ContainsFunc(up.Workspace.Exclude, func(x string) bool { return below(path.Join(dir, x), at) }) {
			return true
		}
		s.top, s.rootFile = dir, up
		return true
	}
	return true
}

// addMembers adds the packages that the workspace names.
func (s *service) addMembers() bool {
	w, file := s.rootFile.Workspace, path.Join(s.top, "Cargo.toml")
	if s.rootFile.Package != nil && s.addCrate(s.top) == nil {
		return false
	}
	for _, pattern := range w.Members {
		if outside(joined(s.top, pattern)) {
			s.outside(file, s.rootFile.line("members"), pattern)
			return false
		}
		dirs := []string{path.Join(s.top, pattern)}
		if strings.ContainsAny(pattern, "*?[") {
			dirs, _ = fs.Glob(s.Dir, path.Join(s.top, pattern)) // sorted; a bad pattern matches nothing
		} else if !ecosystem.Exists(s.Dir, path.Join(dirs[0], "Cargo.toml")) {
			s.Report(diag.Error, codeManifest, file, s.rootFile.line("members"), "fix the line", "no Cargo.toml in the member %s", pattern)
			return false
		}
		for _, dir := range dirs {
			if slices.ContainsFunc(w.Exclude, func(x string) bool { return below(path.Join(s.top, x), dir) }) || !ecosystem.Exists(s.Dir, path.Join(dir, "Cargo.toml")) {
				continue
			}
			if s.addCrate(dir) == nil {
				return false
			}
		}
	}
	return true
}

// addCrate adds the package of a directory, once.
func (s *service) addCrate(dir string) *crate {
	for _, c := range s.crates {
		if c.dir == dir {
			return c
		}
	}
	m := s.readManifest(dir)
	if m == nil {
		return nil
	}
	if m.Package == nil || len(s.crates) >= maxCrates {
		s.Report(diag.Error, codeManifest, path.Join(dir, "Cargo.toml"), 0, "name the package of a service: path: <its directory>", "no package in %s, or more than %d", dir, maxCrates)
		return nil
	}
	c := &crate{dir: dir, name: m.Package.Name, file: m}
	c.completeTargets(s.Dir)
	s.crates = append(s.crates, c)
	return c
}

// follow adds what the packages depend on by path, and marks what the program is
// made of.
func (s *service) follow() bool {
	s.crate.needed = true
	queue := slices.Clone(s.crates)
	for i := 0; i < len(queue); i++ { // grows
		for _, u := range s.usesOf(queue[i]) {
			if outside(u.dir) {
				s.outside(queue[i].manifestFile(), queue[i].file.line(u.key), u.dir)
				return false
			}
			if !ecosystem.Exists(s.Dir, path.Join(u.dir, "Cargo.toml")) {
				s.Report(diag.Error, codeManifest, queue[i].manifestFile(), queue[i].file.line(u.key), "fix the path", "no Cargo.toml in %s", u.dir)
				return false
			}
			before := len(s.crates)
			if s.addCrate(u.dir) == nil {
				return false
			}
			queue = append(queue, s.crates[before:]...)
		}
	}
	for changed := true; changed; {
		changed = false
		for _, c := range s.crates {
			for _, u := range s.usesOf(c) {
				if next := s.addCrate(u.dir); c.needed && !u.dev && next != nil && !next.needed {
					next.needed, changed = true, true
				}
			}
		}
	}
	return true
}

// usesOf returns the dependencies of a crate in the repository. What [patch]
// replaces by a directory counts as the service's own.
func (s *service) usesOf(c *crate) []use {
	out := c.uses(s.rootDirOf(c), s.rootOf(c))
	if !s.isMember(c) { // cargo builds no tests of packages outside of the workspace
		out = slices.DeleteFunc(out, func(u use) bool { return u.dev })
	}
	if c != s.crate {
		return out
	}
	for _, source := range s.rootFile.Patch {
		for key, v := range source {
			if d, _ := v.(map[string]any); d != nil {
				if at, ok := d["path"].(string); ok {
					out = append(out, use{dir: joined(s.top, at), key: key})
				}
			}
		}
	}
	slices.SortFunc(out, func(a, b use) int { return strings.Compare(a.dir+a.key, b.dir+b.key) })
	return out
}

// rootDirOf is the directory of the workspace that a crate belongs to, which need
// not be the program's: a crate that is used by its path inherits from its own.
func (s *service) rootDirOf(c *crate) string {
	if s.isMember(c) {
		return s.top
	}
	for dir := c.dir; ; dir = path.Dir(dir) {
		if m := s.otherRoot(dir); m != nil {
			return dir
		}
		if dir == "." {
			return s.top
		}
	}
}

// rootOf is the manifest of that directory.
func (s *service) rootOf(c *crate) *manifest {
	if dir := s.rootDirOf(c); dir != s.top {
		return s.roots[dir]
	}
	return s.rootFile
}

// otherRoot returns the manifest of another workspace's root, nil for other
// directories.
func (s *service) otherRoot(dir string) *manifest {
	if m, known := s.roots[dir]; known {
		return m
	}
	if s.roots == nil {
		s.roots = map[string]*manifest{}
	}
	m := manifestOf(s.Dir, dir)
	if m == nil || m.Workspace == nil || dir == s.top {
		m = nil
	}
	s.roots[dir] = m
	return m
}

// chooseMember takes the only member of a virtual workspace that has a program.
func (s *service) chooseMember(at string) bool {
	var list, lines []string
	for _, c := range s.crates {
		if len(c.bins) > 0 && !idleDir(c.dir) {
			s.crate = c
			list, lines = append(list, s.At(c.dir)), append(lines, c.name+": {path: "+s.At(c.dir)+"}")
		}
	}
	if len(list) == 1 {
		return s.follow()
	}
	serving := slices.DeleteFunc(slices.Clone(s.crates), func(c *crate) bool { return idleDir(c.dir) || len(s.serving(c)) == 0 })
	if len(serving) == 1 {
		s.crate = serving[0]
		return s.follow()
	}
	s.crate = nil
	if len(list) == 0 {
		s.noProgram(at)
		return false
	}
	s.ReportWanted(codeWhich, path.Join(at, "Cargo.toml"), "write one of these lines below services: in slipway.yaml, or several: "+strings.Join(lines, "  or  "),
		"the workspace has %d packages with programs, and no setting selects one: %s", len(list), strings.Join(list, ", "))
	return false
}

func outside(dir string) bool { return dir == ".." || strings.HasPrefix(dir, "../") }

func (s *service) outside(file string, line int, dir string) {
	s.Report(diag.Error, codeOutside, file, line, "move it into the repository, or depend on a published version", "%s is outside the repository", dir)
}

// below tells whether a path is a directory or lies in it.
func below(dir, p string) bool { return p == dir || dir == "." || strings.HasPrefix(p, dir+"/") }

// narrow makes the smallest directory that holds all packages the build context.
func (s *service) narrow() bool {
	at := s.top
	for _, c := range s.crates {
		for !below(at, c.dir) || !below(at, s.rootDirOf(c)) {
			at = path.Dir(at)
		}
	}
	if at == "." {
		return true
	}
	dir, err := fs.Sub(s.Dir, at)
	if err != nil {
		s.Report(diag.Error, codeManifest, at, 0, "", "%s cannot be read: %v", at, err)
		return false
	}
	s.Dir, s.Context = dir, path.Join(s.Context, at)
	if s.request.file != "" && !below(at, s.request.file) {
		s.request.file = strings.Repeat("../", strings.Count(at, "/")+1) + s.request.file
	} else {
		s.request.file = relative(at, s.request.file)
	}
	for _, c := range s.crates {
		c.dir = relative(at, c.dir)
	}
	roots := map[string]*manifest{}
	for dir, m := range s.roots {
		if m != nil {
			roots[relative(at, dir)] = m
		}
	}
	s.top, s.roots = relative(at, s.top), roots
	return true
}

// relative is a path below dir, relative to it.
func relative(dir, p string) string {
	if dir == "." {
		return p
	}
	if p == dir {
		return "."
	}
	return strings.TrimPrefix(p, dir+"/")
}
