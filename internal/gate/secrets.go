package gate

import (
	"fmt"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
)

// secrets is the gate of secrets in layers, configuration, history and sources.
func secrets(l Limits, s Subject) *draft {
	if l.Secrets == nil {
		return nil
	}
	d := &draft{Verdict: Verdict{Gate: "secrets", Limit: most(*l.Secrets) + " secrets"}}
	if s.Secrets == nil {
		d.unknown = "nothing searched for secrets; slipway scan"
		return d
	}
	d.Actual = count(len(*s.Secrets), "secret")
	var found diag.Findings
	for _, one := range *s.Secrets {
		where := "the " + one.Where
		if one.Where == "layer" {
			where = "a layer"
			one.File = "/" + strings.TrimPrefix(one.File, "/")
		}
		if i := layerIndex(s.Image, one.Layer); i >= 0 {
			where = s.Image.layer(i)
		}
		f := diag.Finding{Code: codeSecret, Place: diag.Place{File: one.File, Line: one.Line},
			Text: fmt.Sprintf("%sa secret (%s) is in %s", prefix(s), one.Rule, where), Hint: "revoke it, then mount it as a build secret: RUN --mount=type=secret"}
		switch one.Where {
		case "sources":
			f.Hint = "revoke it, and read it from the environment"
		case "commit":
			f.Text = fmt.Sprintf("%sa secret (%s) is in commit %.12s", prefix(s), one.Rule, one.Commit)
			f.Hint = "revoke it: whoever has a clone has it"
		}
		found = append(found, f)
	}
	d.add(*l.Secrets, diag.Error, found...)
	for _, p := range s.Unsearched {
		d.miss(diag.Warning, diag.Finding{Code: codeUnknown, Place: diag.Place{File: p}, Hint: "search it with another tool, or keep it out of the image",
			Text: prefix(s) + "the file is too long to search all of it for secrets"})
	}
	return d
}
