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
// from: the install needs them beside the manifests.
func (s *service) localPackages() {
	seen := map[string]bool{}
	var follow func(m *manifest, at string)
	follow = func(m *manifest, at string) {
		targets := m.localTargets()
		for _, name := range slices.Sorted(maps.Keys(targets)) {
			target := path.Join(at, targets[name])
			switch {
			case seen[target]:
			case !fs.ValidPath(target) || target == ".":
				file := s.topFile(path.Join(at, "package.json"))
				s.Report(diag.Error, codeLocal, file, m.line("dependencies", name), "make it and the service members of one workspace, or pack it: npm pack, and depend on the .tgz",
					"the dependency %s is %s, which is above %s", name, targets[name], ecosystem.Or(s.At("."), "the service"))
			case s.isMemberDir(target):
			case !ecosystem.Exists(s.top, target):
				s.Report(diag.Error, codeLocal, s.topFile(path.Join(at, "package.json")), m.line("dependencies", name), "fix its path", "the dependency %s is %s, which does not exist", name, targets[name])
			case ecosystem.IsDir(s.top, target):
				seen[target] = true
				s.local = append(s.local, target)
				s.Fact("local package", target, "dependency "+name, s.topFile(path.Join(at, "package.json")), m.line("dependencies", name))
				if lib, err := manifestOf(s.top, target); err == nil {
					follow(lib, target)
				}
			default: // an archive, which the install finds at its own place
				seen[target] = true
				if dir := path.Dir(target); dir == "." {
					s.manager.files = append(s.manager.files, target)
				} else if !slices.Contains(s.local, dir) {
					s.local = append(s.local, dir)
				}
			}
		}
	}
	follow(s.pkg, s.member)
	if s.member != "" {
		follow(s.root, ".")
	}
	slices.Sort(s.local)
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
