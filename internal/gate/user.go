package gate

import (
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
)

// user is the gate of the account that the image runs as.
func user(l Limits, s Subject) *draft {
	d := on(l.User, "user", "not root", s)
	if d == nil || d.unknown != "" {
		return d
	}
	d.Actual = s.Image.User
	if d.Actual == "" {
		d.Actual = "root"
	}
	name, _, _ := strings.Cut(d.Actual, ":")
	if name == "root" || strings.Trim(name, "0") == "" {
		f := diag.Finding{Code: codeRoot, Place: diag.Place{File: s.Image.Dockerfile}, Text: prefix(s) + "the image runs as root", Hint: "end the Dockerfile with USER 1001, and copy with --chown=1001 what it writes to"}
		d.miss(l.User.severity(), f)
	}
	return d
}
