package rust

import (
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
)

// need is a system library or a tool that a crate builds with.
type need struct {
	what   string
	word   string // of the bases that have it (internal/baseimage/spec_rust.go); "" when none has
	linked bool   // the program needs it while it runs
	unless string // a dependency of the crate that brings it along
	beside string // a crate beside which it is not called
	source string // where the crate's authors say so
}

// needs are the crates that want more than a C compiler. Whatever is not here
// builds with one (ring, zstd-sys, libsqlite3-sys when bundled, aws-lc-sys,
// mimalloc, lz4-sys, libgit2-sys …).
func needs() map[string]need {
	return map[string]need{
		"openssl-sys":     {what: "OpenSSL", word: "openssl", linked: true, unless: "openssl-src", source: "https://docs.rs/openssl/latest/openssl/#automatic"},
		"openssl-src":     {what: "make and perl", word: "make", source: "https://docs.rs/openssl/latest/openssl/#vendored"},
		"pq-sys":          {what: "libpq", word: "postgres", linked: true, unless: "pq-src", source: "https://github.com/sgrif/pq-sys#readme"},
		"mysqlclient-sys": {what: "the MariaDB client library", word: "mysql", linked: true, unless: "mysqlclient-src", source: "https://github.com/sgrif/mysqlclient-sys#readme"},
		"libsqlite3-sys":  {what: "SQLite", word: "sqlite", linked: true, unless: "cc", source: "https://github.com/rusqlite/rusqlite#notes-on-building-rusqlite-and-libsqlite3-sys"},
		"prost-build":     {what: "protoc", word: "protobuf", beside: "protobuf-src", source: "https://docs.rs/prost-build/latest/prost_build/#sourcing-protoc"},
		"cmake":           {what: "CMake", word: "cmake", beside: "aws-lc-sys", source: "https://docs.rs/cmake"},
		"rdkafka-sys":     {what: "make", word: "make", source: "https://docs.rs/rdkafka-sys/latest/rdkafka_sys/#build-configuration"},
		"bindgen":         {what: "libclang", word: "libclang", source: "https://rust-lang.github.io/rust-bindgen/requirements.html"},
		"clang-sys":       {what: "libclang", word: "libclang", source: "https://github.com/KyleMayes/clang-sys#readme"},
		"link-cplusplus":  {what: "a C++ compiler", word: "cxx", linked: true, source: "https://docs.rs/link-cplusplus"},
		"librocksdb-sys":  {what: "a C++ compiler", word: "cxx", linked: true, source: "https://github.com/rust-rocksdb/rust-rocksdb#requirements"},
		"gtk-sys":         {what: "GTK", source: "https://gtk-rs.org/gtk3-rs/stable/latest/docs/gtk/#installation"},
		"alsa-sys":        {what: "ALSA", source: "https://docs.rs/alsa-sys"},
		"opencv":          {what: "OpenCV", source: "https://github.com/twistedfall/opencv-rust#getting-opencv"},
		"gstreamer-sys":   {what: "GStreamer", source: "https://gitlab.freedesktop.org/gstreamer/gstreamer-rs#installation"},
		"libpcap-sys":     {what: "libpcap", source: "https://docs.rs/pcap/latest/pcap/#building"},
		"pyo3-ffi":        {what: "Python", source: "https://pyo3.rs/latest/building-and-distribution.html"},
		"zmq-sys":         {what: "ZeroMQ", source: "https://docs.rs/zmq"},
		"magick_rust":     {what: "ImageMagick", source: "https://github.com/nlfiedler/magick-rust#dependencies"},
	}
}

// system finds the system libraries and tools that the program's crates want.
func (s *service) system() {
	s.AddSystem(nil)
	p := &s.Want.Packages
	if slices.ContainsFunc(p.Build, func(name string) bool { return strings.HasSuffix(name, "-dev") }) && !slices.Contains(p.Build, "pkgconf") {
		p.Build = append(p.Build, "pkgconf") // what build scripts find libraries with
	}
	if s.lock == nil {
		return
	}
	in, table := s.lock.reach(s.crate.name), needs()
	for _, name := range slices.Sorted(maps.Keys(table)) {
		n := table[name]
		if !in[name] || in[n.beside] || s.lock.uses(name, n.unless) {
			continue
		}
		line := s.lock.line(name)
		file := path.Join(s.top, "Cargo.lock")
		switch {
		case !s.debian() && n.linked:
			s.Report(diag.Error, codeSystem, file, line, "write bases: debian, or a map with images that have it", "%s needs %s while it runs, which the runtime image does not have (%s)", name, n.what, n.source)
		case !s.debian():
		case n.word == "" && len(p.Build)+len(p.Runtime) > 0: // who names packages knows
		case n.word == "":
			s.Report(diag.Error, codeSystem, file, line, "list Debian packages for the service in slipway.yaml, such as packages: {build: [libexample-dev], runtime: [libexample1]}",
				"%s needs %s, which no base of Slipway has (%s)", name, n.what, n.source)
		default:
			s.natives = append(s.natives, n.word)
			if n.linked {
				s.linked = append(s.linked, n.word)
			}
			s.Fact("system", n.what, name+" needs it", file, line)
		}
	}
	s.natives = slices.Compact(slices.Sorted(slices.Values(s.natives)))
	s.linked = slices.Compact(slices.Sorted(slices.Values(s.linked)))
}

// suffix is what words add to the name of a base.
func suffix(words []string) string {
	if len(words) == 0 {
		return ""
	}
	return "-" + strings.Join(words, "-")
}
