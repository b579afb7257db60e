package cli

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/evidence"
	"github.com/slipway-build/slipway/internal/fleet"
	"github.com/slipway-build/slipway/internal/image"
)

// evidenceFlags say where images with evidence are.
type evidenceFlags struct {
	fleetFlags
	remote   bool
	insecure bool
	json     bool
}

func (f *evidenceFlags) register(cmd *cobra.Command) {
	f.fleetFlags.register(cmd)
	cmd.Flags().BoolVar(&f.remote, "remote", false, "use the images in their registries, not those of the local store")
	cmd.Flags().BoolVar(&f.insecure, "insecure", false, "allow plain HTTP and unverified TLS to the registry")
	cmd.Flags().BoolVar(&f.json, "json", false, "print JSON")
}

// keyring finds keys that the command line and the environment name.
func (a *app) keyring() evidence.Keyring { return evidence.Keyring{Lookup: a.lookup, Path: a.path} }

// subjects finds the images that words of the command line mean. A name that only a
// registry can have is looked for there when the store lacks it.
func (a *app) subjects(ctx context.Context, args []string, f evidenceFlags) ([]*evidence.Subject, error) {
	store, err := a.state.Images(event.Discard{})
	if err != nil {
		return nil, err
	}
	var names []string
	remote := f.remote
	if remote {
		names, err = a.remoteNames(args, f)
	} else {
		var images []fleet.Image
		images, err = a.fleets().Images(ctx, store, args, f.Overrides)
		for _, i := range images {
			names = append(names, i.Name)
		}
		if err != nil && onlyRemote(args) {
			names, remote, err = args, true, nil
		}
	}
	if err != nil {
		return nil, err
	}
	var registry *image.Pusher
	if remote {
		if registry, err = a.registry(f.Registry, f.insecure).Pusher(nil, event.Discard{}); err != nil {
			return nil, err
		}
	}
	var out []*evidence.Subject
	for _, name := range names {
		var s *evidence.Subject
		if remote {
			s, err = evidence.InRegistry(ctx, registry, name)
		} else {
			s, err = evidence.Stored(ctx, store, name)
		}
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

// onlyRemote tells whether all words name a registry.
func onlyRemote(args []string) bool {
	for _, arg := range args {
		if n := image.Name(arg); n.Local() == n {
			return false
		}
	}
	return len(args) > 0
}

// remoteNames are the names of images in registries: as written, or of services.
func (a *app) remoteNames(args []string, f evidenceFlags) ([]string, error) {
	if onlyRemote(args) {
		return args, nil
	}
	fl, services, err := a.fleets().Choose(a.Dir, args, f.Overrides)
	if errors.Is(err, fleet.ErrNone) {
		return nil, diag.Fail(diag.ExitUsage, "--remote requires the name of an image with its registry").
			WithHint("such as registry.example/shop/web:v1")
	}
	if err != nil {
		return nil, err
	}
	if fl.Registry == "" {
		return nil, diag.Fail(diag.ExitUsage, "--remote requires a registry").
			WithHint("add --registry localhost:5000, or set registry: in slipway.yaml")
	}
	var names []string
	for _, s := range services {
		names = append(names, fl.Image(s))
	}
	return names, nil
}

// predicates turns words for statements into the types of their predicates.
func predicates(words []string) ([]string, error) {
	var out []string
	for _, w := range words {
		p, err := evidence.Predicate(w)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

// signingKey is the key of a flag, else of the environment.
func (a *app) signingKey(flag string) (string, error) {
	if flag == "" {
		flag = a.Getenv("SLIPWAY_KEY")
	}
	if strings.TrimSpace(flag) == "" {
		return "", diag.Fail(diag.ExitUsage, "signing requires a key").
			WithHint("add --key FILE or --key env://NAME, or set SLIPWAY_KEY; make a key: slipway sign --generate-key")
	}
	return flag, nil
}
