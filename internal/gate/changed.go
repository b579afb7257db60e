package gate

import (
	"fmt"
	"slices"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/testreport"
)

// changedCoverage is the gate of the lines that changed against the base.
func changedCoverage(l Limits, s Subject) *draft {
	if l.ChangedCoverage == nil {
		return nil
	}
	d := &draft{Verdict: Verdict{Gate: "changed-coverage", Limit: "at least " + percent(*l.ChangedCoverage)}}
	files := filesOf(s)
	switch {
	case s.Changed == nil:
		d.unknown = "no base to compare with; slipway test --since main"
		return d
	case len(files) == 0:
		d.unknown = "no test stage reported coverage; slipway test"
		return d
	}
	ran, all := 0, 0
	var missing diag.Findings
	for _, f := range files {
		r, a, lines := changedIn(f, s.Changed[f.Path])
		ran, all = ran+r, all+a
		if len(lines) > 0 {
			missing = append(missing, diag.Finding{Code: codeChanged, Place: diag.Place{File: f.Path, Line: lines[0]}, Hint: "add a test that runs them",
				Text: fmt.Sprintf("%sno test runs %s of the change: %s", prefix(s), count(len(lines), "line"), ranges(lines))})
		}
	}
	if all == 0 {
		d.Actual = "no line that can run changed"
		return d
	}
	now := 100 * float64(ran) / float64(all)
	d.Actual = fmt.Sprintf("%s of %s", percent(now), count(all, "line"))
	if now < *l.ChangedCoverage {
		d.add(0, diag.Error, missing...)
	}
	return d
}

// changedIn counts the changed lines of a file that can run and ran, and lists those
// that did not.
func changedIn(f testreport.File, changed []int) (ran, all int, missing []int) {
	for _, n := range changed {
		hits, can := f.Lines[n]
		if !can {
			continue
		}
		all++
		if hits > 0 {
			ran++
		} else {
			missing = append(missing, n)
		}
	}
	slices.Sort(missing)
	return ran, all, missing
}
