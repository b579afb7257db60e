package report_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/report"
	"github.com/slipway-build/slipway/internal/testreport"
)

// testsOfAll has every kind of result.
func testsOfAll() report.Tests {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	file := testreport.File{Path: "web/sum.js", Lines: map[int]int{1: 1, 2: 0, 3: 0, 4: 1}}
	units := testreport.Report{
		Cases: []testreport.Case{
			{Stage: "unit-tests", Suite: "sum", Name: "adds", Status: testreport.Passed, Runs: 1, Duration: 2 * time.Second},
			{Stage: "unit-tests", Suite: "sum", Name: "is\x1b[31m right", File: "web/test/sum.js", Line: 7, Status: testreport.Failed, Runs: 1, Message: "3 is not 4\n\n  at sum.js:7\n"},
			{Stage: "unit-tests", Name: "later", Status: testreport.Skipped},
		},
		Coverage: []testreport.File{file},
		Problems: []testreport.Unreadable{{Stage: "unit-tests", File: "lcov.info", Line: 3, Text: "the file ends here"}},
	}
	changed := testreport.Report{Coverage: units.Coverage}.CoveredChange(map[string][]int{"web/sum.js": {1, 2, 3}})
	return report.Tests{
		Wall: 4 * time.Second, Now: now,
		Stages: []report.TestStage{
			{Service: "web", Stage: "lint", Result: report.StageUnchanged, Duration: time.Second, Passed: now.Add(-3 * time.Minute), Attempts: 1,
				Tests: testreport.Report{Findings: []testreport.Finding{{Severity: testreport.Warning, Text: "long"}}}},
			{Service: "web", Stage: "unit-tests", Result: report.StageFailed, Why: "web/sum.js changed", Duration: 3 * time.Second, Attempts: 1, Tests: units, Changed: &changed, LeftOut: []string{"huge: it is larger than 64 MB"}, Reports: ".slipway/reports/web/unit-tests"},
			{Service: "web", Stage: "integration-tests", Result: report.StageFlaky, Duration: 2 * time.Second, Attempts: 2,
				Tests: testreport.Report{Cases: []testreport.Case{{Name: "waits", Status: testreport.Flaky, Runs: 2, Duration: time.Second / 2}}}, Reports: ".slipway/reports/web/integration-tests"},
			{Service: "web", Stage: "e2e-tests", Result: report.StageNotRun, Why: "installing packages failed", Output: []string{"npm error"}, Attempts: 1},
			{Service: "web", Stage: "production", Result: report.StageBuilt, Duration: 5 * time.Second, Image: "shop/web:latest"},
		},
	}
}

// golden compares with a file of testdata, which UPDATE_TESTS=1 writes.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := "testdata/" + name
	if os.Getenv("UPDATE_TESTS") == "1" {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWriteTests(t *testing.T) {
	var text, data strings.Builder
	if err := report.WriteTests(&text, testsOfAll()); err != nil {
		t.Fatal(err)
	}
	golden(t, "tests.txt", text.String())
	if err := report.WriteTestsJSON(&data, testsOfAll()); err != nil {
		t.Fatal(err)
	}
	golden(t, "tests.json", data.String())
}
