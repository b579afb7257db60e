package gate

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/slipway-build/slipway/internal/advisory"
	"github.com/slipway-build/slipway/internal/diag"
)

// oldDatabase is the age from which a database of advisories says too little.
const oldDatabase = 7 * 24 * time.Hour

// severities from the worst on.
func severities() []advisory.Severity {
	return []advisory.Severity{advisory.Critical, advisory.High, advisory.Medium, advisory.Low, advisory.Unknown}
}

// vulnerabilities is the gate of known vulnerabilities by severity. Those without a fix
// count apart: nobody can act on them, so that they are only mentioned unless Unfixed. Where
// a scanner does not tell whether there is a fix, there may be one.
func vulnerabilities(l Limits, s Subject) *draft {
	if len(l.Vulnerabilities) == 0 {
		return nil
	}
	d := &draft{Verdict: Verdict{Gate: "vulnerabilities", Limit: vulnerabilityLimit(l)}}
	if why := s.Database.Unsearched(); why != "" {
		d.unknown = "no database of advisories was searched; slipway scan --update"
		if s.Database != nil {
			d.unknown = why + "; slipway scan IMAGE says more"
		}
		return d
	}
	fixable, unfixed := map[advisory.Severity]diag.Findings{}, map[advisory.Severity]diag.Findings{}
	for _, hit := range s.Vulnerabilities {
		switch f := ofHit(s, hit); {
		case hit.Dismissed != "" || hit.Reach == advisory.NotCalled:
		case len(hit.Fixed) == 0 && !hit.FixUnknown && !l.Unfixed:
			unfixed[hit.Severity] = append(unfixed[hit.Severity], f)
		default:
			fixable[hit.Severity] = append(fixable[hit.Severity], f)
		}
	}
	d.Actual = vulnerabilityCounts(fixable)
	apart := 0
	for _, severity := range severities() {
		if limit, ok := l.Vulnerabilities[severity]; ok {
			d.add(limit, diag.Error, pooled(fixable, severity, l)...)
			within := pooled(unfixed, severity, l)
			d.add(len(within), diag.Info, within...)
		}
		apart += len(unfixed[severity])
	}
	if apart > 0 {
		d.Actual += fmt.Sprintf(" (%d without a fix)", apart)
	}
	d.add(0, diag.Warning, ofDatabase(s)...)
	return d
}

// pooled are the findings that the limit of a severity is for.
func pooled(found map[advisory.Severity]diag.Findings, severity advisory.Severity, l Limits) diag.Findings {
	if severity == advisory.High && l.UnknownAsHigh {
		return slices.Concat(found[advisory.High], found[advisory.Unknown])
	}
	return found[severity]
}

func vulnerabilityLimit(l Limits) string {
	var parts []string
	for _, severity := range severities() {
		if limit, ok := l.Vulnerabilities[severity]; ok {
			word := string(severity)
			if severity == advisory.High && l.UnknownAsHigh {
				word = "high or unknown"
			}
			parts = append(parts, fmt.Sprintf("%s %s", most(limit), word))
		}
	}
	return strings.Join(parts, ", ")
}

func vulnerabilityCounts(found map[advisory.Severity]diag.Findings) string {
	var parts []string
	for _, severity := range severities() {
		if n := len(found[severity]); n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, severity))
		}
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ", ")
}

// ofHit names package, place and the version that fixes it.
func ofHit(s Subject, hit advisory.Hit) diag.Finding {
	p := hit.Package
	at := placeOf(p)
	f := diag.Finding{Code: codeVulnerable, ID: hit.ID, Place: diag.Place{File: at}, Text: fmt.Sprintf("%s%s %s has %s (%s)", prefix(s), p.Name, p.Version, hit.ID, hit.Severity)}
	switch {
	case hit.Severity == advisory.Unknown:
		f.Text += ", which no database has rated; it counts as high unless gates: limits unknown"
	case hit.RatedBy != "":
		f.Text += ", rated by " + hit.RatedBy
	}
	if hit.Summary != "" {
		f.Text += ": " + Clip(hit.Summary)
	}
	if p.Layer != "" && s.Image != nil {
		if i := layerIndex(s.Image, p.Layer); i >= 0 {
			f.Text += ", in " + s.Image.layer(i)
		}
	}
	switch {
	case len(hit.Fixed) > 0:
		f.Hint = fmt.Sprintf("update %s to %s", p.Name, hit.Fixed[0])
	case hit.FixUnknown:
		f.Hint = "the scanner does not say which version fixes it; look up " + hit.ID
	default:
		f.Hint = "no version fixes it yet"
	}
	return f
}

// ofDatabase says what the search may have missed.
func ofDatabase(s Subject) diag.Findings {
	var out diag.Findings
	if age := s.Today.Sub(s.Database.Updated); !s.Database.Updated.IsZero() && age > oldDatabase {
		out = append(out, diag.Finding{Code: codeUnknown, Place: diag.Place{File: "vulnerabilities"}, Hint: "slipway scan --update",
			Text: fmt.Sprintf("%sthe database of advisories is %s old", prefix(s), days(age))})
	}
	if len(s.Database.Missing) > 0 {
		out = append(out, diag.Finding{Code: codeUnknown, Place: diag.Place{File: "vulnerabilities"}, Hint: "slipway scan --update",
			Text: fmt.Sprintf("%sthe database has no advisories of %s", prefix(s), strings.Join(s.Database.Missing, ", "))})
	}
	return out
}
