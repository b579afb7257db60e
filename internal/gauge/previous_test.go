package gauge_test

import (
	"testing"
	"time"

	"github.com/slipway-build/slipway/internal/gate"
)

// TestStartedIsOfTheSameImage: and of one that passed.
func TestStartedIsOfTheSameImage(t *testing.T) {
	g, target := yard(t)
	keep := func(digest string, running *gate.Running, failed bool) {
		t.Helper()
		o := gate.Outcome{}
		if failed {
			o.Verdicts = []gate.Verdict{{Gate: "size", Result: gate.Failed}}
		}
		if err := g.Keep(target, gate.Subject{Today: now, Image: &gate.Image{Digest: digest}, Running: running}, o); err != nil {
			t.Fatal(err)
		}
	}
	keep("sha256:a", &gate.Running{StartUp: 3 * time.Second}, false)
	keep("sha256:b", nil, false)
	keep("sha256:c", &gate.Running{StartUp: time.Second}, true)
	for digest, want := range map[string]time.Duration{"sha256:a": 3 * time.Second, "sha256:b": 0, "sha256:c": 0, "sha256:d": 0} {
		if got, err := g.Started(target, digest); err != nil || got != want {
			t.Errorf("%s: %s, %v, want %s", digest, got, err, want)
		}
	}
	if got, err := g.Started(target, "sha256:a"); err != nil || got != 3*time.Second {
		t.Errorf("%s, %v", got, err)
	}
}
