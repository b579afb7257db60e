package plan

import (
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/pattern"
)

// packageName is a name that Debian gives to packages (Debian Policy 5.6.1).
var packageName = pattern.Lazy(`^[a-z0-9][a-z0-9+.-]*[a-z0-9+]$`)

// IsPackage tells whether a word may be the name of a Debian package.
func IsPackage(name string) bool {
	return len(name) <= 64 && packageName().MatchString(name) && !strings.Contains(name, "..")
}

// WithPackages names the base that has further Debian packages: each is a part
// of the path, sorted, as in "slipway/node/libcairo2/libgif7:22-trixie". A plus,
// which references do not take, is written "_p".
func WithPackages(ref string, names []string) string {
	if len(names) == 0 {
		return ref
	}
	name, tag, _ := strings.Cut(ref, ":")
	for _, n := range slices.Compact(slices.Sorted(slices.Values(names))) {
		name += "/" + strings.ReplaceAll(n, "+", "_p")
	}
	return name + ":" + tag
}

// PackagesOf takes a base's name apart: the base without the packages, and them.
// A name that has none comes back as it is.
func PackagesOf(ref string) (base string, names []string) {
	name, tag, _ := strings.Cut(ref, ":")
	parts := strings.Split(name, "/")
	if parts[0] != "slipway" || len(parts) < 3 {
		return ref, nil
	}
	for _, n := range parts[2:] {
		names = append(names, strings.ReplaceAll(n, "_p", "+"))
	}
	return strings.Join(parts[:2], "/") + ":" + tag, names
}
