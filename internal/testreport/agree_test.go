package testreport_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/testreport"
)

func load(t *testing.T, name string) testreport.Report {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return read(t, name, string(content))
}

// TestFormatsAgree: what a tool writes about one run in several formats means the
// same.
func TestFormatsAgree(t *testing.T) {
	for _, files := range [][]string{
		{"node-test/node.tap", "node-test/node-junit.xml"},
		{"mocha/mocha.json", "mocha/mocha.tap", "mocha/mocha-xunit.xml"},
		{"vitest/vitest.xml", "vitest/vitest.tap"},
		{"pytest/junit.xml", "pytest/junit-xunit1.xml", "pytest-xdist/junit-xdist.xml"},
		{"gotestsum/flaky.jsonl", "gotestsum/gotestsum-flaky.xml"},
		{"eslint/eslint.json", "eslint/eslint.sarif", "eslint/eslint-checkstyle.xml"},
		{"mypy/mypy.json", "mypy/mypy.txt", "mypy/mypy-junit.xml"},
		{"ruff/ruff.sarif", "ruff/ruff-junit.xml"},
		{"deno/deno.xml", "deno/deno.tap"},
		{"biome/biome.sarif", "biome/biome-checkstyle.xml"},
	} {
		first := load(t, files[0]).Totals()
		for _, f := range files[1:] {
			other := load(t, f).Totals()
			// Whether a hook fails or ends by an error is a question of the format.
			a, b := first, other
			a.Failed, a.Errored = a.Failed+a.Errored, 0
			b.Failed, b.Errored = b.Failed+b.Errored, 0
			if diff := cmp.Diff(a, b); diff != "" {
				t.Errorf("-%s +%s:\n%s", files[0], f, diff)
			}
		}
	}
}

// TestCoverageAgrees: lines that can run and those that ran are the same in every
// format of one run, after the paths are.
func TestCoverageAgrees(t *testing.T) {
	for _, files := range [][]string{
		{"coverage.py/coverage.json", "coverage.py/coverage.xml", "coverage.py/coverage.lcov"},
		{"jest/lcov.info", "jest/cobertura-coverage.xml"},
		{"c8/lcov.info", "c8/cobertura-coverage.xml"},
		{"vitest/lcov.info", "vitest/cobertura-coverage.xml"},
	} {
		roots := testreport.Roots{Prefixes: map[string]string{"/app": "."}}
		first := load(t, files[0]).Relocate(roots).Covered()
		if first.Lines == 0 || first.Covered == 0 {
			t.Errorf("%s covers nothing", files[0])
		}
		for _, f := range files[1:] {
			other := load(t, f).Relocate(roots).Covered()
			if files[0] == "jest/lcov.info" { // Istanbul's Cobertura lacks branches on lines without a statement
				first.Branches, first.BranchesTaken, other.Branches, other.BranchesTaken = 0, 0, 0, 0
			}
			if diff := cmp.Diff(first, other); diff != "" {
				t.Errorf("-%s +%s:\n%s", files[0], f, diff)
			}
		}
	}
}
