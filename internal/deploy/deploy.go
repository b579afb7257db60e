// Package deploy decides what happens next in a rollout. It has no clock, no network and
// no memory: the same spec, observation and journal give the same action. What carries an
// action out is a target (deploy/host, …), and pipeline/deploy.go is the loop around both.
//
//	action := deploy.Next(spec, seen, journal)
//
// A rollout has two sides: what ran before (old) and what replaces it (new). A strategy is
// a list of steps; each says how many of either side are to run and what part of the
// traffic the new side has. What goes back goes the other way, at once.
package deploy

import (
	"fmt"
	"time"
)

// Spec is what a rollout is to reach; it stays the same from begin to end.
type Spec struct {
	Service  string
	Release  string // what it brings
	Replaces string // the release that runs; "": none does
	Replicas int    // of Release; at least 1
	Before   int    // of Replaces
	Runs     int    `json:",omitempty"` // of Release already, which then replaces none: it is changed in place
	Strategy Strategy
	Deadline time.Duration // in which a side becomes healthy, and how long it may be less
	Patience time.Duration // how long nobody may answer, or there may be no data, before it pauses
}

// Group is one side as it is now.
type Group struct {
	Want    int       // how many are to run
	Up      int       // how many exist, healthy or not, those that end included
	Healthy int       // how many of those that are to run are ready
	Short   time.Time // since when fewer are healthy than are wanted; zero: they are
	Ill     string    // why one of them is not healthy yet; "": nobody knows
	Failed  string    // why one of them will never be: "pod x: crash loop: panic: …"; "": none
}

// Verdict is what checks and metrics say of the new side in this step.
type Verdict int

// No data is neither good nor bad: nothing was asked, or too few samples came.
const (
	NoData Verdict = iota
	Good
	Bad
)

// Observed is a service as it is now.
type Observed struct {
	Now      time.Time
	Unknown  string    // why the target could not be asked; nothing but Now and Answered counts then
	Answered time.Time // when it last answered
	Old, New Group
	Share    int // of the traffic to New, in percent
	Verdict  Verdict
	Why      string // of a bad verdict: the check or metric
}

// Kind of action.
type Kind string

// What can be next. Targets do Scale, Shift, Retire and Promote; the others are for the
// loop alone.
const (
	Scale   Kind = "scale"   // Count of Side are to run
	Shift   Kind = "shift"   // Share of the traffic goes to the new side
	Retire  Kind = "retire"  // Side is drained, and none of it is to run
	Promote Kind = "promote" // the new release is the one that runs; what comes after removes the old one
	Wait    Kind = "wait"    // for Reason, at most until Until where it is set
	Reach   Kind = "reach"   // Step is complete
	Revert  Kind = "revert"  // it goes back, for Reason
	Pause   Kind = "pause"   // a person decides, for Reason
	Done    Kind = "done"    // Outcome
)

// Side of a rollout.
type Side string

// Both sides.
const (
	Old Side = "old"
	New Side = "new"
)

// Outcome of a rollout.
type Outcome string

// How a rollout ends.
const (
	Deployed   Outcome = "deployed"
	RolledBack Outcome = "rolled back"
	Removed    Outcome = "removed" // all that ran was ended; of no single service
)

// Action is what is to be done.
type Action struct {
	Kind    Kind      `json:"kind"`
	Step    int       `json:"step"`
	Side    Side      `json:"side,omitempty"`
	Count   int       `json:"count,omitempty"`
	Share   int       `json:"share,omitempty"`
	Until   time.Time `json:"until,omitzero"`
	Reason  string    `json:"reason,omitempty"`
	Outcome Outcome   `json:"outcome,omitempty"`
}

// Text is an action in words.
func (a Action) Text() string {
	switch a.Kind {
	case Scale:
		return fmt.Sprintf("%d of the %s side are to run", a.Count, a.Side)
	case Shift:
		return fmt.Sprintf("%d %% of the traffic goes to the new side", a.Share)
	case Retire:
		return fmt.Sprintf("the %s side ends its requests and is removed", a.Side)
	case Promote:
		return "the new release is the one that runs"
	case Revert:
		return "it goes back: " + a.Reason
	case Pause:
		return "it is paused: " + a.Reason
	case Reach:
		return fmt.Sprintf("step %d is complete", a.Step+1)
	case Done:
		return string(a.Outcome)
	}
	return "waiting: " + a.Reason
}

// Check returns what of a spec cannot be, nil for one that can.
func (spec Spec) Check() error {
	switch {
	case spec.Service == "" || spec.Release == "":
		return fmt.Errorf("it names no service or no release")
	case spec.Replicas < 1:
		return fmt.Errorf("%d replicas: at least one is to run", spec.Replicas)
	case spec.Replaces == "" && spec.Before != 0 || spec.Replaces != "" && spec.Before < 1:
		return fmt.Errorf("%d copies of the release %q run before it", spec.Before, spec.Replaces)
	case spec.Runs < 0 || spec.Runs > 0 && spec.Replaces != "":
		return fmt.Errorf("%d copies of it run, and of the release %q that it replaces", spec.Runs, spec.Replaces)
	case spec.Deadline <= 0 || spec.Patience <= 0:
		return fmt.Errorf("times to wait are positive")
	}
	return spec.Strategy.Check()
}

// Next says what to do about a rollout, seen as it is now.
func Next(spec Spec, seen Observed, journal []Entry) Action {
	at := replay(journal)
	switch {
	case at.outcome != "":
		return Action{Kind: Done, Step: at.step, Outcome: at.outcome, Reason: at.reverting}
	case seen.Unknown != "":
		return at.patient(spec, seen.Now, seen.Answered, seen.Unknown)
	case at.reverting != "":
		return at.back(spec, seen)
	case at.aborted != "":
		return Action{Kind: Revert, Step: at.step, Reason: at.aborted}
	}
	if why := bad(spec, seen); why != "" {
		return Action{Kind: Revert, Step: at.step, Reason: why}
	}
	if at.paused != "" {
		return Action{Kind: Wait, Step: at.step, Reason: "it is paused: " + at.paused}
	}
	steps := spec.steps()
	if at.step >= len(steps) {
		return Action{Kind: Done, Step: at.step, Outcome: Deployed}
	}
	return at.toward(spec, steps[at.step], seen)
}

// patient waits for an answer, and pauses when none comes.
func (at position) patient(spec Spec, now, since time.Time, why string) Action {
	if at.paused == "" && now.Sub(since) > spec.Patience {
		return Action{Kind: Pause, Step: at.step, Reason: why}
	}
	return Action{Kind: Wait, Step: at.step, Reason: why}
}

// bad is why the new side cannot stay, "" when nothing speaks against it.
func bad(spec Spec, seen Observed) string {
	switch g := seen.New; {
	case g.Want == 0:
		return ""
	case g.Failed != "":
		return g.Failed
	case !g.Short.IsZero() && seen.Now.Sub(g.Short) > spec.Deadline:
		why := fmt.Sprintf("%d of %d were healthy after %s", g.Healthy, g.Want, spec.Deadline)
		if g.Ill != "" {
			why += ": " + g.Ill
		}
		return why
	case seen.Verdict == Bad:
		return seen.Why
	}
	return ""
}

// toward is the next action on the way to a step, and from it to the next one. The order
// keeps what serves: more of the new side first, then the traffic, then less of the old.
func (at position) toward(spec Spec, to Step, seen Observed) Action {
	do := func(a Action) Action { a.Step = at.step; return a }
	switch {
	case seen.New.Want < to.New:
		return do(Action{Kind: Scale, Side: New, Count: to.New})
	case seen.New.Healthy < to.New:
		return do(Action{Kind: Wait, Until: seen.New.Short.Add(spec.Deadline), Reason: fmt.Sprintf("%d of %d are healthy", seen.New.Healthy, to.New)})
	case to.Checked && seen.Verdict != Good && seen.Share < to.Share && !at.promoted && !at.skip:
		return at.unsure(spec, seen, at.since)
	case seen.Share < to.Share:
		return do(Action{Kind: Shift, Share: to.Share})
	case to.Share == 100 && !at.promoted && to.New > 0:
		return do(Action{Kind: Promote})
	case to.Old == 0 && seen.Old.Want > 0:
		return do(Action{Kind: Retire, Side: Old})
	case seen.Old.Want > to.Old:
		return do(Action{Kind: Scale, Side: Old, Count: to.Old})
	case to.Old == 0 && seen.Old.Up > 0:
		return do(Action{Kind: Wait, Reason: "the old side ends its requests"})
	case spec.Runs > 0 && seen.New.Want > to.New:
		return do(Action{Kind: Scale, Side: New, Count: to.New})
	}
	if until := at.since.Add(to.Hold); seen.Now.Before(until) && !at.skip {
		return do(Action{Kind: Wait, Until: until, Reason: "it is watched"})
	}
	if to.Analysed && seen.Verdict != Good && !at.trusted {
		return at.unsure(spec, seen, at.since.Add(to.Hold))
	}
	return do(Action{Kind: Reach})
}

// unsure waits for a verdict, and pauses when there is none for long.
func (at position) unsure(spec Spec, seen Observed, since time.Time) Action {
	return at.patient(spec, seen.Now, since, "there is not enough data to judge the new side")
}

// back is the next action on the way to what ran before.
func (at position) back(spec Spec, seen Observed) Action {
	do := func(a Action) Action { a.Step = at.step; return a }
	gone := seen.New.Want == 0 && seen.New.Up == 0
	retire := do(Action{Kind: Retire, Side: New})
	first := spec.Replaces == "" || spec.Strategy.Kind == Recreate // there is nothing, or no place, beside it
	switch {
	case spec.Runs > 0 && seen.New.Want != spec.Runs: // there is no other side that could take over
		return do(Action{Kind: Scale, Side: New, Count: spec.Runs})
	case spec.Runs > 0:
		return do(Action{Kind: Done, Outcome: RolledBack, Reason: at.reverting})
	case first && seen.New.Want > 0:
		return retire
	case first && !gone:
		return do(Action{Kind: Wait, Reason: "the new side ends its requests"})
	case spec.Replaces == "":
		return do(Action{Kind: Done, Outcome: RolledBack, Reason: at.reverting})
	case seen.Old.Want < spec.Before:
		return do(Action{Kind: Scale, Side: Old, Count: spec.Before})
	case seen.Old.Healthy < spec.Before && seen.Share > 0:
		return at.uneasy(spec, seen)
	case seen.Share > 0:
		return do(Action{Kind: Shift, Share: 0})
	case seen.New.Want > 0:
		return retire
	case !gone:
		return do(Action{Kind: Wait, Reason: "the new side ends its requests"})
	case seen.Old.Healthy < spec.Before:
		return at.uneasy(spec, seen)
	}
	return do(Action{Kind: Done, Outcome: RolledBack, Reason: at.reverting})
}

// uneasy waits for the old side, which was healthy once. A person decides when it is not
// again: to take the new side away could leave nothing.
func (at position) uneasy(spec Spec, seen Observed) Action {
	why := fmt.Sprintf("%d of %d of the old side are healthy", seen.Old.Healthy, spec.Before)
	if g := seen.Old; at.paused == "" && (g.Failed != "" || !g.Short.IsZero() && seen.Now.Sub(g.Short) > spec.Deadline) {
		return Action{Kind: Pause, Step: at.step, Reason: "going back, " + why}
	}
	return Action{Kind: Wait, Step: at.step, Reason: why}
}
