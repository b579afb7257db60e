package report

import (
	"io"
	"time"

	"github.com/slipway-build/slipway/internal/testreport"
)

// testsJSON and testStageJSON fix the keys of the JSON form; they are an interface to
// scripts and only grow.
type testsJSON struct {
	Stages []testStageJSON `json:"stages"`
	SumMS  int64           `json:"duration_sum_ms"`
	WallMS int64           `json:"duration_wall_ms"`
	Passed bool            `json:"passed"` // the stages; each gate says so of itself
	Gates  any             `json:"gates,omitempty"`
}

type testStageJSON struct {
	Service    string                  `json:"service"`
	Stage      string                  `json:"stage"`
	Result     StageResult             `json:"result"`
	Why        string                  `json:"why,omitempty"`
	DurationMS int64                   `json:"duration_ms"`
	PassedAt   *time.Time              `json:"passed_at,omitempty"`
	Attempts   int                     `json:"attempts"`
	Totals     testreport.Totals       `json:"totals"`
	Coverage   *testreport.Coverage    `json:"coverage,omitempty"`
	Changed    *testreport.Coverage    `json:"changed_coverage,omitempty"`
	Failures   []testreport.Case       `json:"failures,omitempty"`
	Flaky      []testreport.Case       `json:"flaky,omitempty"`
	Findings   []testreport.Finding    `json:"findings,omitempty"`
	Problems   []testreport.Unreadable `json:"problems,omitempty"`
	LeftOut    []string                `json:"left_out,omitempty"`
	Companions []string                `json:"companions,omitempty"`
	Output     []string                `json:"output,omitempty"`
	Reports    string                  `json:"reports,omitempty"`
	Image      string                  `json:"image,omitempty"`
}

// WriteTestsJSON writes a run for programs.
func WriteTestsJSON(w io.Writer, t Tests) error {
	sum, _ := t.Sum()
	out := testsJSON{Stages: []testStageJSON{}, SumMS: sum.Milliseconds(), WallMS: t.Wall.Milliseconds(), Passed: len(t.Failed()) == 0, Gates: t.Gates}
	for _, s := range t.Stages {
		j := testStageJSON{
			Service: s.Service, Stage: s.Stage, Result: s.Result, Why: s.Why, DurationMS: s.Duration.Milliseconds(), Attempts: s.Attempts,
			Totals: s.Tests.Totals(), Failures: s.Tests.Failures(), Flaky: s.Tests.FlakyCases(), Findings: s.Tests.Findings,
			Problems: s.Tests.Problems, LeftOut: s.LeftOut, Output: s.Output, Reports: s.Reports, Image: s.Image, Changed: s.Changed, Companions: s.Companions,
		}
		if !s.Passed.IsZero() {
			passed := s.Passed.UTC()
			j.PassedAt = &passed
		}
		if c := s.Tests.Covered(); c.Lines > 0 {
			j.Coverage = &c
		}
		out.Stages = append(out.Stages, j)
	}
	return JSON(w, out)
}
