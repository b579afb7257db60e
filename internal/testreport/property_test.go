package testreport_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/slipway-build/slipway/internal/testreport"
)

// reports generates reports with few names, so that cases, sources and blocks meet.
func reports(t *rapid.T, label string) testreport.Report {
	few := rapid.SampledFrom([]string{"a", "b", "c"})
	return testreport.Report{
		Cases: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) testreport.Case {
			c := testreport.Case{
				Stage: "unit-tests", Suite: few.Draw(t, "suite"), Name: few.Draw(t, "name"), Runs: 1,
				Status: rapid.SampledFrom([]testreport.Status{testreport.Passed, testreport.Failed, testreport.Errored, testreport.Skipped, testreport.Flaky}).Draw(t, "status"),
			}
			if c.Status == testreport.Skipped {
				c.Runs = 0
			}
			return c
		}), 0, 8).Draw(t, label+" cases"),
		Coverage: rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) testreport.File {
			return testreport.File{Path: few.Draw(t, "path"), Lines: rapid.MapOf(rapid.IntRange(1, 5), rapid.IntRange(0, 3)).Draw(t, "lines")}
		}), 0, 3, func(f testreport.File) string { return f.Path }).Draw(t, label+" coverage"),
	}
}

func bad(c testreport.Case) bool {
	return c.Status == testreport.Failed || c.Status == testreport.Errored || c.Status == testreport.Flaky
}

// TestRerunHidesNothing: a test that failed once never becomes one that passed, and no
// run is lost.
func TestRerunHidesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		first, later := reports(t, "first"), reports(t, "later")
		got := first.Rerun(later)
		runs, want := 0, 0
		for _, c := range append(append([]testreport.Case{}, first.Cases...), later.Cases...) {
			want += c.Runs
		}
		for i, c := range got.Cases {
			runs += c.Runs
			if i < len(first.Cases) && bad(first.Cases[i]) && !bad(c) {
				t.Fatalf("%+v became %+v", first.Cases[i], c)
			}
		}
		if runs != want {
			t.Fatalf("%d runs of %d", runs, want)
		}
		failed := map[string]bool{}
		for _, c := range got.Cases {
			if bad(c) {
				failed[c.Suite+" "+c.Name] = true
			}
		}
		for _, c := range later.Cases {
			if bad(c) && !failed[c.Suite+" "+c.Name] {
				t.Fatalf("the failure of %+v is gone", c)
			}
		}
	})
}

// TestMergeInAnyOrder: the order of the stages changes no sum, and merging loses no
// line and covers none that nobody ran.
func TestMergeInAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := reports(t, "a"), reports(t, "b")
		ab, ba := testreport.Merge(a, b), testreport.Merge(b, a)
		if diff := cmp.Diff(ab.Coverage, ba.Coverage); diff != "" {
			t.Fatal(diff)
		}
		if ab.Totals() != ba.Totals() || ab.Totals().Tests != len(a.Cases)+len(b.Cases) {
			t.Fatalf("%+v, %+v", ab.Totals(), ba.Totals())
		}
		runs := map[string]map[int]int{}
		for _, f := range append(append([]testreport.File{}, a.Coverage...), b.Coverage...) {
			if runs[f.Path] == nil {
				runs[f.Path] = map[int]int{}
			}
			for n, r := range f.Lines {
				runs[f.Path][n] += r
			}
		}
		for _, f := range ab.Coverage {
			if diff := cmp.Diff(runs[f.Path], f.Lines); diff != "" {
				t.Fatal(diff)
			}
		}
		if len(runs) != len(ab.Coverage) {
			t.Fatalf("%d files of %d", len(ab.Coverage), len(runs))
		}
	})
}
