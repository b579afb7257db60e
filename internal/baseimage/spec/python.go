package spec

import (
	"github.com/slipway-build/slipway/internal/plan"
)

// PythonVersion is the Python of the Debian release.
const PythonVersion = "3.13"

const pythonRef = "slipway/python:" + PythonVersion + "-" + Suite

// pythonRefs lists the bases of Python.
func pythonRefs() []string { return []string{pythonRef, pythonRef + "-toolchain"} }

// pythonRuntime is closed under dependencies but for what pythonIdle leaves out
// (readline, curses and dbm with their libraries), media-types, whose table
// mimetypes has built in, and OpenSSL's provider of withdrawn ciphers.
// libstdc++6 is what manylinux wheels expect of a machine.
func pythonRuntime() []string {
	return []string{
		"base-files", "ca-certificates", "gcc-14-base", "libbz2-1.0", "libc6", "libexpat1", "libffi8", "libgcc-s1", "liblzma5",
		"libpython3.13-minimal", "libpython3.13-stdlib", "libsqlite3-0", "libssl3t64", "libstdc++6", "libuuid1", "libzstd1",
		"netbase", "python3.13-minimal", "tini", "zlib1g",
	}
}

// pythonToolchain adds pip and what build scripts call. There is no compiler:
// wheels are made for this interpreter.
func pythonToolchain() []string {
	return append(toolchainPackages(), "python3.13", "python3-pip")
}

// pythonSpec returns the base of that name, or false.
func pythonSpec(ref string) (Base, bool) {
	switch ref {
	case pythonRef:
		base := runtime(ref, pythonRuntime()...)
		// ctypes.util.find_library asks it for the libraries of the system, gcc else.
		base.Parts["libc-bin"] = append(base.Parts["libc-bin"], "usr/sbin/ldconfig")
		return base, true
	case pythonRef + "-toolchain":
		return Base{
			Ref: ref, Role: plan.RoleToolchain, Suite: Suite, Debian: pythonToolchain(), Closure: true,
			Without: append(scriptsOnly(), "dpkg", "openssl-provider-legacy"),
		}, true
	}
	return Base{}, false
}
