package host_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/internal/deploy"
)

// TestCoresAreLimited, and a machine that cannot do so says it once.
func TestCoresAreLimited(t *testing.T) {
	for _, none := range []bool{false, true} {
		y := newYard(t)
		y.noCPU = none
		b := y.host(t.TempDir())
		on := b.target(y, "", "v1")
		on.Part.New.CPU = 0.5
		on.Part.Spec.Release = on.Part.New.Key()
		do(t, on, deploy.Action{Kind: deploy.Scale, Side: deploy.New, Count: 2})
		until(t, on, "healthy", func(o deploy.Observed) bool { return o.New.Healthy == 2 })
		y.mu.Lock()
		said := strings.Count(strings.Join(y.said, "\n"), "cannot limit cores; the limit cpu: of test.web")
		if want := map[bool]int{true: 1}[none]; said != want || !slices.Equal(y.cpus, []float64{0.5, 0.5}) {
			t.Errorf("limits %v; it said %q", y.cpus, y.said)
		}
		y.mu.Unlock()
	}
}
