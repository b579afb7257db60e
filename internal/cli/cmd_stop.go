package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/spf13/cobra"

	"github.com/slipway-build/slipway/internal/localrun/oci"
)

func (a *app) stopCommand() *cobra.Command {
	var all bool
	var name string
	cmd := &cobra.Command{
		Use:   "stop [SERVICE…]",
		Short: "Stop running services, or everything that slipway runs here",
		Long: `Stop services of a group, or without a name the whole group. Each service gets
the stop signal of its image and ten seconds to end; then it is killed. They end
side by side, and requests in flight are answered. Nothing of a stopped group is
left but its logs.`,
		Example: `  slipway stop
  slipway stop fast-mdzmediation-service
  slipway stop --all`,
		RunE: func(cmd *cobra.Command, args []string) error { return a.stop(cmd.Context(), args, name, all) },
	}
	cmd.Flags().BoolVar(&all, "all", false, "every group on this machine")
	cmd.Flags().StringVar(&name, "name", "", "the group, when several run")
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
			fmt.Fprintln(a.Stderr, "nothing runs")
		}
		var each []target
		for _, g := range groups {
			each = append(each, target{group: g.Name})
		}
		return a.stopEach(ctx, each)
	}
	g, err := a.pickGroup(groups, name, services)
	if err != nil {
		return err
	}
	if len(services) == 0 {
		return a.stopEach(ctx, []target{{group: g.Name}})
	}
	var each []target
	for _, s := range services {
		each = append(each, target{g.Name, s})
	}
	return a.stopEach(ctx, each)
}

// target is a group to stop, or one service of it.
type target struct{ group, service string }

// stopEach stops all side by side: each has the whole grace. It names those that
// were stopped, also when others were not.
func (a *app) stopEach(ctx context.Context, each []target) error {
	problems := make([]error, len(each))
	var all sync.WaitGroup
	for i, t := range each {
		all.Go(func() { problems[i] = oci.StopGroup(ctx, a.state.Path, t.group, t.service) })
	}
	all.Wait()
	for i, t := range each {
		if problems[i] == nil {
			_, problems[i] = fmt.Fprintln(a.Stdout, "stopped", cmp.Or(t.service, t.group))
		}
	}
	return errors.Join(problems...)
}
