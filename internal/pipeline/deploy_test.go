package pipeline

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/slipway-build/slipway/internal/deploy"
	"github.com/slipway-build/slipway/internal/event"
)

// place is a target in memory, its journal and its clock. What it is told it does at once;
// copies become healthy at the next look.
type place struct {
	t        *testing.T
	now      time.Time
	old, new deploy.Group
	share    int
	journal  []deploy.Entry
	acts     int
	kill     int  // number of the act at which the process ends; 0: never
	after    bool // … after it was carried out
	die      context.CancelFunc
	fails    func(call int) bool // whether a call fails
	calls    int
	bad      bool        // the new release never becomes healthy
	unread   func() bool // whether the journal cannot be read
	unkept   func() bool // … cannot be written
	writing  sync.Mutex
}

var errKilled = errors.New("killed")

func (p *place) Observe(context.Context, string) (deploy.Observed, error) {
	if p.calls++; p.fails != nil && p.fails(p.calls) {
		return deploy.Observed{}, errors.New("the server does not answer")
	}
	for _, g := range []*deploy.Group{&p.old, &p.new} {
		g.Up = g.Want
		if !p.bad || g == &p.old {
			g.Healthy, g.Short = g.Want, time.Time{}
		} else if g.Want > 0 && g.Short.IsZero() {
			g.Short = p.now
		}
	}
	return deploy.Observed{Old: p.old, New: p.new, Share: p.share}, nil
}

func (p *place) Do(_ context.Context, _ deploy.Spec, a deploy.Action) error {
	p.acts++
	if p.acts == p.kill && !p.after {
		p.die()
		return errKilled
	}
	if p.calls++; p.fails != nil && p.fails(p.calls) {
		return errors.New("the server has a conflict")
	}
	g := &p.new
	if a.Side == deploy.Old {
		g = &p.old
	}
	switch a.Kind {
	case deploy.Scale, deploy.Retire:
		g.Want = a.Count
		g.Healthy = min(g.Healthy, g.Want)
	case deploy.Shift:
		p.share = a.Share
	}
	if p.share < 100 && p.old.Healthy == 0 || p.share > 0 && p.new.Healthy == 0 {
		p.t.Errorf("requests fail after %+v: old %+v, new %+v, %d %%", a, p.old, p.new, p.share)
	}
	if p.acts == p.kill {
		p.die()
		return errKilled
	}
	return nil
}

func (p *place) Append(_ context.Context, e deploy.Entry) error {
	p.writing.Lock()
	defer p.writing.Unlock()
	if p.unkept != nil && p.unkept() {
		return errors.New("the disk is full")
	}
	p.journal = append(p.journal, e)
	return nil
}

func (p *place) Entries(context.Context) ([]deploy.Entry, error) {
	p.writing.Lock()
	defer p.writing.Unlock()
	if p.unread != nil && p.unread() {
		return nil, errors.New("the store does not answer")
	}
	return p.journal[:len(p.journal):len(p.journal)], nil
}

// sleep lets the clock go on, and gives up on a loop that has no end.
func (p *place) sleep(ctx context.Context, d time.Duration) error {
	if p.now = p.now.Add(d); p.now.After(begin.Add(24 * time.Hour)) {
		return errors.New("it does not end")
	}
	return ctx.Err()
}

var begin = time.Unix(1_800_000_000, 0)

func (p *place) rollout() Rollout {
	return Rollout{Target: p, Journal: p, Sink: event.Discard{}, By: "a test", Every: 2 * time.Second, Now: func() time.Time { return p.now }, Sleep: p.sleep}
}

func newPlace(t *testing.T) *place {
	return &place{t: t, now: begin, old: deploy.Group{Want: 2, Up: 2, Healthy: 2}}
}

func strategies() map[string]deploy.Strategy {
	return map[string]deploy.Strategy{
		"rolling":    {Kind: deploy.Rolling, Surge: 1},
		"blue-green": {Kind: deploy.BlueGreen, Keep: time.Minute},
		"canary":     {Kind: deploy.Canary, Percent: []int{10, 50}, Every: 30 * time.Second},
	}
}

func specOf(s deploy.Strategy) deploy.Spec {
	return deploy.Spec{Service: "web", Release: "v2", Replaces: "v1", Replicas: 2, Before: 2, Strategy: s, Deadline: time.Minute, Patience: 5 * time.Minute}
}

// TestAKillAtEachActConverges: before and after each act, for a good and a bad release,
// and a second process goes on.
func TestAKillAtEachActConverges(t *testing.T) {
	for name, s := range strategies() {
		for _, bad := range []bool{false, true} {
			want := map[bool]deploy.Outcome{false: deploy.Deployed, true: deploy.RolledBack}[bad]
			for kill := 0; ; kill++ {
				reached := false
				for _, after := range []bool{false, true} {
					p := newPlace(t)
					p.kill, p.after, p.bad = kill, after, bad
					ctx, cancel := context.WithCancel(t.Context())
					p.die = cancel
					end, err := p.rollout().Run(ctx, specOf(s))
					if kill > 0 && ctx.Err() != nil {
						reached = true
						end, err = p.rollout().Run(t.Context(), specOf(s))
					}
					cancel()
					if err != nil || end.Kind != deploy.Done || end.Outcome != want {
						t.Fatalf("%s, bad %v, killed at act %d (after it: %v): %+v, %v", name, bad, kill, after, end, err)
					}
					if again, err := p.rollout().Run(t.Context(), specOf(s)); err != nil || again.Outcome != want {
						t.Errorf("%s: once more: %+v, %v", name, again, err)
					}
				}
				if kill > 0 && !reached {
					if kill < 4 && !bad {
						t.Errorf("%s: only %d acts", name, kill)
					}
					break
				}
			}
		}
	}
}

// TestAServerThatFailsNeverRollsBack: one call in five fails, for long.
func TestAServerThatFailsNeverRollsBack(t *testing.T) {
	for name, s := range strategies() {
		for shift := range 200 {
			p := newPlace(t)
			p.fails = func(call int) bool { return (call*7+shift)%5 == 0 }
			end, err := p.rollout().Run(t.Context(), specOf(s))
			if err != nil || end.Outcome != deploy.Deployed {
				t.Fatalf("%s, %d: %+v, %v", name, shift, end, err)
			}
		}
	}
}

// TestAServerThatIsGonePausesTheRollout, and a person lets it go on.
func TestAServerThatIsGonePausesTheRollout(t *testing.T) {
	p := newPlace(t)
	gone := true
	p.fails = func(call int) bool { return gone && call > 3 }
	end, err := p.rollout().Run(t.Context(), specOf(strategies()["canary"]))
	if err != nil || end.Kind != deploy.Pause || !strings.Contains(end.Reason, "does not answer") {
		t.Fatalf("%+v, %v", end, err)
	}
	if took := p.now.Sub(begin); took < 5*time.Minute || took > 6*time.Minute {
		t.Errorf("paused after %s", took)
	}
	gone = false
	if end, err = p.rollout().Run(t.Context(), specOf(strategies()["canary"])); end.Kind != deploy.Pause || err != nil {
		t.Errorf("it goes on by itself: %+v, %v", end, err)
	}
	p.journal = append(p.journal, deploy.Entry{At: p.now, By: "a person", Asked: deploy.AskResume})
	if end, err = p.rollout().Run(t.Context(), specOf(strategies()["canary"])); end.Outcome != deploy.Deployed || err != nil {
		t.Errorf("%+v, %v", end, err)
	}
}

// TestAnAbortGoesBack from wherever it is.
func TestAnAbortGoesBack(t *testing.T) {
	for name, s := range strategies() {
		for at := 1; at < 8; at++ {
			p := newPlace(t)
			ctx, cancel := context.WithCancel(t.Context())
			p.kill, p.after, p.die = at, true, cancel
			_, _ = p.rollout().Run(ctx, specOf(s))
			if ctx.Err() == nil {
				cancel()
				break
			}
			p.journal = append(p.journal, deploy.Entry{At: p.now, By: "a person", Asked: deploy.AskAbort})
			end, err := p.rollout().Run(t.Context(), specOf(s))
			if err != nil || end.Outcome != deploy.RolledBack || p.share != 0 || p.new.Want != 0 || p.old.Healthy != 2 {
				t.Errorf("%s, after act %d: %+v, %v: old %+v, new %+v, %d %%", name, at, end, err, p.old, p.new, p.share)
			}
		}
	}
}

// TestABadJudgementGoesBack with its reason.
func TestABadJudgementGoesBack(t *testing.T) {
	p := newPlace(t)
	r := p.rollout()
	r.Judge = opinion(func(seen deploy.Observed) (deploy.Verdict, string) {
		if seen.Share >= 50 {
			return deploy.Bad, "5 % of the requests failed"
		}
		return deploy.Good, ""
	})
	end, err := r.Run(t.Context(), specOf(strategies()["canary"]))
	if err != nil || end.Outcome != deploy.RolledBack || end.Reason != "5 % of the requests failed" {
		t.Errorf("%+v, %v", end, err)
	}
}

type opinion func(seen deploy.Observed) (deploy.Verdict, string)

func (j opinion) Judge(_ context.Context, _ deploy.Spec, seen deploy.Observed) (deploy.Verdict, string) {
	return j(seen)
}

// TestWhatCannotBeDeployed is refused before anything is written.
func TestWhatCannotBeDeployed(t *testing.T) {
	for what, change := range map[string]func(s *deploy.Spec){
		"at least one is to run":  func(s *deploy.Spec) { s.Replicas = 0 },
		"there is no strategy":    func(s *deploy.Spec) { s.Strategy.Kind = "big-bang" },
		"are to rise":             func(s *deploy.Spec) { s.Strategy = deploy.Strategy{Kind: deploy.Canary, Percent: []int{50, 10}} },
		"at least one step":       func(s *deploy.Spec) { s.Strategy = deploy.Strategy{Kind: deploy.Canary} },
		"one of them is to be at": func(s *deploy.Spec) { s.Strategy = deploy.Strategy{Kind: deploy.Rolling} },
		"copies of the release":   func(s *deploy.Spec) { s.Before = 0 },
		"no service":              func(s *deploy.Spec) { s.Release = "" },
	} {
		p, spec := newPlace(t), specOf(strategies()["blue-green"])
		change(&spec)
		if _, err := p.rollout().Run(t.Context(), spec); err == nil || !strings.Contains(err.Error(), what) || len(p.journal) > 0 {
			t.Errorf("%s: %v, journal %v", what, err, p.journal)
		}
	}
}
