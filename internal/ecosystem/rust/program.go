package rust

import (
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
)

// chooseProgram decides which program of the package is the service: that which
// the start command names, default-run, the only one, or the one that the
// service is called by.
func (s *service) chooseProgram() bool {
	all, file := s.crate.bins, s.crate.manifestFile()
	named := func(name string) bool {
		i := slices.IndexFunc(all, func(b target) bool { return b.Name == name })
		if i >= 0 {
			s.bin = all[i]
		}
		return i >= 0
	}
	take := func(why, file string, line int) bool {
		s.Fact("program", s.bin.Name, why, file, line)
		return true
	}
	if s.crate.dir != s.top {
		s.Fact("workspace", s.At(path.Join(s.top, "Cargo.toml")), s.crate.name+" is a member", path.Join(s.top, "Cargo.toml"), s.rootFile.line("[workspace]"))
	}
	switch source := func() string { return path.Join(s.crate.dir, s.bin.Path) }; {
	case len(s.Want.Command) > 0 && named(path.Base(s.Want.Command[0])):
		return take("named by the start command", source(), 0)
	case s.crate.file.Package.DefaultRun != "" && named(s.crate.file.Package.DefaultRun):
		return take("default-run", file, s.crate.file.line("default-run"))
	case len(all) == 1 && named(all[0].Name):
		return take("the only program in the package", source(), 0)
	case named(s.Want.Name):
		return take("it has the service's name", source(), 0)
	case len(all) == 0:
		s.noProgram(s.crate.dir)
		return false
	}
	if serving := s.serving(s.crate); len(serving) == 1 && named(serving[0].Name) {
		s.otherPrograms()
		return take("the only server in the package", path.Join(s.crate.dir, s.bin.Path), 0)
	}
	var names, lines []string
	for _, b := range all {
		names, lines = append(names, b.Name), append(lines, b.Name+": {path: "+ecosystem.Or(s.At(s.crate.dir), ".")+", command: ["+b.Name+"]}")
	}
	s.ReportWanted(codeWhich, file, "write one of these lines below services: in slipway.yaml, or several: "+strings.Join(lines, "  or  ")+"; or default-run = \""+names[0]+"\" in Cargo.toml",
		"the package has %d programs, and no setting selects one: %s", len(names), strings.Join(names, ", "))
	return false
}

// Programs are the services of a package that only their commands tell apart: the
// programs that serve, when there are several of them and no default. It returns
// nil for a single service.
func (Ecosystem) Programs(dir fs.FS) []config.Service {
	m := manifestOf(dir, ".")
	if m == nil || m.Package == nil || m.Package.DefaultRun != "" || m.badName() != "" {
		return nil
	}
	var out []config.Service
	for _, b := range bins(dir, m) {
		if serves(dir, ".", m, b) {
			out = append(out, config.Service{Name: b.Name, Command: []string{b.Name}})
		}
	}
	if len(out) < 2 {
		return nil
	}
	return out
}

// serving returns the programs of a package whose sources start a server.
func (s *service) serving(c *crate) []target {
	return slices.DeleteFunc(slices.Clone(c.bins), func(b target) bool { return !serves(s.Dir, c.dir, c.file, b) })
}

// startsServer reports a source that starts a server.
func startsServer(data []byte) bool {
	data = codeOnly(data)
	return httpServer().Match(data) || grpcServer().Match(data) || listener().Match(data)
}

// serves looks for a server in the source of a program, in the modules of one
// with a directory of its own, and in those modules of the package's library that
// the program names.
func serves(root fs.FS, dir string, m *manifest, b target) bool {
	data, err := ecosystem.Read(root, path.Join(dir, b.Path))
	if err == nil && startsServer(data) {
		return true
	}
	if own := path.Dir(b.Path); path.Base(b.Path) == "main.rs" && own != "." && servesBelow(root, path.Join(dir, own)) {
		return true
	}
	for _, module := range named(m, data) {
		at := path.Join(dir, "src", module)
		if text, err := ecosystem.Read(root, at+".rs"); err == nil && startsServer(text) || servesBelow(root, at) {
			return true
		}
	}
	return false
}

// servesBelow looks for a server in the sources of a directory, without programs
// of their own and the library.
func servesBelow(root fs.FS, dir string) bool {
	sub, err := fs.Sub(root, dir)
	if err != nil {
		return false
	}
	found := false
	ecosystem.EachSource(sub, func(name string, isDir bool) bool {
		return isDir && name != "bin" || strings.HasSuffix(name, ".rs") && name != "lib.rs"
	}, func(_ string, data []byte) { found = found || startsServer(data) })
	return found
}

// named returns the modules of the package's library that a program names, "lib"
// for the library itself.
func named(m *manifest, data []byte) []string {
	if m == nil || m.Package == nil {
		return nil
	}
	name := m.Package.Name
	if m.Lib != nil && m.Lib.Name != "" {
		name = m.Lib.Name
	}
	re, err := regexp.Compile(`\b` + regexp.QuoteMeta(strings.ReplaceAll(name, "-", "_")) + `::([^;]*)`)
	if err != nil {
		return nil
	}
	out := map[string]bool{}
	for _, u := range re.FindAllSubmatch(codeOnly(data), -1) {
		out["lib"] = true
		for _, word := range strings.FieldsFunc(string(u[1]), func(r rune) bool { return r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
			out[word] = true
		}
	}
	return slices.Sorted(maps.Keys(out))
}

// otherPrograms names the programs of the package that the service is not. Who
// has a slipway.yaml has decided.
func (s *service) otherPrograms() {
	if s.FleetFile != "" {
		return
	}
	for _, b := range s.crate.bins {
		if b.Name != s.bin.Name {
			s.Report(diag.Info, codeOthers, path.Join(s.crate.dir, b.Path), 0, "add a service to slipway.yaml: "+b.Name+": {path: "+s.At(s.crate.dir)+", command: ["+b.Name+"]}",
				"this service is the package's program %s; the program %s does not serve and is left out", s.bin.Name, b.Name)
		}
	}
}

func (s *service) noProgram(dir string) {
	hint := "add src/main.rs, or name the directory of a package with a program: path: <directory>"
	var list []string
	for _, c := range s.crates {
		if len(c.bins) > 0 {
			list = append(list, s.At(c.dir))
		}
	}
	if len(list) > 0 {
		hint = "packages with programs are " + strings.Join(list, ", ") + ": write one of them as path: of the service"
	}
	s.ReportWanted(codeNoProgram, path.Join(dir, "Cargo.toml"), hint, "no program in %s: it is a library", ecosystem.Or(s.At(dir), "."))
}

// features looks at the features that slipway.yaml asks for.
func (s *service) features() {
	if len(s.Want.Features) == 0 {
		return
	}
	s.Configured("features", strings.Join(s.Want.Features, ", "))
	known := slices.Sorted(maps.Keys(s.crate.file.Features))
	for key := range s.crate.names(s.rootFile) {
		known = append(known, key) // an optional dependency is a feature
	}
	for _, f := range s.Want.Features {
		if name, _, other := strings.Cut(f, "/"); goodName().MatchString(f) && (f == "default" || slices.Contains(known, strings.TrimSuffix(name, "?")) || other && name == s.crate.name) {
			continue
		}
		hint := "the features are under [features] in " + s.At(s.crate.manifestFile())
		if near := diag.Nearest(f, known); near != "" {
			hint = "did you mean " + near + "?"
		}
		s.OnConfig(codeFeature, hint, "%s has no feature %q", s.crate.name, f)
	}
}

// command decides on the exec form that starts the service.
func (s *service) command() {
	program := ecosystem.WorkDir + "/" + s.installed
	if len(s.Want.Command) == 0 {
		s.start = []string{program}
		s.Fact("start", program, "the program "+s.bin.Name, path.Join(s.crate.dir, s.bin.Path), 0)
		return
	}
	s.start = slices.Clone(s.Want.Command)
	if path.Base(s.start[0]) == s.bin.Name {
		s.start[0] = program
	}
	s.Configured("start", strings.Join(s.start, " "))
}

// isMember reports a package of the workspace, whose development and optional
// dependencies Cargo.lock has; of other packages it has what the program needs.
func (s *service) isMember(c *crate) bool {
	if s.rootFile.Workspace == nil {
		return c.dir == s.top
	}
	return below(s.top, c.dir) && !slices.ContainsFunc(s.rootFile.Workspace.Exclude, func(x string) bool { return below(path.Join(s.top, x), c.dir) })
}

// inTop is a command line to be run where cargo runs.
func (s *service) inTop(command string) string {
	if at := s.At(s.top); at != "." {
		return "cd " + at + " && " + command
	}
	return command
}

// installedAs is the program's name in the image where it is another one.
func (s *service) installedAs() string {
	if s.installed == s.bin.Name {
		return ""
	}
	return s.installed
}
