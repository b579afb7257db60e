package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/slipway-build/slipway/internal/deploy"
)

// Goals for a bad release. A canary's first step is planned to last canaryStep, the default
// of slipway.yaml; what met the bad release is judged against the requests of that time.
const (
	noticeGoal = 15 // s
	backGoal   = 10 // s
	metGoal    = 1  // %
	canaryStep = 5 * time.Minute
)

// fault is a bad release.
type fault struct {
	name     string
	service  string // that is bad
	mode     string // of test/cluster/app
	strategy string
}

func faults() []fault {
	const canary = "{canary: {steps: [10, 50], every: 5m}}"
	return []fault{
		{"does not start", "web", "crash", canary},
		{"answers 500", "web", "fail", canary},
		{"answers gRPC errors", "rpc", "fail", canary},
		{"is slow", "web", "slow", canary},
		{"leaks memory", "web", "leak", canary},
		{"crashes after promotion", "web", "later", "{blue-green: {keep: 1m}}"},
	}
}

// measureBadReleases deploys releases of which one service is bad, under load.
func measureBadReleases(ctx context.Context, b *bench) ([]Figure, error) {
	y, err := b.openYard(ctx)
	if err != nil {
		return nil, err
	}
	defer y.close(ctx)
	good := setting{strategy: "rolling", replicas: 2, web: served{version: "good"}, rpc: served{version: "good"}}
	if _, err := y.deploy(ctx, good); err != nil {
		return nil, err
	}
	var figures []Figure
	for i, f := range faults() {
		more, err := y.meet(ctx, good, f, fmt.Sprintf("bad%d", i))
		if err != nil {
			more = []Figure{{Name: "a release that " + f.name, Note: err.Error(), Verdict: Failed}}
		}
		figures = append(figures, more...)
		if ctx.Err() != nil {
			return figures, context.Cause(ctx)
		}
	}
	return figures, nil
}

// meet deploys one bad release.
func (y *yard) meet(ctx context.Context, good setting, f fault, version string) ([]Figure, error) {
	bad := good
	bad.strategy = f.strategy
	if f.service == "web" {
		bad.web = served{version, f.mode}
	} else {
		bad.rpc = served{version, f.mode}
	}
	l, err := y.b.startLoad(ctx, y.web, y.rpc)
	if err != nil {
		return nil, err
	}
	wait(ctx, settle)
	ends := y.watchEnds(ctx, f.service, version)
	e := episode{fault: f, version: version, from: time.Now()}
	err = y.goesBack(ctx, bad)
	e.to = time.Now()
	e.ended = ends()
	wait(ctx, settle)
	seen, problem := l.stop()
	if err = errors.Join(err, problem); err != nil {
		return nil, err
	}
	entries, err := y.journal(ctx, f.service)
	if err != nil {
		return nil, err
	}
	for _, entry := range slices.Backward(entries) {
		if entry.Action.Kind == deploy.Revert {
			e.noticed, e.why = entry.At, entry.Action.Reason
		}
	}
	e.seen = seen.http
	if f.service == "rpc" {
		e.seen = seen.grpc
	}
	e.streams, _ = broken(seen.streams, nil)
	return e.figures(), nil
}

// watchEnds looks at the containers of a version until the returned function is called,
// which says when one of them had ended for the first time.
func (y *yard) watchEnds(ctx context.Context, service, version string) func() time.Time {
	ctx, cancel := context.WithCancel(ctx)
	var first time.Time
	var done sync.WaitGroup
	done.Go(func() {
		for ; ctx.Err() == nil && first.IsZero(); wait(ctx, 50*time.Millisecond) {
			view, err := y.client.View(ctx, "here")
			if err != nil {
				continue
			}
			for _, side := range view.Services[service].Sides {
				for _, c := range side.Containers {
					if side.Workload.Env["VERSION"] == version && c.Restarts > 0 {
						first = time.Now()
					}
				}
			}
		}
	})
	return func() time.Time {
		cancel()
		done.Wait()
		return first
	}
}

// episode is what clients and the journal saw of a bad release.
type episode struct {
	fault    fault
	version  string
	from, to time.Time // of the deploy
	ended    time.Time // when one of its containers first ended; zero: none did
	noticed  time.Time // when the journal says that it goes back
	why      string
	seen     []answer // to requests of the bad service
	streams  int      // that broke
}

// slow is from when on an answer is bad because it is late. The service needs far less.
const slow = 250 * time.Millisecond

// met reports a request that the bad release got, or that nobody answered.
func (e episode) met(a answer) bool { return a.Version == e.version || a.Failed != "" }

// shows is the first moment at which a client or the host could notice: the begin of the
// deploy for a release that does not start, else its first bad answer or ended container.
func (e episode) shows() time.Time {
	if e.fault.mode == "crash" {
		return e.from
	}
	first := e.ended
	for _, a := range e.seen {
		if e.met(a) && (a.Failed != "" || a.Took > slow) && (first.IsZero() || a.ended().Before(first)) {
			first = a.ended()
		}
	}
	return first
}

// back is when the last request that met it was over.
func (e episode) back() (last time.Time) {
	for _, a := range e.seen {
		if e.met(a) && a.ended().After(last) {
			last = a.ended()
		}
	}
	return last
}

func (e episode) figures() []Figure {
	what := "a release that " + e.fault.name + ", " + strategyName(e.fault.strategy)
	met := 0
	sent := between(e.seen, e.from, e.to)
	for _, a := range sent {
		if e.met(a) {
			met++
		}
	}
	failed, why := failures(sent)
	note := e.why
	if len(note) > 120 {
		note = strings.TrimSpace(note[:120]) + "…"
	}
	out := []Figure{
		atMost(what+": noticed", noticeGoal, e.noticed.Sub(e.shows()).Seconds(), "s", note),
		atMost(what+": then back on the old version", backGoal, max(0, e.back().Sub(e.noticed).Seconds()), "s",
			fmt.Sprintf("%d of %d requests failed (%s), %d streams broke; the deploy took %.1f s", failed, len(sent), why, e.streams, e.to.Sub(e.from).Seconds())),
	}
	if strategyName(e.fault.strategy) != deploy.Canary {
		return out
	}
	planned := float64(loadRate) * canaryStep.Seconds()
	return append(out, atMost(what+": requests that met it", metGoal, 100*float64(met)/planned, "%",
		fmt.Sprintf("%d of the %.0f that the step of %s would have had; %.1f %% of those while the deploy ran", met, planned, canaryStep, 100*float64(met)/float64(max(1, len(sent))))))
}
