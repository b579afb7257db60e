package cli

import (
	"github.com/spf13/cobra"

	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/fleet"
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
			store, err := a.state.Images(event.Discard{})
			if err != nil {
				return err
			}
			images, err := a.fleets().Images(cmd.Context(), store, args, f.Overrides)
			if err != nil {
				return err
			}
			stats, err := fleet.Measure(cmd.Context(), store, images)
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
