package spec

import (
	"fmt"
	"maps"
	"slices"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/pattern"
	"github.com/slipway-build/slipway/internal/plan"
)

// The names of the images that hold a probe binary alone: the small one, and the
// one that speaks TLS.
const (
	ProbeRef    = "slipway/probe:latest"
	TLSProbeRef = "slipway/probe:tls"

	// ScanRef holds the program security-scan alone, for stages of Dockerfiles.
	ScanRef = "slipway/scan:latest"
)

// Program reports a base that is one of slipway's own programs: no package, no pin.
func Program(ref string) bool { return ref == ProbeRef || ref == TLSProbeRef || ref == ScanRef }

// Base says what a base is made of, without versions.
type Base struct {
	Ref      string // "slipway/node:20-trixie"
	Role     plan.Role
	Suite    string   // "trixie"; empty for the probe
	Node     string   `json:"NodeMajor"` // "20", or "20.11.1" for that release alone; empty: no Node.js
	NPMMajor string   // of the npm in a toolchain base
	Headers  bool     // those of Node.js or of a standalone Python, for what is compiled
	Bun      string   `json:",omitempty"` // "1", or one release; empty: no Bun
	Deno     string   `json:",omitempty"` // "2", or one release; empty: no Deno
	GoMinor  string   // "1.26"; empty: no Go
	Python   string   `json:",omitempty"` // "3.12" or "3.12.4" of python-build-standalone; empty: none
	Debian   []string // package names
	Closure  bool     // add what the packages depend on
	More     []string // package names, always with what they depend on
	Without  []string // names that the closure leaves out, with all that only they need
	Drop     []string // file names of its packages that nothing in it reads

	// Borrowed has packages that come from another release, by the name of the release,
	// without what they depend on: Debian has to name that.
	Borrowed map[string][]string `json:",omitempty"`

	// Parts has the packages of which only some paths are kept, with all below them.
	Parts map[string][]string
}

// npms maps the majors of Node.js that bases exist for to the npm that the last
// release of each ships with.
func npms() map[string]string {
	return map[string]string{"18": "10", "19": "9", "20": "10", "21": "10", "22": "10", "23": "10", "24": "11", "25": "11", "26": "11"}
}

// nodeMajors lists the majors of Node.js that bases exist for.
func nodeMajors() []string { return slices.Sorted(maps.Keys(npms())) }

// nodeLinks are the libraries that node links since some major and that no other
// package of the bases needs.
func nodeLinks(major string) []string {
	if major >= "25" {
		return []string{"libatomic1"}
	}
	return nil
}

// npmOf is the major of npm for a major of Node.js, or for one release of it: npm 10
// does not run on the first releases of Node.js 18 and 20.
func npmOf(major, release string) string {
	var minor int
	if _, err := fmt.Sscanf(release, ".%d.", &minor); err == nil && (major == "18" && minor < 17 || major == "20" && minor < 5) {
		return "9"
	}
	return npms()[major]
}

// runtime is the base of programs that link the C library. Of libc-bin it has the
// locale C.UTF-8, without which LANG=C.UTF-8 means C and Java cannot name a file
// beyond ASCII, and where the loader looks; tzdata is what TZ needs.
func runtime(ref string, packages ...string) Base {
	return Base{
		Ref: ref, Role: plan.RoleRuntime, Suite: Suite, Debian: append(packages, "libc-bin", "tzdata"),
		Parts: map[string][]string{"libc-bin": {"etc/ld.so.conf", "etc/ld.so.conf.d", "usr/lib/locale"}},
	}
}

// runtimePackages is closed under dependencies but for the awk that base-files
// wants for its scripts and the openssl and debconf that ca-certificates wants
// for its own; no script runs here.
func runtimePackages() []string {
	return []string{
		"base-files", "ca-certificates", "gcc-14-base", "libc6", "libgcc-s1", "libstdc++6", "netbase", "tini",
	}
}

// toolchainPackages are what `npm ci`, `tsc` and shell scripts call; their
// dependencies are added by Resolve. There is no package manager, no compiler
// and no perl.
func toolchainPackages() []string {
	return []string{
		"base-files", "base-passwd", "bash", "ca-certificates", "coreutils", "dash", "debianutils", "diffutils",
		"findutils", "grep", "gzip", "hostname", "libc-bin", "libstdc++6", "mawk", "netbase", "sed", "tar", "tini",
	}
}

// nativePackages are what node-gyp calls to compile an addon
// (https://github.com/nodejs/node-gyp#installation).
func nativePackages() []string { return []string{"g++", "make", "pkgconf", "python3"} }

// scriptsOnly are packages that others depend on for the sake of their
// maintainer scripts, which Slipway does not run.
func scriptsOnly() []string { return []string{"debconf", "debconf-2.0", "openssl"} }

var nodeRef = pattern.Lazy(`^slipway/node:(\d+)(\.\d+\.\d+)?-` + Suite + `(-native-toolchain|-toolchain)?$`)

// Of returns the base of that name.
func Of(ref string) (Base, error) {
	if Program(ref) {
		return Base{Ref: ref, Role: plan.RoleProbe}, nil
	}
	if base, packages := plan.PackagesOf(ref); packages != nil {
		return extended(ref, base, packages)
	}
	if spec, ok := goSpec(ref); ok {
		return spec, nil
	}
	if spec, ok := pythonSpec(ref); ok {
		return spec, nil
	}
	if spec, ok := rustSpec(ref); ok {
		return spec, nil
	}
	if spec, ok := javaSpec(ref); ok {
		return spec, nil
	}
	if s, ok := staticSpec(ref); ok {
		return s, nil
	}
	if s, ok := runtimeSpec(ref); ok {
		return s, nil
	}
	if s, ok := companionSpec(ref); ok {
		return s, nil
	}
	m := nodeRef().FindStringSubmatch(ref)
	if m == nil || !slices.Contains(nodeMajors(), m[1]) {
		f := diag.Fail(diag.ExitUsage, "unknown base %q", ref)
		if near := diag.Nearest(ref, Refs()); near != "" {
			return Base{}, f.WithHint("did you mean %q?", near)
		}
		return Base{}, f.WithHint("slipway bases list")
	}
	if m[3] == "" {
		spec := runtime(ref, append(runtimePackages(), nodeLinks(m[1])...)...)
		spec.Node = m[1] + m[2]
		return spec, nil
	}
	return nodeToolchain(ref, m[1]+m[2], npmOf(m[1], m[2]), m[3] == "-native-toolchain"), nil
}

// nodeToolchain is the toolchain of a Node.js; a native one has what compiles addons.
func nodeToolchain(ref, node, npm string, native bool) Base {
	spec := Base{
		Ref: ref, Role: plan.RoleToolchain, Suite: Suite, Node: node, NPMMajor: npm,
		Debian: append(toolchainPackages(), nodeLinks(node)...), Closure: true, Without: scriptsOnly(),
	}
	if native {
		spec.Headers = true
		spec.Debian = append(spec.Debian, nativePackages()...)
		spec.Without = append(spec.Without, "dpkg", "perl", "perl:any", "perl-base", "media-types", "openssl-provider-legacy")
	}
	return spec
}

// Refs lists the names of all bases, sorted by version and role.
func Refs() []string {
	var refs []string
	for _, major := range nodeMajors() {
		refs = append(refs, "slipway/node:"+major+"-"+Suite, "slipway/node:"+major+"-"+Suite+"-native-toolchain", "slipway/node:"+major+"-"+Suite+"-toolchain")
	}
	refs = append(refs, runtimeRefs()...)
	refs = append(refs, goRefs()...)
	refs = append(refs, pythonRefs()...)
	refs = append(refs, rustRefs()...)
	refs = append(refs, javaRefs()...)
	return append(refs, nginxRef, ProbeRef, TLSProbeRef, ScanRef)
}
