package spec

import (
	"slices"

	"github.com/slipway-build/slipway/internal/ecosystem/golang"
	"github.com/slipway-build/slipway/internal/pattern"
	"github.com/slipway-build/slipway/internal/plan"
)

// Bases of programs that bring everything, and of those that want the C library.
const (
	staticRef = "slipway/static:" + Suite
	libcRef   = "slipway/libc:" + Suite
)

func goRef(minor, variant string) string {
	return "slipway/go:" + minor + "-" + Suite + variant + "-toolchain"
}

// goRefs lists the bases of Go.
func goRefs() []string {
	var out []string
	for _, m := range golang.Minors() {
		out = append(out, goRef(m, "-cgo"), goRef(m, ""))
	}
	return append(out, libcRef, staticRef)
}

var goToolchain = pattern.Lazy(`^slipway/go:(1\.\d+)-` + Suite + `(-cgo)?-toolchain$`)

// goSpec returns the base of that name, or false. base-files has the link to the
// dynamic loader's directory, and os-release for scanners.
func goSpec(ref string) (Base, bool) {
	switch ref {
	case staticRef:
		return Base{Ref: ref, Role: plan.RoleRuntime, Suite: Suite, Debian: []string{"base-files", "ca-certificates", "netbase", "tzdata"}}, true
	case libcRef:
		return runtime(ref, "base-files", "ca-certificates", "gcc-14-base", "libc6", "libgcc-s1", "netbase"), true
	}
	m := goToolchain().FindStringSubmatch(ref)
	if m == nil || !slices.Contains(golang.Minors(), m[1]) {
		return Base{}, false
	}
	spec := Base{
		Ref: ref, Role: plan.RoleToolchain, Suite: Suite, GoMinor: m[1], Debian: goPackages(), Closure: true,
		Without: append(scriptsOnly(), "perl", "liberror-perl", "git-man", "dpkg", "perl-base", "perl:any"),
	}
	if m[2] != "" {
		spec.Debian = append(spec.Debian, "gcc", "libc6-dev")
	}
	return spec, true
}

// goPackages are what go calls, and what a step's shell does. git is for modules
// that no proxy has; its parts in Perl stay out.
func goPackages() []string {
	return []string{"base-files", "base-passwd", "ca-certificates", "coreutils", "dash", "git", "libc-bin", "netbase"}
}
