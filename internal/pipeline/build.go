// Package pipeline holds the ordered steps of each command, over small
// interfaces: it knows what comes after what and what may run side by side. It
// knows neither BuildKit nor registries nor containers, and prints nothing.
//
//	results, err := pipeline.Build{Builder: engine, Bases: bases, Images: store, Sink: sink}.Run(ctx, jobs)
package pipeline

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/slipway-build/slipway/internal/companion"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/dockerfile"
	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/plan"
)

// Bases brings base images into the image store.
type Bases interface {
	// Ensure returns the digest of each named base, for the platforms.
	Ensure(ctx context.Context, refs, platforms []string) (map[string]string, error)
}

// Images names what was built.
type Images interface {
	Tag(ctx context.Context, name string, built engine.Result) error
}

// Pusher sends a stored image to the registry that its name tells.
type Pusher interface {
	Push(ctx context.Context, name string) error
}

// Prover checks an image that was just made. It is safe for concurrent use.
type Prover interface {
	// Prove returns what is wrong with an image, or why it cannot be looked at.
	Prove(ctx context.Context, job Job, built engine.Result) (diag.Findings, error)
}

// Job is one service to build, and the name of its image.
type Job struct {
	Request engine.Request
	Service plan.Service     // what was planned; with only a Dockerfile where nothing was
	Wanted  []string         // paths that slipway.yaml wants in the image
	Waivers Waivers          // of findings about the image
	File    *dockerfile.File // the request's Dockerfile, parsed; nil: whoever needs it parses it
	Bases   []plan.Base
	Stored  map[string]string           // other images that its Dockerfile names and the image store has: name → digest
	Needs   map[string][]companion.Need // servers beside its quality stages, by stage
	Image   string                      // empty: the result is not an image of the store
	Names   []string                    // further names of the image
	Stage   string                      // the quality stage that runs: its result is reports, not an image
}

// Built is how one job ended.
type Built struct {
	Service   string
	Image     string
	Result    engine.Result
	Unchanged bool     // the image is that of an equal earlier build
	Reasons   []string // why it was built
	Ran       []Step   // with a History
	Duration  time.Duration
	// PeakMemory is how many bytes its steps held at once, at most; 0 when no step
	// ran, or the engine does not measure it.
	PeakMemory int64
	Findings   diag.Findings // about the image, when it was made
	Attempts   []Attempt     // of a quality stage, those that failed first
	Err        error
}

// Build is the build of a fleet.
type Build struct {
	Builder   engine.Builder
	Bases     Bases
	Images    Images
	Pusher    Pusher   // nil: nothing is pushed
	History   History  // nil: everything is built
	Prover    Prover   // nil: images are not checked
	Attester  Attester // nil: nothing is said about images
	Sink      event.Sink
	Platform  string // of the machine that builds, "linux/amd64"
	Elsewhere bool   // machines of the platforms built for may build too
	Parallel  int    // services at once, at least 1
	KeepGoing bool   // one failed service does not stop the others
	Rerun     int    // how often a quality stage that failed runs again, at most
	Reports   Reports
	// RAM returns the bytes that services which build at once may take; nil and 0:
	// any. It is asked once, when there are several to build.
	RAM func() int64
	Now func() time.Time
}

// Run builds every job and returns how each ended, in the order of the jobs.
// The error joins those of the jobs; a failed build has diag.ExitBuild.
func (b Build) Run(ctx context.Context, jobs []Job) ([]Built, error) {
	b.waits(jobs, true)
	digests, err := b.ensureBases(ctx, jobs)
	b.waits(jobs, false)
	if err != nil {
		return nil, err
	}
	jobs = slices.Clone(jobs)
	for i := range jobs {
		jobs[i].useBases(digests)
	}
	known := b.recall(ctx, jobs)
	runCtx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	built := make([]Built, len(jobs))
	do := func(i int) {
		built[i] = b.one(runCtx, jobs[i], known[jobs[i].Request.Name])
		if built[i].Err != nil && !b.KeepGoing {
			cancel(errStopped)
		}
	}
	var toBuild []guest
	unchanged := make(chan int, len(jobs))
	var wg sync.WaitGroup
	for i, job := range jobs {
		was := known[job.Request.Name]
		if !was.known() {
			toBuild = append(toBuild, guest{index: i, service: job.Request.Name, stage: job.Stage, took: was.Took, peak: was.PeakMemory})
		} else {
			unchanged <- i
		}
	}
	close(unchanged)
	for range min(len(unchanged), max(deliveries, b.Parallel)) { // nothing is computed for them
		wg.Go(func() {
			for i := range unchanged {
				do(i)
			}
		})
	}
	ram := int64(0)
	if b.RAM != nil && len(toBuild) > 1 {
		ram = b.RAM()
	}
	builds := newDoor(b.Parallel, ram, toBuild, b.Sink)
	for g, ok := builds.next(); ok; g, ok = builds.next() {
		wg.Go(func() {
			defer builds.leave(g)
			do(g.index)
		})
	}
	wg.Wait()
	if ctx.Err() != nil {
		b.Sink.Emit(event.Interrupted{})
	}
	return built, outcome(ctx, built)
}

// deliveries is how many images are named and pushed at once, at least.
const deliveries = 8

// errStopped ends the other builds after one failed.
var errStopped = errors.New("stopped because another service failed")

// one builds, names and pushes one service.
func (b Build) one(ctx context.Context, job Job, was Recalled) Built {
	out := Built{Service: job.Request.Name, Image: job.Image}
	if ctx.Err() != nil {
		out.Err = context.Cause(ctx)
		return out
	}
	start := b.Now()
	out.Result, out.Reasons, out.Unchanged = was.Result, was.Reasons, was.known()
	job.Request.ContextKey = was.Print.Odd
	b.Sink.Emit(event.ServiceStarted{Service: out.Service, At: start, Unchanged: out.Unchanged, Reasons: out.Reasons})
	out.Err = b.endedWaivers(job)
	if out.Err == nil && !out.Unchanged {
		sink := &stepsOf{Sink: b.Sink, service: out.Service, began: map[string]time.Time{}}
		b.run(ctx, job, &out, sink)
		out.Ran, out.PeakMemory = sink.ran, sink.peak()
		if was.Lost && len(out.Ran) > 0 {
			out.Reasons = append(out.Reasons, "the cache of its steps was collected")
		}
	}
	if out.Err == nil && !out.Unchanged {
		out.Findings, out.Err = b.prove(ctx, job, out.Result)
	}
	if out.Err == nil {
		out.Err = b.attest(ctx, Made{Job: job, Built: out, Fingerprint: was.Print.Key, Started: start})
	}
	if out.Err == nil {
		out.Err = b.deliver(ctx, job, out.Result)
	}
	end := b.Now()
	out.Duration = end.Sub(start)
	if b.remembers(job) {
		b.History.Keep(ctx, job, was, out)
	}
	b.Sink.Emit(event.ServiceFinished{Service: out.Service, At: end, Err: out.Err, Unchanged: out.Unchanged})
	return out
}

// useBases hands the digests of a job's bases and stored images to its request. A
// context that a person names may be one of them: "docker-image://slipway/…".
func (j *Job) useBases(digests map[string]string) {
	j.Request.Bases = maps.Clone(j.Stored)
	if j.Request.Bases == nil {
		j.Request.Bases = map[string]string{}
	}
	for _, base := range j.Bases {
		if base.Assembled {
			j.Request.Bases[base.Ref] = digests[base.Ref]
		}
	}
	named := maps.Clone(j.Request.Named)
	for name, at := range named {
		if ref, ok := strings.CutPrefix(at, "docker-image://"); ok && j.Request.Bases[ref] != "" {
			j.Request.Bases[name] = j.Request.Bases[ref]
			delete(named, name)
		}
	}
	j.Request.Named = named
}

// deliver names the result of a job and pushes it, under each of its names.
func (b Build) deliver(ctx context.Context, job Job, res engine.Result) error {
	if job.Image == "" {
		return nil
	}
	names := append([]string{job.Image}, job.Names...)
	for _, name := range names {
		if err := b.Images.Tag(ctx, name, res); err != nil {
			return fmt.Errorf("naming the image %s: %w", name, err)
		}
	}
	if b.Pusher == nil {
		return nil
	}
	for _, name := range names {
		if err := b.Pusher.Push(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

// ensureBases brings in the assembled bases of all jobs: toolchains for the
// platform that builds, bases that are on the target for those that are built
// for, and toolchains that are on both, or that build elsewhere, for all of them.
func (b Build) ensureBases(ctx context.Context, jobs []Job) (map[string]string, error) {
	need := map[string][]string{} // platforms of each base
	for _, job := range jobs {
		for _, base := range job.Bases {
			if !base.Assembled {
				continue
			}
			if base.Role == plan.RoleToolchain {
				need[base.Ref] = append(need[base.Ref], b.Platform)
			}
			if base.Role != plan.RoleToolchain || base.OnTarget || b.Elsewhere {
				need[base.Ref] = append(need[base.Ref], job.Request.Platforms...)
			}
		}
	}
	together := map[string][]string{} // bases by the platforms that they are needed for
	for _, ref := range slices.Sorted(maps.Keys(need)) {
		key := strings.Join(distinct(need[ref]), ",")
		together[key] = append(together[key], ref)
	}
	digests := map[string]string{}
	for _, platforms := range slices.Sorted(maps.Keys(together)) {
		found, err := b.Bases.Ensure(ctx, together[platforms], strings.Split(platforms, ","))
		if err != nil {
			return nil, err
		}
		maps.Copy(digests, found)
	}
	return digests, nil
}

// waits says of each service that it waits for its bases, or that it does no longer.
func (b Build) waits(jobs []Job, begins bool) {
	for _, job := range jobs {
		e := event.ServiceWaits{Service: job.Request.Name}
		if i := slices.IndexFunc(job.Bases, func(base plan.Base) bool { return base.Assembled }); begins && i >= 0 {
			e.For = "the base " + job.Bases[i].Ref
		}
		b.Sink.Emit(e)
	}
}

func distinct(words []string) []string {
	slices.Sort(words)
	return slices.Compact(words)
}

// CommonError is one that no service has for itself, such as that of an engine
// which does not open.
type CommonError struct{ Err error }

func (e *CommonError) Error() string { return e.Err.Error() }

func (e *CommonError) Unwrap() error { return e.Err }

// outcome joins the errors of the jobs. Those that stopped only because another
// failed are left out.
func outcome(ctx context.Context, built []Built) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var failed []error
	var names []string
	for _, b := range built {
		if b.Err != nil && !errors.Is(b.Err, errStopped) && !errors.Is(b.Err, context.Canceled) {
			if common := (*CommonError)(nil); errors.As(b.Err, &common) {
				return common.Err
			}
			failed = append(failed, fmt.Errorf("%s: %w", b.Service, b.Err))
			names = append(names, b.Service)
		}
	}
	switch len(failed) {
	case 0:
		return nil
	case 1:
		if errors.As(failed[0], new(*diag.Failure)) {
			return failed[0] // it knows better than "a build failed"
		}
		f := diag.Fail(diag.ExitBuild, "building %s failed", names[0]).Because(errors.Unwrap(failed[0]))
		if step := (*engine.StepError)(nil); errors.As(failed[0], &step) && len(step.Log) > 0 {
			return f.WithHint("%s", advice(step.Log))
		}
		return f
	}
	f := diag.Fail(diag.ExitBuild, "%d of %d services failed", len(failed), len(built)).Because(&eachOnALine{failed})
	if hint := diag.HintOf(errors.Join(failed...)); hint != "" {
		return f.WithHint("%s", hint)
	}
	return f.WithHint("after the fix: slipway build %s", strings.Join(names, " "))
}

// eachOnALine joins errors as an indented list.
type eachOnALine struct{ errs []error }

func (e *eachOnALine) Error() string {
	var b strings.Builder
	for _, err := range e.errs {
		b.WriteString("\n  " + strings.ReplaceAll(err.Error(), "\n", "\n    "))
	}
	return b.String()
}

func (e *eachOnALine) Unwrap() []error { return e.errs }
