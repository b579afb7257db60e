package rust

import (
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

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
	var names []string
	for _, b := range all {
		names = append(names, b.Name)
	}
	s.ReportWanted(codeWhich, file, "write command: ["+names[0]+"] for the service in slipway.yaml, or default-run = \""+names[0]+"\" in Cargo.toml",
		"the package has %d programs, and no setting selects one: %s", len(names), strings.Join(names, ", "))
	return false
}

// serving returns the programs of a package whose own sources start a server.
func (s *service) serving(c *crate) []target {
	return slices.DeleteFunc(slices.Clone(c.bins), func(b target) bool { return !serves(s.Dir, c.dir, b) })
}

// serves looks for a server in the source of a program and, of one with a
// directory of its own, in its modules.
func serves(root fs.FS, dir string, b target) bool {
	found := false
	look := func(_ string, data []byte) {
		data = codeOnly(data)
		found = found || httpServer().Match(data) || grpcServer().Match(data) || listener().Match(data)
	}
	if data, err := ecosystem.Read(root, path.Join(dir, b.Path)); err == nil {
		look(b.Path, data)
	}
	if own := path.Dir(b.Path); !found && path.Base(b.Path) == "main.rs" && own != "." {
		if sub, err := fs.Sub(root, path.Join(dir, own)); err == nil {
			ecosystem.EachSource(sub, func(name string, isDir bool) bool {
				return isDir && name != "bin" || strings.HasSuffix(name, ".rs")
			}, look)
		}
	}
	return found
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

// dependencies looks at Cargo.lock, and whether it fits the manifests.
func (s *service) dependencies() {
	name := path.Join(s.top, "Cargo.lock")
	data, err := ecosystem.Read(s.Dir, name)
	generate := s.inTop("cargo generate-lockfile") + ", and commit Cargo.lock"
	if err != nil {
		for _, c := range s.crates {
			for _, key := range c.external(s.rootFile) {
				s.Report(diag.Error, codeNoLock, c.manifestFile(), c.file.line(key), generate, "Cargo.lock is missing, but %s depends on %s", c.name, key)
				return
			}
		}
		s.Fact("dependencies", "none", "no manifest lists any", path.Join(s.top, "Cargo.toml"), 0)
		return
	}
	l, line, err := parseLock(data)
	if err != nil {
		s.Report(diag.Error, codeManifest, name, line, generate, "Cargo.lock is not valid: %v", err)
		return
	}
	s.lock = l
	s.checkLock()
	s.vendored = s.conf != "" && ecosystem.IsDir(s.Dir, path.Join(s.top, "vendor"))
	value := "Cargo.lock"
	if s.vendored {
		value += ", vendored"
	}
	s.Fact("dependencies", value, "pins all versions", name, 0)
}

// checkLock reports dependencies that Cargo.lock does not have: cargo would
// change it, which --locked forbids.
func (s *service) checkLock() {
	entries := map[string][]string{}
	for _, p := range s.lock.Packages {
		if p.Source == "" {
			for _, d := range p.Dependencies {
				name, _, _ := strings.Cut(d, " ")
				entries[p.Name] = append(entries[p.Name], name)
			}
			entries[p.Name] = append(entries[p.Name], "")
		}
	}
	hint := s.inTop("cargo update --workspace") + ", and commit Cargo.lock"
	for _, c := range s.crates {
		have, member := entries[c.name], s.isMember(c)
		if have == nil {
			s.Report(diag.Error, codeStale, path.Join(s.top, "Cargo.lock"), 0, hint, "Cargo.lock lacks the package %s of this repository", c.name)
			return
		}
		for key, pkg := range c.namesIn(s.rootOf(c), member) {
			if !slices.Contains(have, pkg) {
				s.Report(diag.Error, codeStale, c.manifestFile(), c.file.line(key), hint, "Cargo.lock lacks %s, which %s depends on", pkg, c.name)
				return
			}
		}
	}
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
