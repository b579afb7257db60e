package baseimage

import "github.com/slipway-build/slipway/internal/baseimage/spec"

// ProbeRef is the name of the image that holds the probe binary alone.
const ProbeRef = spec.ProbeRef

// Refs lists the names of all bases, sorted by version and role.
func Refs() []string { return spec.Refs() }

// SpecOf returns what the base of that name is made of.
func SpecOf(ref string) (spec.Base, error) { return spec.Of(ref) }
