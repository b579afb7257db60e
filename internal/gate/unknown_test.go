package gate_test

import (
	"testing"

	"github.com/slipway-build/slipway/internal/gate"
	"github.com/slipway-build/slipway/internal/testreport"
)

// TestAStageThatDidNotRun is not known, whatever the others found.
func TestAStageThatDidNotRun(t *testing.T) {
	stages := []gate.Stage{{Name: "unit-tests", Result: "passed"}, {Name: "integration-tests", Result: "not run", Why: "no companions"}, {Name: "e2e-tests", Result: "left out"}}
	s := gate.Subject{Service: "web", Tests: tests(testreport.Case{Name: "pays", Status: testreport.Passed}), Stages: stages}
	l := gate.Limits{Quality: gate.Quality{FailedTests: new(0), Tests: new(1)}}
	v := gate.Check(l, s)[0]
	if v.Result != gate.Warned || v.Actual != "1 ran" || len(v.Findings) != 1 || v.Findings[0].Code != "SLP625" || v.Findings[0].Text != "web: the stage integration-tests did not run: no companions" {
		t.Errorf("%+v", v)
	}
	l.Strict = true
	if v := gate.Check(l, s)[0]; v.Result != gate.Failed {
		t.Errorf("under strict: %+v", v)
	}
	l.Strict = false
	s.Tests, s.Stages = tests(), stages[1:]
	if v := gate.Check(l, s)[0]; v.Result != gate.NotKnown || v.Actual != "the stage integration-tests did not run: no companions" {
		t.Errorf("nothing ran: %+v", v)
	}
	s.Stages = []gate.Stage{{Name: "lint", Result: "not run", Why: "no network"}}
	if v := gate.Check(gate.Limits{Quality: gate.Quality{LintErrors: new(0)}}, s)[0]; v.Result != gate.NotKnown || v.Actual != "the stage lint did not run: no network" {
		t.Errorf("no linter: %+v", v)
	}
}

// TestChangedFilesThatNoReportHas: a new file that no test imports is in no report.
func TestChangedFilesThatNoReportHas(t *testing.T) {
	l := gate.Limits{Quality: gate.Quality{ChangedCoverage: new(80.0)}}
	s := gate.Subject{Service: "web", Tests: covered(1, 1), Changed: map[string][]int{"src/new.ts": {1, 2}}}
	if v := gate.Check(l, s)[0]; v.Result != gate.NotKnown || v.Actual != "no report of coverage has src/new.ts, which changed" {
		t.Errorf("%+v", v)
	}
	s.Changed["src/pay.ts"] = []int{1}
	if v := gate.Check(l, s)[0]; v.Result != gate.Warned || v.Actual != "100 % of 1 line" || v.Findings[0].Place.File != "src/new.ts" {
		t.Errorf("beside another: %+v", v)
	}
	l.Strict = true
	if v := gate.Check(l, s)[0]; v.Result != gate.Failed {
		t.Errorf("under strict: %+v", v)
	}
	s.Dir = "src"
	s.Changed = map[string][]int{"other/new.ts": {1}, "src/new.test.ts": {1}, "src/vite.config.ts": {1}, "src/types.d.ts": {1}, "src/tests/a.ts": {1}, "src/readme.md": {1}, "src/gone.ts": {}}
	if v := gate.Check(l, s)[0]; v.Result != gate.Passed || v.Actual != "no line that can run changed" {
		t.Errorf("what coverage is not about: %+v", v)
	}
}
