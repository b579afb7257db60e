package companions

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/slipway-build/slipway/internal/companion"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/repository"
)

// Builder starts the companions of each build beside it, fresh ones each time, and ends
// them after it. Builds without needs go to the engine as they are. It is safe for
// concurrent use.
type Builder struct {
	engine.Builder
	Options func() (Options, error)     // asked at the first need
	Needs   map[string][]companion.Need // by the name of the request
}

// Build implements engine.Builder.
func (b Builder) Build(ctx context.Context, req engine.Request, sink event.Sink) (_ engine.Result, err error) {
	needs := b.Needs[req.Name]
	if len(needs) == 0 {
		return b.Builder.Build(ctx, req, sink)
	}
	o, err := b.Options()
	if err != nil {
		return engine.Result{}, err
	}
	o.Sink = named{o.Sink, req.Name}
	running, err := Start(ctx, o, needs)
	if err != nil {
		return engine.Result{}, err
	}
	defer func() { err = errors.Join(err, running.Stop()) }()
	req.Steps.Companions = running.Settings(req.Target)
	res, err := b.Builder.Build(ctx, req, sink)
	if err != nil && ctx.Err() == nil {
		err = errors.Join(err, running.Problem())
	}
	return res, err
}

// Recipe describes needs so that two descriptions differ when the companions or what
// they begin with do: it is part of what a test is recognised by.
func Recipe(ctx context.Context, o Options, imageOf func(service string) string, needs []companion.Need) (string, error) {
	var out []string
	for _, n := range needs {
		text := n.Name + "=" + n.Describe() + n.Database
		name := n.Image
		if n.Service != "" {
			name = imageOf(n.Service)
		}
		if name != "" {
			if desc, err := o.Store.Resolve(ctx, name); err == nil {
				text += "@" + desc.Digest.String()
			} else if n.Service != "" {
				return "", diag.Fail(diag.ExitUsage, "%s needs the service %s, whose image is not built", n.Name, n.Service).WithHint("slipway build %s", n.Service)
			}
		}
		h := sha256.New()
		for _, seed := range n.Seed {
			data, err := repository.ReadFile(o.Root, seed)
			if err != nil {
				return "", diag.Fail(diag.ExitUsage, "the seed %s of %s cannot be read", seed, n.Name).Because(err).WithHint("correct seed: in slipway.yaml; it is relative to slipway.yaml")
			}
			fmt.Fprintf(h, "%s %d\n%s", seed, len(data), data)
		}
		fmt.Fprintf(h, "%v", n.Env) // in the order of the names
		out = append(out, text+"#"+hex.EncodeToString(h.Sum(nil)[:8]))
	}
	return strings.Join(out, ","), nil
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
