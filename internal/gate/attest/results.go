package attest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/slipway-build/slipway/internal/advisory"
	"github.com/slipway-build/slipway/internal/gate"
	"github.com/slipway-build/slipway/internal/plaintext"
	"github.com/slipway-build/slipway/internal/secret"
	"github.com/slipway-build/slipway/internal/testreport"
)

// testResult is the predicate of in-toto's test-result v0.1.
type testResult struct {
	Result        string       `json:"result"`
	Configuration []Descriptor `json:"configuration"`
	Passed        []string     `json:"passedTests,omitempty"`
	Warned        []string     `json:"warnedTests,omitempty"`
	Failed        []string     `json:"failedTests,omitempty"`
}

// Tests is the predicate PredicateTests: the names of test cases by their outcome, and
// the quality stages that have no cases. What tests printed stays out.
func Tests(report testreport.Report, stages []gate.Stage) any {
	r := testResult{Result: "PASSED", Configuration: []Descriptor{}}
	for _, c := range report.Cases {
		name := strings.ReplaceAll(c.Stage+": "+joined(c.Suite, c.Name), "\x00", "")
		switch c.Status {
		case testreport.Passed:
			r.Passed = append(r.Passed, name)
		case testreport.Failed, testreport.Errored:
			r.Failed = append(r.Failed, name)
		default:
			r.Warned = append(r.Warned, name)
		}
	}
	for _, p := range report.Problems { // which may hide tests that failed
		r.Warned = append(r.Warned, p.Stage+": the report "+strings.ReplaceAll(p.File, "\x00", "")+" is broken")
	}
	for _, s := range stages {
		r.Configuration = append(r.Configuration, Descriptor{Name: s.Name, Annotations: map[string]any{"result": s.Result}})
		switch s.Result {
		case "failed":
			r.Failed = append(r.Failed, s.Name)
		case "not run":
			r.Warned = append(r.Warned, s.Name)
		}
	}
	switch {
	case len(r.Failed) > 0:
		r.Result = "FAILED"
	case len(r.Warned) > 0:
		r.Result = "WARNED"
	}
	r.Passed, r.Warned, r.Failed = publishable(r.Passed), publishable(r.Warned), publishable(r.Failed)
	return r
}

// publishable sorts names of test cases, which hold their parameters: what has the form
// of a secret is not for a registry.
func publishable(names []string) []string {
	if len(names) == 0 {
		return nil
	}
	const end = "\x00"
	names = strings.Split(secret.Hide(plaintext.WithoutLogins(strings.Join(names, end))), end)
	slices.Sort(names)
	return names
}

func joined(suite, name string) string {
	if suite == "" {
		return name
	}
	return suite + " " + name
}

// vulnerabilities is the predicate of in-toto's vulns v0.2.
type vulnerabilities struct {
	Scanner  scanner  `json:"scanner"`
	Metadata scanTime `json:"metadata"`
}

type scanner struct {
	URI     string       `json:"uri"`
	Version string       `json:"version"`
	DB      database     `json:"db"`
	Result  []vulnerable `json:"result"`
}

type database struct {
	Updated *time.Time `json:"lastUpdate,omitempty"`
	Missing []string   `json:"missingEcosystems,omitempty"` // whose packages the scan does not cover
}

type vulnerable struct {
	ID          string            `json:"id"`
	Severity    []severity        `json:"severity"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

type severity struct {
	Method string `json:"method"`
	Score  string `json:"score"`
}

type scanTime struct {
	Started  time.Time `json:"scanStartedOn"`
	Finished time.Time `json:"scanFinishedOn"`
}

// Scan is a search for vulnerabilities.
type Scan struct {
	Version           string // of Slipway
	Hits              []advisory.Hit
	Database          advisory.Database
	Started, Finished time.Time
}

// Vulnerabilities is the predicate PredicateVulnerabilities of a scan.
func Vulnerabilities(s Scan) any {
	v := vulnerabilities{Scanner: scanner{URI: builderID, Version: s.Version, Result: []vulnerable{}}, Metadata: scanTime{s.Started.UTC(), s.Finished.UTC()}}
	v.Scanner.DB.Missing = s.Database.Missing
	if at := s.Database.Updated; !at.IsZero() {
		at = at.UTC()
		v.Scanner.DB.Updated = &at
	}
	for _, h := range s.Hits {
		found := vulnerable{ID: h.ID, Severity: []severity{{"word", string(h.Severity)}}, Annotations: map[string]string{"package": plaintext.WithoutLogins(h.Package.URL), "reach": string(h.Reach)}}
		if h.Score > 0 {
			found.Severity = append(found.Severity, severity{"cvss", fmt.Sprintf("%.1f", h.Score)})
		}
		if h.Dismissed != "" {
			found.Annotations["vex"] = h.Dismissed
		}
		v.Scanner.Result = append(v.Scanner.Result, found)
	}
	return v
}
