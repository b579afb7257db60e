package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/slipway-build/slipway/internal/localrun/oci"
)

func (a *app) stopCommand() *cobra.Command {
	var all bool
	var name string
	cmd := &cobra.Command{
		Use:   "stop [SERVICE…]",
		Short: "Stop running services",
		Long: `Stop services of a group, or, without a name, the whole group. Each service gets
its stop signal and ten seconds to end. A stopped group leaves only its logs.`,
		Example: `  slipway stop
  slipway stop fast-mdzmediation-service
  slipway stop --all`,
		RunE: func(cmd *cobra.Command, args []string) error { return a.stop(cmd.Context(), args, name, all) },
	}
	cmd.Flags().BoolVar(&all, "all", false, "stop every group on this machine")
	cmd.Flags().StringVar(&name, "name", "", "group to use when several run")
	return cmd
}

func (a *app) stop(ctx context.Context, services []string, name string, all bool) error {
	groups, err := a.groups(false)
	if err != nil {
		return err
	}
	if err := a.state.RepairContainers(func(text string) { fmt.Fprintln(a.Stderr, "note: "+text) }); err != nil {
		return err
	}
	if all || len(groups) == 0 && len(services) == 0 {
		if len(groups) == 0 {
			fmt.Fprintln(a.Stderr, "no services are running")
		}
		for _, g := range groups {
			if err := a.stopOne(ctx, g.Name, ""); err != nil {
				return err
			}
		}
		return nil
	}
	g, err := a.pickGroup(groups, name, services)
	if err != nil {
		return err
	}
	if len(services) == 0 {
		return a.stopOne(ctx, g.Name, "")
	}
	for _, s := range services {
		if err := a.stopOne(ctx, g.Name, s); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) stopOne(ctx context.Context, group, service string) error {
	if err := oci.StopGroup(ctx, a.state.Path, group, service); err != nil {
		return err
	}
	what := service
	if what == "" {
		what = group
	}
	_, err := fmt.Fprintln(a.Stdout, "stopped", what)
	return err
}
