package spec

import (
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/pattern"
	"github.com/slipway-build/slipway/internal/plan"
)

// rustLine is one of the Rusts that the Debian release has: its own, which stays
// the same for the life of the release, and the one that browsers are built
// with, which point releases renew. A base of the latter has that version or a
// later one, whatever the mirror has; slipway.lock pins it.
type rustLine struct{ version, rustc, cargo string }

func rustLines() []rustLine {
	return []rustLine{{"1.85", "rustc", "cargo"}, {"1.96", "rustc-web", "cargo-web"}}
}

// native is a library or a tool of the system that crates build with, by the
// word that names of bases have for it.
type native struct {
	build []string // packages of the toolchain base
	run   []string // packages of the runtime base; none for tools
}

// rustNatives are what bases can have besides Rust and a C compiler.
func rustNatives() map[string]native {
	return map[string]native{
		"cmake":    {build: []string{"cmake", "make"}},
		"cxx":      {build: []string{"g++"}, run: []string{"libstdc++6"}},
		"libclang": {build: []string{"libclang-dev"}},
		"make":     {build: []string{"bash", "make", "perl"}},
		"mysql":    {build: []string{"libmariadb-dev", "pkgconf"}, run: []string{"libmariadb3"}},
		"openssl":  {build: []string{"libssl-dev", "pkgconf"}, run: []string{"libssl3t64"}},
		"postgres": {build: []string{"libpq-dev", "pkgconf"}, run: []string{"libpq5"}},
		"protobuf": {build: []string{"protobuf-compiler"}},
		"sqlite":   {build: []string{"libsqlite3-dev", "pkgconf"}, run: []string{"libsqlite3-0"}},
	}
}

// rustRefs lists the bases of Rust; of those with system libraries, one each.
func rustRefs() []string {
	var out []string
	for _, l := range rustLines() {
		out = append(out, "slipway/rust:"+l.version+"-"+Suite+"-toolchain")
	}
	return out
}

// rustName matches a toolchain ("1.85-trixie-openssl-toolchain") and the runtime
// of programs that link system libraries ("trixie-openssl").
var rustName = pattern.Lazy(`^slipway/rust:(?:(1\.\d+)-)?` + Suite + `((?:-[a-z]+)*?)(-toolchain)?$`)

// rustSpec returns the base of that name, or false.
func rustSpec(ref string) (Base, bool) {
	m := rustName().FindStringSubmatch(ref)
	if m == nil || (m[1] == "") != (m[3] == "") {
		return Base{}, false
	}
	words := strings.FieldsFunc(m[2], func(r rune) bool { return r == '-' })
	table := rustNatives()
	if !slices.IsSorted(words) || slices.ContainsFunc(words, func(w string) bool { _, ok := table[w]; return !ok }) {
		return Base{}, false
	}
	if m[3] == "" {
		return rustRuntime(ref, words)
	}
	i := slices.IndexFunc(rustLines(), func(l rustLine) bool { return l.version == m[1] })
	if i < 0 {
		return Base{}, false
	}
	line := rustLines()[i]
	spec := Base{
		Ref: ref, Role: plan.RoleToolchain, Suite: Suite, Closure: true,
		Debian: append(rustPackages(), line.rustc, line.cargo), Without: rustWithout(),
	}
	for _, w := range words {
		spec.Debian = append(spec.Debian, table[w].build...)
		if slices.Contains(table[w].build, "perl") {
			spec.Without = slices.DeleteFunc(spec.Without, func(p string) bool { return strings.HasPrefix(p, "perl") })
		}
	}
	spec.Debian = slices.Compact(slices.Sorted(slices.Values(spec.Debian)))
	return spec, true
}

// rustPackages are what cargo, the linker and build scripts call, besides Rust
// itself, which brings gcc.
func rustPackages() []string {
	return []string{"base-files", "base-passwd", "ca-certificates", "coreutils", "dash", "findutils", "gcc", "libc-bin", "libc6-dev", "mawk", "netbase", "sed"}
}

// rustWithout are parts of dependencies that no build calls: scripts in Perl,
// messages, accounts, and the sanitizers of gcc.
func rustWithout() []string {
	return append(scriptsOnly(),
		"adduser", "dpkg", "libasan8", "libcc1-0", "libgprofng0", "libhwasan0", "libitm1", "liblsan0", "libtsan2", "libubsan1",
		"mariadb-common", "mysql-common", "perl", "perl-base", "perl:any",
	)
}

// rustRuntime is the base of programs that link system libraries: the C library
// and what those depend on.
func rustRuntime(ref string, words []string) (Base, bool) {
	libc, _ := goSpec(libcRef)
	spec := libc
	spec.Ref, spec.Closure, spec.Without = ref, true, rustWithout()
	for _, w := range words {
		run := rustNatives()[w].run
		if len(run) == 0 {
			return Base{}, false // a tool of builds
		}
		spec.Debian = append(spec.Debian, run...)
	}
	return spec, len(words) > 0
}
