package testreport

import (
	"encoding/xml"
	"html"
	"path"
	"strings"

	"github.com/slipway-build/slipway/internal/pattern"
)

// JUnit XML has no standard. The elements are those of Surefire's schema (with
// flakyFailure and rerunFailure, which cargo-nextest writes too), pytest, jest-junit,
// Vitest, mocha-junit-reporter, node:test and gotestsum.
type junitCase struct {
	Name       string        `xml:"name,attr"`
	Class      string        `xml:"classname,attr"`
	File       string        `xml:"file,attr"`
	Line       string        `xml:"line,attr"`
	Column     string        `xml:"column,attr"`
	Time       string        `xml:"time,attr"`
	Status     string        `xml:"status,attr"` // "notrun", "skipped", "disabled" of GoogleTest
	Failures   []junitResult `xml:"failure"`
	Errors     []junitResult `xml:"error"`
	Skipped    *junitResult  `xml:"skipped"`
	Properties []struct {
		Name  string `xml:"name,attr"`
		Value string `xml:"value,attr"`
	} `xml:"properties>property"`
	FlakyFailures []junitResult `xml:"flakyFailure"`
	FlakyErrors   []junitResult `xml:"flakyError"`
	RerunFailures []junitResult `xml:"rerunFailure"`
	RerunErrors   []junitResult `xml:"rerunError"`
	Reruns        []junitResult `xml:"rerun"` // pytest-rerunfailures
	Out           []string      `xml:"system-out"`
	Err           []string      `xml:"system-err"`
}

type junitResult struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr"`
	Text    string `xml:",chardata"`
	Stack   string `xml:"stackTrace"`
	Out     string `xml:"system-out"`
	Err     string `xml:"system-err"`
}

var pyError = pattern.Lazy(`(?m)^E\s+(\S.*)$`)

func (r junitResult) body() string { return joined(r.Text, r.Stack) }

// junitSuite is a testsuite that is open.
type junitSuite struct {
	name, file string
	linter     string // whose findings are the cases
}

// junit is the state of one file.
type junit struct {
	in     *intake
	suites []junitSuite
	rerun  bool           // a case that ran again is there once more
	golang bool           // gotestsum wrote it
	nested string         // between the names of a test and its subtests, which repeat its failure
	seen   map[string]int // suite and name → index in the report
	others map[caseKey]Case
}

// caseKey names a test of a stage.
type caseKey struct{ suite, name string }

func (r *Report) index(stage string) map[caseKey]Case {
	out := map[caseKey]Case{}
	for _, c := range r.Cases {
		if c.Stage == stage {
			out[caseKey{c.Suite, c.Name}] = c
		}
	}
	return out
}

func readJUnit(in *intake) error {
	j := &junit{in: in, seen: map[string]int{}}
	if strings.HasPrefix(path.Base(in.file), "TEST-") {
		j.others = in.report.index(in.stage)
	}
	err := in.elements(j.enter, func(name string) {
		if name == "testsuite" && len(j.suites) > 0 {
			j.suites = j.suites[:len(j.suites)-1]
		}
	})
	if j.nested != "" {
		in.dropParents(j.nested)
	}
	return err
}

func (j *junit) enter(d *xml.Decoder, s xml.StartElement) (bool, error) {
	switch s.Name.Local {
	case "testsuites":
		if attribute(s, "name") == "deno test" {
			j.nested = " > "
		}
	case "testsuite":
		j.rerun = j.rerun || attribute(s, "name") == "pytest"
		j.suites = append(j.suites, junitSuite{name: attribute(s, "name"), file: attribute(s, "file"), linter: lintSuite(attribute(s, "name"), attribute(s, "package"))})
	case "property":
		if attribute(s, "name") == "go.version" {
			j.rerun, j.golang, j.nested = true, true, "/"
		}
	case "testcase":
		var c junitCase
		if err := d.DecodeElement(&c, &s); err != nil {
			return true, err
		}
		if n := len(j.suites); n > 0 && j.suites[n-1].linter != "" {
			return true, j.lint(j.suites[n-1].linter, j.suites[n-1].name, c)
		}
		return true, j.add(c)
	case "failure", "error": // of a suite: a hook, or a file that does not load
		var r junitResult
		if err := d.DecodeElement(&r, &s); err != nil {
			return true, err
		}
		return true, j.add(junitCase{Name: "(suite)", Errors: []junitResult{r}})
	case "system-out", "system-err":
		return true, d.Skip()
	}
	return false, nil
}

func (j *junit) add(c junitCase) error {
	if c.Class == "test" { // node:test escapes names twice (20.20)
		c.Name = html.UnescapeString(c.Name)
	}
	out := Case{Name: c.Name, Suite: j.suite(c), File: j.file(c), Line: number(c.Line), Duration: seconds(c.Time), Runs: 1}
	flaky := append(c.FlakyFailures, c.FlakyErrors...)
	again := append(append(c.RerunFailures, c.RerunErrors...), c.Reruns...)
	why := junitResult{}
	switch {
	case len(c.Errors) > 0:
		out.Status, why = Errored, c.Errors[0]
	case len(c.Failures) > 0:
		out.Status, why = Failed, c.Failures[0]
	case c.Skipped != nil || c.Status == "skipped" || c.Status == "notrun" || c.Status == "disabled":
		out.Status, out.Runs = Skipped, 0
		why = c.reason()
	case len(flaky) > 0 || len(again) > 0:
		out.Status = Flaky
		why = append(flaky, again...)[0]
	default:
		out.Status = Passed
	}
	if out.Status != Skipped {
		out.Runs += len(flaky) + len(again)
	}
	out.playwright(why.body(), strings.Join(c.Out, "\n"))
	out.because(why, append(c.Out, c.Err...))
	if j.golang {
		out.fromGotestsum(why.body())
	}
	return j.keep(out)
}

// reason is why a case was skipped; Playwright writes it as a property.
func (c junitCase) reason() junitResult {
	if c.Skipped != nil && (c.Skipped.Message != "" || c.Skipped.body() != "") {
		return *c.Skipped
	}
	for _, p := range c.Properties {
		if p.Name == "skip" || p.Name == "fixme" {
			return junitResult{Message: p.Value}
		}
	}
	return junitResult{}
}

var (
	pwRetry  = pattern.Lazy(`(?m)^\s*Retry #(\d+) ─`)
	pwFailed = pattern.Lazy(`(?m)^\[\[ATTACHMENT\|.*error-context\.md\]\]$`)
)

// playwright counts runs as its JUnit tells them (1.60): in the text of a failure, and
// in the file that each failed run of a test leaves, if the last one passed.
func (c *Case) playwright(failure, printed string) {
	if all := pwRetry().FindAllStringSubmatch(failure, -1); len(all) > 0 {
		c.Runs = 1 + number(all[len(all)-1][1])
	}
	if failed := len(pwFailed().FindAllString(printed, -1)); failed > 0 && c.Status == Passed {
		c.Status, c.Runs = Flaky, 1+failed
	}
}

// fromGotestsum reads the output of a test. A package that failed is a case TestMain.
func (c *Case) fromGotestsum(body string) {
	if c.Status == Passed || c.Status == Skipped {
		c.Message = ""
	} else {
		c.Message, c.Output = "", goQuiet(body)
	}
	c.explain()
	if c.Status == Failed && c.Message == "" {
		c.Status, c.Message = Errored, "the test did not come to its end"
	}
	if c.Name == "TestMain" && c.Status == Failed {
		c.Name, c.Status = "(package)", Errored
	}
}

// because takes message, output and place from a result.
func (c *Case) because(why junitResult, printed []string) {
	body := why.body()
	c.Message = strings.TrimSpace(why.Message)
	switch {
	case strings.Contains(body, "panicked at "): // of Rust
		c.Message = rustMessage(body)
	case c.Message == "collection failure": // of pytest
		if m := pyError().FindStringSubmatch(body); m != nil {
			c.Message = m[1]
		}
	case c.Message == "" && body != "":
		c.Message = firstLine(body)
	case c.Message == "" && c.Status != Skipped:
		c.Message = why.Type
	}
	if c.Status == Flaky && c.Message == "" {
		c.Message = "the report does not say why the first run failed"
	}
	if c.Status == Passed || c.Status == Skipped {
		return
	}
	out := []string{clip(body, 30, 20)}
	for _, p := range append([]string{why.Out, why.Err}, printed...) {
		if p = strings.TrimSpace(p); !strings.Contains(body, p) {
			out = append(out, clip(p, 0, 20))
		}
	}
	c.Output = joined(out...)
	c.locate(body)
	if script().MatchString(c.Name) && c.Status == Failed { // a file of tests that does not load
		if c.Status = Errored; c.File == "" {
			c.File = c.Name
		}
	}
}

// keep adds a case, or a further run of one: gotestsum and pytest-rerunfailures write
// each run, and names are unique there. The latter writes a run that failed and is
// repeated as if it had passed. Other runners allow two cases of one name.
func (j *junit) keep(c Case) error {
	if other, ok := j.others[caseKey{c.Suite, c.Name}]; ok && other.Status == c.Status && other.Duration == c.Duration {
		return nil // Surefire 3.5 writes the failures of a class with nested ones into the files of both
	}
	if !j.rerun {
		return j.in.add(c)
	}
	key := c.Suite + "\x00" + c.Name
	if i, ok := j.seen[key]; ok {
		first := &j.in.report.Cases[i]
		if first.Status == Passed {
			first.Status, first.Message = Failed, "the report does not say why the first run failed"
		}
		first.again(c)
		return nil
	}
	j.seen[key] = len(j.in.report.Cases)
	return j.in.add(c)
}

// suite is the class of a case, or the suites around it where the class repeats the
// name (mocha-junit-reporter, jest-junit) or says nothing (node:test).
func (j *junit) suite(c junitCase) string {
	if c.Class != "" && c.Class != "test" && (len(j.suites) == 0 || !strings.HasSuffix(c.Name, c.Class) || j.suites[0].name == "pytest") {
		return c.Class
	}
	var names []string
	for _, s := range j.suites {
		if s.name != "" && s.name != "Root Suite" && s.name != "undefined" {
			names = append(names, s.name)
		}
	}
	return strings.Join(names, " > ")
}

func (j *junit) file(c junitCase) string {
	if c.File != "" {
		return c.File
	}
	for i := len(j.suites) - 1; i >= 0; i-- {
		if s := j.suites[i]; s.file != "" {
			return s.file
		} else if script().MatchString(s.name) { // Vitest
			return s.name
		}
	}
	return ""
}

// again adds a further run of a case. One that failed and then passed is flaky.
func (c *Case) again(later Case) {
	bad := c.Status == Failed || c.Status == Errored || c.Status == Flaky
	c.Runs += later.Runs
	c.Duration = max(c.Duration, later.Duration)
	switch {
	case later.Status == Skipped:
	case later.Status == Passed && bad:
		c.Status = Flaky
	case later.Status == Passed:
	default:
		stage, runs, longest := c.Stage, c.Runs, c.Duration
		*c = later
		c.Stage, c.Runs, c.Duration = stage, runs, longest
	}
}
