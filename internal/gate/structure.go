package gate

import (
	"fmt"

	"github.com/slipway-build/slipway/internal/diag"
)

// StructureResult is how one structure test ended.
type StructureResult struct {
	Name    string
	File    string // of the test, and its line
	Line    int
	Problem string // empty: it passed
	Skipped string // why it did not run
}

// structure is the gate of structure tests.
func structure(l Limits, s Subject) *draft {
	if len(l.Structure) == 0 {
		return nil
	}
	d := &draft{Verdict: Verdict{Gate: "structure", Limit: "all pass"}}
	if s.Structure == nil {
		d.unknown = noImage
		return d
	}
	failed, skipped := 0, 0
	for _, r := range s.Structure {
		f := diag.Finding{Place: diag.Place{File: r.File, Line: r.Line}}
		switch {
		case r.Skipped != "":
			skipped++
			f.Code, f.Text = codeUnknown, fmt.Sprintf("%s%q did not run: %s", prefix(s), r.Name, r.Skipped)
			d.miss(diag.Warning, f)
		case r.Problem != "":
			failed++
			f.Code, f.Text = codeStructure, fmt.Sprintf("%s%q: %s", prefix(s), r.Name, r.Problem)
			d.miss(diag.Error, f)
		}
	}
	d.Actual = fmt.Sprintf("%d of %d pass", len(s.Structure)-failed-skipped, len(s.Structure))
	if skipped > 0 {
		d.Actual += fmt.Sprintf(", %d did not run", skipped)
	}
	return d
}
