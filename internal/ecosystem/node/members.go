package node

import (
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
)

// delegates are words of a start script that start a member of the workspace and no
// program of the root.
func delegates() []string {
	return []string{"--workspace", "--workspaces", "-w", "workspace", "--filter", "-F", "turbo", "nx", "lerna", "-C", "--prefix", "--cwd", "cd", "concurrently", "run-p", "npm-run-all", "foreach"}
}

// isRoot reports the root of a workspace.
func (s *service) isRoot() bool { return s.member == "" && len(s.pkg.membersIn(s.top)) > 0 }

// startsItself reports a workspace whose root has a program: its start script runs
// one, and no member's.
func (s *service) startsItself() bool {
	if len(s.Want.Command) > 0 || s.site != nil {
		return true
	}
	if _, process := s.Process(); process {
		return true
	}
	for _, name := range startScripts() {
		if text := s.pkg.Scripts[name]; text != "" {
			return !delegating(text)
		}
	}
	f, _ := frameworkOf(s.pkg)
	return f.start != nil || s.pkg.Main != "" && s.isModule(s.pkg.Main)
}

func delegating(script string) bool {
	return slices.ContainsFunc(strings.FieldsFunc(script, func(r rune) bool { return strings.ContainsRune(" =\"'", r) }), func(w string) bool { return slices.Contains(delegates(), w) })
}

// memberDirs are the directories of the members of the workspace whose root a
// directory is, sorted.
func (e Ecosystem) memberDirs(at string) []string {
	var out []string
	for _, m := range e.membersOf(at) {
		out = append(out, m.dir)
	}
	slices.Sort(out)
	return out
}

// membersOf are the members of the workspace whose root a directory is, by name.
func (e Ecosystem) membersOf(at string) map[string]member {
	if e.root == nil {
		return nil
	}
	at = path.Clean(at)
	r := e.rootAt(at)
	if r == nil {
		return nil
	}
	if r.members == nil {
		r.members = members(r.top, r.globs, func(dir string) *manifest { return e.manifestAt(path.Join(at, dir)) })
	}
	return r.members
}

// programs are the members of the workspace whose root a directory is that start,
// sorted; those that the root's start script names, where it names any.
func (e Ecosystem) programs(at string) []string {
	all := e.membersOf(at)
	if len(all) == 0 {
		return nil
	}
	var out, named []string
	words := strings.FieldsFunc(e.rootAt(path.Clean(at)).pkg.Scripts["start"], func(r rune) bool { return strings.ContainsRune(" =\"'&;", r) })
	for name, m := range all {
		if e.IsLibrary(path.Join(at, m.dir)) {
			continue
		}
		out = append(out, m.dir)
		if slices.ContainsFunc(words, func(w string) bool { return w == name || path.Clean(w) == m.dir }) {
			named = append(named, m.dir)
		}
	}
	if len(named) > 0 {
		out = named
	}
	slices.Sort(out)
	return out
}

// soleMember returns the member that stands for the root of a workspace: the only one
// that starts; "" for a directory that is none, or starts by itself.
func (e Ecosystem) soleMember(dir fs.FS, want config.Service, m *manifest) string {
	if e.root == nil || len(m.membersIn(dir)) == 0 {
		return ""
	}
	s := &service{Service: ecosystem.Open(dir, want, nil), workspace: workspace{top: dir}, pkg: m, building: ecosystem.Or(want.Build, "build")}
	if s.findSite(); s.startsItself() {
		return ""
	}
	if all := e.programs(want.Path); len(all) == 1 {
		return all[0]
	}
	return ""
}

// refuseRoot reports the root of a workspace that stands for no service or for more
// than one.
func (s *service) refuseRoot() bool {
	line := s.pkg.line("workspaces")
	if len(s.programs) < 2 {
		s.Report(diag.Error, codeLocal, "package.json", line, "add a start script to the member that is the service, or name its directory as path: of the service", "the root of a workspace is not a service, and no member starts")
		return false
	}
	var lines []string
	for _, dir := range s.programs {
		lines = append(lines, "path: "+path.Join(s.Want.Path, dir))
	}
	s.Report(diag.Error, codeMembers, "package.json", line, "write one of these lines for the service in slipway.yaml, one service per member that you want",
		"the service is the root of a workspace, and %d of its members start: %s", len(s.programs), strings.Join(s.programs, ", "))
	s.Findings[len(s.Findings)-1].Choice = &diag.Choice{Service: s.Want.Name, Lines: lines}
	return false
}
