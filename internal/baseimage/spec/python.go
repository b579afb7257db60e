package spec

import (
	"slices"

	"github.com/slipway-build/slipway/internal/ecosystem/python"
	"github.com/slipway-build/slipway/internal/pattern"
	"github.com/slipway-build/slipway/internal/plan"
)

// pythonLine is a Python that a Debian release has.
type pythonLine struct {
	version, suite string
	libraries      []string // what it links or imports and other releases name otherwise or lack
	pip            string   // the release that pip comes from; "" is its own
}

// pythonLines lists the Pythons of bases, oldest first. The pip of Debian 11 and 12
// lacks options that Slipway and recent indexes need.
func pythonLines() []pythonLine {
	return []pythonLine{
		{"3.9", "bullseye", []string{"gcc-10-base", "libcrypt1", "libffi7", "libmpdec3", "libssl1.1", "python3-distutils"}, Suite},
		{"3.11", "bookworm", []string{"gcc-12-base", "libcrypt1", "libffi8", "libssl3", "python3-distutils"}, Suite},
		{"3.13", "trixie", []string{"gcc-14-base", "libffi8", "libssl3t64", "libzstd1"}, ""},
		{"3.14", "forky", []string{"gcc-16-base", "libffi8", "libssl3t64", "libzstd1"}, ""},
		{"3.15", "sid", []string{"gcc-16-base", "libffi8", "libssl3t64", "libzstd1"}, ""},
	}
}

func (l pythonLine) ref() string { return "slipway/python:" + l.version + "-" + l.suite }

// pythonRefs lists the bases of Python.
func pythonRefs() []string {
	var out []string
	for _, l := range pythonLines() {
		out = append(out, l.ref(), l.ref()+"-native-toolchain", l.ref()+"-toolchain")
	}
	for _, minor := range python.StandaloneMinors() {
		ref := "slipway/python:" + minor + "-standalone"
		out = append(out, ref, ref+"-native-toolchain", ref+"-toolchain")
	}
	return out
}

// runtime is closed under dependencies but for what pythonIdle leaves out
// (readline, curses and dbm with their libraries), media-types, whose table
// mimetypes has built in, and OpenSSL's provider of withdrawn ciphers.
// libstdc++6 is what manylinux wheels expect of a machine.
func (l pythonLine) runtime() []string {
	all := slices.Concat(l.libraries, []string{
		"base-files", "ca-certificates", "libbz2-1.0", "libc6", "libexpat1", "libgcc-s1", "liblzma5",
		"libpython" + l.version + "-minimal", "libpython" + l.version + "-stdlib", "libsqlite3-0", "libstdc++6", "libuuid1",
		"netbase", "python" + l.version + "-minimal", "tini", "zlib1g",
	})
	slices.Sort(all)
	return all
}

var pythonRef = pattern.Lazy(`^(slipway/python:3\.\d+-[a-z]+)(-native-toolchain|-toolchain)?$`)

var standaloneRef = pattern.Lazy(`^slipway/python:(3\.\d+(?:\.\d+)?)-standalone(-native-toolchain|-toolchain)?$`)

// pythonSpec returns the base of that name, or false.
func pythonSpec(ref string) (Base, bool) {
	if m := standaloneRef().FindStringSubmatch(ref); m != nil {
		_, ok := python.FindStandalone(m[1])
		return standalone(ref, m[1], m[2]), ok
	}
	m := pythonRef().FindStringSubmatch(ref)
	if m == nil {
		return Base{}, false
	}
	i := slices.IndexFunc(pythonLines(), func(l pythonLine) bool { return l.ref() == m[1] })
	if i < 0 {
		return Base{}, false
	}
	l := pythonLines()[i]
	if m[2] == "" {
		base := finding(runtime(ref, l.runtime()...))
		base.Suite = l.suite
		return base, true
	}
	return l.toolchain(ref, m[2] == "-native-toolchain"), true
}

// finding adds what ctypes.util.find_library asks for the libraries of the system
// where there is no gcc.
func finding(base Base) Base {
	base.Parts["libc-bin"] = append(base.Parts["libc-bin"], "usr/sbin/ldconfig")
	return base
}

// standalone is the base of a Python that brings its libraries. libcrypt1 is what
// its module crypt links, libstdc++6 and zlib1g what manylinux wheels expect of a
// machine. pip is Debian's, the same in all bases.
func standalone(ref, version, variant string) Base {
	if variant == "" {
		base := finding(runtime(ref, "base-files", "ca-certificates", "gcc-14-base", "libc6", "libcrypt1", "libgcc-s1", "libstdc++6", "netbase", "tini", "zlib1g"))
		base.Python = version
		return base
	}
	base := Base{
		Ref: ref, Role: plan.RoleToolchain, Suite: Suite, Python: version, Closure: true,
		Debian: append(toolchainPackages(), "libcrypt1", "zlib1g"), Borrowed: map[string][]string{Suite: {"python3-pip"}},
		Without: append(scriptsOnly(), "dpkg", "openssl-provider-legacy", "python3", "python3-minimal"),
	}
	if variant == "-native-toolchain" {
		base.Headers = true
		base.Debian = append(base.Debian, "g++", "make", "pkg-config")
		base.Without = append(base.Without, "perl", "perl-base", "media-types")
	}
	return base
}

// toolchain adds pip and what build scripts call, and for packages without a wheel
// a compiler and Python's headers.
func (l pythonLine) toolchain(ref string, native bool) Base {
	base := Base{
		Ref: ref, Role: plan.RoleToolchain, Suite: l.suite, Closure: true,
		Debian:  append(toolchainPackages(), "python"+l.version),
		Without: append(scriptsOnly(), "dpkg", "openssl-provider-legacy"),
	}
	if l.pip == "" {
		base.Debian = append(base.Debian, "python3-pip")
	} else {
		base.Borrowed = map[string][]string{l.pip: {"python3-pip"}}
		base.Debian = append(base.Debian, "python3-distutils")
	}
	if l.suite != Suite { // Debian's own python3 is another one, or the same by another name
		base.Without = append(base.Without, "python3", "python3-minimal")
	}
	if native {
		base.Debian = append(base.Debian, "g++", "make", "pkg-config", "python"+l.version+"-dev")
		base.Without = append(base.Without, "perl", "perl-base", "media-types")
	}
	return base
}
