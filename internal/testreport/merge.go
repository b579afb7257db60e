package testreport

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// Merge joins the reports of stages. A source that several cover is there once: its
// lines ran as often as in all of them together. Of branches only the numbers are
// known, so the best one counts. The reports stay as they are.
func Merge(reports ...Report) Report {
	var out Report
	seen := map[Finding]bool{}
	for _, r := range reports {
		out.Cases = append(out.Cases, r.Cases...)
		out.Coverage = union(out.Coverage, r.Coverage)
		out.Problems = append(out.Problems, r.Problems...)
		for _, stage := range r.Empty {
			if !slices.Contains(out.Empty, stage) {
				out.Empty = append(out.Empty, stage)
			}
		}
		for _, f := range r.Findings {
			if !seen[f] {
				seen[f] = true
				out.Findings = append(out.Findings, f)
			}
		}
	}
	return out
}

// union joins coverage by path and sorts it.
func union(sets ...[]File) []File {
	all := map[string]File{}
	for _, set := range sets {
		for _, f := range set {
			old, ok := all[f.Path]
			if !ok {
				if f.Lines = maps.Clone(f.Lines); f.Lines == nil {
					f.Lines = map[int]int{}
				}
				all[f.Path] = f
				continue
			}
			for n, runs := range f.Lines {
				old.Lines[n] = plus(old.Lines[n], runs)
			}
			old.Blocks = slices.Concat(old.Blocks, f.Blocks)
			if old.Branches < f.Branches || old.Branches == f.Branches && old.BranchesTaken < f.BranchesTaken {
				old.Branches, old.BranchesTaken = f.Branches, f.BranchesTaken
			}
			all[f.Path] = old
		}
	}
	if len(all) == 0 {
		return nil
	}
	for name, f := range all {
		f.Blocks = sumBlocks(f.Blocks)
		all[name] = f
	}
	return slices.SortedFunc(maps.Values(all), func(a, b File) int { return strings.Compare(a.Path, b.Path) })
}

// sumBlocks sorts blocks and adds up those of one place.
func sumBlocks(blocks []Block) []Block {
	blocks = slices.SortedFunc(slices.Values(blocks), func(a, b Block) int {
		return cmp.Or(a.From.Line-b.From.Line, a.From.Column-b.From.Column, a.To.Line-b.To.Line, a.To.Column-b.To.Column)
	})
	out := blocks[:0]
	for _, b := range blocks {
		if n := len(out); n > 0 && out[n-1].From == b.From && out[n-1].To == b.To {
			out[n-1].Runs = plus(out[n-1].Runs, b.Runs)
			continue
		}
		out = append(out, b)
	}
	return out
}

// Rerun adds a later run of tests that failed: a case that passes now is flaky, one
// that fails again keeps its latest failure. Cases that did not run again stay, cases
// that are new are added. It returns a new report.
func (r Report) Rerun(later Report) Report {
	out := r
	out.Cases = slices.Clone(r.Cases)
	type key struct{ stage, suite, name string }
	at := map[key][]int{}
	for i, c := range out.Cases {
		k := key{c.Stage, c.Suite, c.Name}
		at[k] = append(at[k], i)
	}
	for _, c := range later.Cases {
		k := key{c.Stage, c.Suite, c.Name}
		if len(at[k]) == 0 {
			out.Cases = append(out.Cases, c)
			continue
		}
		i := at[k][0] // of several with one name, each takes a run
		if len(at[k]) > 1 {
			at[k] = at[k][1:]
		}
		out.Cases[i].again(c)
	}
	later.Cases = nil
	return Merge(out, later)
}

// Settled is a report of several runs, of which the last passed as a whole: what failed
// before and is not in it any more, such as a file that could not be imported, is flaky.
// It returns a new report.
func (r Report) Settled(last Report) Report {
	type key struct{ stage, suite, name string }
	still := map[key]bool{}
	for _, c := range last.Cases {
		still[key{c.Stage, c.Suite, c.Name}] = true
	}
	r.Cases = slices.Clone(r.Cases)
	for i, c := range r.Cases {
		if (c.Status == Failed || c.Status == Errored) && !still[key{c.Stage, c.Suite, c.Name}] {
			r.Cases[i].Status = Flaky
		}
	}
	return r
}

// Totals are the sums of a report.
type Totals struct {
	Tests    int `json:"tests"`
	Passed   int `json:"passed"` // without flaky ones
	Failed   int `json:"failed"`
	Errored  int `json:"errored"`
	Skipped  int `json:"skipped"`
	Flaky    int `json:"flaky"`
	Errors   int `json:"errors"` // of linters and scanners
	Warnings int `json:"warnings"`
	Notes    int `json:"notes"`
	Broken   int `json:"broken_reports"`
}

// Totals counts. Tests is the sum of the five outcomes.
func (r Report) Totals() Totals {
	t := Totals{Tests: len(r.Cases), Broken: len(r.Problems)}
	for _, c := range r.Cases {
		switch c.Status {
		case Passed:
			t.Passed++
		case Failed:
			t.Failed++
		case Skipped:
			t.Skipped++
		case Flaky:
			t.Flaky++
		default:
			t.Errored++
		}
	}
	for _, f := range r.Findings {
		switch f.Severity {
		case Warning:
			t.Warnings++
		case Note:
			t.Notes++
		default:
			t.Errors++
		}
	}
	return t
}

// Stage returns what one stage reports, without its coverage, which Merge has joined.
func (r Report) Stage(name string) Report {
	var out Report
	for _, c := range r.Cases {
		if c.Stage == name {
			out.Cases = append(out.Cases, c)
		}
	}
	for _, f := range r.Findings {
		if f.Stage == name {
			out.Findings = append(out.Findings, f)
		}
	}
	for _, p := range r.Problems {
		if p.Stage == name {
			out.Problems = append(out.Problems, p)
		}
	}
	if slices.Contains(r.Empty, name) {
		out.Empty = []string{name}
	}
	return out
}

// Slowest returns the n longest cases that ran, the longest first.
func (r Report) Slowest(n int) []Case {
	var ran []Case
	for _, c := range r.Cases {
		if c.Runs > 0 && c.Duration > 0 {
			ran = append(ran, c)
		}
	}
	slices.SortStableFunc(ran, func(a, b Case) int { return int(max(-1, min(1, b.Duration-a.Duration))) })
	return ran[:max(0, min(n, len(ran)))]
}

// Failures returns the cases that failed or ended by an error, in the order of the
// files.
func (r Report) Failures() []Case { return r.with(Failed, Errored) }

// FlakyCases returns the cases that passed only after a failure.
func (r Report) FlakyCases() []Case { return r.with(Flaky) }

// SkippedCases returns the cases that did not run; Message says why, if the test does.
func (r Report) SkippedCases() []Case { return r.with(Skipped) }

func (r Report) with(any ...Status) []Case {
	var out []Case
	for _, c := range r.Cases {
		if slices.Contains(any, c.Status) {
			out = append(out, c)
		}
	}
	return out
}
