package node

import (
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
)

// localTargets are the paths that a manifest depends on, by the names of the
// dependencies: "file:./libs/shared", "link:…" and "portal:…".
func (m *manifest) localTargets() map[string]string {
	out := map[string]string{}
	for _, deps := range []map[string]string{m.Dependencies, m.OptionalDeps, m.DevDeps} {
		for name, version := range deps {
			for _, scheme := range []string{"file:", "link:", "portal:"} {
				if at, ok := strings.CutPrefix(version, scheme); ok && at != "" {
					out[name] = path.Clean(at)
				}
			}
			if strings.HasPrefix(version, "./") || strings.HasPrefix(version, "../") {
				out[name] = path.Clean(version) // npm takes them for file:
			}
		}
	}
	return out
}

// localPackages finds the directories and archives that packages are installed
// from: the install needs them beside the manifests. Those above the service's
// directory, but inside the repository, widen the build context.
func (s *service) localPackages() {
	seen := map[string]bool{}
	var follow func(m *manifest, at string)
	follow = func(m *manifest, at string) {
		targets := m.localTargets()
		for _, name := range slices.Sorted(maps.Keys(targets)) {
			target := path.Join(at, targets[name])
			file := s.topFile(path.Join(at, "package.json"))
			line := max(m.line("dependencies", name), m.line("devDependencies", name), m.line("optionalDependencies", name))
			dir, in := s.beside(target)
			switch {
			case seen[target], s.isMemberDir(target):
			case dir == nil || target == ".":
				s.Report(diag.Error, codeLocal, file, line, "make it and the service members of one workspace, or pack it: npm pack, and depend on the .tgz",
					"the dependency %s is %s, which is above %s", name, targets[name], ecosystem.Or(s.At("."), "the service"))
			case !ecosystem.Exists(dir, in):
				s.Report(diag.Error, codeLocal, file, line, "fix its path", "the dependency %s is %s, which does not exist", name, targets[name])
			case ecosystem.IsDir(dir, in):
				seen[target] = true
				lib, err := manifestOf(dir, in)
				s.takeLocal(local{dir: target, pkg: lib, copied: strings.HasPrefix(targetOf(m, name), "file:") && s.manager.name != "npm"})
				s.Fact("local package", target, "dependency "+name, file, line)
				if err == nil {
					follow(lib, target)
				}
			default: // an archive, which the install finds at its own place
				seen[target] = true
				if parent := path.Dir(target); parent == "." {
					s.manager.files = append(s.manager.files, target)
				} else {
					s.takeLocal(local{dir: parent})
				}
			}
		}
	}
	follow(s.pkg, s.member)
	if s.member != "" {
		follow(s.root, ".")
	}
	for _, dir := range s.below { // a program of the root has all members beside it
		s.takeLocal(local{dir: dir})
	}
	slices.Sort(s.local)
	s.widen()
}

// targetOf is what a manifest asks for by a name.
func targetOf(m *manifest, name string) string {
	return union(union(m.DevDeps, m.OptionalDeps), m.Dependencies)[name]
}

// beside is the directory that a path relative to the lock file's is read in, and
// the path there; nil for one above the repository.
func (s *service) beside(target string) (fs.FS, string) {
	if fs.ValidPath(target) {
		return s.top, target
	}
	full := path.Join(s.at, target)
	if s.repo == nil || !fs.ValidPath(full) || full == "." || !plainPath().MatchString(full) {
		return nil, ""
	}
	return s.repo, full
}

// takeLocal notes a directory that packages are installed from.
func (s *service) takeLocal(l local) {
	switch {
	case strings.HasPrefix(l.dir, "../"):
		if !slices.ContainsFunc(s.outside, func(o local) bool { return o.dir == l.dir }) {
			s.outside = append(s.outside, l)
		}
	case !slices.Contains(s.local, l.dir):
		s.local = append(s.local, l.dir)
	}
}

// isMemberDir reports a directory that is a member of the workspace.
func (s *service) isMemberDir(dir string) bool {
	return dir == s.member || slices.Contains(s.all, dir)
}

// maxManifests is the most directories in which packages that others depend on
// are looked for.
const maxManifests = 5000

// localLibraries are the directories of the repository that a package depends on
// by path.
func (e Ecosystem) localLibraries() map[string]bool {
	if e.memo.local != nil {
		return e.memo.local
	}
	e.memo.local = map[string]bool{}
	dirs := 0
	_ = fs.WalkDir(e.root, ".", func(at string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return nil //nolint:nilerr // what cannot be read depends on nothing
		}
		if at != "." && (d.Name() == "node_modules" || strings.HasPrefix(d.Name(), ".") || strings.Count(at, "/") >= maxMemberDepth) {
			return fs.SkipDir
		}
		if dirs++; dirs > maxManifests {
			return fs.SkipAll
		}
		if !ecosystem.Exists(e.root, path.Join(at, "package.json")) {
			return nil
		}
		if m := e.manifestAt(at); m != nil {
			for _, target := range m.localTargets() {
				e.memo.local[path.Join(at, target)] = true
			}
		}
		return nil
	})
	return e.memo.local
}
