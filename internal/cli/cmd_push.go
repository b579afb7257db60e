package cli

import (
	"cmp"
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/slipway-build/slipway/internal/delivery"
	"github.com/slipway-build/slipway/internal/event"
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
		Long: `Push the images of the fleet's services, or images by name, with their signatures and
statements. Layers that the registry already has are not sent; layers that services
share are sent once. Images that lack what signatures: in slipway.yaml asks for are
refused.

Credentials come from the Docker configuration file (docker login, podman
login), or from SLIPWAY_REGISTRY_USER and SLIPWAY_REGISTRY_PASSWORD. Only the
registry that SLIPWAY_REGISTRY names, or else --registry, receives these two;
the registry in slipway.yaml alone does not.`,
		Example: `  slipway push --registry localhost:5000 --tag v1.2.3
  slipway push fast-orchestrator-service --registry registry.example
  slipway push registry.example/shop/web:v1`,
		RunE: func(cmd *cobra.Command, args []string) error { return a.push(cmd.Context(), args, f) },
	}
	f.register(cmd)
	cmd.Flags().IntVar(&f.parallel, "parallel", 4, "maximum images pushed at once")
	cmd.Flags().BoolVar(&f.insecure, "insecure", false, "allow plain HTTP and unverified TLS to the registry")
	return cmd
}

func (a *app) push(ctx context.Context, args []string, f pushFlags) error {
	store, err := a.state.Images(event.Discard{})
	if err != nil {
		return err
	}
	shipments, err := delivery.Destinations(ctx, a.fleets(), store, args, f.Overrides)
	if err != nil {
		return err
	}
	var locals []string
	for _, s := range shipments {
		locals = append(locals, s.Local)
	}
	if err := a.enforce(ctx, store, "push", locals); err != nil {
		return err
	}
	screen := a.newScreen(nil)
	defer screen.Close()
	pusher, err := a.registry(f.Registry, f.insecure).Pusher(store, screen)
	if err != nil {
		return err
	}
	failures := delivery.Send(ctx, pusher, shipments, f.parallel, a.trace)
	screen.Close()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	for i, s := range shipments {
		if failures[i] == nil {
			fmt.Fprintf(a.Stdout, "pushed %s\n", s.Destination)
		}
	}
	return delivery.Join(failures)
}

// registry is how commands that push speak to registries. The password belongs to
// the registry that the person names, never to one that only a repository names.
func (a *app) registry(flag string, insecure bool) delivery.Registry {
	return delivery.Registry{
		Name: cmp.Or(a.Getenv("SLIPWAY_REGISTRY"), flag), Insecure: insecure,
		User: a.Getenv("SLIPWAY_REGISTRY_USER"), Password: a.Getenv("SLIPWAY_REGISTRY_PASSWORD"),
	}
}
