package pipeline

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/plan"
)

// remembered is a History that knows the images of some services.
type remembered struct {
	images map[string]string
	mu     sync.Mutex
	seen   []string // by Recall, with the bases
	kept   []string
}

func (r *remembered) Recall(_ context.Context, jobs []Job) []Recalled {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []Recalled
	for _, job := range jobs {
		r.seen = append(r.seen, job.Request.Name+" "+job.Request.Bases["base"])
		if d := r.images[job.Request.Name]; d != "" {
			out = append(out, Recalled{Result: engine.Result{Digest: d, Steps: 4, CachedSteps: 4}})
		} else {
			out = append(out, Recalled{Reasons: []string{"src/a changed"}})
		}
	}
	return out
}

func (r *remembered) Keep(_ context.Context, _ Job, _ Recalled, b Built) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var ran []string
	for _, s := range b.Ran {
		ran = append(ran, s.Step)
	}
	how := "built"
	switch {
	case b.Err != nil:
		how = "failed"
	case b.Unchanged:
		how = "unchanged"
	}
	r.kept = append(r.kept, strings.TrimSpace(b.Service+" "+how+" "+strings.Join(append(b.Reasons, ran...), ", ")))
}

// steps is a Builder whose builds run one step and take another one from the cache.
type steps struct{ *world }

func (s steps) Build(ctx context.Context, req engine.Request, sink event.Sink) (engine.Result, error) {
	sink.Emit(event.StepFinished{Service: req.Name, Stage: "builder", Step: "RUN make"})
	sink.Emit(event.StepFinished{Service: req.Name, Stage: "builder", Step: "COPY", Cached: true})
	sink.Emit(event.StepFinished{Service: req.Name, Step: "load build context"})
	return s.world.Build(ctx, req, sink)
}

func TestWhatDidNotChangeIsNotBuilt(t *testing.T) {
	w, m := newWorld(), &remembered{images: map[string]string{"old": "sha256:before"}}
	w.fail["bad"] = errors.New("no")
	b := w.build()
	b.Builder, b.History, b.Pusher, b.KeepGoing = steps{w}, m, w, true
	base := plan.Base{Ref: "base", Role: plan.RoleRuntime, Assembled: true}
	file := job("file")
	file.Image = "" // no image of the store, so nothing to recall
	built, err := b.Run(t.Context(), []Job{job("old", base), job("new", base), job("bad", base), file})
	if err == nil {
		t.Fatal("a failed build is none")
	}
	for _, list := range [][]string{m.seen, m.kept, w.tagged, w.pushed} {
		slices.Sort(list)
	}
	if diff := cmp.Diff([]string{"bad sha256:base", "new sha256:base", "old sha256:base"}, m.seen); diff != "" {
		t.Errorf("recalled (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"bad failed src/a changed, RUN make", "new built src/a changed, RUN make", "old unchanged"}, m.kept); diff != "" {
		t.Errorf("kept (-want +got):\n%s", diff)
	}
	if _, ok := w.bases["old"]; ok {
		t.Error("what did not change was built")
	}
	want := []string{"x/new:1", "x/old:1"}
	if diff := cmp.Diff([][]string{want, want}, [][]string{w.tagged, w.pushed}); diff != "" {
		t.Errorf("named and pushed (-want +got):\n%s", diff)
	}
	if built[0].Result.Digest != "sha256:before" || !built[0].Unchanged {
		t.Errorf("the unchanged one is %+v", built[0])
	}
}

// patient is a Builder that waits for the service which did not change.
type patient struct {
	*world
	memory *remembered
}

func (p patient) Build(ctx context.Context, req engine.Request, sink event.Sink) (engine.Result, error) {
	for ctx.Err() == nil {
		p.memory.mu.Lock()
		done := slices.Contains(p.memory.kept, "old unchanged")
		p.memory.mu.Unlock()
		if done {
			return p.world.Build(ctx, req, sink)
		}
		runtime.Gosched()
	}
	return engine.Result{}, ctx.Err()
}

func TestWhatDidNotChangeWaitsForNoBuild(t *testing.T) {
	w, m := newWorld(), &remembered{images: map[string]string{"old": "sha256:before"}}
	b := w.build()
	b.Builder, b.History, b.Parallel = patient{w, m}, m, 1
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, err := b.Run(ctx, []Job{job("new"), job("old")}); err != nil {
		t.Error(err)
	}
}

func TestAPredictionBuildsNothing(t *testing.T) {
	w, m := newWorld(), &remembered{images: map[string]string{"old": "sha256:before"}}
	b := w.build()
	b.History = m
	base := plan.Base{Ref: "base", Role: plan.RoleRuntime, Assembled: true}
	got := b.Predict(t.Context(), []Job{job("old", base), job("new", base)})
	if got["old"].Result.Digest != "sha256:before" || len(got["new"].Reasons) != 1 || len(w.bases) != 0 {
		t.Errorf("predicted %+v, built %v", got, w.bases)
	}
	b.Bases = noBases{}
	if got := b.Predict(t.Context(), []Job{job("old", base)}); len(got["old"].Reasons) != 1 || got["old"].Result.Digest != "" {
		t.Errorf("without bases: %+v", got)
	}
}

type noBases struct{}

func (noBases) Ensure(context.Context, []string, []string) (map[string]string, error) {
	return nil, errors.New("not there")
}
