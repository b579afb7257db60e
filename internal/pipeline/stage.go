package pipeline

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/event"
)

// Reports are where runs of quality stages leave what they report.
type Reports interface {
	// Fresh makes an empty directory for one run of a job's stage.
	Fresh(job Job) (string, error)
	// Check says why a stage that ended well did not pass after all, by its reports.
	Check(job Job, dir string) error
}

// Attempt is one run of a quality stage.
type Attempt struct {
	Reports   string // directory with its reports
	Collected engine.Collected
	Duration  time.Duration
	Err       error // nil: it passed
}

// FailedError says that a quality stage ended well and reports a failure.
type FailedError struct{ Text string }

func (e *FailedError) Error() string { return e.Text }

// StageFailed reports an error that says of a stage that it failed: its command ran
// to an end. Other errors say that it could not run.
func StageFailed(stage string, err error) bool {
	step := (*engine.StepError)(nil)
	return errors.As(err, new(*FailedError)) || errors.As(err, &step) && step.Stage == stage && step.ExitCode > 0
}

// run builds a job. A quality stage that fails runs again, as often as asked for:
// each run is told.
func (b Build) run(ctx context.Context, job Job, out *Built, sink event.Sink) {
	if job.Stage == "" || b.Reports == nil {
		out.Result, out.Err = b.Builder.Build(ctx, job.Request, sink)
		return
	}
	for n := 0; ; n++ {
		a := b.attempt(ctx, job, out, sink)
		out.Attempts, out.Err = append(out.Attempts, a), a.Err
		if !StageFailed(job.Stage, a.Err) || n == b.Rerun || ctx.Err() != nil {
			return
		}
		sink.Emit(event.Note{Service: out.Service, Text: fmt.Sprintf("%s failed and runs again (%d of %d)", job.Stage, n+1, b.Rerun), Warning: true})
	}
}

// attempt runs a quality stage once.
func (b Build) attempt(ctx context.Context, job Job, out *Built, sink event.Sink) (a Attempt) {
	began := b.Now()
	defer func() { a.Duration = b.Now().Sub(began) }()
	if a.Reports, a.Err = b.Reports.Fresh(job); a.Err != nil {
		return a
	}
	job.Request.Collect = engine.Collect{From: []string{"/reports/" + job.Stage, "/reports"}, To: a.Reports}
	if n := len(out.Attempts); n > 0 && errors.As(out.Attempts[n-1].Err, new(*FailedError)) {
		job.Request.NoCacheOf, job.Request.KeepMounts = []string{job.Stage}, true // its steps succeeded, and are in the cache
	}
	out.Result, a.Err = b.Builder.Build(ctx, job.Request, sink)
	a.Collected = out.Result.Collected
	if a.Err == nil {
		a.Err = b.Reports.Check(job, a.Reports)
	}
	return a
}
