package cli

import (
	"context"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/engine/remote"
	"github.com/slipway-build/slipway/internal/event"
)

// builder is an engine that a command opened.
type builder interface {
	engine.Builder
	Collect(ctx context.Context) error
	Close() error
}

// builderFlags choose where builds run.
type builderFlags struct {
	addresses []string
	certs     string
}

func (f *builderFlags) register(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringArrayVar(&f.addresses, "builder", nil, "build on a BuildKit elsewhere: unix://, tcp://, docker-container:// or kube-pod://; several are a pool (default: $SLIPWAY_BUILDER)")
	fl.StringVar(&f.certs, "builder-certs", "", "directory with ca.pem, cert.pem and key.pem for tcp:// (default: $SLIPWAY_BUILDER_CERTS)")
}

// remote returns the builders that flags or the environment name; none means the
// embedded engine.
func (a *app) remote(f builderFlags) builderFlags {
	if len(f.addresses) == 0 {
		for _, s := range strings.Split(a.Getenv("SLIPWAY_BUILDER"), ",") {
			if s = strings.TrimSpace(s); s != "" {
				f.addresses = append(f.addresses, s)
			}
		}
	}
	if f.certs == "" {
		f.certs = a.Getenv("SLIPWAY_BUILDER_CERTS")
	}
	return f
}

// openBuilder opens the remote engine when one is named, else the embedded one.
func (a *app) openBuilder(ctx context.Context, f builderFlags, sink event.Sink) (builder, error) {
	f = a.remote(f)
	if len(f.addresses) == 0 {
		return a.openEngine(ctx, "slipway build", sink)
	}
	if f.certs != "" {
		f.certs = a.path(f.certs)
	}
	return remote.Open(ctx, remote.Options{
		Addresses: f.addresses, Certs: f.certs,
		StateDir: filepath.Join(a.stateDir, "remote"), ImageDir: a.imageDir(), StepEnv: stepEnv(a.Getenv),
	}, sink)
}
