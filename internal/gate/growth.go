package gate

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/inventory"
	"github.com/slipway-build/slipway/internal/report"
)

// Grown is a part that takes more of an image than it did.
type Grown struct {
	Part
	Before int64 // bytes; 0: it is new
}

// More is by how many bytes.
func (g Grown) More() int64 { return g.Bytes - g.Before }

// Growth compares the parts of two images and returns those that grew, the most first.
func Growth(before, now Image) []Grown {
	was := map[string]int64{}
	for _, p := range before.Parts {
		was[p.Path] += p.Bytes
	}
	least := int64(0) // of a part that is named; smaller ones may have been there before
	if n := len(before.Parts); n >= KeptParts {
		least = before.Parts[n-1].Bytes
	}
	var out []Grown
	for _, p := range now.Parts {
		if _, known := was[p.Path]; p.Bytes > was[p.Path] && (known || p.Bytes > least) {
			out = append(out, Grown{p, was[p.Path]})
		}
	}
	slices.SortStableFunc(out, func(a, b Grown) int {
		return cmp.Or(cmp.Compare(b.More(), a.More()), strings.Compare(a.Path, b.Path))
	})
	return out
}

// KeptParts is how many parts of an image are kept, at most.
const KeptParts = 1000

// causes are how many parts a growth names.
const causes = 3

// growth is the gate of the growth against the last release. It names what grew: the
// package or file, its layer and the line of the Dockerfile.
func growth(l Limits, s Subject) *draft {
	if l.Growth == nil {
		return nil
	}
	d := &draft{Verdict: Verdict{Gate: "growth", Limit: "at most " + percent(*l.Growth)}}
	switch {
	case s.Image == nil:
		d.unknown = noImage
		return d
	case s.Previous == nil:
		d.unknown = "no earlier image passed its gates; the next run compares"
		return d
	}
	before, now := s.Previous.Image.SizeBytes, s.Image.SizeBytes
	d.Actual, d.Change = report.Bytes(now), grown(before, now)
	if before <= 0 || 100*float64(now-before) <= *l.Growth*float64(before) {
		return d
	}
	f := diag.Finding{Code: codeGrowth, Hint: "remove it from the image, or accept the growth with a waiver",
		Text: fmt.Sprintf("%sthe image grew by %s, from %s to %s, and at most %s is allowed", prefix(s), strings.TrimLeft(grown(before, now), "+"), report.Bytes(before), report.Bytes(now), percent(*l.Growth))}
	var names []string
	for i, g := range Growth(s.Previous.Image, *s.Image) {
		if i == causes {
			names = append(names, "…")
			break
		}
		if i == 0 {
			f.Place = s.Image.place(g.Layer)
		}
		names = append(names, g.words(s))
	}
	if len(names) > 0 {
		f.Text += ": " + strings.Join(names, "; ")
	}
	d.miss(diag.Error, f)
	return d
}

// words is a part that grew, with its versions where they are known, and its layer.
func (g Grown) words(s Subject) string {
	how := "is new"
	if g.Before > 0 {
		how = "grew"
	}
	if before, now := versionAt(previousPackages(s), g.Path), versionAt(s.Packages, g.Path); before != "" && now != "" && before != now {
		how = "went from " + before + " to " + now
	}
	return fmt.Sprintf("%s %s: +%s in %s", g.title(), how, report.Bytes(g.More()), s.Image.layer(g.Layer))
}

func previousPackages(s Subject) *inventory.Inventory {
	if s.Previous == nil {
		return nil
	}
	return s.Previous.Packages
}

// versionAt is the version of the package at a path, "" when it is not known.
func versionAt(list *inventory.Inventory, path string) string {
	if list == nil {
		return ""
	}
	for _, p := range list.Packages {
		if p.Path != "" && strings.Trim(p.Path, "/") == strings.Trim(path, "/") {
			return p.Version
		}
	}
	return ""
}
