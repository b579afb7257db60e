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
	var running sync.WaitGroup
	results := make([]result, len(d.all))
	first := 0
	for _, wave := range waves {
		var arrived []chan struct{}
		for i, p := range wave {
			at, here := first+i, make(chan struct{})
			arrived = append(arrived, here)
			running.Go(func() {
				results[at] = d.forward(ctx, p, here)
			})
		}
		first += len(wave)
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

// deployment is what the services of a deploy tell each other.
type deployment struct {
	all []Part

	mu   sync.Mutex
	halt bool // no further wave begins
	sent bool // the others were asked to go back
}

// result is how a service's way ended; without an action it has not begun.
type result struct {
	action deploy.Action
	err    error
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
		err = d.abortOthers(ctx, p, action)
	}
	return result{action, err}
}

// abortOthers asks all that are on their way to go back.
func (d *deployment) abortOthers(ctx context.Context, bad Part, a deploy.Action) error {
	d.mu.Lock()
	first := !d.sent
	d.sent = true
	d.mu.Unlock()
	if !first {
		return nil
	}
	var problems []error
	for _, p := range d.all {
		entries, err := p.Forward.Journal.Entries(ctx)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		if len(entries) == 0 || deploy.Ended(entries) != "" {
			continue
		}
		problems = append(problems, p.Forward.Journal.Append(ctx, deploy.Entry{
			At: p.Forward.Now(), By: p.Forward.By, Asked: deploy.AskAbort, Reason: fmt.Sprintf("%s went back: %s", bad.Spec.Service, a.Reason),
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
		switch {
		case r.err != nil:
			problems = append(problems, fmt.Errorf("%s: %w", name, r.err))
		case r.action.Outcome == deploy.RolledBack:
			why = append(why, name+": "+r.action.Reason)
		case r.action.Kind == deploy.Pause:
			paused = append(paused, name+": "+r.action.Reason)
		}
	}
	switch {
	case len(problems) > 0:
		return Deployed{}, errors.Join(problems...)
	case len(paused) > 0:
		return Deployed{Reason: strings.Join(paused, "; ")}, nil
	case len(why) == 0:
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
