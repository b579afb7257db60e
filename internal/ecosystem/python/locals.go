package python

import (
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/plan"
)

// local is a project of the repository that the service depends on, or an archive
// of one.
type local struct {
	name   string
	dir    string // relative to the build context
	extras string // "[prod]"
}

// gitSource is where pip's manual says what it needs for git.
const gitSource = "https://pip.pypa.io/en/stable/topics/vcs-support/"

// needGit has git in the toolchain for a dependency that it fetches. Without a key
// in the build it fetches over HTTPS alone.
func (s *service) needGit(name, address, file string, line int) bool {
	if strings.Contains(address, "ssh://") || strings.HasPrefix(strings.TrimPrefix(address, "git+"), "git@") {
		s.Report(diag.Error, codePrivateGit, file, line, "depend on its https:// address, on a release, or on a copy in the repository",
			"%s comes from git over SSH, for which the build has no key", name)
		return false
	}
	if s.git.Package == "" {
		s.git = ecosystem.Need{Package: name, File: file, Line: line, System: ecosystem.System{Build: []string{"git"}, Why: "git", Source: gitSource}}
	}
	return true
}

// reference is a requirement that is no release: a directory, an archive of the
// repository, or what git fetches.
type reference struct {
	git, path, extras string
}

// parseReference reads "-e ./lib[extra]", "file:lib", "lib @ file:../lib" and
// "git+https://…", without the option.
func parseReference(text string) reference {
	text, _, _ = strings.Cut(text, ";")
	text, _, _ = strings.Cut(text, " #")
	text = strings.TrimSpace(text)
	if i := strings.Index(text, "git+"); i >= 0 {
		return reference{git: text[i:]}
	}
	if strings.HasPrefix(text, "git@") || strings.HasPrefix(text, "ssh://") {
		return reference{git: text}
	}
	if i := strings.Index(text, "file:"); i >= 0 {
		text = strings.TrimPrefix(text[i+len("file:"):], "//")
		text, _, _ = strings.Cut(text, "#")
	}
	r := reference{path: text}
	if i := strings.Index(text, "["); i > 0 && strings.HasSuffix(text, "]") {
		r.path, r.extras = text[:i], text[i:]
	}
	return r
}

// placed is a local project and the line that names it.
type placed struct {
	local
	file string
	line int
}

// references takes what requirements files name beside releases: projects of the
// repository, and what git fetches. Other lines are dependencies.
func (s *service) references(r requirements) (out []placed, ok bool) {
	s.lockReleases = map[string][]release{}
	for _, l := range r.lines {
		if l.local == "" {
			s.deps[l.name] = l.dep
			if v, ok := strings.CutPrefix(l.spec, "=="); ok && l.pinned { // a package may have several lines, of which a marker chooses
				s.lockReleases[l.name] = append(s.lockReleases[l.name], release{name: l.name, version: strings.TrimPrefix(v, "="), file: l.file, line: l.line})
			}
			continue
		}
		ref := parseReference(l.local)
		if ref.git != "" {
			if !s.needGit(l.local, ref.git, l.file, l.line) {
				return nil, false
			}
			continue
		}
		name, _, _ := strings.Cut(l.local, "@")
		if name = strings.TrimSpace(name); strings.ContainsAny(name, "./:") {
			name = path.Base(ref.path)
		}
		out = append(out, placed{local{name: name, dir: ref.path, extras: ref.extras}, l.file, l.line})
	}
	return out, true
}

// placed gives projects that the manifest names their lines.
func (s *service) placed(all []local) []placed {
	var out []placed
	for _, l := range all {
		out = append(out, placed{l, "pyproject.toml", s.project.line(l.name)})
	}
	return out
}

// takeLocals notes projects of the repository, with paths relative to the service.
// Those above the service widen the build context.
func (s *service) takeLocals(all []placed) bool {
	at := path.Clean(s.Want.Path)
	top := at
	for _, l := range all {
		if why := s.notLocal(l.dir); why != "" {
			s.Report(diag.Error, codeLocal, l.file, l.line, "keep both in one repository, and run Slipway in a directory above them; or depend on a release", "the dependency %s %s", l.dir, why)
			return false
		}
		dir := path.Join(at, l.dir)
		if isArchive(l.dir) {
			dir = path.Dir(dir)
		}
		top = ecosystem.CommonDir(top, dir)
	}
	if top != at {
		dir, err := fs.Sub(s.repo, top)
		if err != nil {
			return false
		}
		s.workspace = workspace{top: dir, at: top, member: ecosystem.Below(top, at), own: true}
	}
	for _, l := range all {
		s.Fact("local package", l.name, "project in "+path.Clean(l.dir), l.file, l.line)
		l.dir = path.Join(s.member, l.dir)
		if !slices.ContainsFunc(s.locals, func(o local) bool { return o.dir == l.dir }) {
			s.locals = append(s.locals, l.local)
		}
	}
	return true
}

// notLocal says why a path is not one of the repository that pip can install, ""
// for one that is.
func (s *service) notLocal(name string) string {
	at, dir := path.Clean(name), s.Dir
	if strings.HasPrefix(name, "/") {
		return "is outside the repository"
	}
	if !fs.ValidPath(at) {
		if at = path.Join(path.Clean(s.Want.Path), name); s.repo == nil || !fs.ValidPath(at) {
			return "is outside the repository"
		}
		dir = s.repo
	}
	switch {
	case !ecosystem.Exists(dir, at):
		return "does not exist"
	case isArchive(name):
		return ""
	}
	for _, manifest := range []string{"pyproject.toml", "setup.py", "setup.cfg"} {
		if ecosystem.Exists(dir, path.Join(at, manifest)) {
			return ""
		}
	}
	return "has neither pyproject.toml nor setup.py"
}

// copyLocals copies the projects of the repository where the build installs them.
func (s *service) copyLocals() []plan.Step {
	var out []plan.Step
	for _, l := range s.locals {
		switch {
		case isArchive(l.dir):
			out = append(out, plan.Step{Op: plan.OpCopy, Args: []string{l.dir, path.Dir(l.dir) + "/"}})
		case l.dir == ".":
			out = append(out, plan.Step{Op: plan.OpCopy, Args: []string{"./", "./"}})
		default:
			out = append(out, ecosystem.CopyDir(l.dir))
		}
	}
	if len(out) > 0 {
		out[0].Comment = "Local projects that the service depends on."
	}
	return out
}

// installLocals installs them. What they need themselves is there when a lock file
// pins it.
func (s *service) installLocals() []plan.Step {
	if len(s.locals) == 0 {
		return nil
	}
	out := s.copyLocals()
	if s.manager.first {
		out = nil
	}
	var dirs []string
	for _, l := range s.locals {
		dirs = append(dirs, "./"+strings.TrimPrefix(l.dir+l.extras, "./"))
	}
	flags := "--no-compile --no-deps "
	if s.manager.open {
		flags = "--no-compile "
	}
	if s.near != "" && !s.manager.open {
		flags += "--ignore-requires-python "
	}
	install := pip + venv + "/bin/python install " + flags + strings.Join(ecosystem.Quoted(dirs), " ")
	return append(out, plan.Step{Op: plan.OpRun, Mounts: cache(pipCache), Shell: install}, s.compileVenv())
}
