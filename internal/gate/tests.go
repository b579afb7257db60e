package gate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/testreport"
)

// tests is the gate of test cases: failed ones, skipped ones that do not say why, and
// whether any ran. Flaky cases warn, and so does a report that is broken.
func tests(l Limits, s Subject) *draft {
	if l.FailedTests == nil && l.Tests == nil && l.SkippedTests == nil {
		return nil
	}
	d := &draft{Verdict: Verdict{Gate: "tests", Limit: testLimit(l)}}
	if s.Tests == nil {
		d.unknown = "no tests ran; slipway test"
		return d
	}
	stages := tested(s.Stages)
	if len(s.Tests.Cases) == 0 && len(stages) == 0 && len(s.Tests.Problems) == 0 {
		d.unknown = "no stage runs tests"
		if missing := notRun(s); len(missing) > 0 {
			d.unknown = strings.TrimPrefix(missing[0].Text, prefix(s)) + "; " + missing[0].Hint
		}
		return d
	}
	if len(s.Tests.Cases) == 0 && len(stages) > 0 && !reported(*s.Tests, stages) {
		d.unknown = strings.Join(stages, ", ") + " left no report of tests in a known format; have its runner write JUnit XML below /reports"
		return d
	}
	total := map[testreport.Status]int{}
	var failed, skipped, flaky diag.Findings
	for _, c := range s.Tests.Cases {
		total[c.Status]++
		switch f := ofCase(s, c); {
		case c.Status == testreport.Failed || c.Status == testreport.Errored:
			failed = append(failed, f)
		case c.Status == testreport.Flaky:
			flaky = append(flaky, f)
		case c.Status == testreport.Skipped && strings.TrimSpace(c.Message) == "":
			skipped = append(skipped, f)
		}
	}
	ran := len(s.Tests.Cases) - total[testreport.Skipped]
	d.Actual = testCounts(total, ran)
	if l.FailedTests != nil {
		d.add(*l.FailedTests, diag.Error, failed...)
	}
	if l.SkippedTests != nil {
		d.add(*l.SkippedTests, diag.Error, skipped...)
	} else {
		d.add(0, diag.Warning, skipped...)
	}
	d.add(0, diag.Warning, flaky...)
	d.add(0, diag.Warning, unreadable(s)...)
	d.add(0, diag.Warning, notRun(s)...)
	if l.Tests != nil && ran < *l.Tests {
		d.miss(diag.Error, diag.Finding{Code: codeNoTest, Text: fmt.Sprintf("%s%s ran, and at least %d is required", prefix(s), count(ran, "test"), *l.Tests),
			Hint: "look at the stage's output: a runner that finds no test often passes; or gates: {tests: {at_least: 0}}"})
	}
	return d
}

// tested are the stages of tests that ran.
func tested(stages []Stage) []string {
	var out []string
	for _, s := range stages {
		if strings.HasSuffix(s.Name, "-tests") && (s.Result == "passed" || s.Result == "failed") {
			out = append(out, s.Name)
		}
	}
	return out
}

// reported reports stages of which one left a report without a case, or a broken one.
func reported(r testreport.Report, stages []string) bool {
	return slices.ContainsFunc(stages, func(stage string) bool {
		return slices.Contains(r.Empty, stage) || len(r.Stage(stage).Problems) > 0
	})
}

func testLimit(l Limits) string {
	var parts []string
	if l.FailedTests != nil {
		parts = append(parts, most(*l.FailedTests)+" failed")
	}
	if l.SkippedTests != nil {
		parts = append(parts, most(*l.SkippedTests)+" skipped without a reason")
	}
	if l.Tests != nil && *l.Tests > 0 {
		parts = append(parts, fmt.Sprintf("at least %d", *l.Tests))
	}
	return strings.Join(parts, ", ")
}

func testCounts(total map[testreport.Status]int, ran int) string {
	parts := []string{fmt.Sprintf("%d ran", ran)}
	for _, s := range []testreport.Status{testreport.Failed, testreport.Errored, testreport.Flaky, testreport.Skipped} {
		if total[s] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", total[s], s))
		}
	}
	return strings.Join(parts, ", ")
}

// ofCase is the finding about a test case that did not simply pass.
func ofCase(s Subject, c testreport.Case) diag.Finding {
	name := c.Name
	if c.Suite != "" {
		name = c.Suite + " › " + name
	}
	f := diag.Finding{Place: diag.Place{File: c.File, Line: c.Line}}
	switch c.Status {
	case testreport.Skipped:
		f.Code, f.Hint = codeSkipped, "say why in the test, or delete it"
		f.Text = fmt.Sprintf("%s%s: %q is skipped without a reason", prefix(s), c.Stage, name)
	case testreport.Flaky:
		f.Code, f.Hint = codeFlaky, "fix the test: what it depends on changes between runs"
		f.Text = fmt.Sprintf("%s%s: %q failed and then passed, in %s", prefix(s), c.Stage, name, count(c.Runs, "run"))
	default:
		f.Code = codeTest
		f.Text = fmt.Sprintf("%s%s: %q failed", prefix(s), c.Stage, name)
		if first, _, _ := strings.Cut(strings.TrimSpace(c.Message), "\n"); first != "" {
			f.Text += ": " + Clip(first)
		}
	}
	return f
}

// unreadable are the reports that hide how many tests there are.
func unreadable(s Subject) diag.Findings {
	var out diag.Findings
	for _, p := range s.Tests.Problems {
		out = append(out, diag.Finding{Code: codeReport, Place: diag.Place{File: p.File, Line: p.Line}, Hint: "look at the output of the stage " + p.Stage,
			Text: fmt.Sprintf("%sthe report of %s is broken, and tests may be missing: %s", prefix(s), p.Stage, p.Text)})
	}
	return out
}
