package cli

import (
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/fleet"
)

// fleetFlags are the flags that every fleet command shares.
type fleetFlags struct{ fleet.Overrides }

func (f *fleetFlags) register(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringSliceVar(&f.Skip, "skip", nil, "skip these services, by name or glob (also $SERVICES_TO_SKIP)")
	fl.StringVar(&f.Registry, "registry", "", "registry in the image names, such as localhost:5000")
	fl.StringVarP(&f.Tag, "tag", "t", "", "image tag; for a directory, the image name")
	fl.StringSliceVar(&f.Platforms, "platform", nil, "target platforms, such as linux/amd64,linux/arm64")
}

// fleets loads the fleets that this command works on.
func (a *app) fleets() fleet.Loader {
	return fleet.Loader{Dir: a.Dir, Skip: a.Getenv("SERVICES_TO_SKIP"), Warn: a.warn, Trace: a.trace,
		Machine: config.Bases{Pythons: a.Getenv("SLIPWAY_PYTHON_MIRROR") != ""}, Scope: fleet.Scope(a.Getenv("SLIPWAY_CACHE_SCOPE"))}
}

// path makes a path of the command line absolute.
func (a *app) path(p string) string {
	if filepath.IsAbs(p) {
		return filepath.Clean(p)
	}
	return filepath.Join(a.Dir, p)
}
