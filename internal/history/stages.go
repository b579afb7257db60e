package history

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/fingerprint"
	"github.com/slipway-build/slipway/internal/parallel"
	"github.com/slipway-build/slipway/internal/pipeline"
	"github.com/slipway-build/slipway/internal/testrun"
)

// Stages is a History that recalls runs of quality stages too: one that passed with the
// same inputs, and whose reports are still there, need not run. It is the
// pipeline.Reports of those that run.
type Stages struct {
	*History
	Shelf testrun.Shelf
	Again string // why no stage is recalled: "--again"; or empty

	mu   sync.Mutex
	kept map[string]testrun.Kept // by the name of the job
}

// of names the stage of a job.
func (s *Stages) of(job pipeline.Job) testrun.Of {
	return testrun.Of{Fleet: s.Fleet, Service: job.Service.Name, Stage: job.Stage}
}

// Kept returns the run of a job: the one of this command, or the one that made it
// needless.
func (s *Stages) Kept(job string) (testrun.Kept, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, ok := s.kept[job]
	return k, ok
}

func (s *Stages) keep(job string, k testrun.Kept) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kept == nil {
		s.kept = map[string]testrun.Kept{}
	}
	s.kept[job] = k
}

// Recall implements pipeline.History.
func (s *Stages) Recall(ctx context.Context, jobs []pipeline.Job) []pipeline.Recalled {
	out := make([]pipeline.Recalled, len(jobs))
	var images []pipeline.Job
	var at []int
	for i, job := range jobs {
		if job.Stage == "" {
			images, at = append(images, job), append(at, i)
		}
	}
	var both sync.WaitGroup
	both.Go(func() {
		for i, r := range s.History.Recall(ctx, images) {
			out[at[i]] = r
		}
	})
	parallel.Each(len(jobs), func(i int) {
		if jobs[i].Stage != "" {
			out[i] = s.recall(ctx, jobs[i])
		}
	})
	both.Wait()
	return out
}

// recall says whether a stage has to run, and why.
func (s *Stages) recall(ctx context.Context, job pipeline.Job) pipeline.Recalled {
	print, err := s.prints.of(ctx, job)
	r := pipeline.Recalled{Print: print}
	last, had := s.Shelf.Last(s.of(job))
	if had {
		r.Took, r.PeakMemory = last.Duration, last.PeakMemory
	}
	if unknown := (*fingerprint.UnknownError)(nil); err != nil && !errors.As(err, &unknown) {
		r.Print, r.Reasons = fingerprint.Print{}, []string{"its inputs cannot be determined: " + err.Error()}
		return r
	}
	passed, ok := s.Shelf.Passed(s.of(job), print.Key)
	switch {
	case s.Afresh != "":
		r.Reasons = []string{s.Afresh}
	case s.Again != "":
		r.Reasons = []string{s.Again}
	case err != nil:
		r.Reasons = []string{err.Error()}
	case ok:
		r.Passed = passed.Started
		s.keep(job.Request.Name, passed)
	case had && !last.Passed && last.Key == print.Key:
		r.Reasons = []string{"it failed the last time"}
	case !had:
		r.Reasons = []string{"not run here before"}
	default:
		r.Reasons = changes(last.Print, print)
		if len(r.Reasons) == 0 {
			r.Reasons = []string{"the reports of its last run are gone, or its files changed while it ran"}
		}
	}
	return r
}

// Keep implements pipeline.History. A stage passed with its inputs only if nothing that
// it reads was touched meanwhile.
func (s *Stages) Keep(ctx context.Context, job pipeline.Job, was pipeline.Recalled, built pipeline.Built) {
	if job.Stage == "" {
		s.History.Keep(ctx, job, was, built)
		return
	}
	if built.Unchanged || len(built.Attempts) == 0 {
		return
	}
	var dirs []string
	for _, a := range built.Attempts {
		dirs = append(dirs, a.Reports)
	}
	if built.Err != nil && !pipeline.StageFailed(job.Stage, built.Err) { // it did not come to an end
		for _, dir := range dirs {
			_ = os.RemoveAll(dir) // else collected later
		}
		return
	}
	r := testrun.Run{
		Of: s.of(job), Version: s.Version, Passed: built.Err == nil, PeakMemory: built.PeakMemory,
	}
	for _, a := range built.Attempts {
		r.Duration += a.Duration
	}
	r.LeftOut = built.Attempts[len(dirs)-1].Collected.LeftOut
	r.Started = time.Now().Add(-r.Duration)
	if after, err := s.prints.of(ctx, job); err == nil && was.Print.Steady(after) {
		r.Key = was.Print.Key
	}
	r.Print, _ = json.Marshal(was.Print)
	kept, err := s.Shelf.Keep(r, dirs)
	if err != nil {
		s.Sink.Emit(event.Note{Service: job.Request.Name, Text: err.Error(), Warning: true})
		return
	}
	s.keep(job.Request.Name, kept)
}

// Fresh implements pipeline.Reports.
func (s *Stages) Fresh(pipeline.Job) (string, error) { return s.Shelf.Fresh() }

// Check implements pipeline.Reports: a stage may end well so that an image is made, and
// leave the exit code of its runner.
func (s *Stages) Check(job pipeline.Job, dir string) error {
	code, err := testrun.Status(dir)
	switch {
	case err != nil:
		return &pipeline.FailedError{Text: job.Stage + ": " + err.Error()}
	case code != 0:
		return &pipeline.FailedError{Text: fmt.Sprintf("%s: its runner ended with exit code %d", job.Stage, code)}
	}
	return nil
}
