package config

import (
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/advisory"
	"github.com/slipway-build/slipway/internal/gate"
)

// TestGatesOverDefaults: what is written wins, the service's over its type's over the
// file's, and off is no limit.
func TestGatesOverDefaults(t *testing.T) {
	data, err := os.ReadFile("testdata/good-gates.yaml")
	if err != nil {
		t.Fatal(err)
	}
	f, findings := Parse("slipway.yaml", data)
	if f == nil {
		t.Fatal(findings)
	}
	web, _ := f.Named("web")
	want := gate.Defaults(gate.About{Planned: true, Type: "http"})
	want.Coverage, want.SizeBytes, want.WastedBytes = new(92.5), new(int64(200e6)), new(int64(10e6))
	want.Vulnerabilities, want.Unfixed = map[advisory.Severity]int{advisory.Critical: 0}, true
	want.Growth, want.Efficiency = nil, new(0.95)
	want.Health, want.User, want.BaseAge, want.OldBase = gate.Warn, gate.Off, 14*24*time.Hour, gate.Fail
	want.Structure = []string{"tests/structure.yaml"}
	if diff := cmp.Diff(want, web.Gates.Over(gate.Defaults(gate.About{Planned: true, Type: "http"}))); diff != "" {
		t.Errorf("web (-want +got):\n%s", diff)
	}
	if len(web.Waivers) != 1 || !web.Waivers[0].Gate {
		t.Errorf("waivers %+v", web.Waivers)
	}
	job, _ := f.Named("job")
	want = gate.Defaults(gate.About{Type: "job"})
	want.Coverage, want.Vulnerabilities[advisory.High], want.Unfixed, want.Growth = new(80.0), 2, true, nil
	want.FailedTests, want.SkippedTests, want.Tests = new(1), new(0), nil
	want.DeniedLicences, want.WastedBytes, want.WastedPercent = []string{"AGPL-*", "GPL-3.0-only"}, nil, nil
	want.StartUp = 5 * time.Second
	if diff := cmp.Diff(want, job.Gates.Over(gate.Defaults(gate.About{Type: "job"}))); diff != "" {
		t.Errorf("job (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(gate.Defaults(gate.About{}), Gates{}.Over(gate.Defaults(gate.About{}))); diff != "" {
		t.Errorf("nothing written (-want +got):\n%s", diff)
	}
}
