package spec

import (
	"github.com/slipway-build/slipway/internal/pattern"
	"github.com/slipway-build/slipway/internal/plan"
)

// The majors of Bun and Deno that bases exist for, and the Node.js that is in Bun's
// toolchains: programs of packages and their install scripts call node.
const (
	bunMajor  = "1"
	denoMajor = "2"
	bunsNode  = "22"
)

// Bun is the npm package of Bun for a target. On x86-64 it is the build for machines
// without AVX2, which Bun's own images have too.
func (t Target) Bun() string {
	if t.Arch == "arm64" {
		return "@oven/bun-linux-aarch64"
	}
	return "@oven/bun-linux-x64-baseline"
}

// Deno is the npm package of Deno for a target.
func (t Target) Deno() string {
	if t.Arch == "arm64" {
		return "@deno/linux-arm64-glibc"
	}
	return "@deno/linux-x64-glibc"
}

// runtimeRefs lists the bases of Bun and Deno.
func runtimeRefs() []string {
	bun, deno := "slipway/bun:"+bunMajor+"-"+Suite, "slipway/deno:"+denoMajor+"-"+Suite
	return []string{bun, bun + "-native-toolchain", bun + "-toolchain", deno, deno + "-toolchain"}
}

var (
	bunRef  = pattern.Lazy(`^slipway/bun:(` + bunMajor + `(?:\.\d+\.\d+)?)-` + Suite + `(-native-toolchain|-toolchain)?$`)
	denoRef = pattern.Lazy(`^slipway/deno:(` + denoMajor + `(?:\.\d+\.\d+)?)-` + Suite + `(-toolchain)?$`)
)

// runtimeSpec returns the base of Bun or Deno of that name, or false. Addons for
// Node.js are compiled by node-gyp and loaded by Bun.
func runtimeSpec(ref string) (Base, bool) {
	if m := bunRef().FindStringSubmatch(ref); m != nil {
		if m[2] == "" {
			base := runtime(ref, runtimePackages()...)
			base.Bun = m[1]
			return base, true
		}
		base := nodeToolchain(ref, bunsNode, npms()[bunsNode], m[2] == "-native-toolchain")
		base.Bun = m[1]
		return base, true
	}
	m := denoRef().FindStringSubmatch(ref)
	switch {
	case m == nil:
		return Base{}, false
	case m[2] == "":
		base := runtime(ref, runtimePackages()...)
		base.Deno = m[1]
		return base, true
	}
	return Base{
		Ref: ref, Role: plan.RoleToolchain, Suite: Suite, Deno: m[1],
		Debian: toolchainPackages(), Closure: true, Without: scriptsOnly(),
	}, true
}
