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

// need is a system library or a tool that a crate builds with: a word of the
// bases that have it, or Debian packages.
type need struct {
	what   string
	word   string   // of internal/baseimage/spec/rust.go; "" when no base has it
	linked bool     // the program needs it while it runs
	build  []string // Debian packages of the toolchain
	run    []string // and of the image
	unless string   // a dependency of the crate that brings it along
	beside string   // a crate beside which it is not called
	source string   // where the crate's authors say so
}

// needs are the crates that want more than a C compiler. Whatever is not here
// builds with one (ring, zstd-sys, libsqlite3-sys when bundled, aws-lc-sys,
// mimalloc, lz4-sys, libgit2-sys …).
func needs() map[string]need {
	all := map[string]need{
		"openssl-sys":     {what: "OpenSSL", word: "openssl", linked: true, unless: "openssl-src", source: "https://docs.rs/openssl/latest/openssl/#automatic"},
		"openssl-src":     {what: "make and perl", word: "make", source: "https://docs.rs/openssl/latest/openssl/#vendored"},
		"pq-sys":          {what: "libpq", word: "postgres", linked: true, unless: "pq-src", source: "https://github.com/sgrif/pq-sys#readme"},
		"mysqlclient-sys": {what: "the MariaDB client library", word: "mysql", linked: true, unless: "mysqlclient-src", source: "https://github.com/sgrif/mysqlclient-sys#readme"},
		"libsqlite3-sys":  {what: "SQLite", word: "sqlite", linked: true, unless: "cc", source: "https://github.com/rusqlite/rusqlite#notes-on-building-rusqlite-and-libsqlite3-sys"},
		"prost-build":     {what: "protoc", word: "protobuf", beside: "protobuf-src", source: "https://docs.rs/prost-build/latest/prost_build/#sourcing-protoc"},
		"protoc":          {what: "protoc", word: "protobuf", source: "https://docs.rs/protoc"},
		"cmake":           {what: "CMake", word: "cmake", beside: "aws-lc-sys", source: "https://docs.rs/cmake"},
		"rdkafka-sys":     {what: "make", word: "make", source: "https://docs.rs/rdkafka-sys/latest/rdkafka_sys/#build-configuration"},
		"bindgen":         {what: "libclang", word: "libclang", source: "https://rust-lang.github.io/rust-bindgen/requirements.html"},
		"clang-sys":       {what: "libclang", word: "libclang", source: "https://github.com/KyleMayes/clang-sys#readme"},
		"gtk-sys":         {what: "GTK", source: "https://gtk-rs.org/gtk3-rs/stable/latest/docs/gtk/#installation"},
		"opencv":          {what: "OpenCV", source: "https://github.com/twistedfall/opencv-rust#getting-opencv"},
	}
	for _, name := range []string{"link-cplusplus", "librocksdb-sys", "libduckdb-sys", "zeromq-src", "snmalloc-sys", "leveldb-sys", "whisper-rs-sys", "llama-cpp-sys-2", "grpcio-sys", "snappy_src"} {
		all[name] = need{what: "a C++ compiler", word: "cxx", linked: true, source: "https://docs.rs/" + name}
	}
	for name, packages := range toolPackages() {
		all[name] = need{what: "the programs of its build", build: packages, source: "https://docs.rs/" + name}
	}
	for name, l := range libraryPackages() {
		all[name] = need{what: "a system library", build: l.build, run: l.run, unless: l.unless, source: "https://docs.rs/" + name}
	}
	return all
}

// system finds the system libraries and tools that the program's crates want.
func (s *service) system() {
	in := s.reached()
	p, table := &s.Want.Packages, needs()
	var packages []ecosystem.Need
	if git := s.gitNeed(); git.Package != "" {
		packages = append(packages, git)
	}
	for _, name := range slices.Sorted(maps.Keys(table)) {
		n := table[name]
		if !in[name].Found() || in[n.beside].Found() || s.lock != nil && s.lock.uses(name, n.unless) {
			continue
		}
		file, line := in[name].File, in[name].Line
		if line == 0 && s.lock != nil { // looked for only now: a lock has hundreds of packages
			line = s.lock.line(name)
		}
		switch {
		case !s.debian() && (n.linked || len(n.run) > 0):
			s.Report(diag.Error, codeSystem, file, line, "write bases: debian, or a map with images that have it", "%s needs %s while it runs, which the runtime image does not have (%s)", name, n.what, n.source)
		case !s.debian():
		case len(n.build) > 0:
			packages = append(packages, ecosystem.Need{Package: name, File: file, Line: line, System: ecosystem.System{Build: n.build, Runtime: n.run, Why: n.what, Source: n.source}})
		case n.word == "" && len(p.Build)+len(p.Runtime) > 0: // who names packages knows
		case n.word == "":
			s.Report(diag.Error, codeSystem, file, line, "list Debian packages for the service in slipway.yaml, such as packages: {build: [libexample-dev], runtime: [libexample1]}",
				"%s needs %s, which no base of Slipway has (%s)", name, n.what, n.source)
		default:
			s.native(n)
			s.Fact("system", n.what, name+" needs it", file, line)
		}
	}
	if slices.Contains(s.natives, "protobuf") {
		packages = append(packages, s.wellKnown()...)
	}
	s.AddSystem(packages)
	if slices.ContainsFunc(p.Build, func(name string) bool { return strings.HasSuffix(name, "-dev") }) && !slices.Contains(p.Build, "pkgconf") {
		p.Build = slices.Sorted(slices.Values(append(p.Build, "pkgconf"))) // what build scripts find libraries with
	}
	s.natives = slices.Compact(slices.Sorted(slices.Values(s.natives)))
	s.linked = slices.Compact(slices.Sorted(slices.Values(s.linked)))
}

// native takes a word of the bases.
func (s *service) native(n need) {
	s.natives = append(s.natives, n.word)
	if n.linked {
		s.linked = append(s.linked, n.word)
	}
}

// gitNeed is the program that cargo fetches git repositories with, which speaks to
// more servers than the library that is built into cargo does.
func (s *service) gitNeed() ecosystem.Need {
	if !s.fromGit() || s.vendored || !s.debian() {
		return ecosystem.Need{}
	}
	at := s.git
	if !at.Found() { // of a package that another one depends on
		at = ecosystem.Hit{Text: "a package", File: path.Join(s.top, "Cargo.lock")}
	}
	return ecosystem.Need{Package: ecosystem.Or(at.Text, "a package"), File: at.File, Line: at.Line, System: ecosystem.System{
		Build: []string{"git"}, Why: "git to be fetched with", Source: "https://doc.rust-lang.org/cargo/reference/config.html#netgit-fetch-with-cli",
	}}
}

// wellKnown are the types of Protocol Buffers that protos import, which Debian
// keeps apart from the compiler.
func (s *service) wellKnown() []ecosystem.Need {
	var found ecosystem.Hit
	look := func(dir string) {
		sub, err := fs.Sub(s.Dir, dir)
		if err != nil || found.Found() {
			return
		}
		ecosystem.EachSource(sub, func(name string, isDir bool) bool {
			return isDir && name != "target" && name != "node_modules" || path.Ext(name) == ".proto"
		}, func(name string, data []byte) { found.Keep(ecosystem.Find(wellKnown(), path.Join(dir, name), data)) })
	}
	for _, dir := range slices.Sorted(maps.Keys(s.inputs)) {
		look(dir)
	}
	for _, c := range s.crates {
		if c.needed {
			look(c.dir)
		}
	}
	if !found.Found() {
		return nil
	}
	return []ecosystem.Need{{Package: found.Text, File: found.File, Line: found.Line, System: ecosystem.System{
		Build: []string{"libprotobuf-dev"}, Why: "the types of Protocol Buffers", Source: "https://protobuf.dev/reference/protobuf/google.protobuf/",
	}}}
}

// reached are the packages that the program is made of, with where that is
// written: those of Cargo.lock and, where that does not fit, those that the
// manifests name, with the ones that they are known to bring.
func (s *service) reached() map[string]ecosystem.Hit {
	out := map[string]ecosystem.Hit{}
	if s.lock != nil {
		for name := range s.lock.reach(s.crate.name) {
			out[name] = ecosystem.Hit{Text: name, File: path.Join(s.top, "Cargo.lock")}
		}
	}
	if !s.resolves {
		return out
	}
	for _, c := range s.crates {
		for key, pkg := range c.namesIn(s.rootOf(c), false) {
			if !c.needed || out[pkg].Found() {
				continue
			}
			at := ecosystem.Hit{Text: pkg, File: c.manifestFile(), Line: c.file.line(key)}
			out[pkg] = at
			for _, name := range implied(pkg, c.wants(key, s.rootOf(c))) {
				out[name] = at
			}
		}
	}
	if bundledSQLite(out, s) {
		delete(out, "libsqlite3-sys")
	}
	return out
}

// suffix is what words add to the name of a base.
func suffix(words []string) string {
	if len(words) == 0 {
		return ""
	}
	return "-" + strings.Join(words, "-")
}
