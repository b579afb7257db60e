package python

import (
	"slices"

	"github.com/slipway-build/slipway/internal/ecosystem"
)

// line is a minor version of Python that bases exist for.
type line struct {
	version string
	suite   string // the Debian release that has it
	ended   string // month since which nobody fixes it: "2025-10"; "" is supported
}

// lines are the Pythons of Debian's releases in order of preference: that of the
// stable release, then those that more wheels exist for.
func lines() []line {
	return []line{
		{version: "3.13", suite: ecosystem.Suite},
		{version: "3.11", suite: "bookworm"},
		{version: "3.14", suite: "forky"},
		{version: "3.9", suite: "bullseye", ended: "2025-10"},
		{version: "3.15", suite: "sid"},
	}
}

// lineFor returns the line of a version.
func lineFor(version string) (line, bool) {
	i := slices.IndexFunc(lines(), func(l line) bool { return l.version == version })
	if i < 0 {
		return line{}, false
	}
	return lines()[i], true
}

// versions are the supported versions of Python in order of preference.
func versions(family string) []string {
	if family != "" && family != "debian" {
		return []string{"3.13", "3.14", "3.12", "3.11", "3.10", "3.9"}
	}
	var out []string
	for _, l := range lines() {
		out = append(out, l.version)
	}
	return out
}

// images names the images of a version of Python.
func images(version string) ecosystem.Images {
	const suite = ecosystem.Suite
	l, _ := lineFor(version)
	debian, official := "slipway/python:"+version+"-"+l.suite, "python:"+version
	return ecosystem.Images{
		Ecosystem: "python", Version: version,
		Debian:   ecosystem.Pair{Toolchain: debian + "-toolchain", Runtime: debian},
		Official: ecosystem.Pair{Toolchain: official + "-" + suite, Runtime: official + "-slim-" + suite},
		Alpine:   ecosystem.Pair{Toolchain: official + "-alpine", Runtime: official + "-alpine"},
		Init:     "/usr/bin/tini",
	}
}
