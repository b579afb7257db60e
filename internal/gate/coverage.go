package gate

import (
	"fmt"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/testreport"
)

// covered counts the lines of files that ran, and those that can; statements where the
// tool counts those, so that the number is the one that slipway test prints.
func covered(files []testreport.File) (ran, all int) {
	c := testreport.Report{Coverage: files}.Covered()
	return c.Covered, c.Lines
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
