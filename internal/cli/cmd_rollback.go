package cli

import (
	"context"
	"slices"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/shipping"
	"github.com/spf13/cobra"
)

func (a *app) rollbackCommand() *cobra.Command {
	var f deployFlags
	cmd := &cobra.Command{
		Use:   "rollback ENVIRONMENT [VERSION]",
		Short: "Bring back the release that ran before, or another one",
		Long: `Deploy the release that ran in the environment before the current one, or the given
one. It is a deploy like others: it waits until the containers are healthy.`,
		Example: `  slipway rollback production
  slipway rollback production v1.2.2 --reason "orders fail"`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			version := ""
			if len(args) > 1 {
				version = args[1]
			}
			return a.rollback(cmd.Context(), args[0], version, f)
		},
	}
	f.register(cmd)
	return cmd
}

func (a *app) rollback(ctx context.Context, environment, version string, f deployFlags) error {
	all, err := a.goals(ctx, environment, true)
	if err != nil {
		return err
	}
	for _, g := range all {
		if err := a.rollbackOn(ctx, g, version, f); err != nil {
			return err
		}
	}
	return nil
}

// rollbackOn brings back a release on one host; "" is the one that ran before.
func (a *app) rollbackOn(ctx context.Context, g goal, version string, f deployFlags) error {
	if version == "" {
		all, err := g.client.Rollouts(ctx, g.env.Name)
		if err != nil {
			return err
		}
		if version = shipping.Before(all); version == "" {
			return diag.Fail(diag.ExitUsage, "no other release ran in %s before the current one", g).
				WithHint("slipway releases lists what there is; slipway rollback %s VERSION", g.env.Name)
		}
	}
	r, err := a.state.Releases(g.fleet.Name).Get(version)
	if err != nil {
		return err
	}
	f.back = true
	if f.reason == "" {
		f.reason = "a rollback"
	}
	g.env.Checks = slices.DeleteFunc(slices.Clone(g.env.Checks), func(c config.Check) bool { return c.Tests != "" }) // the tests of the sources here may be newer
	_, err = a.deployRelease(ctx, g, r, f)
	return err
}
