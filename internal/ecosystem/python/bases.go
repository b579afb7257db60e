package python

import "github.com/slipway-build/slipway/internal/ecosystem"

// debianVersion is the Python of the Debian release of the bases.
const debianVersion = "3.13"

// versions are the supported versions of Python in order of preference. Debian's
// bases have the first alone.
func versions(family string) []string {
	if family == "" || family == "debian" {
		return []string{debianVersion}
	}
	return []string{debianVersion, "3.14", "3.12", "3.11", "3.10"}
}

// images names the images of a version of Python.
func images(version string) ecosystem.Images {
	const suite = ecosystem.Suite
	debian, official := "slipway/python:"+version+"-"+suite, "python:"+version
	return ecosystem.Images{
		Ecosystem: "python", Version: version,
		Debian:   ecosystem.Pair{Toolchain: debian + "-toolchain", Runtime: debian},
		Official: ecosystem.Pair{Toolchain: official + "-" + suite, Runtime: official + "-slim-" + suite},
		Alpine:   ecosystem.Pair{Toolchain: official + "-alpine", Runtime: official + "-alpine"},
		Init:     "/usr/bin/tini",
	}
}
