package gate

import (
	"encoding/xml"
	"io"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
)

type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Name     string       `xml:"name,attr"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Skipped  int          `xml:"skipped,attr"`
	Errors   int          `xml:"errors,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Skipped  int         `xml:"skipped,attr"`
	Errors   int         `xml:"errors,attr"`
	Time     string      `xml:"time,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Class   string      `xml:"classname,attr"`
	Name    string      `xml:"name,attr"`
	Time    string      `xml:"time,attr"`
	Failure *junitEntry `xml:"failure,omitempty"`
	Skipped *junitEntry `xml:"skipped,omitempty"`
	Out     string      `xml:"system-out,omitempty"`
}

type junitEntry struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr,omitempty"`
	Text    string `xml:",chardata"`
}

// WriteJUnit writes outcomes as JUnit XML: a suite for each image, a case for each gate.
// A gate that is not known is skipped.
func WriteJUnit(w io.Writer, outcomes []Outcome) error {
	all := junitSuites{Name: "slipway gates"}
	for _, o := range outcomes {
		name := o.Service
		if name == "" {
			name = o.Image
		}
		suite := junitSuite{Name: name, Time: "0"}
		for _, v := range o.Verdicts {
			suite.add(v.junit(name))
		}
		if ended := o.Waivers.Of(diag.Error); len(ended) > 0 {
			suite.add(Verdict{Gate: "waivers", Result: Failed, Limit: "none ended", Actual: count(len(ended), "ended waiver"), Findings: ended}.junit(name))
		}
		all.Tests, all.Failures, all.Skipped = all.Tests+suite.Tests, all.Failures+suite.Failures, all.Skipped+suite.Skipped
		all.Suites = append(all.Suites, suite)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(all); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func (s *junitSuite) add(c junitCase) {
	s.Tests++
	if c.Failure != nil {
		s.Failures++
	}
	if c.Skipped != nil {
		s.Skipped++
	}
	s.Cases = append(s.Cases, c)
}

// junit is a gate as a test case.
func (v Verdict) junit(class string) junitCase {
	c := junitCase{Class: class, Name: v.Gate, Time: "0"}
	var lines []string
	for _, f := range v.Findings {
		lines = append(lines, f.String())
	}
	text := diag.PrintableLines(strings.Join(lines, "\n"))
	switch v.Result {
	case Failed:
		c.Failure = &junitEntry{Message: diag.Printable(v.Actual + " (limit: " + v.Limit + ")"), Type: "gate", Text: text}
	case NotKnown:
		c.Skipped = &junitEntry{Message: diag.Printable("not known: " + v.Actual)}
	default:
		c.Out = text
	}
	return c
}
