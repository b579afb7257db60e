package scan

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/slipway-build/slipway/internal/advisory"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/gate"
)

func days(age time.Duration) string { return strconv.Itoa(int(age.Hours()/24)) + " days" }

// Write prints a result for people.
func (r Result) Write(w io.Writer) error {
	fmt.Fprintf(w, "%s: %d packages\n", cmp.Or(r.Image, r.Directory), r.Packages)
	switch why := r.NotSearched(); {
	case why != "":
		fmt.Fprintln(w, "vulnerabilities: not known, because "+diag.Printable(why))
	case r.Database.Unsearched() != "":
		fmt.Fprintln(w, "vulnerabilities: none looked up, because there are no packages")
	case len(r.Vulnerabilities) == 0:
		fmt.Fprintln(w, "vulnerabilities: none found")
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for i, h := range r.Vulnerabilities {
		if i == 0 {
			fmt.Fprintln(t, "SEVERITY\tPACKAGE\tVERSION\tFIXED IN\tADVISORY\tREACH")
		}
		fixed := "none"
		switch {
		case len(h.Fixed) > 0:
			fixed = h.Fixed[0]
		case h.FixUnknown:
			fixed = "not known"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", h.Severity, diag.Printable(h.Package.Name), diag.Printable(h.Package.Version), diag.Printable(fixed), diag.Printable(h.ID), status(h))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, s := range r.Secrets {
		fmt.Fprintf(w, "secret: %s in %s\n", s.Rule, diag.Printable(where(s)))
	}
	if r.History != nil {
		fmt.Fprintf(w, "history: %d commits searched\n", r.History.Commits)
	}
	return nil
}

// status is what is known of the way to a flaw, or why it does not count.
func status(h advisory.Hit) string {
	if h.Dismissed != "" {
		return "dismissed: " + diag.Printable(h.Dismissed)
	}
	reach := map[advisory.Reach]string{advisory.Called: "called", advisory.Imported: "compiled in", advisory.NotCalled: "not compiled in"}[h.Reach]
	if h.RatedBy != "" {
		reach = strings.TrimPrefix(reach+", rated by "+diag.Printable(h.RatedBy), ", ")
	}
	return reach
}

// where is the place of a secret.
func where(s gate.Secret) string {
	text := s.File
	switch s.Where {
	case "layer":
		text = "/" + s.File
	case "history":
		return "the image's history"
	}
	if s.Line > 0 {
		text += ":" + strconv.Itoa(s.Line)
	}
	if s.Commit != "" {
		day, _, _ := strings.Cut(s.Date, "T")
		text += fmt.Sprintf(" of commit %.12s, %s, %s", s.Commit, day, s.Author)
	}
	if s.Layer != "" {
		text += " of layer " + s.Layer
	}
	return text
}

// The parts of SARIF 2.1.0 (OASIS) that a result has.
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool struct {
			Driver sarifDriver `json:"driver"`
		} `json:"tool"`
		Results []sarifResult `json:"results"`
	}
	sarifDriver struct {
		Name    string      `json:"name"`
		Version string      `json:"version"`
		Rules   []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID         string            `json:"id"`
		Short      sarifText         `json:"shortDescription"`
		Properties map[string]string `json:"properties,omitempty"`
	}
	sarifText struct {
		Text string `json:"text"`
	}
	sarifResult struct {
		Rule         string             `json:"ruleId"`
		Level        string             `json:"level"`
		Message      sarifText          `json:"message"`
		Locations    []sarifLocation    `json:"locations"`
		Suppressions []sarifSuppression `json:"suppressions,omitempty"`
		Fingerprints map[string]string  `json:"partialFingerprints"`
	}
	sarifLocation struct {
		Physical sarifPhysical `json:"physicalLocation"`
	}
	sarifPhysical struct {
		Artifact struct {
			URI string `json:"uri"`
		} `json:"artifactLocation"`
		Region *sarifRegion `json:"region,omitempty"`
	}
	sarifRegion struct {
		StartLine int `json:"startLine"`
	}
	sarifSuppression struct {
		Kind          string `json:"kind"`
		Justification string `json:"justification"`
	}
)

// SARIF is a result for code hosts and editors.
func (r Result) SARIF(version string) ([]byte, error) {
	run := sarifRun{Results: []sarifResult{}}
	run.Tool.Driver = sarifDriver{Name: "slipway scan", Version: version, Rules: []sarifRule{}}
	seen := map[string]bool{}
	rule := func(id, text, points string) {
		if !seen[id] {
			seen[id] = true
			made := sarifRule{ID: id, Short: sarifText{cmp.Or(text, id)}}
			if points != "" {
				made.Properties = map[string]string{"security-severity": points}
			}
			run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, made)
		}
	}
	for _, h := range r.Vulnerabilities {
		points := h.Score
		if points == 0 {
			points = map[advisory.Severity]float64{advisory.Critical: 9.5, advisory.High: 8, advisory.Medium: 5.5, advisory.Low: 2}[h.Severity]
		}
		rated := ""
		if points > 0 {
			rated = strconv.FormatFloat(points, 'f', 1, 64)
		}
		rule(h.ID, h.Summary, rated)
		run.Results = append(run.Results, r.vulnerability(h))
	}
	for _, s := range r.Secrets {
		rule(s.Rule, "a secret: "+s.Rule, "9.0")
		result := sarifResult{Rule: s.Rule, Level: "error", Message: sarifText{"a secret is in " + where(s)}, Locations: place(s.File, s.Line)}
		result.Fingerprints = map[string]string{"slipway/v1": strings.TrimSuffix(s.Rule+":"+s.Where+":"+s.File+":"+strconv.Itoa(s.Line)+":"+s.Commit, ":")}
		run.Results = append(run.Results, result)
	}
	data, err := json.MarshalIndent(sarifLog{"https://json.schemastore.org/sarif-2.1.0.json", "2.1.0", []sarifRun{run}}, "", "  ")
	return append(data, '\n'), err
}

// vulnerability is a hit as a result.
func (r Result) vulnerability(h advisory.Hit) sarifResult {
	level := "note"
	switch h.Severity.Counted() {
	case advisory.Critical, advisory.High:
		level = "error"
	case advisory.Medium:
		level = "warning"
	}
	text := fmt.Sprintf("%s %s has %s (%s)", h.Package.Name, h.Package.Version, h.ID, h.Severity)
	if h.Severity == advisory.Unknown {
		text += "; no database has rated it, so it counts as high"
	}
	switch {
	case len(h.Fixed) > 0:
		text += "; fixed in " + strings.Join(h.Fixed, ", ")
	case h.FixUnknown:
		text += "; the scanner does not say which version fixes it"
	default:
		text += "; no fixed version is known"
	}
	out := sarifResult{Rule: h.ID, Level: level, Message: sarifText{text}, Locations: place(cmp.Or(h.Package.Path, h.Package.Name), 0)}
	out.Fingerprints = map[string]string{"slipway/v1": h.ID + ":" + h.Package.URL}
	if h.Dismissed != "" {
		out.Suppressions = []sarifSuppression{{"external", h.Dismissed}}
	}
	return out
}

func place(file string, line int) []sarifLocation {
	var l sarifLocation
	l.Physical.Artifact.URI = strings.ReplaceAll(file, " ", "%20")
	if line > 0 {
		l.Physical.Region = &sarifRegion{line}
	}
	return []sarifLocation{l}
}
