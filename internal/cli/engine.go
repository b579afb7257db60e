package cli

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"

	"github.com/slipway-build/slipway/internal/assets"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/engine/embedded"
	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/pipeline"
	"github.com/slipway-build/slipway/internal/proof/layer"
	"github.com/slipway-build/slipway/internal/rootless"
)

// imageDir is the OCI layout of built and base images.
func (a *app) imageDir() string { return filepath.Join(a.stateDir, "images") }

// engineDir is the state of the embedded engine.
func (a *app) engineDir() string { return filepath.Join(a.stateDir, "engine") }

// openEngine opens the embedded engine; it waits while another process has it.
// What its layers hold is told to layers, unless that is nil.
func (a *app) openEngine(ctx context.Context, owner string, layers func(string, *layer.Index), sink event.Sink) (*embedded.Engine, error) {
	runc, err := assets.InstallRunc(filepath.Join(a.stateDir, "bin"))
	if err != nil {
		return nil, err
	}
	limit, err := cacheLimit(a.Getenv("SLIPWAY_CACHE_SIZE"))
	if err != nil {
		return nil, err
	}
	host := filepath.Join(a.stateDir, "host")
	java, err := javaHost(a.Getenv, host)
	if err != nil {
		return nil, err
	}
	cargo, err := cargoHost(a.Getenv, host)
	if err != nil {
		return nil, err
	}
	maps.Copy(java.files, cargo)
	span := a.trace.Start("", "opening the engine")
	eng, err := embedded.Open(ctx, embedded.Options{
		StateDir:     a.engineDir(),
		ImageDir:     a.imageDir(),
		Runc:         runc,
		CAFile:       hostCA(a.Getenv),
		StepEnv:      append(stepEnv(a.Getenv), java.env...),
		StepFiles:    java.files,
		MaxCacheSize: limit,
		Owner:        owner,
		Layer:        layers,
		PID:          rootless.PID(),
		Rootless:     rootless.Inside(),
	}, sink)
	took := span.End(err)
	if err == nil && a.Getenv("SLIPWAY_TRACE") != "" { // read by bench/
		fmt.Fprintf(a.Stderr, "engine open: %.1f ms\n", took.Seconds()*1000)
	}
	return eng, err
}

// beforeEngine is how much the memory may grow between collections, in per cent,
// until an engine opens: a command that finds nothing changed ends before one pays.
const beforeEngine = 800

// lazyEngine is an engine that opens at its first use. It is a pipeline.Builder.
type lazyEngine struct {
	open func() (builder, error)
	mu   sync.Mutex
	eng  builder
	err  error
}

// get opens the engine, once; a failure is everybody's.
func (l *lazyEngine) get() (builder, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.eng == nil && l.err == nil {
		debug.SetGCPercent(100)
		l.eng, l.err = l.open()
	}
	return l.eng, l.err
}

// opened returns the engine if it was used, else nil.
func (l *lazyEngine) opened() builder {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.eng
}

// Build implements engine.Builder.
func (l *lazyEngine) Build(ctx context.Context, req engine.Request, sink event.Sink) (engine.Result, error) {
	eng, err := l.get()
	if err != nil {
		return engine.Result{}, &pipeline.CommonError{Err: err}
	}
	return eng.Build(ctx, req, sink)
}

// Close closes the engine if it was opened.
func (l *lazyEngine) Close() error {
	if eng := l.opened(); eng != nil {
		return eng.Close()
	}
	return nil
}

// cacheLimit reads SLIPWAY_CACHE_SIZE: bytes, or a number with MB, GB or TB.
func cacheLimit(s string) (int64, error) {
	if s == "" {
		return 0, nil
	}
	number, factor := strings.TrimSpace(strings.ToUpper(s)), int64(1)
	for unit, f := range map[string]int64{"MB": 1e6, "GB": 1e9, "TB": 1e12} {
		if rest, ok := strings.CutSuffix(number, unit); ok {
			number, factor = strings.TrimSpace(rest), f
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n <= 0 {
		return 0, diag.Fail(diag.ExitUsage, "SLIPWAY_CACHE_SIZE is %q, which is not a size", s).
			WithHint("write a number with MB, GB or TB, such as SLIPWAY_CACHE_SIZE=20GB")
	}
	return n * factor, nil
}
