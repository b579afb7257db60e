package gate

import (
	"fmt"
	"slices"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/testreport"
)

// covered counts the lines of files that ran, and those that can.
func covered(files []testreport.File) (ran, all int) {
	for _, f := range files {
		for _, hits := range f.Lines {
			all++
			if hits > 0 {
				ran++
			}
		}
	}
	return ran, all
}

// CoveredPercent is the percent of lines that ran, of those that can. Nothing that can
// run is not known.
func CoveredPercent(files []testreport.File) (percent float64, known bool) {
	ran, all := covered(files)
	if all == 0 {
		return 0, false
	}
	return 100 * float64(ran) / float64(all), true
}

// coverage is the gate of all lines. The files that lack most are named.
func coverage(l Limits, s Subject) *draft {
	if l.Coverage == nil {
		return nil
	}
	d := &draft{Verdict: Verdict{Gate: "coverage", Limit: "at least " + percent(*l.Coverage)}}
	files := filesOf(s)
	now, known := CoveredPercent(files)
	if !known {
		d.unknown = "no test stage reported coverage; slipway test"
		return d
	}
	d.Actual = percent(now)
	if s.Previous != nil && s.Previous.Coverage > 0 {
		d.Change = points(now - s.Previous.Coverage)
	}
	if now < *l.Coverage {
		d.miss(diag.Error, diag.Finding{Code: codeCoverage, Place: leastCovered(files), Hint: "test the lines that no test runs, first in this file",
			Text: fmt.Sprintf("%stests run %s of the lines, and at least %s is required", prefix(s), percent(now), percent(*l.Coverage))})
	}
	return d
}

func filesOf(s Subject) []testreport.File {
	if s.Tests == nil {
		return nil
	}
	return s.Tests.Coverage
}

// leastCovered is the file with most lines that did not run.
func leastCovered(files []testreport.File) diag.Place {
	place, most := diag.Place{}, 0
	for _, f := range files {
		ran, all := covered([]testreport.File{f})
		if all-ran > most {
			most, place = all-ran, diag.Place{File: f.Path, Line: firstUncovered(f)}
		}
	}
	return place
}

func firstUncovered(f testreport.File) int {
	line := 0
	for n, hits := range f.Lines {
		if hits == 0 && (line == 0 || n < line) {
			line = n
		}
	}
	return line
}

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
