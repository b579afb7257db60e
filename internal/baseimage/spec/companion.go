package spec

import (
	"slices"

	"github.com/slipway-build/slipway/internal/pattern"
	"github.com/slipway-build/slipway/internal/plan"
)

var companionRef = pattern.Lazy(`^slipway/companion:([a-z]+)$`)

// companionSpec returns the base of servers that run beside tests, or false: what
// the scripts that prepare a fresh database call, on a Debian release. The servers
// are packages in the name, as in "slipway/companion/postgresql-17:trixie".
func companionSpec(ref string) (Base, bool) {
	m := companionRef().FindStringSubmatch(ref)
	if m == nil || !slices.ContainsFunc(Releases(), func(r Release) bool { return r.Name == m[1] }) {
		return Base{}, false
	}
	return Base{
		Ref: ref, Role: plan.RoleToolchain, Suite: m[1], Closure: true, Without: scriptsOnly(),
		Debian: []string{"base-files", "base-passwd", "ca-certificates", "coreutils", "dash", "debianutils", "grep", "libc-bin", "mawk", "netbase", "sed", "tini", "tzdata"},
	}, true
}
