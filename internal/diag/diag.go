// Package diag holds what Slipway says about problems: findings in the user's
// repository, and failures of a command.
//
// A Finding is data: a stable code, a severity, a place, a text, a hint. A
// Failure is an error that knows its exit code and the next command to try. The
// package decides nothing and prints nothing but plain text.
//
//	return diag.Fail(diag.ExitUsage, "there is no service %q", name).
//		WithHint("did you mean %q?", near)
package diag

import (
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"
)

// ExitCode is the status that the process ends with.
type ExitCode int

// The exit codes of every command (DESIGN, section 4).
const (
	ExitOK            ExitCode = 0
	ExitUnexpected    ExitCode = 1
	ExitUsage         ExitCode = 2
	ExitBuild         ExitCode = 3
	ExitGate          ExitCode = 4
	ExitRun           ExitCode = 5
	ExitRolledBack    ExitCode = 6
	ExitDeployStopped ExitCode = 7
	ExitInterrupted   ExitCode = 130
)

// Severity orders findings; the zero value is an error.
type Severity int

// The severities, most severe first.
const (
	Error Severity = iota
	Warning
	Info
)

// String returns the lower-case word that is printed.
func (s Severity) String() string {
	return [...]string{"error", "warning", "info"}[s]
}

// Place is a position in a file. Line and Column count from 1; 0 means unknown.
type Place struct {
	File   string `json:"file,omitempty"`
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
}

// String returns "file:line:col" without the unknown parts.
func (p Place) String() string {
	s := p.File
	if p.Line > 0 {
		s += fmt.Sprintf(":%d", p.Line)
		if p.Column > 0 {
			s += fmt.Sprintf(":%d", p.Column)
		}
	}
	return s
}

// Finding is one problem in the user's repository.
type Finding struct {
	Code     string   `json:"code"` // "SLP" and three digits, one meaning for ever
	Severity Severity `json:"-"`
	Place    Place    `json:"place"`
	ID       string   `json:"id,omitempty"` // what it is about where a place is not enough: "GHSA-35jh-r3h4-6jhm"
	Text     string   `json:"text"`
	Excerpt  string   `json:"excerpt,omitempty"` // the lines around the place, with a marker
	Hint     string   `json:"hint,omitempty"`    // what to write or run instead
	Choice   *Choice  `json:"choice,omitempty"`  // nil: nothing is to be chosen
}

// Choice is a key of a service in slipway.yaml of which a person picks the value.
type Choice struct {
	Service string   `json:"service"`
	Lines   []string `json:"lines"` // "path: apps/api"; each is to be pasted below the service
}

// String renders the finding over as many lines as it has parts, safe for a
// terminal.
func (f Finding) String() string {
	var b strings.Builder
	if at := f.Place.String(); at != "" {
		b.WriteString(Printable(at) + ": ")
	}
	fmt.Fprintf(&b, "%s: %s [%s]", f.Severity, Printable(f.Text), f.Code)
	if f.Excerpt != "" {
		b.WriteString("\n" + PrintableLines(strings.TrimRight(f.Excerpt, "\n")))
	}
	if f.Hint != "" {
		b.WriteString("\n  hint: " + Printable(f.Hint))
	}
	if f.Choice != nil {
		for _, line := range f.Choice.Lines {
			b.WriteString("\n    " + Printable(line))
		}
	}
	return b.String()
}

// Findings is a list of problems; as an error it prints all of them.
type Findings []Finding

// Error renders every finding, in the order of their places; those of several
// services that say the same are one.
func (fs Findings) Error() string {
	lines := make([]string, 0, len(fs))
	for _, f := range fs.Sorted().Joined() {
		lines = append(lines, f.String())
	}
	return strings.Join(lines, "\n")
}

// Sorted returns a copy ordered by file, line, column and code.
func (fs Findings) Sorted() Findings {
	out := append(Findings(nil), fs...)
	sort.SliceStable(out, func(i, j int) bool {
		a, b := out[i], out[j]
		if a.Place.File != b.Place.File {
			return a.Place.File < b.Place.File
		}
		if a.Place.Line != b.Place.Line {
			return a.Place.Line < b.Place.Line
		}
		if a.Place.Column != b.Place.Column {
			return a.Place.Column < b.Place.Column
		}
		return a.Code < b.Code
	})
	return out
}

// Of returns the findings of one severity.
func (fs Findings) Of(severity Severity) Findings {
	return slices.DeleteFunc(slices.Clone(fs), func(f Finding) bool { return f.Severity != severity })
}

// Errors returns the findings as an error when one of them is an error, else nil.
func (fs Findings) Errors() error {
	for _, f := range fs {
		if f.Severity == Error {
			return fs
		}
	}
	return nil
}

// Failure is an error of a command: what happened, how the process ends, and
// what to do next. The zero Exit counts as ExitUnexpected.
type Failure struct {
	Exit ExitCode
	Text string
	Hint string
	Err  error // the cause, may be nil
}

// Elsewhere is what another machine said went wrong: a full disk is one of that machine.
type Elsewhere struct{ Err error }

func (e Elsewhere) Error() string { return e.Err.Error() }

// Unwrap returns the error itself.
func (e Elsewhere) Unwrap() error { return e.Err }

// Fail makes a Failure without a cause.
func Fail(exit ExitCode, format string, args ...any) *Failure {
	return &Failure{Exit: exit, Text: fmt.Sprintf(format, args...)}
}

// WithHint returns a copy with the next step to try.
func (f *Failure) WithHint(format string, args ...any) *Failure {
	c := *f
	c.Hint = fmt.Sprintf(format, args...)
	return &c
}

// Because returns a copy with a cause, which Error prints after the text.
func (f *Failure) Because(err error) *Failure {
	c := *f
	c.Err = err
	return &c
}

func (f *Failure) Error() string {
	if f.Err == nil {
		return f.Text
	}
	if f.Text == "" {
		return f.Err.Error()
	}
	cause := f.Err.Error()
	if strings.HasPrefix(cause, "\n") { // a list
		return f.Text + ":" + cause
	}
	return f.Text + ": " + cause
}

func (f *Failure) Unwrap() error { return f.Err }

// ExitOf returns the exit code that an error asks for: 0 for nil, that of the
// outermost Failure, 2 for Findings, else 1.
func ExitOf(err error) ExitCode {
	if err == nil {
		return ExitOK
	}
	if f := (*Failure)(nil); errors.As(err, &f) {
		if f.Exit == 0 {
			return ExitUnexpected
		}
		return f.Exit
	}
	if fs := (Findings)(nil); errors.As(err, &fs) {
		return ExitUsage
	}
	return ExitUnexpected
}

// HintOf returns the hint of the outermost Failure that has one; of joined
// errors the first that has one counts.
func HintOf(err error) string {
	for err != nil {
		if f, ok := err.(*Failure); ok && f.Hint != "" {
			return f.Hint
		}
		if joined, ok := err.(interface{ Unwrap() []error }); ok {
			for _, e := range joined.Unwrap() {
				if hint := HintOf(e); hint != "" {
					return hint
				}
			}
			return ""
		}
		err = errors.Unwrap(err)
	}
	return ""
}

// Nearest returns the candidate that is most like the word, or "" when none is
// near enough to be a typing error (more than a third of its letters differ).
func Nearest(word string, candidates []string) string {
	best, bestDistance := "", len(word)/3+1
	for _, c := range candidates {
		if d := distance(strings.ToLower(word), strings.ToLower(c)); d <= bestDistance && (best == "" || d < bestDistance) {
			best, bestDistance = c, d
		}
	}
	return best
}

// distance counts the bytes to insert, delete, replace or swap with their
// neighbour that make b of a (optimal string alignment).
func distance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			d := min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d = min(d, rows[i-2][j-2]+1)
			}
			rows[i][j] = d
		}
	}
	return rows[len(a)][len(b)]
}
