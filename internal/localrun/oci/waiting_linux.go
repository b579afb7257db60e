package oci

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/localrun"
)

// WaitReady returns when every service is ready. When a service has ended, or has
// become unhealthy after it was healthy, or when the limit is over, the error
// explains every service that is not ready.
//
// A limit means what it says: a service that was never healthy has until then,
// whatever its start period. With a limit of zero its health check decides: the
// wait ends as soon as a service is unhealthy, and jobs have a minute.
func (run *Running) WaitReady(ctx context.Context, limit time.Duration) error {
	return run.waitReady(ctx, run.containers, "services", limit)
}

// waitReady waits for some of the containers, which are what the word says.
func (run *Running) waitReady(ctx context.Context, those []*container, what string, limit time.Duration) error {
	patient := limit > 0
	if !patient {
		limit = patience(those)
	}
	over := time.NewTimer(limit)
	defer over.Stop()
	for {
		run.mu.Lock()
		news := run.news
		requested := run.requested
		run.mu.Unlock()
		ready, failed := 0, 0
		for _, c := range those {
			if s := c.snapshot(); s.Ready() {
				ready++
			} else if s.Failed() && !(patient && s.MayStart()) {
				failed++
			}
		}
		var settled <-chan time.Time
		if ready == len(those) {
			pause := unsettled(those, time.Now())
			if pause == 0 {
				return nil
			}
			settled = time.After(pause)
		}
		if failed > 0 {
			return explain(those, fmt.Sprintf("%d of %d %s failed", failed, len(those), what), true)
		}
		if requested {
			return diag.Fail(diag.ExitRun, "%s was stopped by another slipway before it was ready", run.group.Name)
		}
		select {
		case <-news:
		case <-settled:
		case <-ctx.Done():
			return ctx.Err()
		case <-over.C:
			if settled != nil {
				return nil
			}
			return explain(those, fmt.Sprintf("%d of %d %s are not ready after %s", len(those)-ready, len(those), what, limit), false)
		}
	}
}

// unsettled is how long the services have to run before their checks are
// believed.
func unsettled(those []*container, now time.Time) time.Duration {
	var longest time.Duration
	for _, c := range those {
		if c.spec.Protocol != "" { // an answer, not an open port
			continue
		}
		check := c.check
		if own, _, ok := localrun.OwnProbe(check.Command); ok { // the check of a planned image
			check = own
		}
		longest = max(longest, localrun.Unsettled(c.snapshot(), check, now))
	}
	return longest
}

// patience is how long the slowest service has to become healthy, at least a
// minute.
func patience(those []*container) time.Duration {
	longest := time.Minute
	for _, c := range those {
		if c.check.Asks() {
			longest = max(longest, localrun.Patience(c.check.WithDefaults())+localrun.Settle)
		}
	}
	return longest
}

// explain makes an error with the evidence on each of them that is not ready.
func explain(those []*container, text string, onlyFailed bool) error {
	var b strings.Builder
	hint := ""
	for _, c := range those {
		s := c.snapshot()
		if s.Ready() || onlyFailed && !s.Failed() {
			continue
		}
		e := c.evidence()
		if hint == "" {
			hint = localrun.Hint(e)
		}
		b.WriteString("\n\n" + localrun.Explain(e))
	}
	return diag.Fail(diag.ExitRun, "%s%s", text, b.String()).WithHint("%s", hint)
}

// Explain returns the evidence on a service, in words.
func (run *Running) Explain(service string) string {
	for _, c := range run.containers {
		if c.spec.Name == service {
			return localrun.Explain(c.evidence())
		}
	}
	return ""
}

// onlyBeside reports a group of companions without a service.
func (run *Running) onlyBeside() bool {
	return !slices.ContainsFunc(run.containers, func(c *container) bool { return !c.spec.Beside })
}

// Wait returns when every service has ended, whatever its companions do, when another slipway asked the
// group to stop, or with the context's error.
func (run *Running) Wait(ctx context.Context) error {
	for {
		run.mu.Lock()
		news, requested := run.news, run.requested
		run.mu.Unlock()
		alive, beside := 0, 0
		for _, c := range run.containers {
			switch {
			case c.snapshot().State == localrun.Exited:
			case c.spec.Beside:
				beside++
			default:
				alive++
			}
		}
		if alive == 0 && (beside == 0 || !run.onlyBeside()) || requested {
			return nil
		}
		select {
		case <-news:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
