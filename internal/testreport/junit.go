package testreport

import (
	"encoding/xml"
	"strings"
)

// JUnit XML has no standard. The elements are those of Surefire's schema (with
// flakyFailure and rerunFailure, which cargo-nextest writes too), pytest, jest-junit,
// Vitest, mocha-junit-reporter, node:test and gotestsum.
type junitCase struct {
	Name          string        `xml:"name,attr"`
	Class         string        `xml:"classname,attr"`
	File          string        `xml:"file,attr"`
	Line          string        `xml:"line,attr"`
	Time          string        `xml:"time,attr"`
	Status        string        `xml:"status,attr"` // "notrun", "skipped", "disabled" of GoogleTest
	Failures      []junitResult `xml:"failure"`
	Errors        []junitResult `xml:"error"`
	Skipped       *junitResult  `xml:"skipped"`
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

func (r junitResult) body() string { return joined(r.Text, r.Stack) }

// junitSuite is a testsuite that is open.
type junitSuite struct {
	name, file string
	cases      int
}

// junit is the state of one file.
type junit struct {
	in     *intake
	suites []junitSuite
	rerun  bool           // a case that ran again is there once more
	seen   map[string]int // suite and name → index in the report
}

func readJUnit(in *intake) error {
	j := &junit{in: in, seen: map[string]int{}}
	return in.elements(j.enter, func(name string) {
		if name == "testsuite" && len(j.suites) > 0 {
			j.suites = j.suites[:len(j.suites)-1]
		}
	})
}

func (j *junit) enter(d *xml.Decoder, s xml.StartElement) (bool, error) {
	switch s.Name.Local {
	case "testsuite":
		j.rerun = j.rerun || attribute(s, "name") == "pytest"
		j.suites = append(j.suites, junitSuite{name: attribute(s, "name"), file: attribute(s, "file")})
	case "property":
		if attribute(s, "name") == "go.version" {
			j.rerun = true
		}
	case "testcase":
		var c junitCase
		if err := d.DecodeElement(&c, &s); err != nil {
			return true, err
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
		if c.Skipped != nil {
			why = *c.Skipped
		}
	case len(flaky) > 0 || len(again) > 0:
		out.Status = Flaky
		why = append(flaky, again...)[0]
	default:
		out.Status = Passed
	}
	if out.Status != Skipped {
		out.Runs += len(flaky) + len(again)
	}
	out.Message = strings.TrimSpace(why.Message)
	if out.Message == "" {
		out.Message = firstLine(why.body())
	}
	out.Output = joined(clip(why.body(), 30, 20), clip(joined(append([]string{why.Out, why.Err}, append(c.Out, c.Err...)...)...), 0, 20))
	if out.Status != Passed && out.Status != Skipped {
		out.locate(why.body())
	}
	return j.keep(out)
}

// keep adds a case, or a further run of one: gotestsum and pytest-rerunfailures write
// each run, and names are unique there. The latter writes a run that failed and is
// repeated as if it had passed. Other runners allow two cases of one name.
func (j *junit) keep(c Case) error {
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
		if s.name != "" && s.name != "Root Suite" {
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
