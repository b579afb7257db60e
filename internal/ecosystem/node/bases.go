package node

import (
	"fmt"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/plan"
)

// suite is the Debian release of the bases.
const suite = "trixie"

// bases are the images that the stages start from.
type bases struct {
	toolchain, runtime, probe plan.Base
	init                      string // path of a small init in the runtime base, "" without
	shellFrom                 string // image to take a shell from, "" when the runtime base has one
}

// basesFor returns the bases of a family for a major of Node.js.
func basesFor(b config.Bases, major int) bases {
	version := fmt.Sprint(major)
	base := func(role plan.Role, ref string) plan.Base {
		return plan.Base{Ref: ref, Role: role, Ecosystem: "node", Version: version}
	}
	out := bases{probe: plan.Base{Ref: "slipway/probe:latest", Role: plan.RoleProbe, Assembled: true}}
	switch b.Family {
	case "official":
		out.toolchain = base(plan.RoleToolchain, fmt.Sprintf("node:%d-%s", major, suite))
		out.runtime = base(plan.RoleRuntime, fmt.Sprintf("node:%d-%s-slim", major, suite))
	case "alpine":
		out.toolchain = base(plan.RoleToolchain, fmt.Sprintf("node:%d-alpine", major))
		out.runtime = base(plan.RoleRuntime, fmt.Sprintf("node:%d-alpine", major))
	case "map":
		out.toolchain = base(plan.RoleToolchain, b.Images["node-toolchain"])
		out.runtime = base(plan.RoleRuntime, b.Images["node-runtime"])
		if ref := b.Images["probe"]; ref != "" {
			out.probe = plan.Base{Ref: ref, Role: plan.RoleProbe}
		}
	default:
		out.toolchain = base(plan.RoleToolchain, fmt.Sprintf("slipway/node:%d-%s-toolchain", major, suite))
		out.runtime = base(plan.RoleRuntime, fmt.Sprintf("slipway/node:%d-%s", major, suite))
		out.toolchain.Assembled, out.runtime.Assembled = true, true
		out.init = "/usr/bin/tini"
		out.shellFrom = out.toolchain.Ref
	}
	return out
}

// list returns each base once.
func (b bases) list() []plan.Base {
	out := []plan.Base{b.toolchain}
	if b.runtime.Ref != b.toolchain.Ref {
		out = append(out, b.runtime)
	}
	return append(out, b.probe)
}
