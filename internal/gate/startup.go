package gate

import (
	"fmt"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/report"
)

const notStarted = "the image was not started, which requires root; sudo slipway gate"

// startUp is the gate of the time until the started image is healthy.
func startUp(l Limits, s Subject) *draft {
	if l.StartUp <= 0 {
		return nil
	}
	d := &draft{Verdict: Verdict{Gate: "start-up", Limit: "at most " + report.Duration(l.StartUp)}}
	if s.Running == nil {
		d.unknown = notStarted
		return d
	}
	if s.Running.Failed != "" {
		d.Actual = "not healthy"
		d.miss(diag.Error, diag.Finding{Code: codeStartUp, Hint: "slipway run --until-healthy shows what it prints while it starts",
			Text: fmt.Sprintf("%sthe started image did not become healthy: %s", prefix(s), Clip(s.Running.Failed))})
		return d
	}
	if s.Running.StartUp <= 0 {
		d.unknown = "the image has no health check; add health: to the service in slipway.yaml"
		return d
	}
	now := s.Running.StartUp
	d.Actual = report.Duration(now)
	if p := s.Previous; p != nil && p.Running != nil && p.Running.StartUp > 0 {
		d.Change = fmt.Sprintf("%+.1fs", (now - p.Running.StartUp).Seconds())
	}
	if now > l.StartUp {
		d.miss(diag.Error, diag.Finding{Code: codeStartUp, Hint: "slipway run --until-healthy shows what it prints while it starts",
			Text: fmt.Sprintf("%sthe started image became healthy after %s, and at most %s is allowed", prefix(s), d.Actual, report.Duration(l.StartUp))})
	}
	return d
}
