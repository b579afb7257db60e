package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/image"
)

// pushFlags are the flags of `slipway push`.
type pushFlags struct {
	fleetFlags
	parallel int
	insecure bool
}

func (a *app) pushCommand() *cobra.Command {
	var f pushFlags
	cmd := &cobra.Command{
		Use:   "push [SERVICE… | IMAGE…]",
		Short: "Push built images to their registry",
		Long: `Push the images of the fleet's services, or images by name. What the registry
has is not sent again, and what several services share is sent once.

Credentials come from the Docker configuration file (docker login, podman
login), or from SLIPWAY_REGISTRY_USER and SLIPWAY_REGISTRY_PASSWORD.`,
		Example: `  slipway push --registry localhost:5000 --tag v1.2.3
  slipway push fast-orchestrator-service --registry registry.example
  slipway push registry.example/shop/web:v1`,
		RunE: func(cmd *cobra.Command, args []string) error { return a.push(cmd.Context(), args, f) },
	}
	f.register(cmd)
	cmd.Flags().IntVar(&f.parallel, "parallel", 4, "images to push at once")
	cmd.Flags().BoolVar(&f.insecure, "insecure", false, "speak plain HTTP or unverified TLS to the registry")
	return cmd
}

// shipment is an image of the store and where it goes.
type shipment struct{ local, destination string }

func (a *app) push(ctx context.Context, args []string, f pushFlags) error {
	store, err := a.openImages(event.Discard{})
	if err != nil {
		return err
	}
	shipments, err := a.shipments(ctx, store, args, f.fleetFlags)
	if err != nil {
		return err
	}
	screen := a.newScreen(nil)
	defer screen.Close()
	pusher, err := image.NewPusher(store, a.pushOptions(screen, f.insecure))
	if err != nil {
		return err
	}
	group := errgroup.Group{}
	group.SetLimit(max(1, f.parallel))
	failures := make([]error, len(shipments))
	for i, s := range shipments {
		group.Go(func() error {
			span := a.trace.Start("", "push "+s.destination)
			failures[i] = pusher.Push(ctx, s.local, s.destination)
			span.End(failures[i])
			return nil
		})
	}
	_ = group.Wait() // the failures are kept one by one
	screen.Close()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	for i, s := range shipments {
		if failures[i] == nil {
			fmt.Fprintf(a.Stdout, "pushed %s\n", s.destination)
		}
	}
	return joinPushes(failures)
}

// pushOptions are those of every command that pushes.
func (a *app) pushOptions(sink event.Sink, insecure bool) image.PushOptions {
	return image.PushOptions{
		User: a.Getenv("SLIPWAY_REGISTRY_USER"), Password: a.Getenv("SLIPWAY_REGISTRY_PASSWORD"),
		Insecure: insecure, Sink: sink,
	}
}

// joinPushes makes one failure of several; a single one stays as it is.
func joinPushes(failures []error) error {
	var failed []error
	for _, err := range failures {
		if err != nil {
			failed = append(failed, err)
		}
	}
	switch len(failed) {
	case 0:
		return nil
	case 1:
		return failed[0]
	}
	f := diag.Fail(diag.ExitOf(failed[0]), "%d of %d images were not pushed", len(failed), len(failures)).Because(errors.Join(failed...))
	if hint := diag.HintOf(failed[0]); hint != "" {
		return f.WithHint("%s", hint)
	}
	return f
}

// shipments decides what goes where. A service goes under the name of its image
// with the flags applied; it may have been built without the registry or the tag
// that the flags name, then the image under slipway.yaml's own name is meant. An
// image goes to its own name, under the registry and the tag of the flags.
func (a *app) shipments(ctx context.Context, store *image.Store, args []string, f fleetFlags) ([]shipment, error) {
	if _, err := findFleet(a.Dir); err == nil {
		if len(args) > 0 {
			if images, err := storedImages(ctx, store, args); err == nil {
				return imageShipments(images, f)
			}
		}
		return a.fleetShipments(ctx, store, args, f)
	}
	images, err := a.selectImages(ctx, store, args, f)
	if err != nil {
		return nil, err
	}
	return imageShipments(images, f)
}

func (a *app) fleetShipments(ctx context.Context, store *image.Store, args []string, f fleetFlags) ([]shipment, error) {
	fl, services, err := a.chooseServices(args, f)
	if err != nil {
		return nil, err
	}
	if fl.Registry == "" {
		return nil, diag.Fail(diag.ExitUsage, "pushing needs a registry").
			WithHint("slipway push --registry localhost:5000; or write registry: in slipway.yaml")
	}
	plain, err := a.readFleet(a.Dir, fleetFlags{})
	if err != nil {
		return nil, err
	}
	var shipments []shipment
	var images []named
	for _, s := range services {
		destination := fl.image(s)
		local := destination
		if _, err := store.Resolve(ctx, local); errors.Is(err, image.ErrNotFound) {
			local = firstStored(ctx, store, destination, strings.TrimPrefix(destination, fl.Registry+"/"), plain.image(s))
		}
		shipments = append(shipments, shipment{local, destination})
		images = append(images, named{s, local})
	}
	return shipments, notBuilt(ctx, store, images)
}

// firstStored returns the first name that the store has, else the first name.
func firstStored(ctx context.Context, store *image.Store, names ...string) string {
	for _, n := range names {
		if _, err := store.Resolve(ctx, n); err == nil {
			return n
		}
	}
	return names[0]
}

func imageShipments(images []named, f fleetFlags) ([]shipment, error) {
	var shipments []shipment
	for _, n := range images {
		destination := retag(n.image, f.tag)
		if f.registry != "" {
			destination = f.registry + "/" + withoutRegistry(destination)
		} else if withoutRegistry(destination) == destination {
			return nil, diag.Fail(diag.ExitUsage, "the name %s has no registry to push to", n.image).
				WithHint("slipway push %s --registry localhost:5000", n.image)
		}
		shipments = append(shipments, shipment{n.image, destination})
	}
	return shipments, nil
}

// retag replaces the tag or digest of an image name; an empty tag changes nothing.
func retag(name, tag string) string {
	if tag == "" {
		return name
	}
	name, _, _ = strings.Cut(name, "@")
	if colon := strings.LastIndex(name, ":"); colon > strings.LastIndex(name, "/") {
		name = name[:colon]
	}
	return name + ":" + tag
}

// withoutRegistry cuts the registry off an image name: a first part with a dot
// or a port, or "localhost".
func withoutRegistry(name string) string {
	first, rest, ok := strings.Cut(name, "/")
	if ok && (first == "localhost" || strings.ContainsAny(first, ".:")) {
		return rest
	}
	return name
}
