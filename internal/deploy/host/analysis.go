package host

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/slipway-build/slipway/internal/deploy"
	"github.com/slipway-build/slipway/internal/deploy/proxy"
)

// How far back requests count, and the part of that time which has to look the same: a
// program that was just started is slow at first, and that passes.
const (
	window = 5 * time.Minute
	lately = 6 * time.Second
)

// compare looks at the requests of both sides.
func (t Target) compare(ctx context.Context, spec deploy.Spec, seen deploy.Observed) (deploy.Verdict, string) {
	var sides [3]proxy.Stats
	for i, of := range []struct {
		key string
		ago time.Duration
	}{{spec.Release, window}, {spec.Release, lately}, {spec.Replaces, window}} {
		if of.key == "" {
			continue
		}
		q := t.question()
		q.Side, q.Since = of.key, seen.Now.Add(-of.ago)
		if err := t.Client.ask(ctx, "stats", q, &sides[i]); err != nil {
			return deploy.NoData, err.Error()
		}
	}
	return t.Part.Limits.compare(sides[0], sides[1], sides[2])
}

// compare judges the requests of the new side, all and the last ones, against those of the
// old side.
func (l Limits) compare(fresh, last, old proxy.Stats) (deploy.Verdict, string) {
	if fresh.Requests < max(l.Samples, 1) {
		return deploy.NoData, fmt.Sprintf("%d of %d requests", fresh.Requests, l.Samples)
	}
	rate, before := percent(fresh), percent(old)
	if p := min((before+l.ErrorRate)/100, 0.99); rate > before+l.ErrorRate && atLeast(fresh.Errors, fresh.Requests, p) < 0.01 {
		return deploy.Bad, fmt.Sprintf("%.1f %% of %d requests failed, of the running version %.1f %%: at most %.1f more may", rate, fresh.Requests, before, l.ErrorRate)
	}
	if l.P95 == 0 || old.Requests < fewest {
		return deploy.Good, ""
	}
	limit := max(time.Duration(float64(old.P95)*l.P95), old.P95+slack)
	if fresh.P95 > limit && slower(fresh, limit) && slower(last, limit) {
		return deploy.Bad, fmt.Sprintf("95 %% of the requests took up to %s, of the running version %s: at most %.1f times that", fresh.P95.Round(time.Millisecond), old.P95.Round(time.Millisecond), l.P95)
	}
	return deploy.Good, ""
}

// A 95th percentile of fewer requests says nothing, and so does a difference below slack.
const (
	fewest = 20
	slack  = 20 * time.Millisecond
)

// slower reports that more than 5 % of the requests of a side take longer than the limit,
// and that this is no accident: were it 5 %, as many would be seen once in a thousand times.
func slower(s proxy.Stats, limit time.Duration) bool {
	return atLeast(s.Slower(limit), s.Requests, 0.05) < 0.001
}

// atLeast is the probability that k or more of n happen when each does with p: the tail of
// the binomial distribution.
func atLeast(k, n int, p float64) float64 {
	lgN, _ := math.Lgamma(float64(n + 1))
	sum := 0.0
	for i := k; i <= n; i++ {
		a, _ := math.Lgamma(float64(i + 1))
		b, _ := math.Lgamma(float64(n - i + 1))
		sum += math.Exp(lgN - a - b + float64(i)*math.Log(p) + float64(n-i)*math.Log1p(-p))
	}
	return min(sum, 1)
}

func percent(s proxy.Stats) float64 {
	if s.Requests == 0 {
		return 0
	}
	return 100 * float64(s.Errors) / float64(s.Requests)
}
