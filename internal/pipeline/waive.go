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

// images are those of findings about built images; the others are of gates.
func (w Waivers) images() Waivers { return w.only(false) }

// gates are those of findings of gates.
func (w Waivers) gates() Waivers { return w.only(true) }

func (w Waivers) only(gate bool) Waivers {
	return Waivers{w.File, slices.DeleteFunc(slices.Clone(w.List), func(one config.Waiver) bool { return one.Gate != gate })}
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
		out = append(out, w.useless(one, findings, service))
	}
	return out.Sorted()
}

// useless is the finding about a waiver that waives none of the findings.
func (w Waivers) useless(one config.Waiver, findings diag.Findings, service string) diag.Finding {
	hint := "delete the waiver"
	if i := slices.IndexFunc(findings, func(f diag.Finding) bool { return f.Code == one.Finding }); i >= 0 {
		hint = "correct at: the finding is at " + findings[i].Place.File
	}
	return diag.Finding{Code: codeUseless, Severity: diag.Warning, Place: diag.Place{File: w.File, Line: one.Line}, Hint: hint,
		Text: service + ": the waiver of " + named(one) + " waives nothing: the image has no such finding"}
}

// ended are the findings about waivers whose last day is over.
func (w Waivers) ended(now time.Time, service string) diag.Findings {
	var out diag.Findings
	for _, one := range w.List {
		if !over(one, now) {
			continue
		}
		out = append(out, diag.Finding{Code: codeEnded, Place: diag.Place{File: w.File, Line: one.Line},
			Text: service + ": the waiver of " + named(one) + " ended on " + one.Until.Format(time.DateOnly) + " (" + one.Reason + ")",
			Hint: "fix the finding and delete the waiver, or write a later until:"})
	}
	return out
}

// over reports a waiver whose last day is over.
func over(w config.Waiver, now time.Time) bool {
	return !w.Until.IsZero() && !now.Before(w.Until.AddDate(0, 0, 1))
}

// waives reports a finding that a waiver means. Lines move with every edit, so
// that a place is a file, a directory above it, or a pattern; or the advisory.
func waives(w config.Waiver, f diag.Finding) bool {
	if w.Finding != f.Code {
		return false
	}
	if f.ID != "" && w.At == f.ID {
		return true
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
	return job.Waivers.images().ended(b.Now(), job.Request.Name).Errors()
}

// Recipe says which findings are waived, "" for none. It is part of what an image
// is recognised by: without its waiver, the image is checked again.
func (w Waivers) Recipe() string {
	var all []string
	for _, one := range w.images().List {
		all = append(all, named(one))
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}
