package baseimage

import (
	"slices"
	"testing"

	"github.com/slipway-build/slipway/internal/plan"
)

func TestRustBases(t *testing.T) {
	for _, c := range []struct {
		role    plan.Role
		version string
		ref     string // "" is refused
	}{
		{plan.RoleRuntime, "1.96", "slipway/static:trixie"},
		{plan.RoleToolchain, "1.85", "slipway/rust:1.85-trixie-toolchain"},
		{plan.RoleToolchain, "1.85.1", "slipway/rust:1.85-trixie-toolchain"},
		{plan.RoleToolchain, "1.96", "slipway/rust:1.96-trixie-toolchain"},
		{plan.RoleToolchain, "1.8", ""},
		{plan.RoleToolchain, "nightly", ""},
	} {
		spec, err := SpecFor(c.role, "rust", c.version)
		if spec.Ref != c.ref || (err != nil) != (c.ref == "") || c.ref != "" && spec.Role != c.role {
			t.Errorf("rust %s, %s: %+v, %v; want %q", c.version, c.role, spec, err, c.ref)
		}
		if c.ref != "" && !slices.Contains(Refs(), c.ref) {
			t.Errorf("Refs lacks %s", c.ref)
		}
	}
}

// TestRustNatives has bases for any sorted list of words, and runtimes for what
// programs link alone.
func TestRustNatives(t *testing.T) {
	for ref, want := range map[string]string{
		"slipway/rust:1.96-trixie-openssl-toolchain":          "libssl-dev",
		"slipway/rust:1.85-trixie-openssl-postgres-toolchain": "libpq-dev",
		"slipway/rust:1.96-trixie-make-toolchain":             "perl",
		"slipway/rust:trixie-openssl":                         "libssl3t64",
		"slipway/rust:trixie-cxx-mysql":                       "libmariadb3",
		"slipway/rust:1.96-trixie-postgres-openssl-toolchain": "", // not sorted
		"slipway/rust:1.96-trixie-gtk-toolchain":              "",
		"slipway/rust:1.96-trixie-openssl":                    "",
		"slipway/rust:trixie-openssl-toolchain":               "",
		"slipway/rust:trixie-cmake":                           "", // a tool of builds
		"slipway/rust:trixie":                                 "",
	} {
		spec, err := SpecOf(ref)
		if (err == nil) != (want != "") || want != "" && !slices.Contains(spec.Debian, want) {
			t.Errorf("%s: %v, %v; want %q", ref, spec.Debian, err, want)
		}
		if slices.Contains(spec.Without, "perl") && slices.Contains(spec.Debian, "perl") {
			t.Errorf("%s has perl and leaves it out", ref)
		}
	}
}
