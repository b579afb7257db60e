package node

import (
	"github.com/slipway-build/slipway/internal/ecosystem"
)

// oldSuite is the Debian release of official images that were last built before
// the bases' own release came out.
const oldSuite = "bookworm"

// images names the images of the service's runtime.
func (s *service) images() ecosystem.Images {
	if s.bun.runs() {
		return bunImages(s.bun.version, len(s.compiled) > 0)
	}
	return images(s.node, len(s.compiled) > 0)
}

// bunImages names the images of a Bun. Its official images have neither npm nor
// Node.js, which builds call, so that those of Node.js build and get Bun from npm. A
// map of images has Bun in those of Node.js.
func bunImages(version string, compiles bool) ecosystem.Images {
	i := images(choice{major: defaultMajor}, compiles)
	tools := "-toolchain"
	if compiles {
		tools = "-native-toolchain"
	}
	i.Version = version
	debian := "slipway/bun:" + version + "-" + ecosystem.Suite
	i.Debian = ecosystem.Pair{Toolchain: debian + tools, Runtime: debian}
	i.Official.Runtime, i.Alpine.Runtime = "oven/bun:"+version+"-slim", "oven/bun:"+version+"-alpine"
	return i
}

// images names the images of a Node.js; some packages want compilers. Official images
// of one release name no Debian release, which differs from one to the next.
func images(c choice, compiles bool) ecosystem.Images {
	const suite = ecosystem.Suite
	tools := "-toolchain"
	if compiles {
		tools = "-native-toolchain"
	}
	v := c.String()
	debian := "slipway/node:" + v + "-" + suite
	official, slim := "node:"+v+"-"+suite, "node:"+v+"-"+suite+"-slim"
	switch ended := lineOf(c.major).ended; {
	case c.release != "":
		official, slim = "node:"+v, "node:"+v+"-slim"
	case ended != "" && ended < "2025-08": // when Debian 13 came out
		official, slim = "node:"+v+"-"+oldSuite, "node:"+v+"-"+oldSuite+"-slim"
	}
	return ecosystem.Images{
		Ecosystem: "node", Version: v,
		Debian:   ecosystem.Pair{Toolchain: debian + tools, Runtime: debian},
		Official: ecosystem.Pair{Toolchain: official, Runtime: slim},
		Alpine:   ecosystem.Pair{Toolchain: "node:" + v + "-alpine", Runtime: "node:" + v + "-alpine"},
		Init:     "/usr/bin/tini",
	}
}
