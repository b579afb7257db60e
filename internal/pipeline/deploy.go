package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/slipway-build/slipway/internal/deploy"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/event"
)

// Target is where a service runs: a host, a cluster. Whatever it is asked, it may be asked
// again.
type Target interface {
	// Observe says how both sides of a service are now. An error means that nobody knows.
	Observe(ctx context.Context, service string) (deploy.Observed, error)
	// Do carries out a Scale, Shift, Retire or Promote. It returns when the target has
	// taken it, not when it has had its effect.
	Do(ctx context.Context, spec deploy.Spec, action deploy.Action) error
}

// Judge looks at the new side with checks and metrics. It returns NoData where it cannot
// know, and the reason of a bad verdict.
type Judge interface {
	Judge(ctx context.Context, spec deploy.Spec, seen deploy.Observed) (deploy.Verdict, string)
}

// JudgedTarget is a target that looks at the new side, too.
type JudgedTarget interface {
	Target
	Judge
}

// Journal is the record of one rollout, in the target and here. Others append to it, too:
// what a person asks for.
type Journal interface {
	Append(ctx context.Context, e deploy.Entry) error
	Entries(ctx context.Context) ([]deploy.Entry, error)
}

// Rollout brings one service to a release. It is one loop for deploy, resume, abort and
// rollback: where it is, the journal says.
type Rollout struct {
	Target  Target
	Judge   Judge // nil: every healthy side is a good one
	Journal Journal
	Sink    event.Sink
	By      string        // whose process it is
	Every   time.Duration // between two looks; 0 means a second
	Most    time.Duration // between two looks while nothing happens; 0 means Every
	Now     func() time.Time
	Sleep   func(ctx context.Context, d time.Duration) error
	// Idle waits until the target may have changed: at least for the one time, at most for
	// the other. nil: Sleep waits for the first.
	Idle func(ctx context.Context, least, most time.Duration) error

	promoted func() // called when the new side has all of the traffic; nil: nobody wants to know
}

// Run goes on until the rollout ends, a person has to decide, or ctx ends, which leaves the
// rollout where it is. It returns the last action: Done, Pause, or what was next.
func (r Rollout) Run(ctx context.Context, spec deploy.Spec) (deploy.Action, error) {
	if err := spec.Check(); err != nil {
		return deploy.Action{}, diag.Fail(diag.ExitUsage, "%s cannot be deployed so", spec.Service).Because(err)
	}
	told, answered, failing, acted := "", r.Now(), time.Time{}, r.Now()
	for {
		if ctx.Err() != nil {
			return deploy.Action{}, context.Cause(ctx)
		}
		next, paused, err := r.next(ctx, spec, &answered)
		if unread := (*unreadError)(nil); errors.As(err, &unread) {
			return deploy.Action{Kind: deploy.Pause, Reason: unread.Error()}, nil
		}
		if err != nil {
			return next, err
		}
		if text := string(next.Kind) + next.Reason; text != told && next.Kind != deploy.Reach {
			told = text
			r.say(spec, next)
		}
		switch next.Kind {
		case deploy.Wait:
			if paused {
				return deploy.Action{Kind: deploy.Pause, Step: next.Step, Reason: next.Reason}, nil
			}
			if err := r.wait(ctx, next, r.Now().Sub(acted)); err != nil {
				return next, err
			}
		case deploy.Done:
			return next, r.note(ctx, next)
		default:
			err := r.do(ctx, spec, next)
			if acted = r.Now(); err == nil {
				failing = time.Time{}
				continue
			}
			if failing.IsZero() {
				failing = r.Now()
			}
			if r.Now().Sub(failing) > spec.Patience {
				return deploy.Action{Kind: deploy.Pause, Step: next.Step, Reason: err.Error()}, nil
			}
			r.say(spec, deploy.Action{Kind: deploy.Wait, Reason: err.Error()})
			if err := r.Sleep(ctx, r.every()); err != nil {
				return next, err
			}
		}
	}
}

// entries reads the journal. It says what was done and what a person asked for, so without
// it nothing is decided: entries waits, says so, and after the patience of the rollout
// returns an unreadError, which pauses it. An unreadable journal is never an empty one.
func (r Rollout) entries(ctx context.Context, spec deploy.Spec) ([]deploy.Entry, error) {
	told := ""
	for since := r.Now(); ; {
		entries, err := r.Journal.Entries(ctx)
		if err == nil {
			return entries, nil
		}
		unread := &unreadError{spec.Service, err}
		switch {
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case r.Now().Sub(since) > spec.Patience:
			return nil, unread
		case unread.Error() != told:
			told = unread.Error()
			r.say(spec, deploy.Action{Kind: deploy.Wait, Reason: told})
		}
		if err := r.Sleep(ctx, r.every()); err != nil {
			return nil, err
		}
	}
}

// unreadError says that the journal of a service cannot be read.
type unreadError struct {
	service string
	err     error
}

func (e *unreadError) Error() string {
	return "the journal of " + e.service + " cannot be read: " + e.err.Error()
}

func (e *unreadError) Unwrap() error { return e.err }

// next looks at the target and decides.
func (r Rollout) next(ctx context.Context, spec deploy.Spec, answered *time.Time) (deploy.Action, bool, error) {
	entries, err := r.entries(ctx, spec)
	if err != nil {
		return deploy.Action{}, false, err
	}
	if r.promoted != nil && deploy.Promoted(entries) {
		r.promoted()
	}
	seen, err := r.Target.Observe(ctx, spec.Service)
	seen.Now = r.Now()
	if err != nil {
		seen = deploy.Observed{Now: seen.Now, Unknown: err.Error()}
	} else {
		*answered = seen.Now
		seen.Verdict = deploy.Good
		if r.Judge != nil {
			seen.Verdict, seen.Why = r.Judge.Judge(ctx, spec, seen)
		}
	}
	seen.Answered = *answered
	return deploy.Next(spec, seen, entries), deploy.Paused(entries) != "", nil
}

// do writes what is meant, does it, and writes that it was done. What fails in between is
// tried again after the next look.
func (r Rollout) do(ctx context.Context, spec deploy.Spec, action deploy.Action) error {
	if err := r.Journal.Append(ctx, deploy.Entry{At: r.Now(), By: r.By, Action: action}); err != nil {
		return fmt.Errorf("the journal cannot be written: %w", err)
	}
	switch action.Kind {
	case deploy.Scale, deploy.Shift, deploy.Retire, deploy.Promote:
		if err := r.Target.Do(ctx, spec, action); err != nil {
			return err
		}
	}
	return r.note(ctx, action)
}

// note writes that something was done.
func (r Rollout) note(ctx context.Context, action deploy.Action) error {
	if err := r.Journal.Append(ctx, deploy.Entry{At: r.Now(), By: r.By, Action: action, Done: true}); err != nil {
		return fmt.Errorf("the journal cannot be written: %w", err)
	}
	return nil
}

func (r Rollout) every() time.Duration { return cmp.Or(r.Every, time.Second) }

// longest is how long a rollout waits that has no reason to look earlier.
const longest = time.Minute

// wait looks again after a fifth of the time for which nothing happened, within Every and
// Most: what is soon over is soon seen.
func (r Rollout) wait(ctx context.Context, a deploy.Action, quiet time.Duration) error {
	least, most := min(max(r.every(), quiet/5), max(r.every(), r.Most)), longest
	if left := a.Until.Sub(r.Now()); !a.Until.IsZero() && left > 0 {
		least, most = min(least, left), min(most, left)
	}
	if r.Idle == nil {
		return r.Sleep(ctx, least)
	}
	return r.Idle(ctx, least, most)
}

// say tells what is next in words.
func (r Rollout) say(spec deploy.Spec, a deploy.Action) {
	r.Sink.Emit(event.Note{Service: spec.Service, Text: a.Text(), Warning: a.Kind == deploy.Revert || a.Kind == deploy.Pause})
}
