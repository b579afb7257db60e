package companions

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/slipway-build/slipway/internal/baseimage"
	"github.com/slipway-build/slipway/internal/companion"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/plan"
	"github.com/slipway-build/slipway/internal/state"
)

// build makes the images that come from a Dockerfile, and gets images by name that
// the store does not have.
func (o Options) build(ctx context.Context, needs []companion.Need) error {
	for _, n := range needs {
		name, text, from := n.Image, "FROM "+n.Image+"\n", []string(nil)
		if n.Kind != "" {
			r, err := companion.RecipeOf(n)
			if err != nil {
				return err
			}
			name, text, from = r.Image, r.Dockerfile, r.From
		}
		if name == "" {
			continue
		}
		if _, err := o.Store.Image(ctx, name, plan.Host()); err == nil {
			continue
		}
		if err := o.buildOne(ctx, n, name, text, from); err != nil {
			return err
		}
	}
	return nil
}

// buildOne makes one image on the engine, from bases that Slipway assembles or from a
// registry.
func (o Options) buildOne(ctx context.Context, n companion.Need, name, text string, from []string) (err error) {
	if o.Builder == nil {
		return diag.Fail(diag.ExitRun, "the image %s, which is needed as %s, is not in the store", name, n.Name).
			WithHint("slipway build -t %s DIR builds one", name)
	}
	builder, err := o.Builder()
	if err != nil {
		return err
	}
	o.Sink.Emit(event.Note{Text: "making " + n.Describe() + " for " + n.Name})
	bases, err := o.assemble(ctx, from)
	if err != nil {
		return err
	}
	empty, err := os.MkdirTemp("", "slipway-companion-")
	if err != nil {
		return fmt.Errorf("making %s: %w", name, err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(empty)) }()
	built, err := builder.Build(ctx, engine.Request{Name: n.Name, Context: empty, Dockerfile: []byte(text), Platforms: []string{plan.Host()}, Bases: bases, Tag: name}, o.Sink)
	if err != nil {
		return err
	}
	return state.Tagger{Store: o.Store}.Tag(ctx, name, built)
}

// assemble returns the digests of assembled bases, which it makes when they are
// missing.
func (o Options) assemble(ctx context.Context, refs []string) (map[string]string, error) {
	if len(refs) == 0 {
		return nil, nil
	}
	assembler, err := o.State.Assembler(o.Root, o.Store, o.Sink, string(baseimage.Gzip))
	if err != nil {
		return nil, err
	}
	return state.Bases{Assembler: assembler}.Ensure(ctx, refs, []string{plan.Host()})
}
