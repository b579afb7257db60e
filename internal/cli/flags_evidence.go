package cli

import (
	"context"
	"errors"
	"strings"
	"time"

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
func (a *app) keyring() evidence.Keyring {
	return evidence.Keyring{Tools: a.tools(), Lookup: a.lookup, Path: a.path}
}

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

// onlyRemote tells whether all words name a registry; paths do not.
func onlyRemote(args []string) bool {
	for _, arg := range args {
		if n := image.Name(arg); n.Local() == n || isPath(arg) {
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
			WithHint("add --key FILE, --key env://NAME or --keyless, or set SLIPWAY_KEY; make a key: slipway sign --generate-key")
	}
	return flag, nil
}

// policy is signatures: of the slipway.yaml at or above a directory, with the fleet; nil:
// there is none.
func (a *app) policy(dir string) (*evidence.Policy, *fleet.Fleet, error) {
	if _, err := fleet.Find(dir); err != nil {
		return nil, nil, nil //nolint:nilerr // no fleet, no policy
	}
	l := a.fleets()
	l.Warn = func(diag.Findings) {} // the command itself says what is unwise
	f, err := l.Read(dir, fleet.Overrides{})
	if err != nil || f.Signatures == nil {
		return nil, f, err
	}
	p, err := a.keyring().Policy(f.Root, f.Signatures)
	return &p, f, err
}

// enforcer returns what refuses images of the fleet that lack what slipway.yaml asks
// for, on behalf of a command; nil: it refuses nothing.
func (a *app) enforcer(dir, command string, store *image.Store) (func(ctx context.Context, name string) error, error) {
	p, f, err := a.policy(dir)
	if err != nil || p == nil || !f.Signatures.By(command) {
		return nil, err
	}
	own := map[string]bool{}
	for _, s := range f.Services {
		own[image.Name(f.Image(s.Name)).Local().Repository()] = true
	}
	return func(ctx context.Context, name string) error {
		if repo := image.Name(name).Local().Repository(); !own[repo] && repo != "sha256" {
			return nil
		}
		s, err := evidence.Stored(ctx, store, name)
		if err != nil {
			return err
		}
		_, err = s.Verify(ctx, *p, time.Now())
		return err
	}, nil
}

// enforce refuses images on behalf of a command, all at once.
func (a *app) enforce(ctx context.Context, store *image.Store, command string, names []string) error {
	refuse, err := a.enforcer(a.Dir, command, store)
	if err != nil || refuse == nil {
		return err
	}
	var refused []error
	for _, name := range names {
		refused = append(refused, refuse(ctx, name))
	}
	return errors.Join(refused...)
}
