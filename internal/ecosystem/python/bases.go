package python

import (
	"slices"

	"github.com/slipway-build/slipway/internal/ecosystem"
)

// line is a minor version of Python that bases exist for.
type line struct {
	version string
	suite   string // the Debian release that has it; "" is python-build-standalone
	ended   string // month since which nobody fixes it: "2025-10"; "" is supported
}

// lines are the Pythons of bases in order of preference: that of the stable Debian
// release, those of others that more wheels exist for, and those of no release.
func lines() []line {
	return []line{
		{version: "3.13", suite: ecosystem.Suite},
		{version: "3.11", suite: "bookworm"},
		{version: "3.14", suite: "forky"},
		{version: "3.9", suite: "bullseye", ended: "2025-10"},
		{version: "3.15", suite: "sid"},
		{version: "3.12"},
		{version: "3.10", ended: "2026-10"},
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

// NearestOfDebian is the Python of a Debian release that is next to a version: the
// next newer one, else the newest.
func NearestOfDebian(version string) string {
	var debian []string
	for _, l := range lines() {
		if l.suite != "" {
			debian = append(debian, l.version)
		}
	}
	if same, err := choices(version, debian); err == nil {
		return same[0]
	}
	if near := nearest(version, debian); near != "" {
		return near
	}
	return debian[0]
}

// versions are the versions of Python that the service can have, in order of
// preference. Those of no Debian release need a mirror.
func (s *service) versions() []string {
	if !s.assembled() {
		return []string{"3.13", "3.14", "3.12", "3.11", "3.10", "3.9"}
	}
	var out []string
	for _, l := range lines() {
		if l.suite != "" || s.mirrored {
			out = append(out, l.version)
		}
	}
	return out
}

// interpreter is the Python of a service.
type interpreter struct {
	version    string // "3.13"
	patch      string // "3.13.2" when one release is wanted, of python-build-standalone
	near       string // "3.12.0" when that was asked for and this is the nearest
	native     bool   // packages are compiled
	standalone bool
}

// library is the directory of the standard library in the bases.
func (i interpreter) library() string {
	if i.standalone {
		return "/usr/local/lib/python" + i.version
	}
	return "/usr/lib/python" + i.version
}

// images names the images of a Python.
func (i interpreter) images() ecosystem.Images {
	const suite = ecosystem.Suite
	l, _ := lineFor(i.version)
	debian, official := "slipway/python:"+i.version+"-"+l.suite, "python:"+ecosystem.Or(i.patch, i.version)
	if i.standalone {
		debian = "slipway/python:" + ecosystem.Or(i.patch, i.version) + "-standalone"
	}
	toolchain := debian + "-toolchain"
	if i.native {
		toolchain = debian + "-native-toolchain"
	}
	return ecosystem.Images{
		Ecosystem: "python", Version: ecosystem.Or(i.patch, i.version),
		Debian:   ecosystem.Pair{Toolchain: toolchain, Runtime: debian},
		Official: ecosystem.Pair{Toolchain: official + "-" + suite, Runtime: official + "-slim-" + suite},
		Alpine:   ecosystem.Pair{Toolchain: official + "-alpine", Runtime: official + "-alpine"},
		Init:     "/usr/bin/tini",
	}
}
