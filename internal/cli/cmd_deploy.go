package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/slipway-build/slipway/internal/deploy"
	"github.com/slipway-build/slipway/internal/deploy/host"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/shipping"
)

func (a *app) deployCommand() *cobra.Command {
	var f deployFlags
	cmd := &cobra.Command{
		Use:   "deploy ENVIRONMENT VERSION",
		Short: "Bring a release to an environment of slipway.yaml",
		Long: `Bring a release to where it runs, as environments: of slipway.yaml says: the new
containers start beside the old ones, take over the requests when they are healthy, and
then the old ones end. A release that is not good goes back by itself: when its
containers do not become healthy or do not stay up, when a check fails, or when more of
its requests fail than of those before. If one service goes back, all do.

A version that is no release yet becomes one, as slipway release does it. Images go by
digest, so each environment gets the same ones.

Ctrl-C leaves the rollout as it is; the containers run on. Then slipway deploy resume
goes on, and slipway deploy abort goes back, on any machine.`,
		Example: `  slipway deploy staging v1.2.3
  slipway deploy production v1.2.3 --dry-run
  slipway deploy status production
  slipway deploy abort production --reason "wrong prices"
  slipway rollback production`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error { return a.deploy(cmd.Context(), args[0], args[1], f) },
	}
	f.register(cmd)
	cmd.Flags().BoolVar(&f.dryRun, "dry-run", false, "print what would change, and change nothing")
	cmd.AddCommand(a.deployStatus(), a.deployResume(),
		a.deployAsk("abort", "Let a rollout go back to what ran before", deploy.AskAbort),
		a.deployAsk("promote", "Let a rollout go on without waiting for time or data", deploy.AskPromote),
		a.deployAsk("pause", "Let a rollout stay as it is until it is resumed", deploy.AskPause))
	return cmd
}

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
	for _, g := range all {
		approval := host.Approval{Version: version, Content: r.Content(), By: whoami(), Reason: reason, At: time.Now().UTC()}
		if err := g.client.Approve(ctx, environment, approval); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(a.Stderr, "%s is approved for %s\n", version, environment)
	return err
}

type deployFlags struct {
	reason string
	dryRun bool
}

func (f *deployFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.reason, "reason", "", "why, for the journal")
}

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

func (a *app) deployResume() *cobra.Command {
	var f deployFlags
	var force bool
	cmd := &cobra.Command{
		Use: "resume ENVIRONMENT", Short: "Go on with a rollout that was interrupted or paused", Args: cobra.ExactArgs(1),
		Example: "  slipway deploy resume production\n  slipway deploy resume production --force-unlock",
		RunE: func(cmd *cobra.Command, args []string) error {
			all, err := a.unfinished(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			for _, g := range all {
				err := shipping.Ask(cmd.Context(), g.client, g.rollout, deploy.AskResume, whoami(), f.reason)
				if err == nil || errors.Is(err, shipping.ErrEnded) {
					err = a.takeOver(cmd.Context(), g, force)
				}
				if err != nil {
					return err
				}
			}
			return nil
		},
	}
	f.register(cmd)
	cmd.Flags().BoolVar(&force, "force-unlock", false, "take the lock of another process, which must have ended")
	return cmd
}

// deployAsk is a subcommand that asks something of a rollout that goes on.
func (a *app) deployAsk(name, short string, what deploy.Request) *cobra.Command {
	var f deployFlags
	cmd := &cobra.Command{
		Use: name + " ENVIRONMENT", Short: short, Args: cobra.ExactArgs(1), Example: fmt.Sprintf("  slipway deploy %s production", name),
		RunE: func(cmd *cobra.Command, args []string) error {
			all, err := a.unfinished(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			for _, g := range all {
				if err := a.ask(cmd.Context(), g, what, f.reason); err != nil {
					return err
				}
			}
			return nil
		},
	}
	f.register(cmd)
	return cmd
}

// ask notes what a person wants. Where no process runs the rollout, this one does it.
func (a *app) ask(ctx context.Context, g going, what deploy.Request, reason string) error {
	r := g.rollout
	if err := shipping.Ask(ctx, g.client, r, what, whoami(), reason); err != nil {
		return err
	}
	lock, err := g.client.Locked(ctx, r.Environment)
	if err != nil {
		return err
	}
	switch {
	case lock.Holder != "":
		_, err = fmt.Fprintf(a.Stderr, "%s, which runs the rollout, was asked to %s it; look: slipway deploy status %s --watch\n", lock.By, what, r.Environment)
	case what == deploy.AskPause:
		_, err = fmt.Fprintf(a.Stderr, "the rollout of %s to %s is paused\n", r.Version, g)
	case what == deploy.AskAbort:
		if err = a.takeOver(ctx, g, false); diag.ExitOf(err) == diag.ExitRolledBack {
			_, err = fmt.Fprintf(a.Stderr, "%s went back in %s\n", r.Version, g)
		}
	default:
		err = a.takeOver(ctx, g, false)
	}
	return err
}
