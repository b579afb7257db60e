package gate

import (
	"fmt"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
)

// notRun are the stages of tests that could not run: what they would have found is not
// known. Those that a service does not have are none.
func notRun(s Subject) (out diag.Findings) {
	for _, stage := range s.Stages {
		if !strings.HasSuffix(stage.Name, "-tests") || stage.Result != "not run" {
			continue
		}
		f := diag.Finding{Code: codeUnknown, Place: diag.Place{File: stage.Name}, Hint: "slipway test, where what the stage needs is there",
			Text: fmt.Sprintf("%sthe stage %s did not run", prefix(s), stage.Name)}
		if stage.Why != "" {
			f.Text += ": " + Clip(stage.Why)
		}
		out = append(out, f)
	}
	return out
}
