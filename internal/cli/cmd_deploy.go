package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/deploy"
	"github.com/slipway-build/slipway/internal/deploy/host"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/fleet"
	"github.com/slipway-build/slipway/internal/pipeline"
	"github.com/slipway-build/slipway/internal/release"
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

// goal is the environment of a command, and who is asked there.
type goal struct {
	fleet  *fleet.Fleet
	env    config.Environment
	client *host.Client
}

// goal finds an environment and reaches its target. start starts the host of this machine
// when it does not run.
func (a *app) goal(ctx context.Context, name string, start bool) (goal, error) {
	fl, err := a.plannedFleet(fleetFlags{})
	if err != nil {
		return goal{}, err
	}
	env, err := fl.Environment(name)
	if err != nil {
		return goal{}, err
	}
	if env.Target != config.TargetHost {
		return goal{}, diag.Fail(diag.ExitUsage, "the environment %s has the target %s, which slipway deploy does not reach yet", name, env.Target).
			WithHint("target: host deploys to this machine")
	}
	if start {
		started, err := a.startHost(ctx)
		if err != nil {
			return goal{}, err
		}
		if started {
			fmt.Fprintln(a.Stderr, "note: the host of this machine was not running, and was started: slipway host status")
		}
	}
	return goal{fl, env, a.localHost()}, nil
}

func (a *app) deploy(ctx context.Context, environment, version string, f deployFlags) error {
	g, err := a.goal(ctx, environment, true)
	if err != nil {
		return err
	}
	r, err := a.releaseOf(ctx, g.fleet.Name, version)
	if err != nil {
		return err
	}
	return a.deployRelease(ctx, g, r, f)
}

// releaseOf reads a release, and makes it when there is none of that version.
func (a *app) releaseOf(ctx context.Context, fleetName, version string) (release.Release, error) {
	all := a.state.Releases(fleetName)
	if r, err := all.Get(version); err == nil || release.CheckVersion(version) != nil || all.Has(version) {
		return r, err
	}
	r, _, err := a.release(ctx, version, fleetFlags{}, false)
	if err == nil {
		fmt.Fprintf(a.Stderr, "note: %s became a release: slipway release show %s\n", version, version)
	}
	return r, err
}

func (a *app) rollback(ctx context.Context, environment, version string, f deployFlags) error {
	g, err := a.goal(ctx, environment, true)
	if err != nil {
		return err
	}
	if version == "" {
		all, err := g.client.Rollouts(ctx, environment)
		if err != nil {
			return err
		}
		if version = shipping.Before(all); version == "" {
			return diag.Fail(diag.ExitUsage, "no other release ran in %s before the current one", environment).
				WithHint("slipway releases lists what there is; slipway rollback %s VERSION", environment)
		}
	}
	r, err := a.state.Releases(g.fleet.Name).Get(version)
	if err != nil {
		return err
	}
	if f.reason == "" {
		f.reason = "a rollback"
	}
	return a.deployRelease(ctx, g, r, f)
}

// deployRelease makes a rollout and runs it.
func (a *app) deployRelease(ctx context.Context, g goal, r release.Release, f deployFlags) error {
	store, err := a.state.Images(event.Discard{})
	if err != nil {
		return err
	}
	var names []string
	for _, s := range r.Services {
		names = append(names, s.Image+"@"+s.Digest)
	}
	if err := a.enforce(ctx, store, "deploy", names); err != nil {
		return err
	}
	order := shipping.Order{Fleet: g.fleet, Environment: g.env, Release: r, Client: g.client, Lookup: a.lookup, By: whoami(), Reason: f.reason}
	if err := order.Allowed(ctx, time.Now()); err != nil {
		return err
	}
	rollout, err := order.Plan(ctx, time.Now())
	if err != nil {
		return err
	}
	if f.dryRun {
		return a.printRollout(rollout)
	}
	if len(rollout.Waves) == 0 && slices.Equal(rollout.Routes, rollout.OldRoutes) {
		_, err := fmt.Fprintf(a.Stderr, "%s runs in %s already; nothing was changed\n", r.Version, g.env.Name)
		return err
	}
	if err := shipping.Start(ctx, g.client, rollout); err != nil {
		return err
	}
	return a.follow(ctx, g, rollout)
}

// follow runs a rollout to its end and says how it ended.
func (a *app) follow(ctx context.Context, g goal, r host.Rollout) error {
	screen := a.newScreen(nil)
	began := time.Now()
	done, err := shipping.Run(ctx, g.client, r, whoami(), screen)
	screen.Close()
	if err != nil {
		if ctx.Err() != nil {
			return &leftError{r}
		}
		return err
	}
	switch done.Outcome {
	case deploy.Deployed:
		_, err := fmt.Fprintf(a.Stderr, "%s runs in %s after %s\n", r.Version, r.Environment, time.Since(began).Round(100*time.Millisecond))
		return err
	case deploy.RolledBack:
		return diag.Fail(diag.ExitRolledBack, "%s was rolled back in %s: %s", r.Version, r.Environment, diag.Printable(done.Reason)).
			WithHint("what ran before runs again; slipway deploy status %s", r.Environment)
	}
	return paused(r, done)
}

func paused(r host.Rollout, done pipeline.Deployed) error {
	return diag.Fail(diag.ExitDeployStopped, "the rollout of %s to %s is paused: %s", r.Version, r.Environment, diag.Printable(done.Reason)).
		WithHint("go on: slipway deploy resume %[1]s; do not wait: slipway deploy promote %[1]s; go back: slipway deploy abort %[1]s", r.Environment)
}

// leftError is an interrupt that leaves a rollout where it is.
type leftError struct{ rollout host.Rollout }

func (e *leftError) Error() string {
	return fmt.Sprintf("the rollout of %s to %s was left as it is", e.rollout.Version, e.rollout.Environment)
}

// hint says how it goes on.
func (e *leftError) hint() string {
	return fmt.Sprintf("go on: slipway deploy resume %[1]s; go back: slipway deploy abort %[1]s; look: slipway deploy status %[1]s", e.rollout.Environment)
}

// unfinished is the rollout that a subcommand is about.
func (a *app) unfinished(ctx context.Context, environment string) (goal, host.Rollout, error) {
	g, err := a.goal(ctx, environment, true)
	if err != nil {
		return g, host.Rollout{}, err
	}
	r, err := shipping.Unfinished(ctx, g.client, environment)
	if err == nil && r == nil {
		err = diag.Fail(diag.ExitUsage, "no rollout goes on in %s", environment).WithHint("slipway deploy status %s", environment)
	}
	if err != nil {
		return g, host.Rollout{}, err
	}
	return g, *r, nil
}

func (a *app) deployResume() *cobra.Command {
	var f deployFlags
	var force bool
	cmd := &cobra.Command{
		Use: "resume ENVIRONMENT", Short: "Go on with a rollout that was interrupted or paused", Args: cobra.ExactArgs(1),
		Example: "  slipway deploy resume production\n  slipway deploy resume production --force-unlock",
		RunE: func(cmd *cobra.Command, args []string) error {
			g, r, err := a.unfinished(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if err := shipping.Ask(cmd.Context(), g.client, r, deploy.AskResume, whoami(), f.reason); err != nil && !errors.Is(err, shipping.ErrEnded) {
				return err
			}
			return a.takeOver(cmd.Context(), g, r, force)
		},
	}
	f.register(cmd)
	cmd.Flags().BoolVar(&force, "force-unlock", false, "take the lock of another process, which must have ended")
	return cmd
}

// takeOver goes on with a rollout. Where another process runs it, that one does.
func (a *app) takeOver(ctx context.Context, g goal, r host.Rollout, force bool) error {
	if _, err := shipping.Resume(ctx, g.client, r, whoami(), force); err != nil {
		return err
	}
	return a.follow(ctx, g, r)
}

// deployAsk is a subcommand that asks something of a rollout that goes on.
func (a *app) deployAsk(name, short string, what deploy.Request) *cobra.Command {
	var f deployFlags
	cmd := &cobra.Command{
		Use: name + " ENVIRONMENT", Short: short, Args: cobra.ExactArgs(1), Example: fmt.Sprintf("  slipway deploy %s production", name),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			g, r, err := a.unfinished(ctx, args[0])
			if err != nil {
				return err
			}
			if err := shipping.Ask(ctx, g.client, r, what, whoami(), f.reason); err != nil {
				return err
			}
			lock, err := g.client.Locked(ctx, r.Environment)
			if err != nil {
				return err
			}
			if lock.Holder != "" {
				_, err := fmt.Fprintf(a.Stderr, "%s, which runs the rollout, was asked to %s; look: slipway deploy status %s --watch\n", lock.By, name, r.Environment)
				return err
			}
			if what == deploy.AskPause {
				_, err := fmt.Fprintf(a.Stderr, "the rollout of %s to %s is paused\n", r.Version, r.Environment)
				return err
			}
			return a.takeOver(ctx, g, r, false)
		},
	}
	f.register(cmd)
	return cmd
}
