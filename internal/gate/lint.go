package gate

import (
	"fmt"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/testreport"
)

// lint is the gate of what linters call an error.
func lint(l Limits, s Subject) *draft {
	if l.LintErrors == nil {
		return nil
	}
	d := &draft{Verdict: Verdict{Gate: "lint", Limit: most(*l.LintErrors) + " errors"}}
	stage, ran := stageOf(s.Stages, "lint")
	if !ran && (s.Tests == nil || len(ofLinters(s.Tests)) == 0) {
		d.unknown = "no stage lints"
		if s.Stages == nil {
			d.unknown = "no linter ran; slipway test"
		}
		for _, one := range s.Stages {
			if one.Name == "lint" && one.Result == "not run" {
				d.unknown = strings.TrimSuffix("the stage lint did not run: "+Clip(one.Why), ": ")
			}
		}
		return d
	}
	errors, warnings := 0, 0
	var findings diag.Findings
	if s.Tests != nil {
		for _, f := range ofLinters(s.Tests) {
			if f.Severity != testreport.Error {
				warnings++
				continue
			}
			errors++
			rule := strings.TrimSpace(f.Tool + " " + f.Rule)
			findings = append(findings, diag.Finding{Code: codeLint, Place: diag.Place{File: f.File, Line: f.Line, Column: f.Column}, Text: fmt.Sprintf("%s%s: %s", prefix(s), rule, f.Text)})
		}
	}
	if stage.Result == "failed" && errors == 0 { // its report says nothing, or there is none
		findings = append(findings, diag.Finding{Code: codeLint, Place: diag.Place{File: "lint"}, Hint: "see the output of the stage lint",
			Text: prefix(s) + "the stage lint failed, and its reports name no error"})
		errors = 1
	}
	d.Actual = count(errors, "error")
	if warnings > 0 {
		d.Actual += ", " + count(warnings, "warning")
	}
	d.add(*l.LintErrors, diag.Error, findings...)
	return d
}

// ofLinters are the findings of linters: scanners have gates of their own.
func ofLinters(r *testreport.Report) []testreport.Finding {
	var out []testreport.Finding
	for _, f := range r.Findings {
		if f.Stage != "security-scan" {
			out = append(out, f)
		}
	}
	return out
}

// stageOf returns a stage that ran.
func stageOf(stages []Stage, name string) (Stage, bool) {
	for _, s := range stages {
		if s.Name == name && (s.Result == "passed" || s.Result == "failed") {
			return s, true
		}
	}
	return Stage{}, false
}
