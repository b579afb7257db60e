package cli

import (
	"context"

	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/pipeline"
	"github.com/slipway-build/slipway/internal/trace"
)

// traced lets a build tell --trace what it does; without the flag it stays as it is.
func (a *app) traced(b pipeline.Build) pipeline.Build {
	if a.trace == nil {
		return b
	}
	b.Builder = tracedBuilder{b.Builder, a.trace}
	b.Bases = tracedBases{b.Bases, a.trace}
	b.Memory = tracedMemory{b.Memory, a.trace}
	return b
}

type tracedBuilder struct {
	engine.Builder
	trace *trace.Recorder
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
	trace *trace.Recorder
}

// Ensure implements pipeline.Bases.
func (t tracedBases) Ensure(ctx context.Context, refs, platforms []string) (map[string]string, error) {
	span := t.trace.Start("", "bases")
	found, err := t.Bases.Ensure(ctx, refs, platforms)
	span.End(err)
	return found, err
}

type tracedMemory struct {
	pipeline.Memory
	trace *trace.Recorder
}

// Recall implements pipeline.Memory.
func (t tracedMemory) Recall(ctx context.Context, jobs []pipeline.Job) []pipeline.Recalled {
	defer t.trace.Start("", "fingerprints").End(nil)
	return t.Memory.Recall(ctx, jobs)
}

// Keep implements pipeline.Memory.
func (t tracedMemory) Keep(ctx context.Context, job pipeline.Job, was pipeline.Recalled, built pipeline.Built) {
	defer t.trace.Start(job.Request.Name, "fingerprint again").End(nil)
	t.Memory.Keep(ctx, job, was, built)
}
