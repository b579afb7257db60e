package gate

import (
	"fmt"

	"github.com/slipway-build/slipway/internal/diag"
)

// baseAge is the gate of the age of the base.
func baseAge(l Limits, s Subject) *draft {
	if l.BaseAge <= 0 || l.OldBase == Off || l.OldBase == "" {
		return nil
	}
	d := on(l.OldBase, "base-age", "at most "+days(l.BaseAge), s)
	if d.unknown != "" {
		return d
	}
	if len(s.Image.Layers) > 0 && s.Image.Layers[0].Line > 0 {
		d.Actual = "no base"
		return d
	}
	if s.Image.BaseCreated.IsZero() {
		d.unknown = "the image does not say when its base was made"
		return d
	}
	age := s.Today.Sub(s.Image.BaseCreated)
	d.Actual = days(age)
	if age > l.BaseAge {
		d.miss(l.OldBase.severity(), diag.Finding{Code: codeBaseAge, Place: s.Image.place(0), Hint: "slipway bases update, then slipway build",
			Text: fmt.Sprintf("%sthe base of the image is %s old, and at most %s is allowed", prefix(s), days(age), days(l.BaseAge))})
	}
	return d
}
