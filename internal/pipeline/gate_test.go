package pipeline

import (
	"testing"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/diag"
)

// TestWaiversOfGatesAreNoneOfBuilds: a build neither misses the finding of a gate's
// waiver, nor fails when it ends, nor is another build because of it.
func TestWaiversOfGatesAreNoneOfBuilds(t *testing.T) {
	ended := config.Waiver{Gate: true, Finding: "SLP618", Reason: "r", Until: day(t, "2020-01-01")}
	w := Waivers{File: "slipway.yaml", List: []config.Waiver{ended, {Finding: "SLP365", Reason: "s"}}}
	found := diag.Findings{{Code: "SLP365", Severity: diag.Warning, Text: "web: needs libx"}}
	if got := w.images().apply(found, "web"); len(got) != 1 || got[0].Severity != diag.Info {
		t.Errorf("findings of a build: %v", got)
	}
	if got := w.images().ended(day(t, "2026-01-01"), "web"); len(got) != 0 {
		t.Errorf("ended for a build: %v", got)
	}
	if got := w.gates().ended(day(t, "2026-01-01"), "web"); len(got) != 1 || got[0].Code != codeEnded {
		t.Errorf("ended for gates: %v", got)
	}
	if got := w.Recipe(); got != "SLP365" {
		t.Errorf("what an image is recognised by: %q", got)
	}
}
