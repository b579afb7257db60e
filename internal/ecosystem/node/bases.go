package node

import (
	"fmt"

	"github.com/slipway-build/slipway/internal/ecosystem"
)

// images names the images of a major of Node.js; some packages want compilers.
func images(major int, compiles bool) ecosystem.Images {
	const suite = ecosystem.Suite
	tools := "-toolchain"
	if compiles {
		tools = "-native-toolchain"
	}
	debian := fmt.Sprintf("slipway/node:%d-%s", major, suite)
	official, alpine := fmt.Sprintf("node:%d-%s", major, suite), fmt.Sprintf("node:%d-alpine", major)
	return ecosystem.Images{
		Ecosystem: "node", Version: fmt.Sprint(major),
		Debian:   ecosystem.Pair{Toolchain: debian + tools, Runtime: debian},
		Official: ecosystem.Pair{Toolchain: official, Runtime: official + "-slim"},
		Alpine:   ecosystem.Pair{Toolchain: alpine, Runtime: alpine},
		Init:     "/usr/bin/tini",
	}
}
