package localrun

import (
	"time"

	"github.com/slipway-build/slipway/internal/plan"
)

// startInterval is the time between probes of a service that starts.
const startInterval = 100 * time.Millisecond

// Tracker turns the results of probes into states. The zero value is not ready:
// use NewTracker.
type Tracker struct {
	timing  plan.Health
	started time.Time
	state   State
	streak  int // failures in a row
}

// NewTracker starts with a service that just started. The timing must be
// complete (WithDefaults).
func NewTracker(timing plan.Health, started time.Time) *Tracker {
	return &Tracker{timing: timing, started: started, state: Starting}
}

// Observe takes the result of a probe and returns the state after it. Failures
// count from the end of the start period on.
func (t *Tracker) Observe(now time.Time, err error) State {
	if err == nil {
		t.streak, t.state = 0, Healthy
		return t.state
	}
	t.streak++
	inStart := t.state == Starting && now.Sub(t.started) < t.timing.StartPeriod
	if !inStart && t.streak >= t.timing.Retries {
		t.state = Unhealthy
	}
	return t.state
}

// Failures returns how many probes failed in a row.
func (t *Tracker) Failures() int { return t.streak }

// Pause is the time from one probe to the next: short while the service starts,
// so that it is found ready soon, and while a failure is not yet certain.
func (t *Tracker) Pause() time.Duration {
	if t.state == Starting {
		return min(startInterval, t.timing.Interval)
	}
	return t.timing.Interval
}
