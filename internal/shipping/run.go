package shipping

import (
	"cmp"
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/slipway-build/slipway/internal/account"
	"github.com/slipway-build/slipway/internal/deploy"
	"github.com/slipway-build/slipway/internal/deploy/host"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/pipeline"
)

// Start takes the lock of the environment and writes the rollout there. It refuses when
// another has not ended.
func (o Order) Start(ctx context.Context, r host.Rollout) error {
	client := o.Client
	if p, ok := client.(preparer); ok {
		if err := p.Rights(ctx, o); err != nil {
			return err
		}
	}
	if err := lock(ctx, client, r); err != nil {
		return err
	}
	other, err := Unfinished(ctx, client, r.Environment)
	if err == nil && other != nil && other.ID != r.ID {
		err = unfinished(*other)
	}
	if p, ok := client.(preparer); ok && err == nil {
		err = p.Prepare(ctx, o, r)
	}
	if err == nil {
		err = ctx.Err()
	}
	if err == nil { // an interrupt finds it begun or not begun, and says so
		err = client.Keep(context.WithoutCancel(ctx), r)
	}
	if err != nil {
		return errors.Join(err, client.Unlock(context.WithoutCancel(ctx), r.Environment))
	}
	return nil
}

// lock takes the lock for something new, also from a process of this machine and person that
// has ended. An interrupt leaves none that was taken meanwhile.
func lock(ctx context.Context, client Place, r host.Rollout) error {
	l, err := client.Locked(ctx, r.Environment)
	if err != nil {
		return err
	}
	whole := context.WithoutCancel(ctx)
	if _, err = client.Lock(whole, r.Environment, r.ID, r.By, abandoned(l, r.By)); err == nil && ctx.Err() != nil {
		err = errors.Join(ctx.Err(), client.Unlock(whole, r.Environment))
	}
	return err
}

// Resume takes the lock for a rollout that has begun, and returns who had it. It does not
// wait for a process of this machine and person that has ended.
func Resume(ctx context.Context, client Place, r host.Rollout, by string, force bool) (host.Lock, error) {
	l, err := Busy(ctx, client, r.Environment, by)
	if err != nil {
		return l, err
	}
	return client.Lock(ctx, r.Environment, r.ID, by, force || l.Holder == "")
}

// Busy is who changes an environment now; without a Holder, nobody does. A process of this
// machine and person that has ended is nobody.
func Busy(ctx context.Context, client Place, environment, by string) (host.Lock, error) {
	l, err := client.Locked(ctx, environment)
	if err == nil && abandoned(l, by) {
		l = host.Lock{}
	}
	return l, err
}

// abandoned reports the lock of a process of this machine and person that has ended. Another
// machine may have the same name, and a person may deploy from both.
func abandoned(l host.Lock, by string) bool {
	return l.By == by && l.Machine != "" && l.Machine == account.Machine() && gone(l.Process)
}

// gone reports that no process has a number.
func gone(pid int) bool {
	p, err := os.FindProcess(pid)
	return err != nil || errors.Is(p.Signal(syscall.Signal(0)), os.ErrProcessDone)
}

// renew is how often the lock is renewed.
const renew = 10 * time.Second

// errTaken is the cause of a context that ended because another process took the lock.
var errTaken = errors.New("another process has taken over this rollout")

// Run goes on with a rollout whose lock this process has, until it ends or a person has to
// decide. When the context ends, the rollout stays where it is. tests runs the checks that
// are quality stages.
func Run(ctx context.Context, client Place, r host.Rollout, by string, sink event.Sink, tests Tests) (pipeline.Deployed, error) {
	running, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	renewed := hold(running, cancel, client, r, by, renew)
	defer func() {
		cancel(nil)
		<-renewed
		_ = client.Unlock(context.WithoutCancel(ctx), r.Environment) // else it expires
	}()
	done, err := carryOut(running, client, r, by, sink, tests)
	if err != nil {
		return done, cmp.Or(taken(running), err)
	}
	if done.Outcome == "" {
		return done, nil
	}
	when := "after"
	if s, ok := client.(settler); ok && done.Outcome == deploy.Deployed {
		err = s.Settle(running, r)
	}
	if done.Outcome == deploy.RolledBack {
		when = "rollback"
		if r.OldRoutes != nil {
			back := r
			back.Routes, back.OldRoutes = r.OldRoutes, nil
			err = client.SetRoutes(running, back)
		}
	}
	err = errors.Join(err, hooks(running, client, r, when, by, sink))
	r.Ended, r.Outcome, r.Why = time.Now().UTC(), done.Outcome, done.Reason
	return done, errors.Join(err, client.Keep(running, r))
}

// settler is a place in which clients reach a service some time after it has them.
type settler interface {
	Settle(ctx context.Context, r host.Rollout) error
}

// carryOut runs the hooks before, and then the rollout itself. A hook that fails, or routes
// that the place refuses, end it before anything was changed.
func carryOut(ctx context.Context, client Place, r host.Rollout, by string, sink event.Sink, tests Tests) (pipeline.Deployed, error) {
	if err := hooks(ctx, client, r, "before", by, sink); err != nil {
		if lost := client.Answers(ctx); lost != nil || ctx.Err() != nil || !errors.As(err, new(*hookError)) {
			return pipeline.Deployed{}, err
		}
		return pipeline.Deployed{Outcome: deploy.RolledBack, Reason: err.Error()}, nil
	}
	if err := client.SetRoutes(ctx, r); err != nil {
		if diag.ExitOf(err) != diag.ExitUsage || begun(ctx, client, r) {
			return pipeline.Deployed{}, err
		}
		return pipeline.Deployed{Outcome: deploy.RolledBack, Reason: reasonOf(err)}, nil
	}
	return pipeline.Deploy(ctx, parts(client, r, by, sink, tests))
}

// begun reports that a service of a rollout was changed, or may have been.
func begun(ctx context.Context, client Place, r host.Rollout) bool {
	for _, p := range slices.Concat(r.Waves...) {
		entries, err := client.Journal(r, p.Spec.Service).Entries(ctx)
		if err != nil || slices.ContainsFunc(entries, func(e deploy.Entry) bool { return e.Action.Kind != "" }) {
			return true
		}
	}
	return false
}

// reasonOf is an error with its hint, for the reason of a rollback.
func reasonOf(err error) string {
	if hint := diag.HintOf(err); hint != "" {
		return err.Error() + " (" + hint + ")"
	}
	return err.Error()
}

// taken is the error of a process that lost the lock, nil for others.
func taken(ctx context.Context) error {
	if errors.Is(context.Cause(ctx), errTaken) {
		return diag.Fail(diag.ExitRun, "%v", errTaken).WithHint("slipway deploy status shows how it goes on")
	}
	return nil
}

// hold renews the lock until the context ends, and closes the channel after that. A renewal
// that is on its way is waited for: after the lock is given back, it would take it again. A
// host that does not answer may still see it as ours.
func hold(ctx context.Context, cancel context.CancelCauseFunc, client Place, r host.Rollout, by string, every time.Duration) <-chan struct{} {
	over := make(chan struct{})
	go func() {
		defer close(over)
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if ctx.Err() != nil {
				return
			}
			_, err := client.Lock(context.WithoutCancel(ctx), r.Environment, r.ID, by, false)
			if diag.ExitOf(err) == diag.ExitDeployStopped {
				cancel(errTaken)
				return
			}
		}
	}()
	return over
}

// every is how often a target is looked at, and soon how often at first one that answers at
// once.
const (
	every = 250 * time.Millisecond
	soon  = 50 * time.Millisecond
)

// parts are the services of a rollout with their targets and journals.
func parts(client Place, r host.Rollout, by string, sink event.Sink, tests Tests) [][]pipeline.Part {
	loop := func(p host.Part, journal string) pipeline.Rollout {
		t := client.Target(r, p)
		var idle func(context.Context, time.Duration, time.Duration) error
		least := soon
		if place, ok := client.(waiter); ok {
			least = every
			idle = func(ctx context.Context, least, most time.Duration) error {
				return place.Wait(ctx, p.Spec.Service, least, most)
			}
		}
		return pipeline.Rollout{
			Idle: idle, Target: t, Judge: &judge{JudgedTarget: t, client: client, part: p, rollout: r, tests: tests, passed: map[any]bool{}}, Journal: client.Journal(r, journal),
			Sink: sink, By: by, Every: least, Most: every, Now: time.Now, Sleep: sleep,
		}
	}
	var out [][]pipeline.Part
	for _, wave := range r.Waves {
		var parts []pipeline.Part
		for _, p := range wave {
			back := p
			back.Spec.Release, back.Spec.Replaces, back.Checks, back.Commands, back.Tests, back.Queries, back.Limits = p.Spec.Replaces, p.Spec.Release, nil, nil, nil, nil, host.Limits{}
			if p.Old != nil {
				back.New, back.Old = *p.Old, &p.New
			}
			parts = append(parts, pipeline.Part{Spec: p.Spec, Forward: loop(p, p.Spec.Service), Back: loop(back, wayBack(p.Spec.Service))})
		}
		out = append(out, parts)
	}
	return out
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}

// ErrEnded says that nothing of a rollout goes on.
var ErrEnded = errors.New("nothing of it goes on")

// Paused is why a person has to decide before a rollout goes on, by its services; "" while
// nobody has to.
func Paused(ctx context.Context, client Place, r host.Rollout) (string, error) {
	if !r.Ended.IsZero() {
		return "", nil
	}
	var all []string
	for _, p := range slices.Concat(r.Waves...) {
		for _, name := range []string{p.Spec.Service, wayBack(p.Spec.Service)} {
			entries, err := client.Journal(r, name).Entries(ctx)
			if err != nil {
				return "", err
			}
			if why := deploy.Paused(entries); why != "" && deploy.Ended(entries) == "" && !slices.Contains(all, p.Spec.Service+": "+why) {
				all = append(all, p.Spec.Service+": "+why)
			}
		}
	}
	return strings.Join(all, "; "), nil
}

// wayBack is the journal of a service that went well, and goes back because of another one.
func wayBack(service string) string { return service + ".back" }

// Ask notes what a person wants of the rollout that goes on, in the journals of its
// services that have not ended.
func Ask(ctx context.Context, client Place, r host.Rollout, what deploy.Request, by, reason string) error {
	asked := 0
	for _, p := range slices.Concat(r.Waves...) {
		j := client.Journal(r, p.Spec.Service)
		entries, err := j.Entries(ctx)
		if err != nil {
			return err
		}
		if deploy.Ended(entries) != "" {
			continue
		}
		if err := j.Append(ctx, deploy.Entry{At: time.Now(), By: by, Asked: what, Reason: reason}); err != nil {
			return err
		}
		asked++
	}
	if asked == 0 {
		return diag.Fail(diag.ExitRun, "every service of the rollout of %s to %s has ended", r.Version, r.Environment).Because(ErrEnded).
			WithHint("slipway rollback %s brings back the version before", r.Environment)
	}
	return nil
}
