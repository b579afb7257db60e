package spec

import (
	"maps"
	"slices"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/plan"
)

// extended returns a base with further Debian packages and what they depend on.
func extended(ref, base string, packages []string) (Base, error) {
	for _, p := range packages {
		if !plan.IsPackage(p) {
			return Base{}, diag.Fail(diag.ExitUsage, "the base %q names %q, which cannot be a Debian package", ref, p)
		}
	}
	spec, err := Of(base)
	if err != nil {
		return Base{}, err
	}
	if spec.Role == plan.RoleProbe {
		return Base{}, diag.Fail(diag.ExitUsage, "unknown base %q: the probe takes no packages", ref)
	}
	spec.Ref, spec.More = ref, packages
	maps.DeleteFunc(spec.Parts, func(p string, _ []string) bool { return slices.Contains(packages, p) }) // who names it wants it whole
	spec.Without = slices.DeleteFunc(append(slices.Clone(spec.Without), unneeded()...), func(p string) bool { return slices.Contains(packages, p) })
	return spec, nil
}

// unneeded are packages that libraries and programs depend on for maintainer
// scripts, or for a desktop that no container has.
func unneeded() []string {
	return append(scriptsOnly(), "dpkg", "perl", "perl:any", "perl-base", "ucf", "adduser", "default-dbus-session-bus", "dbus-session-bus", "xdg-utils", "install-info")
}
