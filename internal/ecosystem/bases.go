package ecosystem

import (
	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/plan"
)

// Suite is the Debian release of the bases.
const Suite = "trixie"

// Bases are the images that the stages start from.
type Bases struct {
	Toolchain, Runtime, Probe plan.Base
	Init                      string // path of a small init in the runtime base, "" without
	ShellFrom                 string // image to take a shell from, "" when the runtime base has one
}

// probeFor is the image of the probe for a health check: over TLS the one that
// speaks it, which is twice as large.
func (b Bases) probeFor(h config.Health) plan.Base {
	if h.TLS && b.Probe.Assembled {
		b.Probe.Ref = "slipway/probe:tls"
	}
	return b.Probe
}

// Pair names a toolchain and a runtime image.
type Pair struct{ Toolchain, Runtime string }

// Images names the images of a language for each family.
type Images struct {
	Ecosystem, Version       string
	Debian, Official, Alpine Pair
	Init                     string // path of the init in Debian's runtime base
}

// BasesFor returns the bases of a family. A map names them as
// "<ecosystem>-toolchain" and "<ecosystem>-runtime".
func BasesFor(b config.Bases, images Images) Bases {
	pair := images.Debian
	out := Bases{Probe: plan.Base{Ref: "slipway/probe:latest", Role: plan.RoleProbe, Assembled: true}}
	assembled := false
	switch b.Family {
	case "official":
		pair = images.Official
	case "alpine":
		pair = images.Alpine
	case "map":
		pair = Pair{b.Images[images.Ecosystem+"-toolchain"], b.Images[images.Ecosystem+"-runtime"]}
		if ref := b.Images["probe"]; ref != "" {
			out.Probe = plan.Base{Ref: ref, Role: plan.RoleProbe}
		}
	default:
		assembled = true
		out.Init, out.ShellFrom = images.Init, pair.Toolchain
	}
	base := func(role plan.Role, ref string) plan.Base {
		return plan.Base{Ref: ref, Role: role, Ecosystem: images.Ecosystem, Version: images.Version, Assembled: assembled}
	}
	out.Toolchain, out.Runtime = base(plan.RoleToolchain, pair.Toolchain), base(plan.RoleRuntime, pair.Runtime)
	return out
}

// List returns each base once; "scratch" is none.
func (b Bases) List() []plan.Base {
	out := []plan.Base{b.Toolchain}
	if b.Runtime.Ref != b.Toolchain.Ref && b.Runtime.Ref != "scratch" {
		out = append(out, b.Runtime)
	}
	return append(out, b.Probe)
}

// Settings are a fleet's bases and the account of its images; fleet may be nil.
func Settings(fleet *config.Fleet) (config.Bases, config.User) {
	if fleet == nil {
		return config.Bases{Family: "debian"}, config.DefaultUser()
	}
	return fleet.Bases, fleet.User
}
