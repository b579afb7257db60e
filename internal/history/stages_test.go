package history

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/slipway-build/slipway/internal/pipeline"
	"github.com/slipway-build/slipway/internal/plan"
	"github.com/slipway-build/slipway/internal/testrun"
)

// stages opens the history with the runs of stages.
func (y *yard) stages(again string) *Stages {
	return &Stages{History: y.open(), Shelf: testrun.Shelf{Dir: filepath.Join(y.state, "tests")}, Again: again}
}

// lint is the job of a stage of a service.
func (y *yard) lint(name string) pipeline.Job {
	job := y.job(name)
	job.Service.Name, job.Stage, job.Image = name, "lint", ""
	job.Request.Name = name + "/lint"
	return job
}

// test runs a stage that ends as given; meanwhile happens while it runs.
func (y *yard) test(job pipeline.Job, end error, meanwhile func()) pipeline.Recalled {
	y.t.Helper()
	s := y.stages("")
	was := s.Recall(y.t.Context(), []pipeline.Job{job})[0]
	if meanwhile != nil {
		meanwhile()
	}
	dir, err := s.Fresh(job)
	if err != nil {
		y.t.Fatal(err)
	}
	s.Keep(y.t.Context(), job, was, pipeline.Built{Service: job.Request.Name, Err: end, Attempts: []pipeline.Attempt{{Reports: dir, Err: end}}})
	if _, ok := s.Kept(job.Request.Name); ok != (end == nil || pipeline.StageFailed(job.Stage, end)) {
		y.t.Errorf("a run that ended with %v is kept: %v", end, ok)
	}
	if err := s.Close(); err != nil {
		y.t.Fatal(err)
	}
	return was
}

func (y *yard) recallStage(job pipeline.Job) pipeline.Recalled {
	y.t.Helper()
	return y.stages("").Recall(y.t.Context(), []pipeline.Job{job})[0]
}

func reason(r pipeline.Recalled) string {
	if len(r.Reasons) == 0 {
		return ""
	}
	return r.Reasons[0]
}

func TestAStageThatPassedIsRecalled(t *testing.T) {
	y := newYard(t)
	job := y.lint("web")
	if was := y.test(job, nil, nil); !was.Passed.IsZero() || reason(was) != "not run here before" {
		t.Errorf("first: %+v", was)
	}
	if got := y.recallStage(job); got.Passed.IsZero() {
		t.Errorf("unchanged: %+v", got)
	}
	other := y.lint("web")
	other.Stage, other.Request.Target = "unit-tests", "unit-tests"
	if got := y.stages("").Recall(t.Context(), []pipeline.Job{y.job("api"), other, job}); !got[1].Passed.IsZero() || got[2].Passed.IsZero() || reason(got[0]) != "not built here before" {
		t.Errorf("among others: %+v", got)
	}
	if got := y.stages("--again").Recall(t.Context(), []pipeline.Job{job})[0]; !got.Passed.IsZero() || reason(got) != "--again" {
		t.Errorf("--again: %+v", got)
	}
	y.write("web/a", "2")
	if got := y.recallStage(job); !got.Passed.IsZero() || reason(got) != "a changed" {
		t.Errorf("changed: %+v", got)
	}
	y.write("web/a", "1")
	if got := y.recallStage(job); got.Passed.IsZero() {
		t.Errorf("as it was: %+v", got)
	}
}

// TestOtherCompanionsAreAnotherRun, also of a Dockerfile that does not ask for them.
func TestOtherCompanionsAreAnotherRun(t *testing.T) {
	y := newYard(t)
	job := y.lint("web")
	job.Request.Args = map[string]string{plan.ArgCompanions: "db=PostgreSQL 16"}
	y.test(job, nil, nil)
	if got := y.recallStage(job); got.Passed.IsZero() {
		t.Errorf("unchanged: %+v", got)
	}
	job.Request.Args = map[string]string{plan.ArgCompanions: "db=PostgreSQL 17"}
	if got := y.recallStage(job); !got.Passed.IsZero() {
		t.Errorf("another database: %+v", got)
	}
}

func TestAStageThatFailedNeverPassed(t *testing.T) {
	y := newYard(t)
	job := y.lint("web")
	y.test(job, &pipeline.FailedError{Text: "exit code 1"}, nil)
	if got := y.recallStage(job); !got.Passed.IsZero() || reason(got) != "it failed the last time" {
		t.Errorf("failed: %+v", got)
	}
	y.test(job, nil, nil)
	if got := y.recallStage(job); got.Passed.IsZero() {
		t.Errorf("then passed: %+v", got)
	}
}

// What was interrupted, or could not run, neither failed nor passed.
func TestAStageThatDidNotEnd(t *testing.T) {
	y := newYard(t)
	job := y.lint("web")
	y.test(job, context.Canceled, nil)
	if got := y.recallStage(job); !got.Passed.IsZero() || reason(got) != "not run here before" {
		t.Errorf("recalled %+v", got)
	}
	if left, _ := filepath.Glob(filepath.Join(y.state, "tests", "*")); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}

// A stage passed with its inputs only if nobody touched them while it ran.
func TestInputsTouchedDuringAStage(t *testing.T) {
	y := newYard(t)
	job := y.lint("web")
	y.test(job, nil, func() { y.write("web/a", "2"); y.write("web/a", "1") })
	if got := y.recallStage(job); !got.Passed.IsZero() {
		t.Errorf("recalled %+v", got)
	}
}

// Without its reports nobody can say what a stage said.
func TestAStageWithoutItsReportsRuns(t *testing.T) {
	y := newYard(t)
	job := y.lint("web")
	y.test(job, nil, nil)
	if err := os.RemoveAll(filepath.Join(y.state, "tests")); err != nil {
		t.Fatal(err)
	}
	if got := y.recallStage(job); !got.Passed.IsZero() {
		t.Errorf("recalled %+v", got)
	}
}

func TestAStatusIsNoPass(t *testing.T) {
	y := newYard(t)
	s := y.stages("")
	for text, fails := range map[string]bool{"0\n": false, "2\n": true, "": true} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "status"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		err := s.Check(y.lint("web"), dir)
		if pipeline.StageFailed("lint", err) != fails {
			t.Errorf("%q: %v", text, err)
		}
	}
}
