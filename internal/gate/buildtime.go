package gate

import (
	"fmt"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/report"
)

// buildTime is the gate of the time that a build takes. Builds compare only when as
// many steps ran: a cached one says nothing about the next.
func buildTime(l Limits, s Subject) *draft {
	if l.BuildTime == nil {
		return nil
	}
	d := &draft{Verdict: Verdict{Gate: "build-time", Limit: "at most " + percent(*l.BuildTime) + " longer"}}
	switch {
	case s.Image == nil:
		d.unknown = noImage
		return d
	case s.Image.BuildTime <= 0:
		d.unknown = "no build of the image is recorded; slipway build"
		return d
	case s.Previous == nil || s.Previous.Image.BuildTime <= 0:
		d.unknown = "no earlier image passed its gates; the next run compares"
		return d
	}
	before, now := s.Previous.Image, *s.Image
	d.Actual = report.Duration(now.BuildTime)
	if ran, had := now.Steps-now.Cached, before.Steps-before.Cached; ran != had {
		d.unknown = fmt.Sprintf("%d steps ran, and %d before", ran, had)
		return d
	}
	more := 100 * (now.BuildTime - before.BuildTime).Seconds() / before.BuildTime.Seconds()
	d.Change = fmt.Sprintf("%+.1f %%", more)
	if more > *l.BuildTime {
		d.miss(diag.Error, diag.Finding{Code: codeBuildTime, Hint: "slipway why " + s.Service + " shows the time of each step",
			Text: fmt.Sprintf("%sthe build took %s, %s before, and at most %s more is allowed", prefix(s), d.Actual, report.Duration(before.BuildTime), percent(*l.BuildTime))})
	}
	return d
}
