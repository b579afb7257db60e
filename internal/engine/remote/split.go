package remote

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/event"
)

// split divides a build for several platforms among nodes when that suits them
// better than any one node does: each platform goes to the nodes that are best for
// it, and platforms with the same best nodes go together. It returns nil for a build
// that stays whole: files come out of one BuildKit, and so does a cache in a
// registry, where a second one would overwrite the first.
func (e *Engine) split(req engine.Request, sink event.Sink) ([]engine.Request, error) {
	if len(req.Platforms) < 2 || req.Output.Kind != engine.OutputStore && req.Output.Kind != engine.OutputNone {
		return nil, nil
	}
	want, err := parsed(req.Platforms)
	if err != nil {
		return nil, err
	}
	parts := e.divide(req, want)
	if parts != nil && len(req.CacheTo) > 0 {
		sink.Emit(event.Note{Service: req.Name, Text: "one builder builds all its platforms, because --cache-to can hold the cache of only one"})
		return nil, nil
	}
	return parts, nil
}

// divide makes the parts of a build, in the order of their first platforms; nil when
// one node is as good.
func (e *Engine) divide(req engine.Request, want []ocispecs.Platform) []engine.Request {
	e.mu.Lock()
	defer e.mu.Unlock()
	_, whole := e.fittest(want, nil)
	var parts []engine.Request
	var homes [][]*node // of the parts
	apart := 0
	for i, p := range req.Platforms {
		best, least := e.fittest(want[i:i+1], nil)
		apart += least
		at := slices.IndexFunc(homes, func(home []*node) bool { return slices.Equal(home, best) })
		if at < 0 {
			at = len(parts)
			part := req
			part.Platforms = nil
			parts, homes = append(parts, part), append(homes, best)
		}
		parts[at].Platforms = append(parts[at].Platforms, p)
	}
	if apart == whole {
		return nil
	}
	return parts
}

// buildParts runs the parts of a build side by side and puts their images together.
// The first that fails stops the others.
func (e *Engine) buildParts(ctx context.Context, req engine.Request, parts []engine.Request, sink event.Sink) (engine.Result, error) {
	start := time.Now()
	results := make([]engine.Result, len(parts))
	group, groupCtx := errgroup.WithContext(ctx)
	one := &oneByOne{sink: sink, over: groupCtx.Done()}
	for i, part := range parts {
		group.Go(func() (err error) {
			results[i], err = e.buildOnOne(groupCtx, part, true, partSink{one, strconv.Itoa(i) + "/"})
			if err != nil {
				return fmt.Errorf("%s: %w", strings.Join(part.Platforms, ", "), err)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		if ctx.Err() != nil {
			return engine.Result{}, context.Cause(ctx)
		}
		return engine.Result{}, err
	}
	out := engine.Result{}
	if req.Output.Kind == engine.OutputStore {
		var err error
		if out, err = e.join(ctx, req, parts, results); err != nil {
			return engine.Result{}, fmt.Errorf("putting the images of %s together: %w", strings.Join(req.Platforms, " and "), err)
		}
	}
	for _, r := range results {
		out.Steps += r.Steps
		out.CachedSteps += r.CachedSteps
	}
	out.Duration = time.Since(start)
	return out, nil
}

// join writes one index of the images of all parts. It has the bytes of the index
// that BuildKit makes of the same images (exporter/containerimage/writer.go, Commit,
// as of 0.33): platforms in the order of the request, indented by two spaces.
func (e *Engine) join(ctx context.Context, req engine.Request, parts []engine.Request, results []engine.Result) (engine.Result, error) {
	images := map[string]ocispecs.Descriptor{} // by platform
	index := ocispecs.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispecs.MediaTypeImageIndex}
	for i, part := range parts {
		at := ocispecs.Descriptor{MediaType: results[i].MediaType, Digest: digest.Digest(results[i].Digest), Size: results[i].SizeBytes}
		data, err := content.ReadBlob(ctx, e.images, at)
		if err != nil {
			return engine.Result{}, err
		}
		var of ocispecs.Index
		if err := json.Unmarshal(data, &of); err != nil {
			return engine.Result{}, fmt.Errorf("reading the index %s: %w", at.Digest, err)
		}
		if len(of.Manifests) != len(part.Platforms) {
			return engine.Result{}, fmt.Errorf("the index %s has %d images, want those of %s", at.Digest, len(of.Manifests), strings.Join(part.Platforms, ", "))
		}
		for k, p := range part.Platforms {
			images[p] = of.Manifests[k]
		}
	}
	for _, p := range req.Platforms {
		index.Manifests = append(index.Manifests, images[p])
	}
	data, err := json.MarshalIndent(index, "", "  ")
	if err != nil {
		return engine.Result{}, err
	}
	desc := ocispecs.Descriptor{MediaType: index.MediaType, Digest: digest.FromBytes(data), Size: int64(len(data))}
	if err := content.WriteBlob(ctx, e.images, desc.Digest.String(), bytes.NewReader(data), desc); err != nil {
		return engine.Result{}, err
	}
	return engine.Result{Digest: desc.Digest.String(), MediaType: desc.MediaType, SizeBytes: desc.Size}, nil
}

// oneByOne keeps what is true of every other build: its events do not come at once,
// and steps that ended because it is over did not fail.
type oneByOne struct {
	mu   sync.Mutex
	sink event.Sink
	over <-chan struct{}
}

// Emit implements event.Sink.
func (o *oneByOne) Emit(e event.Event) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if f, ok := e.(event.StepFinished); ok && f.Err != "" {
		select {
		case <-o.over:
			return
		default:
		}
	}
	o.sink.Emit(e)
}

// partSink tells the steps of one part from equal ones of another: each node runs
// its own.
type partSink struct {
	event.Sink
	part string
}

// Emit implements event.Sink.
func (s partSink) Emit(e event.Event) {
	switch e := e.(type) {
	case event.StepStarted:
		e.Key = s.part + e.Key
		s.Sink.Emit(e)
	case event.StepProgress:
		e.Key = s.part + e.Key
		s.Sink.Emit(e)
	case event.StepLog:
		e.Key = s.part + e.Key
		s.Sink.Emit(e)
	case event.StepFinished:
		e.Key = s.part + e.Key
		s.Sink.Emit(e)
	default:
		s.Sink.Emit(e)
	}
}
