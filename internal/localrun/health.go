package localrun

import (
	"strings"
	"time"

	"github.com/slipway-build/slipway/internal/plan"
)

// The timing of a check that says nothing else. Interval, timeout and retries
// are Docker's; a service gets 30 s to start, in which it is asked often.
const (
	defaultInterval    = 30 * time.Second
	defaultTimeout     = 5 * time.Second
	defaultStartPeriod = 30 * time.Second
	defaultRetries     = 3
	startInterval      = 100 * time.Millisecond
)

// Defaults fills in what a check leaves open.
func Defaults(h plan.Health) plan.Health {
	if h.Interval <= 0 {
		h.Interval = defaultInterval
	}
	if h.Timeout <= 0 {
		h.Timeout = defaultTimeout
	}
	if h.StartPeriod <= 0 {
		h.StartPeriod = defaultStartPeriod
	}
	if h.Retries <= 0 {
		h.Retries = defaultRetries
	}
	return h
}

// HasCheck tells whether a health check asks for anything.
func HasCheck(c plan.HealthCheck) bool {
	return c.GRPC != "" || c.HTTP != "" || c.TCP || len(c.Command) > 0
}

// Describe says in a few words what a check asks; empty when for nothing.
func Describe(c plan.HealthCheck) string {
	switch {
	case c.GRPC != "":
		return "gRPC " + c.GRPC
	case c.HTTP != "":
		return "HTTP " + c.HTTP
	case c.TCP:
		return "TCP"
	case len(c.Command) > 0:
		return "command " + strings.Join(c.Command, " ")
	}
	return ""
}

// Tracker turns the results of probes into states. The zero value is not ready:
// use NewTracker.
type Tracker struct {
	timing  plan.Health
	started time.Time
	state   State
	streak  int // failures in a row
}

// NewTracker starts with a service that just started. The timing must be
// complete (Defaults).
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
