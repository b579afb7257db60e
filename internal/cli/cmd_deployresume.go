package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/slipway-build/slipway/internal/audit"
	"github.com/slipway-build/slipway/internal/deploy"
	"github.com/slipway-build/slipway/internal/deploy/host"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/shipping"
	"github.com/spf13/cobra"
)

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
				err := shipping.Ask(cmd.Context(), g.client, g.rollout, deploy.AskResume, audit.Me().Name, f.reason)
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

// deployRemove is `slipway deploy remove`.
func (a *app) deployRemove() *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use: "remove ENVIRONMENT", Short: "End all that runs in an environment", Args: cobra.ExactArgs(1), Example: "  slipway deploy remove staging",
		RunE: func(cmd *cobra.Command, args []string) error {
			all, err := a.goals(cmd.Context(), args[0], true)
			if err != nil {
				return err
			}
			if !yes && a.interactive() && !a.asked("This ends all that runs in %s. Go on?", args[0]) {
				fmt.Fprintln(a.Stderr, "nothing was removed")
				return nil
			}
			for _, g := range all {
				if err := a.remove(cmd.Context(), g); err != nil {
					return err
				}
				fmt.Fprintf(a.Stderr, "nothing runs in %s any more\n", g)
			}
			return nil
		},
	}
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask at a terminal")
	return cmd
}

// remove ends all that runs in an environment on one host or cluster.
func (a *app) remove(ctx context.Context, g goal) error {
	log, err := audit.Open(a.state.AuditDir()) // before anything is done that it could not record
	if err != nil {
		return err
	}
	err = shipping.Remove(ctx, g.client, g.env.Name, audit.Me().Name, time.Now())
	record := audit.Record{Action: audit.Removed, Environment: g.env.Name, Fleet: g.fleet.Name, Result: audit.OK, Details: map[string]string{"target": g.String()}}
	if err != nil {
		record.Result = audit.Failed
		record.Details["reason"] = err.Error()
	}
	return errors.Join(err, log.Append(record))
}

// ask notes what a person wants. Where no process runs the rollout, this one does it.
func (a *app) ask(ctx context.Context, g going, what deploy.Request, reason string) error {
	r := g.rollout
	if err := shipping.Ask(ctx, g.client, r, what, audit.Me().Name, reason); errors.Is(err, shipping.ErrEnded) {
		return a.settle(ctx, g, what, err)
	} else if err != nil {
		return err
	}
	action := map[deploy.Request]audit.Action{deploy.AskAbort: audit.Aborted, deploy.AskPromote: audit.Promoted, deploy.AskPause: audit.Paused}[what]
	if err := a.recordDeploy(g.goal, r, action, audit.OK, reason); err != nil {
		return err
	}
	lock, err := shipping.Busy(ctx, g.client, r.Environment, audit.Me().Name)
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

// going is a rollout that goes on.
type going struct {
	goal
	rollout host.Rollout
}

// unfinished are the rollouts that a subcommand is about.
func (a *app) unfinished(ctx context.Context, environment string) ([]going, error) {
	all, err := a.goals(ctx, environment, true)
	if err != nil {
		return nil, err
	}
	var out []going
	for _, g := range all {
		r, err := shipping.Unfinished(ctx, g.client, environment)
		if err != nil {
			return nil, err
		}
		if r != nil {
			out = append(out, going{g, *r})
		}
	}
	if len(out) == 0 {
		return nil, diag.Fail(diag.ExitUsage, "no rollout goes on in %s", environment).WithHint("slipway deploy status %s", environment)
	}
	return out, nil
}

// settle records the end of a rollout whose process ended before it did that, unless
// another one runs it. ended is the answer to what was asked.
func (a *app) settle(ctx context.Context, g going, what deploy.Request, ended error) error {
	lock, err := shipping.Busy(ctx, g.client, g.rollout.Environment, audit.Me().Name)
	if err != nil || lock.Holder != "" {
		return errors.Join(ended, err)
	}
	err = a.takeOver(ctx, g, false)
	switch {
	case what == deploy.AskAbort && diag.ExitOf(err) == diag.ExitRolledBack:
		_, err = fmt.Fprintf(a.Stderr, "%s went back in %s\n", g.rollout.Version, g)
		return err
	case err != nil || what == deploy.AskPromote:
		return err
	}
	return ended
}

// takeOver goes on with a rollout. Where another process runs it, that one does.
func (a *app) takeOver(ctx context.Context, g going, force bool) error {
	before, err := shipping.Resume(ctx, g.client, g.rollout, audit.Me().Name, force)
	if err != nil {
		return err
	}
	action, reason := audit.Resumed, ""
	if force && before.Holder != "" {
		action, reason = audit.Unlocked, fmt.Sprintf("the lock was that of %s (process %d) since %s", before.By, before.Process, before.Since.UTC().Format(time.RFC3339))
	}
	if err := a.recordDeploy(g.goal, g.rollout, action, audit.OK, reason); err != nil {
		return err
	}
	return a.carryOut(ctx, g.goal, g.rollout)
}
