package baseimage

import (
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/plan"
)

// pythonVersion is the Python of the Debian release.
const pythonVersion = "3.13"

const pythonRef = "slipway/python:" + pythonVersion + "-" + Suite

// PythonVersions lists the versions of Python that bases exist for.
func PythonVersions() []string { return []string{pythonVersion} }

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
		"netbase", "python3.13-minimal", "tini", "tzdata", "zlib1g",
	}
}

// pythonToolchain adds pip and what build scripts call. There is no compiler:
// wheels are made for this interpreter.
func pythonToolchain() []string {
	return append(toolchainPackages(), "python3.13", "python3-pip")
}

// pythonSpec returns the base of that name, or false.
func pythonSpec(ref string) (Spec, bool) {
	switch ref {
	case pythonRef:
		return Spec{Ref: ref, Role: plan.RoleRuntime, Suite: Suite, Debian: pythonRuntime()}, true
	case pythonRef + "-toolchain":
		return Spec{
			Ref: ref, Role: plan.RoleToolchain, Suite: Suite, Debian: pythonToolchain(), Closure: true,
			Without: append(scriptsOnly(), "dpkg", "openssl-provider-legacy"),
		}, true
	}
	return Spec{}, false
}

// pythonFor returns the base of a role for a version of Python ("3.13",
// "3.13.5").
func pythonFor(role plan.Role, version string) (Spec, error) {
	if version != pythonVersion && !strings.HasPrefix(version, pythonVersion+".") {
		return Spec{}, diag.Fail(diag.ExitUsage, "there is no Debian base for python %s", version).
			WithHint("Python %s can be assembled; `bases:` in slipway.yaml takes any other image", strings.Join(PythonVersions(), ", "))
	}
	if role == plan.RoleToolchain {
		return SpecOf(pythonRef + "-toolchain")
	}
	return SpecOf(pythonRef)
}

// pythonIdle tells whether a path is a part of Python that no service runs: the
// interpreter's own tests, the graphical toolkit and its games, the texts of
// help(), and modules for terminals and Berkeley databases, whose libraries the
// runtime base does not have.
func pythonIdle(p string) bool {
	rest, ok := strings.CutPrefix(p, "usr/lib/python"+pythonVersion+"/")
	if !ok {
		return strings.HasPrefix(p, "usr/share/binfmts") || strings.HasPrefix(p, "usr/lib/binfmt.d")
	}
	top, _, _ := strings.Cut(rest, "/")
	if slices.Contains([]string{"test", "idlelib", "tkinter", "turtledemo", "turtle.py", "ensurepip", "pydoc_data", "curses"}, top) {
		return true
	}
	if top != "lib-dynload" {
		return false
	}
	module, _, _ := strings.Cut(path.Base(p), ".")
	return strings.HasPrefix(module, "_test") || strings.HasPrefix(module, "xx") ||
		slices.Contains([]string{"_ctypes_test", "_xxtestfuzz", "_curses", "_curses_panel", "_dbm", "_gdbm", "_tkinter", "readline"}, module)
}
