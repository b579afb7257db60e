package gate

import (
	"fmt"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
)

// shell is the gate of shells, which make more of a break-in.
func shell(l Limits, s Subject) *draft {
	d := on(l.Shell, "shell", "none", s)
	if d == nil || d.unknown != "" {
		return d
	}
	d.Actual = "none"
	if len(s.Image.Shells) > 0 {
		d.Actual = strings.Join(s.Image.Shells, ", ")
	}
	for _, p := range s.Image.Shells {
		d.miss(l.Shell.severity(), diag.Finding{Code: codeShell, Place: diag.Place{File: p}, Hint: "end with a stage FROM an image without one, or ask for it: shell: true",
			Text: fmt.Sprintf("%sthe image has a shell, %s", prefix(s), p)})
	}
	return d
}
