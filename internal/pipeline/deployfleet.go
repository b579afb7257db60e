package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/slipway-build/slipway/internal/deploy"
)

// Part is one service of a deploy.
type Part struct {
	Spec    deploy.Spec
	Forward Rollout // to Spec
	Back    Rollout // from it to what ran before, with a journal of its own
}

// back is the way to what ran before a service that had arrived: whole and at once.
func (p Part) back() deploy.Spec {
	s := p.Spec
	s.Release, s.Replaces, s.Replicas, s.Before = s.Replaces, s.Release, s.Before, s.Replicas
	s.Strategy = deploy.Strategy{Kind: deploy.BlueGreen}
	return s
}

// Deployed says how a deploy ended. Without an Outcome a person has to decide, for Reason.
type Deployed struct {
	Outcome deploy.Outcome
	Reason  string
}

// Deploy brings services to a release, wave by wave: the next begins when the new side of
// all before has the traffic. When one goes back, all do. To call it again goes on.
func Deploy(ctx context.Context, waves [][]Part) (Deployed, error) {
	d := &deployment{all: slices.Concat(waves...)}
	begun, err := begun(ctx, waves)
	if unread := (*unreadError)(nil); errors.As(err, &unread) {
		return Deployed{Reason: unread.Error()}, nil
	}
	if err != nil {
		return Deployed{}, err
	}
	d.begin(slices.Concat(waves[:begun]...))
	var running sync.WaitGroup
	results := make([]result, len(d.all))
	first := 0
	for number, wave := range waves {
		if number >= begun {
			d.begin(wave)
		}
		var arrived []chan struct{}
		for i, p := range wave {
			at, here := first+i, make(chan struct{})
			arrived = append(arrived, here)
			running.Go(func() {
				results[at] = d.forward(ctx, p, here)
			})
		}
		first += len(wave)
		if number+1 < begun {
			continue // the next one has begun, too
		}
		for _, here := range arrived {
			<-here
		}
		if d.stopped() {
			break
		}
	}
	running.Wait()
	return d.end(ctx, results)
}

// begun counts the waves of which an earlier process has begun one service at least.
func begun(ctx context.Context, waves [][]Part) (n int, err error) {
	for number, wave := range waves {
		for _, p := range wave {
			entries, err := p.Forward.entries(ctx, p.Spec)
			if err != nil {
				return 0, err
			}
			if len(entries) > 0 {
				n = number + 1
			}
		}
	}
	return n, nil
}

// deployment is what the services of a deploy tell each other.
type deployment struct {
	all []Part

	mu    sync.Mutex
	begun []Part
	halt  bool // no further wave begins
	sent  bool // the others were asked to go back
}

// result is how a service's way ended; without an action it has not begun.
type result struct {
	action deploy.Action
	err    error
}

func (d *deployment) begin(wave []Part) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.begun = append(d.begun, wave...)
}

func (d *deployment) stopped() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.halt
}

// forward brings one service to its release. It closes arrived when the new side has the
// traffic, or will not get it.
func (d *deployment) forward(ctx context.Context, p Part, arrived chan struct{}) result {
	var once sync.Once
	here := func() { once.Do(func() { close(arrived) }) }
	defer here()
	p.Forward.promoted = here
	action, err := p.Forward.Run(ctx, p.Spec)
	if err != nil || action.Kind != deploy.Done || action.Outcome != deploy.Deployed {
		d.mu.Lock()
		d.halt = true
		d.mu.Unlock()
	}
	if err == nil && action.Outcome == deploy.RolledBack {
		err = d.abortOthers(ctx, p)
	}
	return result{action, err}
}

// follows begins the reason of those that go back because another one did.
const follows = "as did "

// abortOthers asks all that are on their way to go back.
func (d *deployment) abortOthers(ctx context.Context, bad Part) error {
	d.mu.Lock()
	first, begun := !d.sent, d.begun
	d.sent = true
	d.mu.Unlock()
	if !first {
		return nil
	}
	var problems []error
	reader := bad.Forward
	for _, p := range begun {
		reader.Journal = p.Forward.Journal
		entries, err := reader.entries(ctx, p.Spec)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		if deploy.Ended(entries) != "" {
			continue
		}
		problems = append(problems, p.Forward.Journal.Append(ctx, deploy.Entry{
			At: bad.Forward.Now(), By: bad.Forward.By, Asked: deploy.AskAbort, Reason: follows + bad.Spec.Service,
		}))
	}
	return errors.Join(problems...)
}

// end takes back what had arrived, when something went back.
func (d *deployment) end(ctx context.Context, results []result) (Deployed, error) {
	var problems []error
	var why, paused []string
	for i, r := range results {
		name := d.all[i].Spec.Service
		unread := (*unreadError)(nil)
		switch {
		case errors.As(r.err, &unread):
			paused = append(paused, unread.Error())
		case r.err != nil:
			problems = append(problems, fmt.Errorf("%s: %w", name, r.err))
		case r.action.Outcome == deploy.RolledBack:
			if !strings.HasPrefix(r.action.Reason, follows) {
				why = append(why, name+": "+r.action.Reason)
			}
		case r.action.Kind == deploy.Pause:
			paused = append(paused, name+": "+r.action.Reason)
		}
	}
	switch {
	case len(problems) > 0:
		return Deployed{}, errors.Join(problems...)
	case len(paused) > 0:
		return Deployed{Reason: strings.Join(paused, "; ")}, nil
	case !slices.ContainsFunc(results, func(r result) bool { return r.action.Outcome == deploy.RolledBack }):
		return Deployed{Outcome: deploy.Deployed}, nil
	}
	for i, p := range slices.Backward(d.all) {
		if results[i].action.Outcome != deploy.Deployed || p.Spec.Replaces == "" {
			continue
		}
		action, err := p.Back.Run(ctx, p.back())
		if err != nil {
			return Deployed{}, fmt.Errorf("%s, going back: %w", p.Spec.Service, err)
		}
		if action.Outcome != deploy.Deployed {
			return Deployed{Reason: fmt.Sprintf("%s cannot go back: %s", p.Spec.Service, action.Reason)}, nil
		}
	}
	return Deployed{Outcome: deploy.RolledBack, Reason: strings.Join(why, "; ")}, nil
}
