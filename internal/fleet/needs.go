package fleet

import (
	"slices"

	"github.com/slipway-build/slipway/internal/companion"
	"github.com/slipway-build/slipway/internal/config"
)

// Needs are the servers that a service needs beside it. Services of the fleet among
// them have the port that slipway.yaml gives them.
func (f *Fleet) Needs(s config.Service) []companion.Need {
	out := slices.Clone(s.Needs)
	for i, n := range out {
		if other, ok := f.Fleet.Named(n.Service); ok && n.Service != "" {
			out[i].Port = other.Port
		}
	}
	return out
}

// WithNeeded adds to services of the fleet those that they need, and what these need.
func (f *Fleet) WithNeeded(chosen []string) []string {
	out := slices.Clone(chosen)
	for i := 0; i < len(out); i++ {
		s, _ := f.Fleet.Named(out[i])
		for _, n := range s.Needs {
			if n.Service != "" && !slices.Contains(out, n.Service) {
				out = append(out, n.Service)
			}
		}
	}
	return out
}

// Aliases are the further names by which services of the fleet are needed.
func Aliases(services []config.Service, of string) []string {
	var out []string
	for _, s := range services {
		for _, n := range s.Needs {
			if n.Service == of && n.Name != of && !slices.Contains(out, n.Name) {
				out = append(out, n.Name)
			}
		}
	}
	return out
}
