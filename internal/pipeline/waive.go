package pipeline

import (
	"path"
	"slices"
	"strings"
	"time"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/diag"
)

// The codes of findings about waivers. A code has one meaning for ever.
const (
	codeUseless = "SLP441" // a waiver that waives nothing
	codeEnded   = "SLP442" // a waiver whose last day is over
)

// Waivers are those that a file has for one service.
type Waivers struct {
	File string // slipway.yaml, for places of findings
	List []config.Waiver
}

// apply turns findings that are waived into notes with the reason, and reports
// waivers that waive nothing: they would hide the next finding of their kind.
func (w Waivers) apply(findings diag.Findings, service string) diag.Findings {
	if len(w.List) == 0 {
		return findings
	}
	out := slices.Clone(findings)
	used := make([]bool, len(w.List))
	for i := range out {
		for n, one := range w.List {
			if !waives(one, findings[i]) {
				continue
			}
			used[n] = true
			if f := &out[i]; f.Severity != diag.Info {
				f.Severity, f.Hint = diag.Info, ""
				f.Text += " (waived: " + one.Reason + ")"
			}
		}
	}
	for n, one := range w.List {
		if used[n] {
			continue
		}
		hint := "delete the waiver"
		if i := slices.IndexFunc(findings, func(f diag.Finding) bool { return f.Code == one.Finding }); i >= 0 {
			hint = "correct at: the finding is at " + findings[i].Place.File
		}
		out = append(out, diag.Finding{Code: codeUseless, Severity: diag.Warning, Place: diag.Place{File: w.File, Line: one.Line}, Hint: hint,
			Text: service + ": the waiver of " + named(one) + " waives nothing: the image has no such finding"})
	}
	return out.Sorted()
}

// waives reports a finding that a waiver means. Lines move with every edit, so
// that a place is a file, a directory above it, or a pattern.
func waives(w config.Waiver, f diag.Finding) bool {
	if w.Finding != f.Code {
		return false
	}
	at := strings.TrimSuffix(w.At, "/")
	matches, err := path.Match(at, f.Place.File)
	return at == "" || at == f.Place.File || err == nil && matches || strings.HasPrefix(f.Place.File, at+"/")
}

// named is a waiver in words.
func named(w config.Waiver) string {
	if w.At == "" {
		return w.Finding
	}
	return w.Finding + " at " + w.At
}

// endedWaivers returns an error when a waiver's last day is over. It is one for an
// unchanged image too: somebody promised a fix by that day.
func (b Build) endedWaivers(job Job) error {
	if !b.proves(job) {
		return nil
	}
	var ended diag.Findings
	for _, w := range job.Waivers.List {
		if w.Until.IsZero() || b.Now().Before(w.Until.AddDate(0, 0, 1)) {
			continue
		}
		ended = append(ended, diag.Finding{Code: codeEnded, Place: diag.Place{File: job.Waivers.File, Line: w.Line},
			Text: job.Request.Name + ": the waiver of " + named(w) + " ended on " + w.Until.Format(time.DateOnly) + " (" + w.Reason + ")",
			Hint: "fix the finding and delete the waiver, or write a later until:"})
	}
	return ended.Errors()
}

// Recipe says which findings are waived, "" for none. It is part of what an image
// is recognised by: without its waiver, the image is checked again.
func (w Waivers) Recipe() string {
	var all []string
	for _, one := range w.List {
		all = append(all, named(one))
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}
