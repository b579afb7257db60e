package placetest

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/slipway-build/slipway/internal/deploy"
	"github.com/slipway-build/slipway/internal/deploy/host"
	"github.com/slipway-build/slipway/internal/pipeline"
	"github.com/slipway-build/slipway/internal/shipping"
)

// mortal is a place as a process sees it that ends at its n-th change: before the place is
// asked for it, or after the place has made it. Then it can do nothing.
type mortal struct {
	shipping.Place
	at    int
	after bool
	die   func()

	mu      sync.Mutex
	changes int
	dead    bool
}

var errDead = errors.New("this process has ended")

func (m *mortal) ended() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.dead
}

func (m *mortal) change(do func() error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dead {
		return errDead
	}
	m.changes++
	last := m.changes == m.at
	var err error
	if !last || m.after {
		err = do()
	}
	if last {
		m.dead, err = true, errDead
		m.die()
	}
	return err
}

func (m *mortal) look(do func() error) error {
	if m.ended() {
		return errDead
	}
	return do()
}

func (m *mortal) Lock(ctx context.Context, environment, rollout, by string, force bool) (l host.Lock, err error) {
	err = m.change(func() (err error) { l, err = m.Place.Lock(ctx, environment, rollout, by, force); return err })
	return l, err
}

func (m *mortal) Unlock(ctx context.Context, environment string) error {
	return m.change(func() error { return m.Place.Unlock(ctx, environment) })
}

func (m *mortal) Keep(ctx context.Context, r host.Rollout) error {
	return m.change(func() error { return m.Place.Keep(ctx, r) })
}

func (m *mortal) SetRoutes(ctx context.Context, r host.Rollout) error {
	return m.change(func() error { return m.Place.SetRoutes(ctx, r) })
}

func (m *mortal) Job(ctx context.Context, r host.Rollout, service string, w host.Workload, command []string, timeout time.Duration) error {
	return m.change(func() error { return m.Place.Job(ctx, r, service, w, command, timeout) })
}

func (m *mortal) Rollouts(ctx context.Context, environment string) (out []host.Rollout, err error) {
	err = m.look(func() (err error) { out, err = m.Place.Rollouts(ctx, environment); return err })
	return out, err
}

func (m *mortal) Journal(r host.Rollout, service string) pipeline.Journal {
	return mortalJournal{m.Place.Journal(r, service), m}
}

func (m *mortal) Target(r host.Rollout, p host.Part) pipeline.JudgedTarget {
	return mortalTarget{m.Place.Target(r, p), m}
}

type mortalJournal struct {
	pipeline.Journal
	of *mortal
}

func (j mortalJournal) Append(ctx context.Context, e deploy.Entry) error {
	return j.of.change(func() error { return j.Journal.Append(ctx, e) })
}

func (j mortalJournal) Entries(ctx context.Context) (out []deploy.Entry, err error) {
	err = j.of.look(func() (err error) { out, err = j.Journal.Entries(ctx); return err })
	return out, err
}

type mortalTarget struct {
	pipeline.JudgedTarget
	of *mortal
}

func (t mortalTarget) Observe(ctx context.Context, service string) (out deploy.Observed, err error) {
	err = t.of.look(func() (err error) { out, err = t.JudgedTarget.Observe(ctx, service); return err })
	return out, err
}

func (t mortalTarget) Do(ctx context.Context, spec deploy.Spec, a deploy.Action) error {
	return t.of.change(func() error { return t.JudgedTarget.Do(ctx, spec, a) })
}
