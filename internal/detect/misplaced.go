package detect

import (
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/diag"
)

// misplaced reports a key that a service of the ecosystem cannot have.
func misplaced(ecosystem string, s config.Service, fleet *config.Fleet) *diag.Finding {
	managers := config.Managers(ecosystem)
	switch {
	case s.PackageManager != "" && !slices.Contains(managers, s.PackageManager):
		f := finding(codeMisplaced, s, fleet, "%s: %s is not a package manager of %s services", s.Name, s.PackageManager, ecosystem)
		f.Hint = "delete package_manager:"
		if len(managers) > 0 {
			f.Hint += ", or write one of " + strings.Join(managers, ", ")
		}
		return f
	case len(s.Packages.Build)+len(s.Packages.Runtime) > 0 && (!slices.Contains(extendable(), ecosystem) || fleet != nil && fleet.Bases.Family != "debian"):
		f := finding(codeMisplaced, s, fleet, "%s: packages: works only with the bases that Slipway assembles for Node.js, Deno, Python, Rust and Java", s.Name)
		f.Hint = "delete it; to add packages, use bases: with images that have them, or a Dockerfile in the service's directory"
		return f
	case ecosystem != "python" && s.GPU != nil:
		f := finding(codeMisplaced, s, fleet, "%s: gpu: applies to Python services, not to %s services", s.Name, ecosystem)
		f.Hint = "delete gpu:"
		return f
	case ecosystem != "rust" && len(s.Features) > 0:
		f := finding(codeMisplaced, s, fleet, "%s: features: applies to Rust services, not to %s services", s.Name, ecosystem)
		f.Hint = "delete features:"
		return f
	case ecosystem != "node" && s.Build+s.Output != "":
		f := finding(codeMisplaced, s, fleet, "%s: build: and output: apply to Node.js services, not to %s services", s.Name, ecosystem)
		f.Hint = "delete them; for a build of another kind, add a Dockerfile to the service's directory"
		return f
	}
	return nil
}

// extendable are the ecosystems whose bases take further Debian packages.
func extendable() []string { return []string{"node", "deno", "python", "rust", "java"} }
