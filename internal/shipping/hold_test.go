package shipping

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/slipway-build/slipway/internal/deploy/host"
	"github.com/slipway-build/slipway/internal/diag"
)

// slow is a place that answers late when the lock is renewed, whoever still waits for it.
type slow struct {
	Place
	asked, answer chan struct{}
	refusal       error
}

func (s *slow) Lock(ctx context.Context, _, _, _ string, _ bool) (host.Lock, error) {
	s.asked <- struct{}{}
	select {
	case <-s.answer:
		return host.Lock{}, s.refusal
	case <-ctx.Done():
		return host.Lock{}, ctx.Err()
	}
}

// TestARenewalThatIsOnItsWayIsWaitedFor: after the lock is given back, it would take it again.
func TestARenewalThatIsOnItsWayIsWaitedFor(t *testing.T) {
	s := &slow{asked: make(chan struct{}), answer: make(chan struct{})}
	ctx, cancel := context.WithCancelCause(t.Context())
	over := hold(ctx, cancel, s, host.Rollout{}, "me", time.Millisecond)
	<-s.asked
	cancel(nil)
	select {
	case <-over:
		t.Fatal("the lock could be given back before it is renewed")
	case <-time.After(50 * time.Millisecond):
	}
	close(s.answer)
	<-over
}

// TestARenewalGoesOnUntilAnotherHasTheLock: an answer that fails is no reason to stop.
func TestARenewalGoesOnUntilAnotherHasTheLock(t *testing.T) {
	s := &slow{asked: make(chan struct{}), answer: make(chan struct{}), refusal: errors.New("no route")}
	ctx, cancel := context.WithCancelCause(t.Context())
	over := hold(ctx, cancel, s, host.Rollout{}, "me", time.Millisecond)
	for range 3 {
		<-s.asked
		s.answer <- struct{}{}
	}
	<-s.asked
	s.refusal = diag.Fail(diag.ExitDeployStopped, "another has it")
	s.answer <- struct{}{}
	<-over
	if !errors.Is(context.Cause(ctx), errTaken) {
		t.Errorf("it ended for %v", context.Cause(ctx))
	}
}

// interrupted is a place whose user has enough while the lock is taken.
type interrupted struct {
	small
	stop func()
}

func (i *interrupted) Lock(ctx context.Context, environment, rollout, by string, force bool) (host.Lock, error) {
	i.stop()
	if ctx.Err() != nil {
		return host.Lock{}, ctx.Err() // and the place may take it later
	}
	return i.small.Lock(ctx, environment, rollout, by, force)
}

func TestAnInterruptLeavesNoLock(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	i := &interrupted{stop: stop}
	err := lock(ctx, i, host.Rollout{})
	if !errors.Is(err, context.Canceled) || len(i.done) != 2 || i.done[0] != "lock" || i.done[1] != "unlock" {
		t.Errorf("%v, %v", err, i.done)
	}
}
