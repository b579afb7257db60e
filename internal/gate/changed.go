package gate

import (
	"fmt"
	"path"
	"slices"
	"strings"

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
	unseen := unreported(s, files)
	if all == 0 && len(unseen) > 0 {
		d.unknown = "no report of coverage has " + unseen[0] + ", which changed; add a test that imports it, or let the coverage tool report every file"
		return d
	}
	for _, p := range unseen {
		d.miss(diag.Warning, diag.Finding{Code: codeUnknown, Place: diag.Place{File: p}, Hint: "add a test that imports it, or let the coverage tool report every file",
			Text: prefix(s) + "the file changed, and no report of coverage has it"})
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

// unreported are the changed sources of the service that no report of coverage has, in a
// language that the reports cover: most tools leave out what no test imports.
func unreported(s Subject, files []testreport.File) (out []string) {
	reported, kinds := map[string]bool{}, map[string]bool{}
	for _, f := range files {
		reported[f.Path], kinds[path.Ext(f.Path)] = true, true
	}
	dir := strings.TrimPrefix(path.Clean(s.Dir)+"/", "./")
	for p, lines := range s.Changed {
		if len(lines) > 0 && !reported[p] && kinds[path.Ext(p)] && strings.HasPrefix(p, dir) && !besideSources(strings.TrimPrefix(p, dir)) {
			out = append(out, p)
		}
	}
	slices.Sort(out)
	return out
}

// besideSources reports tests, settings of tools and declarations, which coverage is not
// about.
func besideSources(p string) bool {
	base := strings.ToLower(path.Base(p))
	for _, part := range []string{"_test.", ".test.", ".spec.", ".config.", ".d.ts", ".stories."} {
		if strings.Contains(base, part) {
			return true
		}
	}
	if strings.HasPrefix(base, "test_") || strings.HasPrefix(base, ".") || slices.Contains([]string{"conftest.py", "setup.py", "doc.go", "package-info.java"}, base) {
		return true
	}
	return slices.ContainsFunc(strings.Split(path.Dir(p), "/"), func(dir string) bool {
		return slices.Contains([]string{"test", "tests", "__tests__", "__mocks__", "testdata", "spec", "e2e", "fixtures", "scripts", "docs", "examples"}, dir)
	})
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
