// Package bench measures two ways to build one directory against each other:
// cold, after a change of a source file, after a change of the dependencies, and
// how the results start and rest. It orders the builds, changes a copy of the
// directory and computes the table; engines and containers come in through Lab.
// It never changes the directory itself.
//
//	result, err := bench.Bench{Dir: dir, Sides: sides, Runs: 3, Open: open, Now: time.Now}.Run(ctx)
//	err = bench.Write(os.Stdout, result)
package bench

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/slipway-build/slipway/internal/engine"
)

// Side is one way to build the directory.
type Side struct {
	Name    string // "single-stage"
	From    string // what it is built from, for people
	Request engine.Request
}

// Lab is a place with empty caches: no build cache, no downloaded packages, but
// the base images.
type Lab interface {
	// Build builds a request; the clock runs meanwhile.
	Build(ctx context.Context, req engine.Request) (engine.Result, error)
	// Size measures a built image.
	Size(ctx context.Context, built engine.Result) (unpackedBytes int64, layers int, err error)
	// Start starts a built image, waits until it is healthy and has settled, and
	// stops it. Zero means that it could not be measured.
	Start(ctx context.Context, built engine.Result) (ready time.Duration, memoryBytes int64, err error)
	// Close removes the place and all that is in it.
	Close() error
}

// Bench is one comparison.
type Bench struct {
	Name  string
	Dir   string
	Sides [2]Side // before and after
	Runs  int     // at least 1; the medians count
	Work  string  // an existing directory for copies of Dir; the caller removes it
	Open  func(ctx context.Context) (Lab, error)
	Now   func() time.Time
	Say   func(format string, args ...any) // progress

	Source   string // the file of Dir that a source change is made in
	Manifest string // the file of Dir that a dependency change is made in; empty: it has no dependencies
}

// Figures are what was measured of one side in one run.
type Figures struct {
	Cold         time.Duration // the first build
	Source       time.Duration // after a source change
	Dependencies time.Duration // after a dependency change; 0: there is none to make
	SizeBytes    int64         // unpacked
	Layers       int
	Ready        time.Duration // from the start of the container until it is healthy; 0: no health check
	MemoryBytes  int64         // in use at rest; 0: unknown
}

// Result is a finished comparison.
type Result struct {
	Name             string
	Sides            [2]Side
	Samples          [2][]Figures // one for each run
	SourceChange     string       // in words
	DependencyChange string
}

// Run measures the sides in turn, so that both see the same noise.
func (b Bench) Run(ctx context.Context) (Result, error) {
	r := Result{Name: b.Name, Sides: b.Sides,
		SourceChange: sourceWords(b.Source), DependencyChange: manifestWords(b.Manifest)}
	for run := range max(1, b.Runs) {
		for i, side := range b.Sides {
			f, err := b.one(ctx, side, run)
			if err != nil {
				return r, fmt.Errorf("measuring %s: %w", side.Name, err)
			}
			r.Samples[i] = append(r.Samples[i], f)
			b.Say("%s, run %d of %d: cold %s, source change %s, dependency change %s", side.Name, run+1, max(1, b.Runs),
				seconds(f.Cold), seconds(f.Source), seconds(f.Dependencies))
		}
	}
	return r, nil
}

// one measures a side once, in a lab and a copy of its own.
func (b Bench) one(ctx context.Context, side Side, run int) (f Figures, err error) {
	dir, err := os.MkdirTemp(b.Work, "tree-")
	if err != nil {
		return f, err
	}
	if err := Copy(dir, b.Dir); err != nil {
		return f, fmt.Errorf("copying %s: %w", b.Dir, err)
	}
	lab, err := b.Open(ctx)
	if err != nil {
		return f, err
	}
	defer func() {
		if closed := lab.Close(); err == nil {
			err = closed
		}
	}()
	req := side.Request
	req.Context = dir
	build := func(took *time.Duration) (engine.Result, error) {
		began := b.Now()
		built, err := lab.Build(ctx, req)
		*took = b.Now().Sub(began)
		return built, err
	}
	first, err := build(&f.Cold)
	if err != nil {
		return f, err
	}
	if err := changeSource(filepath.Join(dir, b.Source), run); err != nil {
		return f, err
	}
	if _, err := build(&f.Source); err != nil {
		return f, err
	}
	if b.Manifest != "" {
		if err := changeManifest(filepath.Join(dir, b.Manifest)); err != nil {
			return f, err
		}
		if _, err := build(&f.Dependencies); err != nil {
			return f, err
		}
	}
	if f.SizeBytes, f.Layers, err = lab.Size(ctx, first); err != nil {
		return f, err
	}
	f.Ready, f.MemoryBytes, err = lab.Start(ctx, first)
	return f, err
}
