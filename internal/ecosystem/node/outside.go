package node

import (
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/plan"
)

// local is a directory above the service's that a package is installed from.
type local struct {
	dir    string    // relative to the lock file's directory: "../../libs/x"
	pkg    *manifest // nil for a directory of archives
	copied bool      // the manager copies it and installs what it depends on
}

// wide is a build context that reaches above the directory of the lock file, for
// packages that are installed from there. The zero value is one that does not.
type wide struct {
	context string  // its path, relative to the fleet's root
	home    string  // the directory of the lock file, relative to it; "" for itself
	outside []local // in the order in which they are installed: those that others need first
}

// widen makes the smallest directory that holds the service and the packages above
// it the build context.
func (s *service) widen() {
	if len(s.outside) == 0 {
		return
	}
	s.context = s.at
	for _, l := range s.outside {
		s.context = ecosystem.CommonDir(s.context, path.Join(s.at, l.dir))
	}
	s.home = ecosystem.Below(s.context, path.Clean(s.at))
	slices.Reverse(s.outside) // each was found before what it depends on
	for _, l := range s.outside {
		if l.pkg != nil && s.installsItself(l) && !ecosystem.Exists(s.repo, path.Join(s.at, l.dir, "package-lock.json")) && len(s.outsideDeps(l)) > 0 {
			s.Unwise(codeOutside, path.Join(l.dir, "package.json"), 0, "cd "+path.Join(s.at, l.dir)+" && "+relock+", and commit package-lock.json; or make it and the service members of one workspace",
				"%s has no package-lock.json, so the build is not reproducible: npm install chooses versions of what it depends on", path.Join(s.at, l.dir))
		}
	}
}

// contextDir is the build context, relative to the fleet's root; "" for the
// service's own directory.
func (s *service) contextDir() string {
	if s.home != "" {
		return s.context
	}
	if s.member != "" {
		return s.at
	}
	return ""
}

// fromTop is a path beside the lock file as the build context has it.
func (s *service) fromTop(name string) string {
	if s.home == "" {
		return name
	}
	return s.home + "/" + name
}

// workDir is the directory of the lock file in the image.
func (s *service) workDir() string { return path.Join(ecosystem.WorkDir, s.home) }

// copyFromTop copies a directory beside the lock file to its own place.
func (s *service) copyFromTop(dir string) plan.Step {
	return plan.Step{Op: plan.OpCopy, Args: []string{s.fromTop(dir) + "/", dir + "/"}}
}

// outsideDeps are the dependencies of a package that a registry has.
func (s *service) outsideDeps(l local) map[string]string {
	out := union(l.pkg.OptionalDeps, l.pkg.Dependencies)
	for name := range l.pkg.localTargets() {
		delete(out, name)
	}
	return out
}

// builds reports a package whose program its build script makes: what others import
// of it is not in the repository.
func (s *service) builds(l local) bool {
	dir, err := fs.Sub(s.repo, path.Join(s.at, l.dir))
	if err != nil || l.pkg.Scripts["build"] == "" {
		return false
	}
	entry := l.pkg.Main
	if entry == "" && l.pkg.Exports == nil && l.pkg.Module == "" {
		entry = "index.js"
	}
	_, exists := moduleFile(dir, path.Clean(entry))
	return entry == "" || !exists
}

// installsItself reports a package that its manifest is installed by: the service's
// manager only links to it, or it has to be built before.
func (s *service) installsItself(l local) bool {
	return l.pkg != nil && (!l.copied && len(s.outsideDeps(l)) > 0 || s.builds(l))
}

// outsideSteps bring the packages above the service's directory to their places
// beside it. What the service's manager links to has its own packages, which Node.js
// looks up at its real place.
func (s *service) outsideSteps() []plan.Step {
	var out []plan.Step
	for _, l := range s.outside {
		from := path.Join(s.home, l.dir)
		to := path.Join(ecosystem.WorkDir, from)
		out = append(out, plan.Step{Op: plan.OpCopy, Args: []string{from + "/", to + "/"}})
		if !s.installsItself(l) {
			continue
		}
		install := "npm install --no-package-lock"
		if ecosystem.Exists(s.repo, path.Join(s.at, l.dir, "package-lock.json")) {
			install = "npm ci"
		}
		commands := []string{"cd " + to}
		if s.builds(l) {
			commands = append(commands, install, "npm run build", "npm prune --omit=dev --no-package-lock")
		} else {
			commands = append(commands, install+" --omit=dev")
		}
		commands = append(commands, "rm -rf node_modules/.package-lock.json node_modules/.cache")
		out = append(out, plan.Step{Op: plan.OpRun, Shell: strings.Join(commands, " && "), Mounts: manager{name: "npm"}.caches()})
	}
	return out
}

// keepOutside are the commands that take those packages to production.
func (s *service) keepOutside() []string {
	var out []string
	for _, l := range s.outside {
		if l.pkg == nil || l.copied {
			continue
		}
		at := path.Join(s.home, l.dir)
		out = append(out, "mkdir -p "+path.Join(outDeps, path.Dir(at)), "cp -a "+path.Join(ecosystem.WorkDir, at)+" "+path.Join(outDeps, at))
	}
	return out
}
