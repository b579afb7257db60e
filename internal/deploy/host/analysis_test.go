package host

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/slipway-build/slipway/internal/deploy"
	"github.com/slipway-build/slipway/internal/deploy/proxy"
)

// requests are those of a side: how many failed, and how long they took.
func requests(errors int, took ...time.Duration) proxy.Stats {
	return proxy.StatsOf(errors, took...)
}

// many are n requests that took as long.
func many(n int, took time.Duration) []time.Duration {
	out := make([]time.Duration, n)
	for i := range out {
		out[i] = took
	}
	return out
}

func TestCanariesAreCompared(t *testing.T) {
	const quick, slow = 20 * time.Millisecond, 300 * time.Millisecond
	limits := Limits{ErrorRate: 1, P95: 1.5, Samples: 20}
	old := requests(0, many(200, quick)...)
	for name, c := range map[string]struct {
		fresh, last proxy.Stats
		want        deploy.Verdict
		why         string
	}{
		"too few":                  {requests(0, many(19, quick)...), requests(0, many(19, quick)...), deploy.NoData, "19 of 20 requests"},
		"the same":                 {requests(0, many(20, quick)...), requests(0, many(20, quick)...), deploy.Good, ""},
		"half of it fails":         {requests(10, many(20, quick)...), requests(10, many(20, quick)...), deploy.Bad, "50.0 % of 20 requests failed"},
		"one of 20 failed":         {requests(1, many(20, quick)...), requests(1, many(20, quick)...), deploy.Good, ""},
		"5 % of many fail":         {requests(20, many(400, quick)...), requests(5, many(100, quick)...), deploy.Bad, "5.0 % of 400 requests failed"},
		"slow":                     {requests(0, many(20, slow)...), requests(0, many(20, slow)...), deploy.Bad, "took up to"},
		"a fifth is slow":          {requests(0, append(many(80, quick), many(20, slow)...)...), requests(0, append(many(80, quick), many(20, slow)...)...), deploy.Bad, "took up to"},
		"two of 20 are slow":       {requests(0, append(many(18, quick), many(2, slow)...)...), requests(0, append(many(18, quick), many(2, slow)...)...), deploy.Good, ""},
		"slow while it starts":     {requests(0, append(many(15, slow), many(40, quick)...)...), requests(0, many(40, quick)...), deploy.Good, ""},
		"slow, and nothing lately": {requests(0, many(20, slow)...), proxy.Stats{}, deploy.Good, ""},
		"a little slower":          {requests(0, many(50, 35*time.Millisecond)...), requests(0, many(50, 35*time.Millisecond)...), deploy.Good, ""},
	} {
		verdict, why := limits.compare(c.fresh, c.last, old)
		if verdict != c.want || !strings.Contains(why, c.why) {
			t.Errorf("%s: %v, %q", name, verdict, why)
		}
	}
	if verdict, _ := limits.compare(requests(0, many(50, slow)...), requests(0, many(50, slow)...), requests(0, many(19, quick)...)); verdict != deploy.Good {
		t.Errorf("against too few of the old side: %v", verdict)
	}
}

// TestGoodCanariesAreRarelyBad: both sides are the same, with a long tail, and are looked
// at a hundred times each.
func TestGoodCanariesAreRarelyBad(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	sample := func() time.Duration {
		return time.Duration(10e6 * math.Exp(random.NormFloat64())) // its 95th percentile is 52 ms
	}
	const runs = 300
	bad := 0
	for range runs {
		var all [2][]time.Duration
		for range 200 {
			all[0] = append(all[0], sample())
		}
		for look := range 100 {
			all[1] = append(all[1], sample(), sample())
			fresh, last := requests(0, all[1]...), requests(0, all[1][max(0, 2*look-10):]...)
			if verdict, _ := (Limits{P95: 1.5, Samples: 20}).compare(fresh, last, requests(0, all[0]...)); verdict == deploy.Bad {
				bad++
				break
			}
		}
	}
	if bad > runs/100 {
		t.Errorf("%d of %d good canaries are bad", bad, runs)
	}
}

// TestAWorkloadOfAnotherRelease is the same one, if all else is.
func TestAWorkloadOfAnotherRelease(t *testing.T) {
	v1 := Workload{Release: "v1", Image: "web@sha256:a", Env: map[string]string{"A": "1"}}
	v2 := v1
	v2.Release = "v2-with-dashes"
	if v2.Key() == v1.Key() || v2.As(v1.Key()).Key() != v1.Key() || v1.As(v2.Key()).Key() != v2.Key() {
		t.Errorf("%s and %s", v1.Key(), v2.Key())
	}
	other := v2
	other.Env = map[string]string{"A": "2"}
	if other.As(v1.Key()).Key() != other.Key() || other.As("").Key() != other.Key() {
		t.Errorf("%s becomes %s", other.Key(), other.As(v1.Key()).Key())
	}
}
