package gate

import (
	"fmt"

	"github.com/slipway-build/slipway/internal/diag"
)

// efficiency is the gate of dive's efficiency.
func efficiency(l Limits, s Subject) *draft {
	if l.Efficiency == nil {
		return nil
	}
	d := &draft{Verdict: Verdict{Gate: "efficiency", Limit: "at least " + percent(100**l.Efficiency)}}
	if s.Image == nil {
		d.unknown = noImage
		return d
	}
	d.Actual = percent(100 * s.Image.Efficiency)
	if s.Previous != nil {
		d.Change = points(100 * (s.Image.Efficiency - s.Previous.Image.Efficiency))
	}
	if s.Image.Efficiency < *l.Efficiency {
		d.miss(diag.Error, wasted(s, codeEfficiency, fmt.Sprintf("the layers are %s efficient, and at least %s is required", d.Actual, percent(100**l.Efficiency))))
	}
	return d
}
