package pipeline

import (
	"time"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/gate"
)

// waiverDays is how long a suggested waiver lasts.
const waiverDays = 30

// Gate holds a subject against limits and applies the waivers of its service. One that
// has ended accepts nothing, and fails by itself: somebody promised a fix by that day.
func Gate(l gate.Limits, s gate.Subject, w Waivers, now time.Time) gate.Outcome {
	w = w.gates()
	used := make([]bool, len(w.List))
	l.Waive = func(f diag.Finding) string {
		for i, one := range w.List {
			if waives(one, f) && !over(one, now) {
				used[i] = true
				return one.Reason
			}
		}
		return ""
	}
	o := gate.Outcome{Service: s.Service, Until: now.AddDate(0, 0, waiverDays).Format(time.DateOnly), Verdicts: gate.Check(l, s), Waivers: w.ended(now, s.Service)}
	if s.Image != nil {
		o.Image, o.Digest = s.Image.Name, s.Image.Digest
	}
	if s.Previous != nil {
		o.Since = s.Previous.Version
	}
	var all diag.Findings
	complete := true // a gate that is not known may have what a waiver means
	for _, v := range o.Verdicts {
		all = append(all, v.Findings...)
		complete = complete && v.Result != gate.NotKnown
	}
	for i, one := range w.List {
		if !used[i] && !over(one, now) && complete {
			o.Waivers = append(o.Waivers, w.useless(one, all, s.Service))
		}
	}
	return o
}
