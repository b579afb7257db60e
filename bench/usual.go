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

// usual returns the fleet with such Dockerfiles in the place of slipway's.
func (f *fleetState) usual() (*fleetState, error) {
	u := *f
	u.written = f.written + "-as-usual"
	if err := copySources(u.written, f.written); err != nil {
		return nil, err
	}
	for _, s := range u.services {
		text, err := f.changes.usual(s)
		if err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(u.written, s, "Dockerfile"), text, 0o644); err != nil {
			return nil, err
		}
	}
	return &u, nil
}

// nodeChanges are those of the services of examples/fast.
func nodeChanges() changes {
	return changes{
		rounds:     quickRuns,
		line:       changeLine,
		dependency: func(dir string, round int) error { return addDependency(dir, newDependencies[round]) },
		usual:      func(string) ([]byte, error) { return usualDockerfile, nil },
	}
}
