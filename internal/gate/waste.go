package gate

import (
	"fmt"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/report"
)

// waste is the gate of bytes that later layers hide. It has up to three limits: bytes
// that nobody sees, and dive's two, which count the seen copy too.
func waste(l Limits, s Subject) *draft {
	limit := wasteLimit(l)
	if limit == "" {
		return nil
	}
	d := &draft{Verdict: Verdict{Gate: "waste", Limit: limit}}
	if s.Image == nil {
		d.unknown = noImage
		return d
	}
	img := s.Image
	d.Actual = report.Bytes(img.WastedBytes)
	if s.Previous != nil {
		d.Change = grown(s.Previous.Image.WastedBytes, img.WastedBytes)
	}
	var over []string
	if l.WastedBytes != nil && img.WastedBytes > *l.WastedBytes {
		over = append(over, fmt.Sprintf("%s of the layers are hidden by later ones, and at most %s are allowed", report.Bytes(img.WastedBytes), report.Bytes(*l.WastedBytes)))
	}
	if l.DiveWasted != nil && img.Dive.WastedBytes > *l.DiveWasted {
		over = append(over, fmt.Sprintf("dive counts %s wasted, and at most %s are allowed", report.Bytes(img.Dive.WastedBytes), report.Bytes(*l.DiveWasted)))
	}
	if l.WastedPercent != nil {
		now := 100 * img.Dive.UserPercent
		d.Actual += ", " + percent(now)
		if now > *l.WastedPercent {
			over = append(over, fmt.Sprintf("%s of what the image adds to its first layer is wasted as dive counts, and at most %s is allowed", percent(now), percent(*l.WastedPercent)))
		}
	}
	if len(over) > 0 {
		d.miss(diag.Error, wasted(s, codeWaste, strings.Join(over, "; ")))
	}
	return d
}

func wasteLimit(l Limits) string {
	var parts []string
	if l.WastedBytes != nil {
		parts = append(parts, report.Bytes(*l.WastedBytes))
	}
	if l.DiveWasted != nil {
		parts = append(parts, report.Bytes(*l.DiveWasted)+" as dive counts")
	}
	if l.WastedPercent != nil {
		parts = append(parts, percent(*l.WastedPercent))
	}
	if len(parts) == 0 {
		return ""
	}
	return "at most " + strings.Join(parts, ", ")
}

// wasted is a finding that names the largest hidden files and both layers.
func wasted(s Subject, code, text string) diag.Finding {
	f := diag.Finding{Code: code, Text: prefix(s) + text, Hint: "delete or change files in the instruction that makes them, or copy only what is needed into the last stage"}
	for i, w := range s.Image.Wasted {
		if i == causes {
			f.Text += "; …"
			break
		}
		if i == 0 {
			f.Place = s.Image.place(w.Layer)
		}
		f.Text += fmt.Sprintf("; %s of %s in %s is hidden by %s", w.Path, report.Bytes(w.Bytes), s.Image.layer(w.Layer), s.Image.layer(w.By))
	}
	return f
}
