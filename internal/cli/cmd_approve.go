package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/slipway-build/slipway/internal/audit"
	"github.com/slipway-build/slipway/internal/deploy/host"
	"github.com/spf13/cobra"
)

func (a *app) approveCommand() *cobra.Command {
	var f deployFlags
	cmd := &cobra.Command{
		Use:   "approve ENVIRONMENT VERSION",
		Short: "Approve a release for an environment that demands it",
		Long: `Note that you approve a release for an environment with approval: required. It holds
for exactly the images and settings that the release pins.`,
		Example: `  slipway approve production v1.2.3 --reason "tested by Ana"`,
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.approve(cmd.Context(), args[0], args[1], f.reason)
		},
	}
	f.register(cmd)
	return cmd
}

func (a *app) approve(ctx context.Context, environment, version, reason string) error {
	all, err := a.goals(ctx, environment, true)
	if err != nil {
		return err
	}
	r, err := a.state.Releases(all[0].fleet.Name).Get(version)
	if err != nil {
		return err
	}
	log, err := audit.Open(a.state.AuditDir())
	if err != nil {
		return err
	}
	for _, g := range all {
		approval := host.Approval{Version: version, Content: r.Content(), By: audit.Me().Name, Reason: reason, At: time.Now().UTC()}
		if err := g.client.Approve(ctx, environment, approval); err != nil {
			return err
		}
	}
	record := audit.Record{Action: audit.Approved, Environment: environment, Fleet: r.Fleet, Version: version, Result: audit.OK, Digests: map[string]string{}, Details: map[string]string{"reason": reason}}
	for _, s := range r.Services {
		record.Digests[s.Name] = s.Digest
	}
	if err := log.Append(record); err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.Stderr, "%s is approved for %s\n", version, environment)
	return err
}
