package gate

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
)

// Result is how a gate ended.
type Result string

// The results. Waived says that the gate would have failed without its waivers.
const (
	Passed   Result = "passed"
	Failed   Result = "failed"
	Warned   Result = "warned"
	Waived   Result = "waived"
	NotKnown Result = "not known"
)

// Verdict is what one gate says.
type Verdict struct {
	Gate     string
	Limit    string        // "at most 120 MB"
	Actual   string        // "134 MB"; why, where it is not known
	Change   string        // since the last release: "+12 MB (+9.8 %)"; empty: none is known
	Result   Result        //
	Findings diag.Findings // errors fail the gate; notes are waived or within the limit
}

// Waivers are the lines of slipway.yaml that accept the errors of the verdict until a
// day: one waiver for each code and place, at most three. Its reason is for a person.
func (v Verdict) Waivers(until string) []string {
	var out []string
	for _, f := range v.Findings {
		if f.Severity != diag.Error {
			continue
		}
		line := "- {finding: " + f.Code
		if at := cmp.Or(f.ID, f.Place.File); at != "" {
			line += ", at: " + quoted(at)
		}
		line += `, reason: "…", until: ` + until + "}"
		if !slices.Contains(out, line) {
			out = append(out, line)
		}
	}
	return out[:min(len(out), 3)]
}

// quoted writes a text so that YAML's flow style reads it as it is.
func quoted(s string) string {
	if strings.ContainsAny(s, " :,{}[]#&*!|>'\"%@`\\") {
		return fmt.Sprintf("%q", s)
	}
	return s
}

// draft is a verdict before waivers are applied.
type draft struct {
	Verdict
	groups  []group
	unknown string // why what the gate needs is not known, and the next command
}

// group is findings of which some number is allowed.
type group struct {
	most     int
	severity diag.Severity // of each, when there are more
	findings diag.Findings
}

// add puts findings into a group of their own.
func (d *draft) add(most int, severity diag.Severity, findings ...diag.Finding) {
	if len(findings) > 0 {
		d.groups = append(d.groups, group{most, severity, findings})
	}
}

// miss adds a finding that no number of is allowed.
func (d *draft) miss(severity diag.Severity, f diag.Finding) { d.add(0, severity, f) }

// gates are all of them, in the order of the pipeline. One that is off returns nil.
func gates() []func(Limits, Subject) *draft {
	return []func(Limits, Subject) *draft{
		lint, tests, coverage, changedCoverage,
		vulnerabilities, secrets, licences,
		size, growth, waste, efficiency, layers, baseAge, buildTime,
		user, setuid, shell, health, structure, policies,
		startUp, memory,
	}
}

// Check holds a subject against limits: a verdict for each gate that is on, in a fixed
// order.
func Check(l Limits, s Subject) []Verdict {
	var out []Verdict
	for _, gate := range gates() {
		if d := gate(l, s); d != nil {
			out = append(out, d.judge(l, s))
		}
	}
	return out
}

// judge applies waivers first and counts then: accepting one of five vulnerabilities
// leaves four.
func (d *draft) judge(l Limits, s Subject) Verdict {
	v := d.Verdict
	if d.unknown != "" {
		return d.notKnown(l, s)
	}
	waived := false
	for _, g := range d.groups {
		findings, used := g.judge(l)
		waived = waived || used
		v.Findings = append(v.Findings, findings...)
	}
	v.Findings = v.Findings.Sorted()
	v.Result = resultOf(v.Findings, waived)
	return v
}

// judge returns the findings of a group with their severities, and whether the group
// would have failed without waivers.
func (g group) judge(l Limits) (diag.Findings, bool) {
	out := slices.Clone(g.findings)
	accepted := make([]bool, len(out))
	open := 0
	for i, f := range out {
		if reason := l.reason(f); reason != "" {
			out[i].Text, out[i].Hint, accepted[i] = f.Text+" (waived: "+reason+")", "", true
		} else {
			open++
		}
	}
	severity := g.severity
	if l.Strict && severity == diag.Warning {
		severity = diag.Error
	}
	for i := range out {
		out[i].Severity = diag.Info
		if !accepted[i] && open > g.most {
			out[i].Severity = severity
		}
	}
	return out, len(out) > g.most && open <= g.most && severity == diag.Error
}

func (l Limits) reason(f diag.Finding) string {
	if l.Waive == nil {
		return ""
	}
	return l.Waive(f)
}

func resultOf(findings diag.Findings, waived bool) Result {
	switch {
	case len(findings.Of(diag.Error)) > 0:
		return Failed
	case waived:
		return Waived
	case len(findings.Of(diag.Warning)) > 0:
		return Warned
	}
	return Passed
}

// notKnown is the verdict of a gate that lacks what it looks at.
func (d *draft) notKnown(l Limits, s Subject) Verdict {
	v := d.Verdict
	why, hint := d.unknown, ""
	if missing := s.Missing[v.Gate]; missing != "" {
		why = missing
	}
	why, hint, _ = strings.Cut(why, "; ")
	v.Actual, v.Result = why, NotKnown
	f := diag.Finding{Code: codeUnknown, Severity: diag.Info, Place: diag.Place{File: v.Gate}, Hint: hint,
		Text: fmt.Sprintf("%sthe gate %s is not known: %s", prefix(s), v.Gate, why)}
	if l.Strict {
		reason := l.reason(f)
		if reason == "" {
			f.Severity, v.Result = diag.Error, Failed
		} else {
			f.Text, f.Hint, v.Result = f.Text+" (waived: "+reason+")", "", Waived
		}
	}
	v.Findings = diag.Findings{f}
	return v
}

// prefix begins the text of a finding.
func prefix(s Subject) string {
	if s.Service == "" {
		return ""
	}
	return s.Service + ": "
}
