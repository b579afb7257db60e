package localrun

import (
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/slipway-build/slipway/internal/plan"
)

// startInterval is the time between probes of a service that starts.
const startInterval = 100 * time.Millisecond

// OwnProbe returns the check that the HEALTHCHECK of a planned image asks for with
// the probe that it carries, and the port that it asks.
func OwnProbe(argv []string) (check plan.HealthCheck, port int, ok bool) {
	if len(argv) < 2 {
		return check, 0, false
	}
	addr := ""
	switch path.Base(argv[0]) {
	case "grpc_health_probe":
		name := ""
		for _, word := range argv[1:] {
			key, value, _ := strings.Cut(strings.TrimLeft(word, "-"), "=")
			switch key {
			case "addr":
				addr = value
			case "service":
				name = value
			case "tls":
				check.TLS = true
			}
		}
		check.GRPC = &name
	case "slipway-probe":
		u, err := url.Parse(argv[len(argv)-1])
		if err != nil {
			return check, 0, false
		}
		addr = u.Host
		check.HTTP, check.TCP, check.TLS = u.RequestURI(), u.Scheme == "tcp", u.Scheme == "https"
		if check.TCP {
			check.HTTP = ""
		}
	}
	_, number, _ := cutLast(addr, ":")
	port, err := strconv.Atoi(number)
	return check, port, err == nil
}

// Tracker turns the results of probes into states. The zero value is not ready:
// use NewTracker.
type Tracker struct {
	timing  plan.Health
	started time.Time
	state   State
	failed  int       // probes in a row
	counted int       // of them, those that count
	last    time.Time // when one counted
}

// NewTracker starts with a service that just started. The timing must be
// complete (WithDefaults).
func NewTracker(timing plan.Health, started time.Time) *Tracker {
	return &Tracker{timing: timing, started: started, state: Starting}
}

// Observe takes the result of a probe and returns the state after it. Failures in
// the start period do not count, as in Docker. A service that starts is asked
// more often than every interval, so of its failures one an interval counts.
func (t *Tracker) Observe(now time.Time, err error) State {
	if err == nil {
		t.failed, t.counted, t.state = 0, 0, Healthy
		return t.state
	}
	t.failed++
	if t.state == Starting {
		if now.Sub(t.started) < t.timing.StartPeriod || t.counted > 0 && now.Sub(t.last) < t.timing.Interval {
			return t.state
		}
	}
	t.counted, t.last = t.counted+1, now
	if t.counted >= t.timing.Retries {
		t.state = Unhealthy
	}
	return t.state
}

// Unsettled is how long a healthy service still has to run before a caller that
// waits for it may believe its check. A port that accepts connections says less
// than an answer: gunicorn opens it before its workers load the application, and
// ends when they cannot.
func Unsettled(s Status, check plan.HealthCheck, now time.Time) time.Duration {
	if s.State != Healthy || !check.TCP {
		return 0
	}
	return max(s.StartedAt.Add(time.Duration(s.ReadyMillis)*time.Millisecond+Settle).Sub(now), 0)
}

// Failures returns how many probes failed in a row.
func (t *Tracker) Failures() int { return t.failed }

// Pause is the time from one probe to the next: short until the service is first
// ready, so that it is found ready soon.
func (t *Tracker) Pause() time.Duration {
	if t.state == Starting {
		return min(startInterval, t.timing.Interval)
	}
	return t.timing.Interval
}

// Patience is how long a service has before its check decides: the start period,
// and after it the failures that make it unhealthy. The timing must be complete.
func Patience(h plan.Health) time.Duration {
	return h.StartPeriod + time.Duration(h.Retries)*(h.Interval+h.Timeout)
}
