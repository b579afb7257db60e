package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/slipway-build/slipway/internal/audit"
	"github.com/slipway-build/slipway/internal/deploy"
	"github.com/slipway-build/slipway/internal/deploy/host"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/image"
	"github.com/slipway-build/slipway/internal/pipeline"
	"github.com/slipway-build/slipway/internal/release"
	"github.com/slipway-build/slipway/internal/report"
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
containers do not become healthy or do not stay up, or when a check fails. A canary also
goes back when more of its requests fail than before. If one service goes back, all do.

A version that is no release yet becomes one, as slipway release does it. Images go by
digest, so each environment gets the same ones.

What the environment has and the release does not, such as a dropped service, stays and is
listed. On a terminal the command asks whether to remove it when the release runs; --prune
removes it without asking.

With --dry-run the command shows each service or object that would be created or changed,
and the fields. A cluster is asked by a dry run, so quotas, admission webhooks and the
security level of the namespace answer as they would. Nothing is changed, and no lock is
taken.

Ctrl-C leaves the rollout as it is; the containers run on. Then slipway deploy resume
goes on, and slipway deploy abort goes back, on any machine.`,
		Example: `  slipway deploy staging v1.2.3
  slipway deploy production v1.2.3 --dry-run
  slipway deploy status production
  slipway deploy abort production --reason "wrong prices"
  slipway rollback production`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			f.ask = true
			return a.deploy(cmd.Context(), args[0], args[1], f)
		},
	}
	f.register(cmd)
	cmd.Flags().BoolVar(&f.prune, "prune", false, "remove what the release does not have, after it runs")
	cmd.Flags().BoolVar(&f.dryRun, "dry-run", false, "print what would change, field by field, and change nothing")
	cmd.AddCommand(a.deployStatus(), a.deployResume(), a.deployRemove(),
		a.deployAsk("abort", "Let a rollout go back to what ran before", deploy.AskAbort),
		a.deployAsk("promote", "Let a rollout go on without waiting for time or data", deploy.AskPromote),
		a.deployAsk("pause", "Let a rollout stay as it is until it is resumed", deploy.AskPause))
	return cmd
}

type deployFlags struct {
	reason string
	back   bool // a rollback
	dryRun bool
	prune  bool // what the release does not have
	ask    bool // whether to prune, at a terminal
}

func (f *deployFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.reason, "reason", "", "why, for the journal")
}

// deploy brings a release to every host of an environment, one after the other. When it
// goes back on one, it goes back on those before.
func (a *app) deploy(ctx context.Context, environment, version string, f deployFlags) error {
	all, err := a.goals(ctx, environment, !f.dryRun)
	if err != nil {
		return err
	}
	r, err := a.releaseOf(ctx, all[0].fleet.Name, version, f.dryRun)
	if err != nil {
		return err
	}
	for i, g := range all {
		changed, err := a.deployRelease(ctx, g, r, f)
		if err != nil {
			return errors.Join(err, a.goBack(ctx, all[:i], err))
		}
		if !changed {
			all[i].client = nil
		}
	}
	return nil
}

// goBack takes a release back from the hosts that got it before one where it went back.
func (a *app) goBack(ctx context.Context, before []goal, why error) error {
	if diag.ExitOf(why) != diag.ExitRolledBack {
		return nil
	}
	var problems []error
	for _, g := range slices.Backward(before) {
		if g.client != nil { // it was changed there
			problems = append(problems, a.rollbackOn(ctx, g, "", deployFlags{reason: "it was rolled back elsewhere"}))
		}
	}
	return errors.Join(problems...)
}

// releaseOf reads a release, and makes it when there is none of that version, unless
// nothing is to be changed.
func (a *app) releaseOf(ctx context.Context, fleetName, version string, dryRun bool) (release.Release, error) {
	all := a.state.Releases(fleetName)
	if r, err := all.Get(version); err == nil || dryRun || release.CheckVersion(version) != nil || all.Has(version) {
		return r, err
	}
	r, _, err := a.release(ctx, version, fleetFlags{}, false)
	if err == nil {
		fmt.Fprintf(a.Stderr, "note: %s became a release: slipway release show %s\n", version, version)
	}
	return r, err
}

// deployRelease makes a rollout on a host and runs it; false when there is nothing to do.
func (a *app) deployRelease(ctx context.Context, g goal, r release.Release, f deployFlags) (bool, error) {
	store, err := a.state.Images(event.Discard{})
	if err != nil {
		return false, err
	}
	var names []string
	for _, s := range r.Services {
		names = append(names, s.Image+"@"+s.Digest)
	}
	if err := a.enforce(ctx, store, "deploy", names); err != nil {
		return false, err
	}
	order := shipping.Order{Fleet: g.fleet, Environment: g.env, Release: r, Client: g.client, Lookup: a.lookup, By: audit.Me().Name, Reason: f.reason, Back: f.back}
	if order.First, err = a.first(ctx, g); err != nil {
		return false, err
	}
	refused := order.Allowed(ctx, time.Now())
	if f.dryRun {
		return false, errors.Join(a.preview(ctx, g, order), refused)
	}
	if refused != nil {
		return false, refused
	}
	rollout, err := order.Plan(ctx, time.Now())
	if err != nil {
		return false, err
	}
	if err := a.hasStages(ctx, rollout); err != nil {
		return false, err
	}
	if len(rollout.Waves) == 0 && slices.Equal(rollout.Routes, rollout.OldRoutes) {
		all, err := g.client.Rollouts(ctx, g.env.Name)
		if err != nil {
			return false, err
		}
		if now := shipping.Current(all); now != nil && now.Version == r.Version { // else that it runs has to be noted
			_, err := fmt.Fprintf(a.Stderr, "%s runs in %s already; nothing was changed\n", r.Version, g)
			return false, errors.Join(err, a.prune(ctx, g, order, f))
		}
	}
	if err := a.announce(ctx, g, rollout); err != nil {
		return false, err
	}
	if err := a.send(ctx, g, store, r); err != nil {
		return false, err
	}
	log, err := audit.Open(a.state.AuditDir()) // before anything is done that it could not record
	if err != nil {
		return false, err
	}
	if err := order.Start(ctx, rollout); err != nil {
		return false, err
	}
	if err := log.Append(deployRecord(g, rollout, audit.DeployStarted, audit.OK, f.reason)); err != nil {
		return false, err
	}
	if err := a.carryOut(ctx, g, rollout); err != nil {
		return true, err
	}
	return true, a.prune(ctx, g, order, f)
}

// send brings the images of a release to another machine: what it lacks of them.
func (a *app) send(ctx context.Context, g goal, store *image.Store, r release.Release) error {
	machine, ok := g.client.(*host.Client)
	if !ok || g.at == "" {
		return nil // it has the same store, or a registry
	}
	total, began := int64(0), time.Now()
	for _, s := range r.Services {
		n, err := machine.Send(ctx, store, s.Image+"@"+s.Digest, s.Image+":"+r.Version)
		if err != nil {
			return err
		}
		total += n
	}
	_, err := fmt.Fprintf(a.Stderr, "%s got %s of images in %s\n", g.at, report.Bytes(total), time.Since(began).Round(100*time.Millisecond))
	return err
}

// deployRecord is what the audit log keeps of an event of a rollout.
func deployRecord(g goal, r host.Rollout, action audit.Action, result, reason string) audit.Record {
	record := audit.Record{
		Action: action, Environment: r.Environment, Fleet: r.Fleet, Version: r.Version, Result: result,
		Digests: map[string]string{}, Details: map[string]string{"rollout": r.ID, "target": g.String()},
	}
	for _, p := range slices.Concat(r.Waves...) {
		_, record.Digests[p.Spec.Service], _ = strings.Cut(p.New.Image, "@")
	}
	if reason != "" {
		record.Details["reason"] = reason
	}
	return record
}

// recordDeploy writes an event of a rollout to the audit log. The end of a rollout is a
// checkpoint.
func (a *app) recordDeploy(g goal, r host.Rollout, action audit.Action, result, reason string) error {
	log, err := audit.Open(a.state.AuditDir())
	if err == nil {
		err = log.Append(deployRecord(g, r, action, result, reason))
	}
	if err == nil && (action == audit.Deployed || action == audit.RolledBack) {
		_, err = log.Checkpoint(nil)
	}
	return err
}

// carryOut runs a rollout to its end and says how it ended.
func (a *app) carryOut(ctx context.Context, g goal, r host.Rollout) error {
	screen := a.newScreen(nil)
	began := time.Now()
	done, err := shipping.Run(ctx, g.client, r, audit.Me().Name, screen, a.testsAgainst(screen))
	screen.Close()
	if err != nil {
		if ctx.Err() != nil {
			return &leftError{r}
		}
		return err
	}
	action, result := audit.Paused, audit.Failed
	switch done.Outcome {
	case deploy.Deployed:
		action, result = audit.Deployed, audit.OK
		err = told(fmt.Fprintf(a.Stderr, "%s runs in %s after %s\n", r.Version, g, time.Since(began).Round(100*time.Millisecond)))
	case deploy.RolledBack:
		action = audit.RolledBack
		err = diag.Fail(diag.ExitRolledBack, "%s was rolled back in %s: %s", r.Version, g, diag.Printable(done.Reason)).
			WithHint("%s is as before; slipway deploy status %[1]s", r.Environment)
	default:
		err = paused(r, done)
	}
	return errors.Join(err, a.recordDeploy(g, r, action, result, done.Reason))
}

// told is the error of something printed.
func told(_ int, err error) error { return err }

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
