package trace

import (
	"context"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/pipeline"
)

// Build lets a build record what it does; a nil Recorder leaves it as it is.
func (r *Recorder) Build(b pipeline.Build) pipeline.Build {
	if r == nil {
		return b
	}
	b.Builder = tracedBuilder{b.Builder, r}
	b.Bases = tracedBases{b.Bases, r}
	b.History = tracedHistory{b.History, r}
	if b.Prover != nil {
		b.Prover = tracedProver{b.Prover, r}
	}
	return b
}

type tracedBuilder struct {
	engine.Builder
	trace *Recorder
}

// Build implements engine.Builder.
func (t tracedBuilder) Build(ctx context.Context, req engine.Request, sink event.Sink) (engine.Result, error) {
	span := t.trace.Start(req.Name, "build")
	steps, stop := span.Steps(sink)
	res, err := t.Builder.Build(ctx, req, steps)
	stop()
	span.End(err)
	return res, err
}

type tracedBases struct {
	pipeline.Bases
	trace *Recorder
}

// Ensure implements pipeline.Bases.
func (t tracedBases) Ensure(ctx context.Context, refs, platforms []string) (map[string]string, error) {
	span := t.trace.Start("", "bases")
	found, err := t.Bases.Ensure(ctx, refs, platforms)
	span.End(err)
	return found, err
}

type tracedHistory struct {
	pipeline.History
	trace *Recorder
}

// Recall implements pipeline.History.
func (t tracedHistory) Recall(ctx context.Context, jobs []pipeline.Job) []pipeline.Recalled {
	defer t.trace.Start("", "fingerprints").End(nil)
	return t.History.Recall(ctx, jobs)
}

// Keep implements pipeline.History.
func (t tracedHistory) Keep(ctx context.Context, job pipeline.Job, was pipeline.Recalled, built pipeline.Built) {
	defer t.trace.Start(job.Request.Name, "fingerprint again").End(nil)
	t.History.Keep(ctx, job, was, built)
}

type tracedProver struct {
	pipeline.Prover
	trace *Recorder
}

// Prove implements pipeline.Prover.
func (t tracedProver) Prove(ctx context.Context, job pipeline.Job, built engine.Result) (diag.Findings, error) {
	span := t.trace.Start(job.Request.Name, "checking the image")
	findings, err := t.Prover.Prove(ctx, job, built)
	span.End(err)
	return findings, err
}
