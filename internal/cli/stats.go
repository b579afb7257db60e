package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/image"
	"github.com/slipway-build/slipway/internal/pipeline"
	"github.com/slipway-build/slipway/internal/report"
)

func (a *app) statsCommand() *cobra.Command {
	var f fleetFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "stats [SERVICE… | IMAGE…]",
		Short: "Print sizes, layers and shared bytes of built images",
		Example: `  slipway stats
  slipway stats 'fast-*' --json
  slipway stats gpp-g3/fast-orchestrator-service:v1.2.3`,
		RunE: func(cmd *cobra.Command, args []string) error {
			store, err := a.openImages(event.Discard{})
			if err != nil {
				return err
			}
			images, err := a.selectImages(cmd.Context(), store, args, f)
			if err != nil {
				return err
			}
			stats, err := measure(cmd.Context(), store, images)
			if err != nil {
				return err
			}
			if asJSON {
				return report.WriteStatsJSON(a.Stdout, stats)
			}
			return report.WriteStats(a.Stdout, stats)
		},
	}
	f.register(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// selectImages finds the images that the arguments of stats and push mean: the
// selected services of the fleet here, else images of the store by name.
func (a *app) selectImages(ctx context.Context, store *image.Store, args []string, f fleetFlags) ([]named, error) {
	if len(args) > 0 {
		if images, err := storedImages(ctx, store, args); err == nil {
			return images, nil
		}
	}
	if _, err := findFleet(a.Dir); errors.Is(err, errNoFleet) {
		if len(args) == 0 {
			return nil, diag.Fail(diag.ExitUsage, "there is no slipway.yaml in %s or above, and no image is named", a.Dir).
				WithHint("name images, or go to the directory of a fleet")
		}
		return storedImages(ctx, store, args)
	}
	fl, services, err := a.chooseServices(args, f)
	if err != nil {
		return nil, err
	}
	var images []named
	for _, s := range services {
		images = append(images, named{s, fl.image(s)})
	}
	return images, notBuilt(ctx, store, images)
}

// chooseServices reads the fleet here or above and picks services by name,
// without a plan: their images exist, their sources need not.
func (a *app) chooseServices(names []string, f fleetFlags) (*fleet, []string, error) {
	fl, err := a.readFleet(a.Dir, f)
	if err != nil {
		return nil, nil, err
	}
	var all []string
	for _, s := range fl.Fleet.Services {
		all = append(all, s.Name)
	}
	skip := append(pipeline.SplitList(a.Getenv("SERVICES_TO_SKIP")), f.skip...)
	chosen, err := pipeline.Selection{Names: names, Skip: skip}.Of(all)
	return fl, chosen, err
}

// storedImages takes every argument as the name of an image.
func storedImages(ctx context.Context, store *image.Store, names []string) ([]named, error) {
	var images []named
	for _, n := range names {
		if _, err := store.Resolve(ctx, n); err != nil {
			return nil, err
		}
		images = append(images, named{n, n})
	}
	return images, nil
}

// notBuilt refuses services whose images are not in the store, all at once.
func notBuilt(ctx context.Context, store *image.Store, images []named) error {
	var missing []named
	for _, n := range images {
		_, err := store.Resolve(ctx, n.image)
		if errors.Is(err, image.ErrNotFound) {
			missing = append(missing, n)
		} else if err != nil {
			return err
		}
	}
	switch len(missing) {
	case 0:
		return nil
	case 1:
		return diag.Fail(diag.ExitUsage, "%s is not built: there is no image %s", missing[0].service, missing[0].image).
			WithHint("slipway build %s", missing[0].service)
	}
	return diag.Fail(diag.ExitUsage, "%d of %d services are not built: there is no image %s, and so on", len(missing), len(images), missing[0].image).
		WithHint("slipway build; or choose another --tag or --registry")
}
