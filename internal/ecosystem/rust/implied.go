package rust

import (
	"maps"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/pattern"
)

// library is Debian's packages of a system library.
type library struct {
	build, run []string
	unless     string // a dependency that builds the library from source
}

// libraryPackages are the packages of Debian's release, by crates that link their
// libraries and bring no copy.
func libraryPackages() map[string]library {
	one := func(dev, run string) library { return library{build: []string{dev}, run: []string{run}} }
	unless := func(l library, source string) library { l.unless = source; return l }
	fontconfig := one("libfontconfig-dev", "libfontconfig1")
	return map[string]library{
		"alsa-sys": one("libasound2-dev", "libasound2t64"), "cairo-sys-rs": one("libcairo2-dev", "libcairo2"), "ffmpeg-sys-next": ffmpeg(),
		"gdal-sys": one("libgdal-dev", "libgdal36"), "gdk-pixbuf-sys": one("libgdk-pixbuf-2.0-dev", "libgdk-pixbuf-2.0-0"),
		"geos-sys": unless(one("libgeos-dev", "libgeos-c1t64"), "geos-src"), "glib-sys": one("libglib2.0-dev", "libglib2.0-0t64"),
		"gstreamer-sys": {build: []string{"libgstreamer-plugins-base1.0-dev", "libgstreamer1.0-dev"}, run: []string{"libgstreamer-plugins-base1.0-0", "libgstreamer1.0-0"}},
		"hdf5-sys":      unless(one("libhdf5-dev", "libhdf5-310"), "hdf5-src"), "hidapi": one("libudev-dev", "libudev1"),
		"leptonica-sys": one("libleptonica-dev", "libleptonica6"), "libbpf-sys": {build: []string{"grep", "libelf-dev", "make", "zlib1g-dev"}, run: []string{"libelf1t64", "zlib1g"}},
		"libdbus-sys": unless(one("libdbus-1-dev", "libdbus-1-3"), "cc"), "libgssapi-sys": one("libkrb5-dev", "libgssapi-krb5-2"), "libheif-sys": one("libheif-dev", "libheif1"),
		"libpulse-sys": one("libpulse-dev", "libpulse0"), "libseccomp-sys": one("libseccomp-dev", "libseccomp2"), "libsystemd-sys": one("libsystemd-dev", "libsystemd0"),
		"libudev-sys": one("libudev-dev", "libudev1"), "libxml": one("libxml2-dev", "libxml2"), "magick_rust": one("libmagickwand-dev", "libmagickwand-7.q16-10"),
		"odbc-sys": one("unixodbc-dev", "libodbc2"), "pam-sys": one("libpam0g-dev", "libpam0g"), "pango-sys": one("libpango1.0-dev", "libpango-1.0-0"),
		"pcap": one("libpcap-dev", "libpcap0.8t64"), "pcsc-sys": one("libpcsclite-dev", "libpcsclite1"), "proj-sys": one("libproj-dev", "libproj25"),
		"pyo3-ffi": one("python3-dev", "libpython3.13"), "sasl2-sys": one("libsasl2-dev", "libsasl2-2"), "servo-fontconfig-sys": fontconfig,
		"tesseract-sys": one("libtesseract-dev", "libtesseract5"), "virt-sys": one("libvirt-dev", "libvirt0"), "yeslogic-fontconfig-sys": fontconfig,
		"z3-sys": one("libz3-dev", "libz3-4"), "zmq-sys": unless(one("libzmq3-dev", "libzmq5"), "zeromq-src"),
	}
}

func ffmpeg() library {
	var l library
	for _, name := range []string{"avcodec61", "avdevice61", "avfilter10", "avformat61", "avutil59", "swresample5", "swscale8"} {
		l.run = append(l.run, "lib"+name)
		l.build = append(l.build, "lib"+strings.TrimRight(name, "0123456789")+"-dev")
	}
	return l
}

// toolPackages are the packages of programs that build scripts call.
func toolPackages() map[string][]string {
	configure := []string{"grep", "make"}
	return map[string][]string{
		"aws-lc-fips-sys": {"cmake", "golang-go", "make", "perl"}, "capnpc": {"capnproto"}, "flatc-rust": {"flatbuffers-compiler"},
		"jemalloc-sys": configure, "libsodium-sys": configure, "libsodium-sys-stable": configure, "nasm-rs": {"nasm"},
		"protobuf-src": {"cmake", "g++", "make"}, "tikv-jemalloc-sys": configure, "turbojpeg-sys": {"cmake", "make", "nasm"},
	}
}

// wish is the features that a crate wants of a dependency.
type wish struct {
	features []string
	defaults bool
	version  string
}

// wants returns the features that a crate wants of a dependency.
func (c *crate) wants(key string, workspace *manifest) wish {
	out := wish{defaults: true}
	add := func(v any) {
		if text, ok := v.(string); ok {
			out.version = text
		}
		d, _ := v.(map[string]any)
		if no, ok := d["default-features"].(bool); ok {
			out.defaults = no
		}
		if text, ok := d["version"].(string); ok {
			out.version = text
		}
		list, _ := d["features"].([]any)
		for _, f := range list {
			if text, ok := f.(string); ok {
				out.features = append(out.features, text)
			}
		}
	}
	for _, tables := range append(slices.Collect(maps.Values(c.file.Target)), c.file.dependencies) {
		for _, table := range []map[string]any{tables.Normal, tables.Build} {
			v, ok := table[key]
			if d, _ := v.(map[string]any); d["workspace"] == true && workspace != nil && workspace.Workspace != nil {
				add(workspace.Workspace.Dependencies[key])
			}
			if ok {
				add(v)
			}
		}
	}
	return out
}

// brought are the crates that others bring whatever their features.
func brought() map[string][]string {
	return map[string][]string{
		"alsa": {"alsa-sys"}, "cxx": {"link-cplusplus"}, "dbus": {"libdbus-sys"}, "hyper-tls": {"openssl-sys"}, "jemallocator": {"jemalloc-sys"},
		"native-tls": {"openssl-sys"}, "openssl": {"openssl-sys"}, "postgres-openssl": {"openssl-sys"}, "postgres-native-tls": {"openssl-sys"},
		"rdkafka": {"rdkafka-sys"}, "rocksdb": {"bindgen", "librocksdb-sys"}, "rusqlite": {"libsqlite3-sys"}, "sodiumoxide": {"libsodium-sys"},
		"tikv-jemallocator": {"tikv-jemalloc-sys"}, "tokio-native-tls": {"openssl-sys"}, "tonic-build": {"prost-build"}, "tonic-prost-build": {"prost-build"},
		"udev": {"libudev-sys"}, "zmq": {"zeromq-src"}, "duckdb": {"libduckdb-sys"}, "pyo3": {"pyo3-ffi"}, "protobuf-src": {"cmake"},
	}
}

// implied are the crates with system libraries that a dependency brings, as far as
// its name and features tell without a Cargo.lock.
func implied(pkg string, w wish) []string {
	out := slices.Clone(brought()[pkg])
	vendored := slices.ContainsFunc(w.features, func(f string) bool { return strings.Contains(f, "vendored") })
	tls := slices.ContainsFunc(w.features, func(f string) bool {
		return strings.Contains(f, "native-tls") || strings.Contains(f, "openssl") || pkg == "rdkafka" && f == "ssl"
	})
	if w.defaults && (pkg == "lettre" || pkg == "git2" || pkg == "reqwest" && !newTLS().MatchString(w.version)) {
		tls = true
	}
	if tls {
		out = append(out, "openssl-sys")
	}
	if pkg == "diesel" {
		for feature, name := range map[string]string{"postgres": "pq-sys", "mysql": "mysqlclient-sys", "sqlite": "libsqlite3-sys"} {
			if slices.Contains(w.features, feature) {
				out = append(out, name)
			}
		}
	}
	if vendored {
		for i, name := range out {
			if name == "openssl-sys" {
				out[i] = "openssl-src" // which it is then built from
			}
		}
	}
	slices.Sort(out)
	return out
}

// newTLS matches the versions of reqwest that use rustls by default.
var newTLS = pattern.Lazy(`^\W*(?:0\.1[3-9]|[1-9])`)

var wellKnown = pattern.Lazy(`(?m)^\s*import\s+(?:public\s+|weak\s+)?"(google/protobuf/[\w/]+\.proto)"`)

// bundledSQLite reports a feature of a dependency that brings SQLite's source.
func bundledSQLite(in map[string]ecosystem.Hit, s *service) bool {
	if !in["libsqlite3-sys"].Found() || s.lock != nil {
		return false
	}
	return slices.ContainsFunc(s.crates, func(c *crate) bool {
		for key := range c.namesIn(s.rootOf(c), false) {
			if slices.ContainsFunc(c.wants(key, s.rootOf(c)).features, func(f string) bool { return strings.HasPrefix(f, "bundled") }) {
				return true
			}
		}
		return false
	})
}
