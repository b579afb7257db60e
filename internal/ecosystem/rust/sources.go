package rust

import (
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/pattern"
)

// readSources reads the program first, then its package, then what else of the
// repository it is made of. The sources of other programs say nothing of it.
func (s *service) readSources() {
	others := map[string]bool{}
	for _, b := range s.crate.bins {
		if b.Name != s.bin.Name {
			others[path.Join(s.crate.dir, b.Path)] = true
			if path.Base(b.Path) == "main.rs" && b.Path != "src/main.rs" {
				others[path.Join(s.crate.dir, path.Dir(b.Path))] = true
			}
		}
	}
	main := path.Join(s.crate.dir, s.bin.Path)
	if data, err := ecosystem.Read(s.Dir, main); err == nil {
		s.source(s.crate, main, data)
	} else {
		s.Report(diag.Error, codeNoProgram, s.crate.manifestFile(), s.crate.file.line("path"), "commit it, or fix the path", "the source of the program %s cannot be read: %v", s.bin.Name, err)
	}
	all := slices.Clone(s.crates)
	slices.SortStableFunc(all, func(a, b *crate) int { return s.distance(a) - s.distance(b) })
	for _, c := range all {
		if !c.needed {
			continue
		}
		dir, err := fs.Sub(s.Dir, path.Join(c.dir, "src"))
		if err == nil {
			ecosystem.EachSource(dir, func(name string, isDir bool) bool {
				at := path.Join(c.dir, "src", name)
				return !others[at] && at != main && !ofTests(name, isDir) && (isDir || strings.HasSuffix(name, ".rs"))
			}, func(name string, data []byte) { s.source(c, path.Join(c.dir, "src", name), data) })
		}
		if data, err := ecosystem.Read(s.Dir, path.Join(c.dir, c.buildRS)); c.buildRS != "" && err == nil {
			s.literals(c, path.Join(c.dir, c.buildRS), codeOnly(data), true)
		}
		s.conventions(c)
	}
}

// ofTests reports modules of tests, which usual names tell apart.
func ofTests(name string, isDir bool) bool {
	base := strings.TrimSuffix(path.Base(name), ".rs")
	return base == "tests" || base == "test_helpers" || !isDir && (base == "test" || strings.HasSuffix(base, "_test") || strings.HasSuffix(base, "_tests") || strings.HasPrefix(base, "test_"))
}

func (s *service) distance(c *crate) int {
	if c == s.crate {
		return 0
	}
	return 1
}

// source takes what one source file says.
func (s *service) source(c *crate, name string, data []byte) {
	data = codeOnly(data)
	s.literals(c, name, data, false)
	if !s.isMember(c) && s.rootDirOf(c) != s.top { // a framework that lies beside: it opens and binds what the program says
		if !s.evidence.GRPC.Found() && !s.evidence.HTTP.Found() {
			s.evidence.GRPC.Seek(grpcServer(), name, data)
			s.evidence.HTTP.Seek(httpServer(), name, data)
		}
		return
	}
	s.look(name, data)
	s.lookUses(name, data)
	s.namer.Look(name, data)
}

var (
	literal     = pattern.Lazy(`"([^"\\\n]{1,200})"`)
	atCompile   = pattern.Lazy(`(?:include_str!|include_bytes!|include!|include_dir!|migrate!|embed_migrations!|include_proto!|load_dir!|\bfolder\s*=|\bpath\s*=|CARGO_MANIFEST_DIR"\s*\)\s*,)\s*\(?\s*$`)
	besideFile  = pattern.Lazy(`\binclude(?:_str|_bytes)?!\s*\(?\s*$`) // relative to the source, not to the package
	bareMigrate = pattern.Lazy(`\b(?:migrate|embed_migrations)!\(\s*\)`)
	askama      = pattern.Lazy(`#\[template\(`)
	sqlxQuery   = pattern.Lazy(`\bquery(?:_as|_scalar|_file|_file_as)?(?:_unchecked)?!\(`)
)

// literals notes the files and directories of the repository that strings name:
// those that macros and build scripts read are inputs, others may be read while
// the program runs.
func (s *service) literals(c *crate, name string, data []byte, build bool) {
	for _, m := range literal().FindAllSubmatchIndex(data, -1) {
		text := string(data[m[2]:m[3]])
		before := string(data[max(0, m[0]-80):m[0]])
		compiled := build || atCompile().MatchString(before)
		text = strings.TrimPrefix(strings.TrimPrefix(text, "$CARGO_MANIFEST_DIR"), "/")
		if strings.ContainsAny(text, " {}<>") || text == "" || text == "." {
			continue
		}
		if compiled {
			from := c.dir
			if besideFile().MatchString(before) && !build {
				from = path.Dir(name)
			}
			s.input(path.Join(from, text))
			s.CompileKey(path.Join(from, text), ecosystem.Hit{File: name, Line: ecosystem.LineAt(data, int64(m[0]))})
			continue
		}
	}
	for dir, re := range map[string]*regexp.Regexp{"migrations": bareMigrate(), "templates": askama(), ".sqlx": sqlxQuery()} {
		if re.Match(data) {
			s.input(path.Join(c.dir, dir))
			s.input(path.Join(s.top, dir))
		}
	}
}

// input notes a file or directory that a crate is compiled with; of a proto, its
// directory, which it may import from.
func (s *service) input(at string) {
	if path.Ext(at) == ".proto" {
		at = path.Dir(at)
	}
	if at == "." || outside(at) || path.IsAbs(at) || !ecosystem.Exists(s.Dir, at) || s.isRootDir(at) {
		return
	}
	s.inputs[at] = true
}

// isRootDir tells whether a path is a package or above one.
func (s *service) isRootDir(at string) bool {
	return slices.ContainsFunc(s.crates, func(c *crate) bool { return below(at, c.dir) })
}

// conventions notes what procedural macros read without being told. They do without
// it where a .dockerignore keeps it out.
func (s *service) conventions(c *crate) {
	for _, name := range []string{"askama.toml", "rinja.toml", "diesel.toml"} {
		if at := path.Join(c.dir, name); !s.Ignore.Excludes(at) {
			s.input(at)
		}
	}
}

// sourcesOf are the directories and files of a crate's targets; a file beside the
// manifest brings its neighbours, which may be its modules.
func (s *service) sourcesOf(c *crate) []string {
	names := []string{c.lib, c.buildRS}
	for _, b := range c.bins {
		names = append(names, b.Path)
	}
	found := map[string]bool{}
	for _, name := range names {
		first, _, nested := strings.Cut(name, "/")
		switch {
		case name == "" || outside(name):
		case nested:
			found[first] = true
		default:
			found[name] = true
		}
	}
	return slices.DeleteFunc(slices.Sorted(maps.Keys(found)), func(name string) bool { return !ecosystem.Exists(s.Dir, path.Join(c.dir, name)) })
}
