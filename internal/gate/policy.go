package gate

import (
	"github.com/slipway-build/slipway/internal/diag"
)

// PolicyResult is what a policy of one's own says of the image.
type PolicyResult struct {
	File string
	Line int    // of the rule; 0: not known
	Text string // of a rule that denies or warns
	Warn bool
}

// policies is the gate of policies that other programs evaluated.
func policies(l Limits, s Subject) *draft {
	if len(l.Policies) == 0 {
		return nil
	}
	d := &draft{Verdict: Verdict{Gate: "policies", Limit: "none denies"}}
	if s.Policies == nil {
		d.unknown = "no policy was evaluated; install conftest, which evaluates Rego"
		return d
	}
	denied := 0
	for _, r := range s.Policies {
		severity := diag.Error
		if r.Warn {
			severity = diag.Warning
		} else {
			denied++
		}
		d.miss(severity, diag.Finding{Code: codePolicy, Place: diag.Place{File: r.File, Line: r.Line}, Text: prefix(s) + Clip(r.Text)})
	}
	d.Actual = count(denied, "denial")
	return d
}
