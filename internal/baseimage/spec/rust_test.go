package spec

import (
	"slices"
	"testing"
)

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
		base, err := Of(ref)
		if (err == nil) != (want != "") || want != "" && !slices.Contains(base.Debian, want) {
			t.Errorf("%s: %v, %v; want %q", ref, base.Debian, err, want)
		}
		if slices.Contains(base.Without, "perl") && slices.Contains(base.Debian, "perl") {
			t.Errorf("%s has perl and leaves it out", ref)
		}
	}
}
