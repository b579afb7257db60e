package golang

import (
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/modfile"
	modpath "golang.org/x/mod/module"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/pattern"
)

// module is a go.mod. Directories are relative to the build context.
type module struct {
	dir  string
	path string
	file *modfile.File
}

// workspace is a go.work.
type workspace struct {
	dir  string
	file *modfile.WorkFile
}

// findModule finds the module of a directory, upwards, with the workspace and
// the local modules that it is built with.
func (s *service) findModule(at string) bool {
	dir, ok := upwards(s.Dir, at, "go.mod")
	if !ok {
		s.Report(diag.Error, codeNoModule, path.Join(at, mainFile(s.Dir, at)), 0, "go mod init example.com/"+ecosystem.Or(s.Want.Name, "app")+" && go mod tidy", "no go.mod in %q or above", at)
		return false
	}
	if s.module = s.readModule(dir); s.module == nil || !s.readWorkspace() {
		return false
	}
	s.modules = []*module{s.module}
	if s.workspace != nil {
		for _, u := range s.workspace.file.Use {
			if !s.addModule(path.Join(s.workspace.dir, "go.work"), u.Syntax.Start.Line, s.workspace.dir, u.Path) {
				return false
			}
		}
		if !s.addReplaced(path.Join(s.workspace.dir, "go.work"), s.workspace.dir, s.workspace.file.Replace) {
			return false
		}
	}
	for i := 0; i < len(s.modules); i++ { // grows
		m := s.modules[i]
		if !s.addReplaced(path.Join(m.dir, "go.mod"), m.dir, m.file.Replace) {
			return false
		}
		if s.workspace == nil {
			break // only the main module's replacements count
		}
	}
	return true
}

// addReplaced adds modules that replace others by a directory.
func (s *service) addReplaced(file, dir string, all []*modfile.Replace) bool {
	for _, r := range all {
		if !s.requires(r.Old.Path) && !ecosystem.Exists(s.Dir, path.Join(dir, r.New.Path, "go.mod")) {
			continue // go does not look at it either
		}
		if modfile.IsDirectoryPath(r.New.Path) && !s.addModule(file, r.Syntax.Start.Line, dir, r.New.Path) {
			return false
		}
	}
	return true
}

// requires reports a module that one of the build's requires.
func (s *service) requires(name string) bool {
	return slices.ContainsFunc(s.modules, func(m *module) bool {
		return slices.ContainsFunc(m.file.Require, func(r *modfile.Require) bool { return r.Mod.Path == name })
	})
}

// addModule adds a module that a file names by its directory.
func (s *service) addModule(file string, line int, from, dir string) bool {
	at := path.Join(from, dir)
	if path.IsAbs(dir) || strings.HasPrefix(at, "..") {
		s.Report(diag.Error, codeOutside, file, line, "move it into the repository, or require a published version", "the module %s is outside the repository", dir)
		return false
	}
	if slices.ContainsFunc(s.modules, func(m *module) bool { return m.dir == at }) {
		return true
	}
	if !ecosystem.Exists(s.Dir, path.Join(at, "go.mod")) {
		s.Report(diag.Error, codeModule, file, line, "fix the line", "no go.mod in %s", at)
		return false
	}
	m := s.readModule(at)
	if m != nil {
		s.modules = append(s.modules, m)
	}
	return m != nil
}

// readModule reads the go.mod of a directory. Findings tell why it is nil.
func (s *service) readModule(dir string) *module {
	name := path.Join(dir, "go.mod")
	data, err := ecosystem.Read(s.Dir, name)
	if err != nil {
		s.Report(diag.Error, codeModule, name, 0, "", "go.mod cannot be read: %v", err)
		return nil
	}
	file, err := modfile.Parse(name, data, nil)
	if err == nil && file.Module == nil {
		s.Report(diag.Error, codeModule, name, 0, "start it with: module example.com/name", "go.mod declares no module")
		return nil
	}
	if err != nil {
		s.badModFile(name, err)
		return nil
	}
	return &module{dir: dir, path: file.Module.Mod.Path, file: file}
}

var modLine = pattern.Lazy(`:(\d+)(?::\d+)?: (.*)`)

// badModFile reports the first error of a go.mod or go.work.
func (s *service) badModFile(name string, err error) {
	line, text := 0, err.Error()
	if m := modLine().FindStringSubmatch(text); m != nil {
		line, _ = strconv.Atoi(m[1])
		text = m[2]
	}
	s.Report(diag.Error, codeModule, name, line, "", "%s is not valid: %s", path.Base(name), text)
}

// readWorkspace finds the go.work that the module is used in.
func (s *service) readWorkspace() bool {
	dir, ok := upwards(s.Dir, s.module.dir, "go.work")
	if !ok {
		return true
	}
	name := path.Join(dir, "go.work")
	data, err := ecosystem.Read(s.Dir, name)
	if err != nil {
		s.Report(diag.Error, codeModule, name, 0, "", "go.work cannot be read: %v", err)
		return false
	}
	file, err := modfile.ParseWork(name, data, nil)
	if err != nil {
		s.badModFile(name, err)
		return false
	}
	for _, u := range file.Use {
		if path.Join(dir, u.Path) == s.module.dir {
			s.workspace = &workspace{dir, file}
			s.Fact("workspace", name, "uses "+show(s.module.dir), name, u.Syntax.Start.Line)
		}
	}
	return true
}

// upwards returns the first directory from at up to the root that has a file.
func upwards(root fs.FS, at, name string) (dir string, ok bool) {
	for dir := at; ; dir = path.Dir(dir) {
		if ecosystem.Exists(root, path.Join(dir, name)) {
			return dir, true
		}
		if dir == "." || dir == "/" {
			return "", false
		}
	}
}

// narrow makes the smallest directory that holds all modules the build context.
func (s *service) narrow() bool {
	at := s.module.dir
	if s.workspace != nil {
		at = s.workspace.dir
	}
	for _, m := range s.modules {
		for m.dir != at && at != "." && !strings.HasPrefix(m.dir, at+"/") {
			at = path.Dir(at)
		}
	}
	if at == "." {
		return true
	}
	dir, err := fs.Sub(s.Dir, at)
	if err != nil {
		s.Report(diag.Error, codeModule, at, 0, "", "%s cannot be read: %v", at, err)
		return false
	}
	s.Dir, s.Context = dir, path.Join(s.Context, at)
	for _, m := range s.modules {
		m.dir = relative(at, m.dir)
	}
	if s.workspace != nil {
		s.workspace.dir = relative(at, s.workspace.dir)
	}
	return true
}

// modulePath is that of a directory's go.mod, "" without.
func modulePath(dir fs.FS) string {
	data, err := ecosystem.Read(dir, "go.mod")
	if err != nil {
		return ""
	}
	return modfile.ModulePath(data)
}

// shortName is the last part of a module's path that is no version: "notes" of
// "example.com/notes/v2" and of "gopkg.in/notes.v2".
func (m *module) shortName() string {
	if prefix, _, ok := modpath.SplitPathVersion(m.path); ok && prefix != "" {
		return path.Base(prefix)
	}
	return path.Base(m.path)
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

// supplied are the patterns for services without a .dockerignore. Tests are no
// input of a program.
func (s *service) supplied() []string {
	return ecosystem.Unhide(s.UnhidePublic(append(ecosystem.Supplied(), "**/*_test.go", "**/testdata", "**/node_modules", "bin"), path.Clean), s.held)
}

// needed are files without which the build fails.
func (s *service) needed() []string {
	var out []string
	for _, m := range s.modules {
		out = append(out, path.Join(m.dir, "go.mod"))
	}
	if s.mainDir != "." {
		out = append(out, s.mainDir)
	}
	for _, dir := range s.graph.dirs {
		out = append(out, s.HiddenSources(dir, func(name string, isDir bool) bool { return !isDir && isSource(name) })...)
	}
	return out
}
