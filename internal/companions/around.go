package companions

import (
	"context"
	"errors"

	"github.com/slipway-build/slipway/internal/companion"
	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/event"
)

// Around is a builder that gives each build its own fresh companions: they are ready
// before its first step, and gone when it has ended. A build that runs again gets new
// ones. It is safe for concurrent use.
type Around struct {
	engine.Builder
	Options Options
	// Needs are what the build of a request reaches, and from which stages; none: it is
	// built as it is.
	Needs func(engine.Request) (needs []companion.Need, stages []string)
}

// Build implements engine.Builder.
func (a Around) Build(ctx context.Context, req engine.Request, sink event.Sink) (_ engine.Result, err error) {
	needs, stages := a.Needs(req)
	if len(needs) == 0 {
		return a.Builder.Build(ctx, req, sink)
	}
	o := a.Options
	o.Sink = named{sink, req.Name}
	running, err := Start(ctx, o, needs)
	if err != nil {
		return engine.Result{}, err
	}
	defer func() { err = errors.Join(err, running.Stop()) }()
	req.Steps.Companions = running.Settings(stages...)
	result, err := a.Builder.Build(ctx, req, sink)
	if err == nil || ctx.Err() != nil {
		return result, err
	}
	return result, errors.Join(err, running.Problem())
}

// named gives notes the name of the build that they are about.
type named struct {
	event.Sink
	name string
}

// Emit implements event.Sink.
func (n named) Emit(e event.Event) {
	if note, ok := e.(event.Note); ok && note.Service == "" {
		note.Service = n.name
		e = note
	}
	n.Sink.Emit(e)
}
