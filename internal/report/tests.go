package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/slipway-build/slipway/internal/testreport"
)

// StageResult is how a quality stage ended.
type StageResult string

// The results of quality stages.
const (
	StagePassed    StageResult = "passed"
	StageFlaky     StageResult = "flaky" // it passed after it had failed
	StageFailed    StageResult = "failed"
	StageUnchanged StageResult = "unchanged" // it passed earlier with the same inputs
	StageNotRun    StageResult = "not run"
	StageSkipped   StageResult = "skipped"  // it ended well, and ran nothing
	StageLeftOut   StageResult = "left out" // the service has nothing to run in it
	StageBuilt     StageResult = "built"    // of the image
)

// TestStage is how one quality stage of a service ended, or the build of its image.
type TestStage struct {
	Service  string
	Stage    string // "production" for the image
	Result   StageResult
	Why      string        // it ran, or could not run
	Duration time.Duration // of its run, also of an earlier one
	Passed   time.Time     // when it passed, if not now
	Attempts int
	Tests    testreport.Report
	Changed  *testreport.Coverage // of the changed lines; nil: nobody asked
	Output   []string             // the last lines of a stage that failed
	LeftOut  []string             // reports that did not come
	Reports  string               // directory; empty: none
	Image    string
	// Companions are the servers that ran beside it, in words.
	Companions []string
}

// Failed reports a stage for which a run fails.
func (s TestStage) Failed() bool { return s.Result == StageFailed || s.Result == StageNotRun }

// Tests is one run of quality stages. The clock is an input.
type Tests struct {
	Stages []TestStage
	Wall   time.Duration
	Now    time.Time
	Gates  any // what gates say of the images, for JSON; nil: nobody asked them
}

// Failed are the stages that failed or could not run, in order.
func (t Tests) Failed() []TestStage {
	var out []TestStage
	for _, s := range t.Stages {
		if s.Failed() {
			out = append(out, s)
		}
	}
	return out
}

// Sum is what the stages that ran would have taken one after the other, and their number.
func (t Tests) Sum() (time.Duration, int) {
	var sum time.Duration
	n := 0
	for _, s := range t.Stages {
		if s.Result != StageUnchanged && s.Duration > 0 {
			sum += s.Duration
			n++
		}
	}
	return sum, n
}

// Bounds of what a screen shows of each.
const (
	maxFailures = 10
	maxSlowest  = 5
	maxLines    = 12          // of the output of a failure
	slowTest    = time.Second // faster ones are not worth a line
)

// WriteTests writes a run on one screen: a line for each stage, then what failed and
// what took long.
func WriteTests(w io.Writer, t Tests) error {
	var b strings.Builder
	rows := make([][]string, 0, len(t.Stages))
	for _, s := range t.Stages {
		result := string(s.Result)
		if s.Failed() {
			result = strings.ToUpper(result)
		}
		rows = append(rows, []string{clean(s.Service), s.Stage, result, spent(s.Duration), tally(s.Tests), covered(s.Tests), note(s, t.Now)})
	}
	if err := Table(&b, []string{"SERVICE", "<STAGE", "<RESULT", "TIME", "<TESTS", "COVERAGE", "<NOTE"}, rows); err != nil {
		return err
	}
	for _, s := range t.Stages {
		writeProblems(&b, s)
	}
	writeSlowest(&b, t)
	if sum, n := t.Sum(); n > 1 {
		fmt.Fprintf(&b, "\n%d stages took %s together and %s side by side\n", n, Duration(sum), Duration(t.Wall))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// tally sums up what a stage reports.
func tally(r testreport.Report) string {
	n := r.Totals()
	var parts []string
	for _, p := range []struct {
		n    int
		what string
	}{{n.Passed, "passed"}, {n.Failed + n.Errored, "failed"}, {n.Flaky, "flaky"}, {n.Skipped, "skipped"}} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.what))
		}
	}
	if n.Errors > 0 {
		parts = append(parts, count(n.Errors, "error"))
	}
	if n.Warnings > 0 {
		parts = append(parts, count(n.Warnings, "warning"))
	}
	if len(parts) == 0 {
		return "-"
	}
	return strings.Join(parts, ", ")
}

func covered(r testreport.Report) string {
	c := r.Covered()
	if c.Lines == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f %%", c.Percent())
}

// note says of a stage what its result does not.
func note(s TestStage, now time.Time) string {
	var out []string
	switch s.Result {
	case StageUnchanged:
		if s.Stage != "production" {
			out = append(out, "passed "+ago(now.Sub(s.Passed)))
		}
	case StageFlaky:
		out = append(out, fmt.Sprintf("passed at attempt %d", s.Attempts))
	default:
		if why := clean(s.Why); why != "" {
			out = append(out, truncate(why, 60))
		}
	}
	if len(s.Companions) > 0 && s.Result != StageUnchanged {
		out = append(out, "with "+strings.Join(s.Companions, ", "))
	}
	if c := s.Changed; c != nil && c.Lines > 0 {
		out = append(out, fmt.Sprintf("%d of %s covered", c.Covered, count(c.Lines, "changed line")))
	}
	if n := len(s.LeftOut); n > 0 {
		out = append(out, count(n, "report")+" left out")
	}
	return strings.Join(out, "; ")
}

// ago says how long something is past.
func ago(d time.Duration) string {
	switch {
	case d < time.Minute:
		return "just now"
	case d < time.Hour:
		return count(int(d.Minutes()), "minute") + " ago"
	case d < 48*time.Hour:
		return count(int(d.Hours()), "hour") + " ago"
	}
	return count(int(d.Hours()/24), "day") + " ago"
}

// writeProblems says what is wrong with a stage, if anything.
func writeProblems(b *strings.Builder, s TestStage) {
	var lines []string
	if s.Failed() {
		lines = append(failures(s), finds(s)...)
		if len(lines) == 0 {
			lines = s.Output
		}
	}
	for _, c := range s.Tests.FlakyCases() {
		lines = append(lines, fmt.Sprintf("flaky: %s passed after %s", caseName(c), count(max(1, c.Runs-1), "failure")))
	}
	if s.Changed != nil {
		lines = append(lines, missed(*s.Changed)...)
	}
	for _, p := range s.Tests.Problems {
		lines = append(lines, fmt.Sprintf("unreadable report: %s: %s", placeOf(p.File, p.Line), clean(p.Text)))
	}
	for _, l := range s.LeftOut {
		lines = append(lines, "left out: "+clean(l))
	}
	if len(lines) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%s %s:\n", clean(s.Service), s.Stage)
	for _, l := range lines {
		b.WriteString("  " + l + "\n")
	}
	if s.Reports != "" {
		b.WriteString("  reports: " + clean(s.Reports) + "\n")
	}
}

// missed lists changed lines that did not run.
func missed(c testreport.Coverage) []string {
	var out []string
	for _, m := range c.Missed[:min(len(c.Missed), maxFailures)] {
		out = append(out, "changed and not covered: "+placeOf(m.Path, m.Lines[0])+others(len(m.Lines)-1))
	}
	return out
}

func others(n int) string {
	if n == 0 {
		return ""
	}
	return " and " + count(n, "line") + " after it"
}

// failures lists the test cases that failed, with the last lines of each.
func failures(s TestStage) []string {
	var out []string
	all := s.Tests.Failures()
	for _, c := range all[:min(len(all), maxFailures)] {
		line := "failed: " + caseName(c)
		if c.File != "" {
			line += " (" + placeOf(c.File, c.Line) + ")"
		}
		out = append(out, line)
		for _, l := range tailLines(cmp.Or(c.Message, c.Output), maxLines) {
			out = append(out, "    "+l)
		}
	}
	if n := len(all) - maxFailures; n > 0 {
		out = append(out, fmt.Sprintf("and %s more", count(n, "failure")))
	}
	return out
}

// finds lists the errors of linters and scanners.
func finds(s TestStage) []string {
	var out []string
	n := 0
	for _, f := range s.Tests.Findings {
		if f.Severity != testreport.Error {
			continue
		}
		if n++; n <= maxFailures {
			out = append(out, fmt.Sprintf("%s: %s (%s)", placeOf(f.File, f.Line), clean(f.Text), clean(cmp.Or(f.Rule, f.Tool))))
		}
	}
	if n > maxFailures {
		out = append(out, fmt.Sprintf("and %s more", count(n-maxFailures, "error")))
	}
	return out
}

// writeSlowest lists the slowest tests of all stages that ran.
func writeSlowest(b *strings.Builder, t Tests) {
	var all testreport.Report
	for _, s := range t.Stages {
		if s.Result != StageUnchanged {
			all.Cases = append(all.Cases, s.Tests.Cases...)
		}
	}
	slowest := slices.DeleteFunc(all.Slowest(maxSlowest), func(c testreport.Case) bool { return c.Duration < slowTest })
	if len(slowest) == 0 {
		return
	}
	b.WriteString("\nslowest tests:\n")
	for _, c := range slowest {
		fmt.Fprintf(b, "  %7s  %s\n", Duration(c.Duration), caseName(c))
	}
}

func caseName(c testreport.Case) string {
	if c.Suite == "" || strings.HasPrefix(c.Name, c.Suite) {
		return clean(c.Name)
	}
	return clean(c.Suite + " › " + c.Name)
}

func placeOf(file string, line int) string {
	if line == 0 {
		return clean(file)
	}
	return fmt.Sprintf("%s:%d", clean(file), line)
}

// tailLines are the last lines of a text that are not empty.
func tailLines(text string, n int) []string {
	var out []string
	for line := range strings.Lines(text) {
		if line = strings.TrimRight(line, " \t\r\n"); line != "" {
			out = append(out, line)
		}
	}
	return out[max(0, len(out)-n):]
}

// LastLines are the last lines of a step's log, for a screen.
func LastLines(log []byte) []string { return tailLines(string(log), 2*maxLines) }
