// Package testreport has what test runners, linters and coverage tools report, in one
// model, whatever format their files have. It reads bytes and runs nothing.
//
//	var r testreport.Report
//	err := testreport.Read(&r, "unit-tests", "reports/unit-tests/junit.xml", content)
package testreport

import (
	"time"

	"github.com/slipway-build/slipway/internal/diag"
)

// Report is what the files of one or more quality stages say. The zero value is an
// empty report.
type Report struct {
	Cases    []Case       `json:"cases,omitempty"`    // in the order of the files
	Coverage []File       `json:"coverage,omitempty"` // sorted by path, each path once
	Findings []Finding    `json:"findings,omitempty"` // of linters and scanners
	Problems []Unreadable `json:"problems,omitempty"` // files that could not be read, or only in part
	Empty    []string     `json:"empty,omitempty"`    // stages with a report of tests that has no case
}

// Status is the outcome of a test case.
type Status string

// The outcomes. A flaky case failed at least once and passed at last.
const (
	Passed  Status = "passed"
	Failed  Status = "failed"
	Errored Status = "errored" // it ended by something else than an assertion
	Skipped Status = "skipped"
	Flaky   Status = "flaky"
)

// Case is one test case.
type Case struct {
	Stage    string        `json:"stage"` // "unit-tests"
	Suite    string        `json:"suite,omitempty"`
	Name     string        `json:"name"`
	File     string        `json:"file,omitempty"` // of the source, relative to the build context where known
	Line     int           `json:"line,omitempty"`
	Duration time.Duration `json:"duration_ns"`
	Status   Status        `json:"status"`
	Runs     int           `json:"runs"`              // how often it ran; 0 when skipped
	Message  string        `json:"message,omitempty"` // of the failure, or why it was skipped
	Output   string        `json:"output,omitempty"`  // last lines of what it printed
}

// File is the coverage of a source file.
type File struct {
	Path  string      `json:"path"`
	Lines map[int]int `json:"lines"` // number of a line that can run → how often it ran
	// Branches and BranchesTaken count the outcomes of conditions, where the tool tells.
	Branches      int `json:"branches,omitempty"`
	BranchesTaken int `json:"branches_taken,omitempty"`
	// Blocks are what Go counts instead of lines: a percentage is of statements then, as
	// `go test -cover` prints it. Sorted by place.
	Blocks []Block `json:"blocks,omitempty"`
}

// Block is a run of statements in a file.
type Block struct {
	From       Position `json:"from"`
	To         Position `json:"to"`
	Statements int      `json:"statements"`
	Runs       int      `json:"runs"`
}

// Position is a line and a column, both from 1.
type Position struct {
	Line   int `json:"line"`
	Column int `json:"column"`
}

// Severity is how bad a finding of a linter or scanner is.
type Severity string

// The severities, as SARIF has them.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
	Note    Severity = "note"
)

// Finding is what a linter or scanner says of a place.
type Finding struct {
	Stage    string   `json:"stage"`
	Tool     string   `json:"tool"`
	Rule     string   `json:"rule,omitempty"`
	Severity Severity `json:"severity"`
	File     string   `json:"file,omitempty"`
	Line     int      `json:"line,omitempty"`
	Column   int      `json:"column,omitempty"`
	Text     string   `json:"text"`
}

// Unreadable is a report file that is broken, and where.
type Unreadable struct {
	Stage string `json:"stage"`
	File  string `json:"file"`
	Line  int    `json:"line,omitempty"`
	Text  string `json:"text"`
}

// Finding is the problem as every command prints one. It is an error: a report that
// cannot be read proves nothing.
func (u Unreadable) Finding() diag.Finding {
	return diag.Finding{
		Code: codeBroken, Place: diag.Place{File: u.File, Line: u.Line}, Text: u.Text,
		Hint: "see the output of stage " + u.Stage + ", and whether its program ended by itself",
	}
}

const codeBroken = "SLP550" // broken report
