package testreport

import (
	"bytes"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/slipway-build/slipway/internal/pattern"
	"github.com/slipway-build/slipway/internal/plaintext"
	"github.com/slipway-build/slipway/internal/terminal"
)

// The limits of one file. A report beyond them is of no use to a reader; what lies
// below them is read, and the rest is a problem of the file.
const (
	MaxBytes    = 64 << 20 // of the file
	maxCases    = 200_000  // test cases, and findings
	maxLines    = 2_000_000
	maxLine     = 10_000_000 // number of a line of a source
	maxDepth    = 100        // of elements that hold elements
	maxText     = 8 << 10    // bytes of a message or an output
	maxName     = 1 << 10
	maxKept     = 8 << 20 // bytes of messages and outputs of a file
	maxDuration = 30 * 24 * time.Hour
)

// ErrUnknown says that a file is no report in a format that is read, such as a
// screenshot or a page in HTML.
var ErrUnknown = errors.New("no known format of test reports, coverage or findings")

// Read adds what a file says to a report. It recognises the format by the content,
// and by the name where the content says too little. Only a file of no known format
// is an error, which wraps ErrUnknown. A file that is broken, too large or cut off
// adds what could be read of it, and an entry in Problems.
func Read(r *Report, stage, file string, content []byte) error {
	in := &intake{report: r, stage: stage, file: file, content: content}
	if len(content) > MaxBytes {
		in.problem(0, fmt.Sprintf("the file has %d MB; reports are read up to %d MB", len(content)>>20, MaxBytes>>20))
		return nil
	}
	in.content = decoded(content)
	in.quiet()
	for _, f := range formats() {
		if f.is(in) {
			in.use(f)
			return nil
		}
	}
	if !Named(file) {
		return fmt.Errorf("reading %s: %w", file, ErrUnknown)
	}
	if len(bytes.TrimSpace(in.content)) == 0 {
		in.problem(0, "the file is empty: the program that writes it did not come to its end")
	} else {
		in.problem(1, "the content is no report in a known format")
	}
	return nil
}

// format is one kind of file.
type format struct {
	name string
	is   func(*intake) bool
	read func(*intake) error
}

// holdsTests reports a format of test cases.
func (f format) holdsTests() bool {
	switch f.name {
	case "JUnit XML", "go test -json", "Mocha's JSON", "Jest's JSON", "TAP", "output of cargo test", "output of unittest":
		return true
	}
	return false
}

// The lines that betray a format.
var (
	goTestLine   = lineOf(`^\{"(Time|Action|ImportPath|Package)":"`)
	cargoLine    = lineOf(`^\{"reason":"`)
	mypyLine     = lineOf(`^\{"file": ?"[^"]*", "line": ?-?\d`)
	profileLine  = lineOf(`^mode: (set|count|atomic)$`)
	lcovLine     = lineOf(`^(SF|TN):`)
	libtestLine  = lineOf(`^running \d+ tests?$`)
	unittestLine = lineOf(`^(\S+ \([\w.<>]+\) \.\.\. .*|Ran \d+ tests? in [\d.]+s)$`)
)

func formats() []format {
	return []format{
		{"JUnit XML", rooted("testsuites", "testsuite", "testcase"), readJUnit},
		{"Cobertura", isCobertura, readCobertura},
		{"JaCoCo", rooted("report"), readJaCoCo},
		{"Checkstyle", rooted("checkstyle"), readCheckstyle},
		{"SpotBugs", rooted("BugCollection"), readSpotBugs},
		{"go test -json", goTestLine, readGoTest},
		{"cargo's messages", cargoLine, readCargo},
		{"mypy's JSON", mypyLine, readMypy},
		{"deno lint's JSON", isDenoLint, readDenoLint},
		{"SARIF", keyed("runs", "$schema"), readSARIF},
		{"Mocha's JSON", keyed("stats"), readMocha},
		{"Jest's JSON", keyed("testResults", "numTotalTests", "numFailedTestSuites"), readJest},
		{"coverage.py's JSON", isCoveragePy, readCoveragePy},
		{"ESLint's JSON", isESLint, readESLint},
		{"Go cover profile", profileLine, readProfile},
		{"LCOV", lcovLine, readLCOV},
		{"TAP", isTAP, readTAP},
		{"output of cargo test", libtestLine, readLibtest},
		{"output of unittest", unittestLine, readUnittest},
		{"output of deno check", isDenoCheck, readDenoCheck},
		{"lint output", isLintText, readLintText},
	}
}

// Named reports whether the name of a file promises a report.
func Named(file string) bool {
	base := strings.ToLower(path.Base(file))
	switch path.Ext(base) {
	case ".sarif", ".tap", ".lcov":
		return true
	}
	return promises().MatchString(base)
}

var promises = pattern.Lazy(`^(test-.*\.xml|.*junit.*\.xml|jacoco.*\.xml|cobertura.*\.xml|checkstyle.*\.xml|spotbugs.*\.xml|coverage\.(xml|json|out)|lcov\.info|cover\.out|go-?test.*\.json(l)?)$`)

// intake is the reading of one file.
type intake struct {
	report  *Report
	stage   string
	file    string
	content []byte
	cases   int
	found   int
	lines   int
	bytes   int // of messages and outputs
	covered map[string]*File
}

// errLimit ends the reading of a file that has too much of something.
var errLimit = errors.New("limit")

// use reads the file and keeps what came before a mistake.
func (in *intake) use(f format) {
	err := f.read(in)
	in.flush()
	if err == nil {
		if in.cases == 0 && f.holdsTests() {
			in.report.Empty = append(in.report.Empty, in.stage)
		}
		return
	}
	line, text := position(err)
	if errors.Is(err, errLimit) {
		in.problem(line, text)
		return
	}
	in.problem(line, fmt.Sprintf("%s: %s; %s", f.name, text, in.kept()))
}

// kept says how much was read before a mistake.
func (in *intake) kept() string {
	switch {
	case in.cases > 0:
		return fmt.Sprintf("%s before it %s read", count(in.cases, "test case"), was(in.cases))
	case in.found > 0:
		return fmt.Sprintf("%s before it %s read", count(in.found, "finding"), was(in.found))
	case len(in.covered) > 0:
		return fmt.Sprintf("the coverage of %s before it was read", count(len(in.covered), "file"))
	}
	return "nothing could be read"
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func was(n int) string {
	if n == 1 {
		return "was"
	}
	return "were"
}

func (in *intake) problem(line int, text string) {
	in.report.Problems = append(in.report.Problems, Unreadable{Stage: in.stage, File: in.file, Line: line, Text: clip(text, 4, 0)})
}

// add keeps a test case. What a test printed that passed is of no interest.
func (in *intake) add(c Case) error {
	if in.cases >= maxCases {
		return fault(0, "more than %d test cases: the rest was not read", maxCases, errLimit)
	}
	in.cases++
	c.Stage = in.stage
	c.Suite, c.Name = oneLine(c.Suite), oneLine(c.Name)
	c.File, c.Line = tidy(c.File), sane(c.Line)
	if c.Name == "" {
		c.Name = "(suite)" // of Surefire, when @BeforeAll fails
	}
	if c.Runs = max(1, c.Runs); c.Status == Skipped {
		c.Runs = 0
	}
	if c.Duration < 0 || c.Duration > maxDuration {
		c.Duration = 0
	}
	c.Message = clip(c.Message, 20, 0)
	if c.Status == Skipped && noReason().MatchString(c.Message) {
		c.Message = ""
	}
	if c.Status == Passed || c.Status == Skipped {
		c.Output = ""
	}
	c.Output = clip(c.Output, 30, 30)
	if in.bytes += len(c.Message) + len(c.Output); in.bytes > maxKept { // of a hundred thousand failures nobody reads each
		c.Message, c.Output = cut(firstLine(c.Message), 200), ""
	}
	in.report.Cases = append(in.report.Cases, c)
	return nil
}

// noReason is what runners write where a test does not say why it is skipped: pytest,
// Mocha, JUnit 5, node:test.
var noReason = pattern.Lazy(`^(unconditional skip|-|(public |void )*[\w.$]+\([^)]*\) is @Disabled|true)$`)

// find keeps a finding.
func (in *intake) find(f Finding) error {
	if in.found >= maxCases {
		return fault(0, "more than %d findings: the rest was not read", maxCases, errLimit)
	}
	in.found++
	f.Stage = in.stage
	f.Tool, f.Rule = oneLine(f.Tool), oneLine(f.Rule)
	f.File, f.Line, f.Column = tidy(f.File), sane(f.Line), sane(f.Column)
	f.Text = clip(strings.TrimSpace(f.Text), 10, 0)
	in.report.Findings = append(in.report.Findings, f)
	return nil
}

// cover returns the coverage of a source file, which flush keeps.
func (in *intake) cover(name string) *File {
	name = tidy(name)
	f := in.covered[name]
	if f == nil {
		if in.covered == nil {
			in.covered = map[string]*File{}
		}
		f = &File{Path: name, Lines: map[int]int{}}
		in.covered[name] = f
	}
	return f
}

// line counts runs of a line.
func (in *intake) line(f *File, number, runs int) error {
	if number < 1 || number > maxLine {
		return nil
	}
	if in.lines++; in.lines > maxLines {
		return fault(0, "coverage of more than %d lines: the rest was not read", maxLines, errLimit)
	}
	f.Lines[number] = plus(f.Lines[number], runs)
	return nil
}

// flush moves the coverage of the file into the report.
func (in *intake) flush() {
	if len(in.covered) == 0 {
		return
	}
	files := make([]File, 0, len(in.covered))
	for _, f := range in.covered {
		files = append(files, *f)
	}
	in.report.Coverage = union(in.report.Coverage, files)
}

// broken is a mistake at a line of the file.
type broken struct {
	line int
	text string
	err  error
}

func (b broken) Error() string { return b.text }
func (b broken) Unwrap() error { return b.err }

// fault makes a broken; a last argument that is an error is wrapped, not printed.
func fault(line int, text string, args ...any) error {
	var wrapped error
	if n := len(args); n > 0 {
		if err, ok := args[n-1].(error); ok {
			wrapped, args = err, args[:n-1]
		}
	}
	return broken{line: line, text: fmt.Sprintf(text, args...), err: wrapped}
}

// position takes a mistake apart.
func position(err error) (int, string) {
	var b broken
	if errors.As(err, &b) {
		return b.line, b.text
	}
	return 0, err.Error()
}

// sane is the number of a line or column, 0 if it cannot be one.
func sane(n int) int {
	if n < 1 || n > maxLine {
		return 0
	}
	return n
}

// plus adds counts of runs and stays within an int32, which no tool exceeds with
// meaning.
func plus(a, b int) int {
	const most = 1<<31 - 1
	if b < 0 {
		b = 0
	}
	if a >= most-b || b >= most {
		return most
	}
	return a + b
}

// oneLine is a name without line ends and control characters.
func oneLine(s string) string {
	s = strings.Join(strings.Fields(cut(s, 8*maxName)), " ")
	return cut(plaintext.WithoutLogins(terminal.Plain(s)), maxName)
}

// cut ends a text at a limit, between two characters.
func cut(s string, limit int) string {
	if len(s) > limit {
		s = s[:limit]
	}
	return strings.ToValidUTF8(s, "")
}

// escaped is a colour whose first character the tool has replaced: gotestsum,
// node:test, pytest, Surefire.
var escaped = pattern.Lazy(`(?:\x{FFFD}|\\x1[bB]|\\u001[bB]|#x1[bB]|&#27;)\[[0-9;]*m`)

// clip keeps the first and last lines of a text, each half within its share of
// bytes, without control characters and without the logins of addresses, which tests
// print when they cannot connect.
func clip(s string, head, tail int) string {
	s = strings.ReplaceAll(s, "\r\n", "\n")
	if strings.Contains(s, "b[") || strings.Contains(s, "B[") || strings.Contains(s, "\uFFFD[") || strings.Contains(s, ";[") {
		s = escaped().ReplaceAllString(s, "")
	}
	s = strings.Trim(s, "\r\n")
	lines := strings.Split(s, "\n")
	if len(lines) > head+tail {
		first, last := lines[:head], lines[len(lines)-tail:]
		lines = append(append(append([]string{}, first...), "…"), last...)
		s = strings.Join(lines, "\n")
	}
	const most = 8 * maxText // what is cut here lies behind what is cut below, so no login is cut in two
	if len(s) > 2*most {
		s = cut(s, most) + "\n…\n" + s[len(s)-most:]
	}
	s = plaintext.WithoutLogins(terminal.Plain(strings.ToValidUTF8(s, "\uFFFD")))
	switch {
	case len(s) > maxText && tail > 0:
		s = cut(s, maxText/2) + "\n…\n" + strings.ToValidUTF8(s[len(s)-maxText/2:], "")
	case len(s) > maxText:
		s = cut(s, maxText)
	}
	return strings.TrimRight(s, " \t\n")
}
