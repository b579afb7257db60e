package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/slipway-build/slipway/internal/deploy"
)

// settle is how long the load runs before and after what is measured.
const settle = 2 * time.Second

// switchGoal is the longest time in which a switch may leave clients without answers.
const switchGoal = 50 // ms

// measureDeploys replaces a good release by each strategy under load, and deploys one that
// runs already.
func measureDeploys(ctx context.Context, b *bench) ([]Figure, error) {
	y, err := b.openYard(ctx)
	if err != nil {
		return nil, err
	}
	defer y.close(ctx)
	now := setting{strategy: "rolling", replicas: 2, web: served{version: "w0"}, rpc: served{version: "r0"}}
	if _, err := y.deploy(ctx, now); err != nil {
		return nil, err
	}
	figures, err := y.unchanged(ctx, now)
	if err != nil {
		return figures, err
	}
	for i, strategy := range []string{"rolling", "{blue-green: {keep: 3s}}", "{canary: {steps: [10, 50], every: 5s, keep: 3s}}"} {
		next := now
		next.strategy, next.web.version, next.rpc.version = strategy, fmt.Sprintf("w%d", i+1), fmt.Sprintf("r%d", i+1)
		more, err := y.underLoad(ctx, now, next)
		figures = append(figures, more...)
		if err != nil {
			return figures, err
		}
		now = next
	}
	return figures, nil
}

// unchanged deploys what runs.
func (y *yard) unchanged(ctx context.Context, s setting) ([]Figure, error) {
	before, err := y.containers(ctx)
	if err != nil {
		return nil, err
	}
	samples, err := alternate(ctx, y.b.runs, func(ctx context.Context, _ int) (float64, error) { return y.deploy(ctx, s) })
	if err != nil {
		return nil, err
	}
	after, err := y.containers(ctx)
	if err == nil && after != before {
		err = fmt.Errorf("it changed something: there were %s, now %s", before, after)
	}
	return []Figure{medianAtMost("deploy of an unchanged release", 1, samples[0], "s", secondsOf(samples[0])+"; the containers are the same")}, err
}

// underLoad replaces one good release by another.
func (y *yard) underLoad(ctx context.Context, before, after setting) ([]Figure, error) {
	l, err := y.b.startLoad(ctx, y.web, y.rpc)
	if err != nil {
		return nil, err
	}
	wait(ctx, settle)
	from := time.Now()
	seconds, err := y.deploy(ctx, after)
	to := time.Now().Add(settle / 2)
	wait(ctx, settle)
	seen, problem := l.stop()
	if err = errors.Join(err, problem); err != nil {
		return nil, err
	}
	drained := map[string]time.Time{}
	var shifted time.Time
	for service, version := range map[string]string{"web": before.web.version, "rpc": before.rpc.version} {
		entries, err := y.journal(ctx, service)
		if err != nil {
			return nil, err
		}
		if at := firstOf(entries, drains); !at.IsZero() {
			drained[version] = at
		}
		if service == "web" {
			shifted = firstOf(entries, func(e deploy.Entry) bool { return e.Action.Kind == deploy.Shift })
		}
	}
	figures := []Figure{seen.lost(after.strategy, from, to, seconds, drained)}
	if strategyName(after.strategy) == deploy.BlueGreen {
		around := time.Second
		gap := max(longestGap(seen.http, shifted.Add(-around), shifted.Add(around)), longestGap(seen.grpc, shifted.Add(-around), shifted.Add(around)))
		whole := max(longestGap(seen.http, from, to), longestGap(seen.grpc, from, to))
		quiet := max(longestGap(seen.http, from.Add(-settle/2), from), longestGap(seen.grpc, from.Add(-settle/2), from))
		figures = append(figures, atMost("blue-green switch, longest time without an answer", switchGoal, milliseconds(gap), "ms",
			fmt.Sprintf("HTTP and gRPC, from a second before to a second after; in the whole deploy %.1f ms, in the second before it %.1f ms", milliseconds(whole), milliseconds(quiet))))
	}
	return figures, nil
}

// lost is the requests that failed, and the streams that broke, while a deploy ran.
func (t traffic) lost(strategy string, from, to time.Time, seconds float64, drained map[string]time.Time) Figure {
	http, rpc := between(t.http, from, to), between(t.grpc, from, to)
	failedHTTP, whyHTTP := failures(http)
	failedRPC, whyRPC := failures(rpc)
	cut, whyCut := broken(t.streams, drained)
	note := fmt.Sprintf("%d HTTP and %d gRPC requests in %.1f s, %d open streams, %d of them ended by the drain after %s",
		len(http), len(rpc), seconds, loadStreams, len(t.streams)-cut, drainTime+time.Second)
	for _, why := range []string{whyHTTP, whyRPC, whyCut} {
		if why != "" {
			note += "; " + why
		}
	}
	return atMost("failed requests and broken streams, good release, "+strategyName(strategy), 0, float64(failedHTTP+failedRPC+cut), "", note)
}

// strategyName is that of a strategy as slipway.yaml writes it.
func strategyName(yaml string) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(yaml, "{"), ":")
	return name
}

func milliseconds(d time.Duration) float64 { return d.Seconds() * 1000 }

// wait lets time pass.
func wait(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
