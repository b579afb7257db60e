//go:build linux

package embedded

import (
	"context"
	"testing"

	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/event"
)

// peaks returns what the steps of a recorder took, by their text.
func (r *recorder) peaks() map[string]int64 {
	out := map[string]int64{}
	for _, e := range r.events {
		if f, ok := e.(event.StepFinished); ok {
			out[f.Step] = f.PeakMemory
		}
	}
	return out
}

func TestTheMemoryOfAStepIsMeasuredAndItsFilesAreNot(t *testing.T) {
	e := openReal(t, Options{})
	const (
		holds  = "RUN dd if=/dev/zero bs=100M count=1 | { sleep 1; cat > /dev/null; }" // its buffer, until somebody reads
		copies = "RUN dd if=/dev/zero of=/big bs=1M count=200 && sleep 0.5"
	)
	req := engine.Request{Name: "web", Context: busyboxContext(t), Dockerfile: []byte(busyboxBase + holds + "\n" + copies + "\n"), Output: engine.Output{Kind: engine.OutputNone}}
	rec := &recorder{}
	if _, err := e.Build(context.Background(), req, rec); err != nil {
		t.Fatal(err)
	}
	got := rec.peaks()
	if n := got[holds]; n < 80e6 || n > 300e6 {
		t.Errorf("the step that holds 100 MB took %d", n)
	}
	if n := got[copies]; n == 0 || n > 50e6 {
		t.Errorf("the step that writes 200 MB took %d", n)
	}
	again := &recorder{}
	if _, err := e.Build(context.Background(), req, again); err != nil {
		t.Fatal(err)
	}
	for step, n := range again.peaks() {
		if n != 0 {
			t.Errorf("%s did not run and took %d", step, n)
		}
	}
}
