package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/pipeline"
)

// shelf hands out directories by number, and finds a failure in those that it names.
type shelf struct {
	n      int
	failed []string
}

func (s *shelf) Fresh(pipeline.Job) (string, error) {
	s.n++
	return fmt.Sprint("dir", s.n), nil
}

func (s *shelf) Check(_ pipeline.Job, dir string) error {
	if slices.Contains(s.failed, dir) {
		return &pipeline.FailedError{Text: "exit code 1"}
	}
	return nil
}

// turns is an engine whose builds end as listed.
type turns struct {
	errs []error
	reqs []engine.Request
}

func (b *turns) Build(_ context.Context, req engine.Request, _ event.Sink) (engine.Result, error) {
	b.reqs = append(b.reqs, req)
	err := b.errs[0]
	b.errs = b.errs[1:]
	return engine.Result{Collected: engine.Collected{Files: len(b.reqs)}}, err
}

func failing() error {
	return &engine.StepError{Stage: "unit-tests", ExitCode: 1, Err: errors.New("exit code 1")}
}

func TestAStageThatFailedRunsAgain(t *testing.T) {
	install := &engine.StepError{Stage: "dependencies", ExitCode: 1, Err: errors.New("exit code 1")}
	full := errors.New("no space left on device")
	for name, c := range map[string]struct {
		errs     []error
		rerun    int
		failed   []string // by the status that the stage leaves
		attempts int
		fails    bool // as a stage, not as a build
		err      bool
	}{
		"passes":                          {[]error{nil}, 2, nil, 1, false, false},
		"fails once":                      {[]error{failing(), nil}, 2, nil, 2, false, false},
		"fails each time":                 {[]error{failing(), failing(), failing()}, 2, nil, 3, true, true},
		"fails, and nobody wants a rerun": {[]error{failing()}, 0, nil, 1, true, true},
		"another stage fails":             {[]error{install}, 2, nil, 1, false, true},
		"cannot run":                      {[]error{full}, 2, nil, 1, false, true},
		"leaves a failure as its status":  {[]error{nil, nil}, 1, []string{"dir1"}, 2, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			builder := &turns{errs: c.errs}
			built, _ := pipeline.Build{Builder: builder, Sink: event.Discard{}, Reports: &shelf{failed: c.failed}, Rerun: c.rerun, KeepGoing: true, Now: time.Now}.
				Run(t.Context(), []pipeline.Job{{Stage: "unit-tests", Request: engine.Request{Name: "web/unit-tests", Target: "unit-tests"}}})
			b := built[0]
			if len(b.Attempts) != c.attempts || len(c.errs)-len(builder.errs) != c.attempts || (b.Err != nil) != c.err || pipeline.StageFailed("unit-tests", b.Err) != c.fails {
				t.Errorf("%d attempts, error %v", len(b.Attempts), b.Err)
			}
			for i, a := range b.Attempts {
				req := builder.reqs[i]
				if want := fmt.Sprint("dir", i+1); a.Reports != want || req.Collect.To != want || req.Collect.From[0] != "/reports/unit-tests" || a.Collected.Files != i+1 {
					t.Errorf("attempt %d: %+v, asked for %+v", i, a, req.Collect)
				}
				// What succeeded is in the cache, and would leave the same status again.
				if cached := i == 0 || !errors.As(b.Attempts[i-1].Err, new(*pipeline.FailedError)); cached != (len(req.NoCacheOf) == 0) || cached == req.KeepMounts {
					t.Errorf("attempt %d leaves out the cache of %q, and keeps cache mounts: %v", i, req.NoCacheOf, req.KeepMounts)
				}
			}
		})
	}
}

// A stage that passed with the same inputs asks no engine.
func TestAStageThatPassedDoesNotRun(t *testing.T) {
	built, err := pipeline.Build{Builder: &turns{}, Sink: event.Discard{}, History: passed{}, Reports: &shelf{}, Now: time.Now}.
		Run(t.Context(), []pipeline.Job{{Stage: "lint", Request: engine.Request{Name: "web/lint"}}})
	if err != nil || !built[0].Unchanged || len(built[0].Attempts) != 0 {
		t.Errorf("%+v, %v", built, err)
	}
}

type passed struct{}

func (passed) Recall(_ context.Context, jobs []pipeline.Job) []pipeline.Recalled {
	return slices.Repeat([]pipeline.Recalled{{Passed: time.Unix(1, 0)}}, len(jobs))
}

func (passed) Keep(context.Context, pipeline.Job, pipeline.Recalled, pipeline.Built) {}
