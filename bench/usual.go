package main

import (
	_ "embed"
	"os"
	"path/filepath"
)

// usualDockerfile is one that a person writes for a service of the fleet. The
// Dockerfiles of `slipway generate` have most of what makes slipway fast, so bake
// with them is not what people have.
//
//go:embed usual.Dockerfile
var usualDockerfile []byte

// usual returns the fleet with such Dockerfiles in the place of slipway's, from
// the same bases.
func (f *fleetState) usual() (*fleetState, error) {
	u := *f
	u.written = f.written + "-as-usual"
	if err := copySources(u.written, f.written); err != nil {
		return nil, err
	}
	for _, s := range u.services {
		if err := os.WriteFile(filepath.Join(u.written, s, "Dockerfile"), usualDockerfile, 0o644); err != nil {
			return nil, err
		}
	}
	return &u, nil
}
