package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/deploy"
	"github.com/slipway-build/slipway/internal/deploy/host"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/fleet"
	"github.com/slipway-build/slipway/internal/image"
	"github.com/slipway-build/slipway/internal/pipeline"
	"github.com/slipway-build/slipway/internal/release"
	"github.com/slipway-build/slipway/internal/report"
	"github.com/slipway-build/slipway/internal/shipping"
)

// goal is a host of an environment.
type goal struct {
	fleet  *fleet.Fleet
	env    config.Environment
	client *host.Client
	at     string // the machine, "" for this one
}

// String says where a goal is.
func (g goal) String() string {
	if g.at == "" {
		return g.env.Name
	}
	return g.env.Name + " on " + g.at
}

// goals finds an environment and its hosts, in the order in which they get a release.
// start starts the host of this machine when it does not run.
func (a *app) goals(ctx context.Context, name string, start bool) ([]goal, error) {
	fl, err := a.knownFleet()
	if err != nil {
		return nil, err
	}
	env, err := fl.Environment(name)
	if err != nil {
		return nil, err
	}
	return a.goalsOf(ctx, fl, env, start)
}

// knownFleet is the fleet of slipway.yaml. What is unwise about it, a build says.
func (a *app) knownFleet() (*fleet.Fleet, error) {
	l := a.fleets()
	l.Warn = func(diag.Findings) {}
	if _, err := fleet.Find(a.Dir); err != nil {
		return nil, diag.Fail(diag.ExitUsage, "environments are in slipway.yaml, and there is none here or above").WithHint("slipway init writes one")
	}
	return l.Read(a.Dir, fleet.Overrides{})
}

func (a *app) goalsOf(ctx context.Context, fl *fleet.Fleet, env config.Environment, start bool) ([]goal, error) {
	switch env.Target {
	case config.TargetSSH:
		var out []goal
		for _, address := range env.Hosts {
			out = append(out, goal{fl, env, host.NewSSHClient(a.ssh(address)), address})
		}
		return out, nil
	case config.TargetHost:
		if start {
			started, err := a.startHost(ctx)
			if err != nil {
				return nil, err
			}
			if started {
				fmt.Fprintln(a.Stderr, "note: the host of this machine was not running, and was started: slipway host status")
			}
		}
		return []goal{{fl, env, a.localHost(), ""}}, nil
	}
	return nil, diag.Fail(diag.ExitUsage, "the environment %s has the target %s, which slipway deploy does not reach yet", env.Name, env.Target).
		WithHint("target: host deploys to this machine, and target: ssh://user@host to another")
}

// deploy brings a release to every host of an environment, one after the other. When it
// goes back on one, it goes back on those before.
func (a *app) deploy(ctx context.Context, environment, version string, f deployFlags) error {
	all, err := a.goals(ctx, environment, true)
	if err != nil {
		return err
	}
	r, err := a.releaseOf(ctx, all[0].fleet.Name, version)
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
	if f.reason == "" {
		f.reason = "a rollback"
	}
	_, err = a.deployRelease(ctx, g, r, f)
	return err
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
	order := shipping.Order{Fleet: g.fleet, Environment: g.env, Release: r, Client: g.client, Lookup: a.lookup, By: whoami(), Reason: f.reason}
	if order.First, err = a.first(ctx, g); err != nil {
		return false, err
	}
	if err := order.Allowed(ctx, time.Now()); err != nil {
		return false, err
	}
	rollout, err := order.Plan(ctx, time.Now())
	if err != nil {
		return false, err
	}
	if f.dryRun {
		return false, a.printRollout(rollout)
	}
	if len(rollout.Waves) == 0 && slices.Equal(rollout.Routes, rollout.OldRoutes) {
		_, err := fmt.Fprintf(a.Stderr, "%s runs in %s already; nothing was changed\n", r.Version, g)
		return false, err
	}
	if err := a.send(ctx, g, store, r); err != nil {
		return false, err
	}
	if err := shipping.Start(ctx, g.client, rollout); err != nil {
		return false, err
	}
	return true, a.carryOut(ctx, g, rollout)
}

// first are the hosts of the environment in which a release has to have run before.
func (a *app) first(ctx context.Context, g goal) ([]*host.Client, error) {
	if g.env.After == "" {
		return nil, nil
	}
	all, err := a.goals(ctx, g.env.After, false)
	var out []*host.Client
	for _, g := range all {
		out = append(out, g.client)
	}
	return out, err
}

// send brings the images of a release to another machine: what it lacks of them.
func (a *app) send(ctx context.Context, g goal, store *image.Store, r release.Release) error {
	if g.at == "" {
		return nil // it has the same store
	}
	total, began := int64(0), time.Now()
	for _, s := range r.Services {
		n, err := g.client.Send(ctx, store, s.Image+"@"+s.Digest, s.Image+":"+r.Version)
		if err != nil {
			return err
		}
		total += n
	}
	_, err := fmt.Fprintf(a.Stderr, "%s got %s of images in %s\n", g.at, report.Bytes(total), time.Since(began).Round(100*time.Millisecond))
	return err
}

// carryOut runs a rollout to its end and says how it ended.
func (a *app) carryOut(ctx context.Context, g goal, r host.Rollout) error {
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
		_, err := fmt.Fprintf(a.Stderr, "%s runs in %s after %s\n", r.Version, g, time.Since(began).Round(100*time.Millisecond))
		return err
	case deploy.RolledBack:
		return diag.Fail(diag.ExitRolledBack, "%s was rolled back in %s: %s", r.Version, g, diag.Printable(done.Reason)).
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

// takeOver goes on with a rollout. Where another process runs it, that one does.
func (a *app) takeOver(ctx context.Context, g going, force bool) error {
	if _, err := shipping.Resume(ctx, g.client, g.rollout, whoami(), force); err != nil {
		return err
	}
	return a.carryOut(ctx, g.goal, g.rollout)
}
