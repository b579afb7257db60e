package state

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/slipway-build/slipway/internal/assets"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/engine/embedded"
	"github.com/slipway-build/slipway/internal/engine/remote"
	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/host"
	"github.com/slipway-build/slipway/internal/pipeline"
	"github.com/slipway-build/slipway/internal/resident"
	"github.com/slipway-build/slipway/internal/rootless"
)

// Engine is an engine that a command opened.
type Engine interface {
	engine.Builder
	Collect(ctx context.Context) error
	Close() error
}

// Builders are BuildKits elsewhere; none means the embedded engine.
type Builders struct {
	Addresses []string
	Certs     string // directory

	Steps StepRights // on this machine
}

// StepRights are what the embedded engine's steps may do beside what all may.
type StepRights struct {
	HostNetwork bool   // have the machine's network; and Dockerfiles add what the machine serves
	Trusted     bool   // have the machine's credentials of package registries, to install packages
	MaxUnpacked string // what an image, or the archives of an ADD, unpack to; see UnpackLimit
}

// OutboundCommand is the hidden command that becomes a program in a network of steps.
const OutboundCommand = "_outbound"

// Open opens the builders when some are named, else the embedded engine.
func (d Dir) Open(ctx context.Context, b Builders, sink event.Sink) (Engine, error) {
	if len(b.Addresses) == 0 {
		return d.Kept.open(ctx, d, b.Steps, sink)
	}
	span := d.Trace.Start("", "connecting to the builders")
	eng, err := remote.Open(ctx, remote.Options{
		Addresses: b.Addresses, Certs: b.Certs,
		StateDir: filepath.Join(d.Path, "remote"), ImageDir: d.ImageDir(), StepEnv: host.StepEnv(d.Getenv),
	}, sink)
	span.End(err)
	if err != nil {
		return nil, err
	}
	return eng, nil
}

// Abandoned reports whether a killed build may still run steps on the embedded
// engine.
func (d Dir) Abandoned() bool { return embedded.Abandoned(d.engineDir()) }

// Runc returns the path of a runc, which it unpacks when that is needed. Whatever runs
// has an overlay of directories below the state directory, and the options of such a
// mount separate paths with commas and colons.
func (d Dir) Runc() (string, error) {
	if at := strings.IndexAny(d.Path, ",:\\"); at >= 0 {
		return "", diag.Fail(diag.ExitUsage, "the state directory %s has %q in its path, which overlay mounts cannot have", d.Path, d.Path[at]).
			WithHint("set SLIPWAY_STATE_DIR to a directory without commas, colons and backslashes in its path")
	}
	return assets.InstallRunc(d.binDir())
}

// Tools returns the path of slipway-tools, which it unpacks when that is needed.
func (d Dir) Tools() (string, error) { return assets.InstallTools(d.binDir()) }

// openEngine opens the embedded engine; it waits while another process has it.
func (d Dir) openEngine(ctx context.Context, owner string, may StepRights, sink event.Sink) (*embedded.Engine, error) {
	o, err := d.engineOptions(ctx, owner, may, sink)
	if err != nil {
		return nil, err
	}
	span := d.Trace.Start("", "opening the engine")
	eng, err := embedded.Open(ctx, o, sink)
	took := span.End(err)
	if err == nil && d.Stderr != nil && d.Getenv("SLIPWAY_TRACE") != "" { // read by bench/
		fmt.Fprintf(d.Stderr, "engine open: %.1f ms\n", took.Seconds()*1000)
	}
	return eng, err
}

// engineOptions prepares what an engine of this machine needs.
func (d Dir) engineOptions(ctx context.Context, owner string, may StepRights, sink event.Sink) (o embedded.Options, err error) {
	runc, err := d.Runc()
	if err != nil {
		return o, err
	}
	limits, err := d.engineLimits(may)
	if err != nil {
		return o, err
	}
	settings := filepath.Join(d.Path, "host")
	if err := os.MkdirAll(settings, 0o700); err != nil {
		return o, fmt.Errorf("preparing the settings of build steps: %w", err)
	}
	steps, err := host.For(d.Getenv, settings)
	if err != nil {
		return o, err
	}
	store, err := d.Images(sink)
	if err != nil {
		return o, err
	}
	if _, _, err := store.Heal(ctx, false); err != nil {
		return o, err
	}
	self, err := os.Executable()
	if err != nil {
		return o, fmt.Errorf("finding slipway itself: %w", err)
	}
	waiting := func() { resident.GiveWay(d.Path) }
	if d.Kept != nil {
		waiting = nil // this process is the one
	}
	return embedded.Options{
		StateDir:     d.engineDir(),
		ImageDir:     d.ImageDir(),
		Runc:         runc,
		CAFile:       steps.CAFile,
		StepEnv:      steps.Env,
		StepFiles:    steps.Files,
		Reachable:    steps.Places,
		HostNetwork:  may.HostNetwork,
		Outbound:     []string{self, OutboundCommand},
		Logins:       steps.Logins,
		Trusted:      may.Trusted,
		Withheld:     withheld(may.Trusted, sink),
		Hidden:       steps.Hidden,
		MaxCacheSize: limits.cache,
		MaxUnpacked:  limits.unpacked,
		StepPIDs:     limits.pids,
		Owner:        owner,
		Layer:        keepContents(store),
		PID:          rootless.PID(),
		Rootless:     rootless.Inside(),
		Waiting:      waiting,
	}, nil
}

// engineLimits are of an engine: bytes of its cache and of what is unpacked, and
// processes of a step.
type engineLimits struct{ cache, unpacked, pids int64 }

func (d Dir) engineLimits(may StepRights) (l engineLimits, err error) {
	if l.cache, err = cacheLimit(d.Getenv("SLIPWAY_CACHE_SIZE")); err != nil {
		return l, err
	}
	if l.pids, err = stepPIDs(d.Getenv("SLIPWAY_STEP_PIDS")); err != nil {
		return l, err
	}
	l.unpacked, err = d.UnpackLimit(may.MaxUnpacked)
	return l, err
}

// withheld says that a step runs without the credentials that this machine has.
func withheld(trusted bool, sink event.Sink) func(tool string) {
	return func(tool string) {
		text := "steps of this repository run without this machine's credentials of " + tool + "; SLIPWAY_TRUST=<its directory> hands them to the steps that install packages"
		if trusted {
			text = "a step that does not run as root runs without this machine's credentials of " + tool
		}
		sink.Emit(event.Note{Text: text})
	}
}

// LazyEngine is an engine that opens at its first use. It is an engine.Builder,
// safe for concurrent use.
type LazyEngine struct {
	Open func() (Engine, error)

	mu  sync.Mutex
	eng Engine
	err error
}

// Get opens the engine, once; a failure is everybody's.
func (l *LazyEngine) Get() (Engine, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.eng == nil && l.err == nil {
		l.eng, l.err = l.Open()
	}
	return l.eng, l.err
}

// Opened returns the engine if it was used, else nil.
func (l *LazyEngine) Opened() Engine {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.eng
}

// Build implements engine.Builder.
func (l *LazyEngine) Build(ctx context.Context, req engine.Request, sink event.Sink) (engine.Result, error) {
	eng, err := l.Get()
	if err != nil {
		return engine.Result{}, &pipeline.CommonError{Err: err}
	}
	return eng.Build(ctx, req, sink)
}

// Close closes the engine if it was opened.
func (l *LazyEngine) Close() error {
	if eng := l.Opened(); eng != nil {
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
		return 0, diag.Fail(diag.ExitUsage, "invalid SLIPWAY_CACHE_SIZE %q", s).
			WithHint("use a number with MB, GB or TB, such as SLIPWAY_CACHE_SIZE=20GB")
	}
	return n * factor, nil
}

// stepPIDs reads SLIPWAY_STEP_PIDS: processes and threads of a build step.
func stepPIDs(s string) (int64, error) {
	if s == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 16 {
		return 0, diag.Fail(diag.ExitUsage, "invalid SLIPWAY_STEP_PIDS %q", s).
			WithHint("use the number of processes that a build step may have, such as SLIPWAY_STEP_PIDS=65536")
	}
	return n, nil
}
