package gate

import (
	"fmt"

	"github.com/slipway-build/slipway/internal/diag"
)

// setuid is the gate of programs with other rights than those of the image's user.
func setuid(l Limits, s Subject) *draft {
	d := on(l.Setuid, "setuid", "none", s)
	if d == nil || d.unknown != "" {
		return d
	}
	d.Actual = count(len(s.Image.Setuid), "program")
	for _, p := range s.Image.Setuid {
		d.miss(l.Setuid.severity(), diag.Finding{Code: codeSetuid, Place: diag.Place{File: p}, Hint: "RUN chmod ug-s " + p,
			Text: fmt.Sprintf("%s%s runs with other rights than those of the image's user", prefix(s), p)})
	}
	return d
}
