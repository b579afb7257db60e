package testreport

import (
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/pattern"
)

// denoFinding and denoFault are entries of `deno lint --json`.
type denoFinding struct {
	File  string `json:"filename"` // an address
	Text  string `json:"message"`
	Rule  string `json:"code"`
	Hint  string `json:"hint"`
	Range struct {
		Start struct {
			Line   int `json:"line"`
			Column int `json:"col"` // from 0
		} `json:"start"`
	} `json:"range"`
}

type denoFault struct {
	File string `json:"file_path"`
	Text string `json:"message"` // ends with the place
}

// denoAt is the place in texts of Deno; denoError is an error of deno check, which the
// place follows.
var (
	denoAt    = pattern.Lazy(`\s*at (file://[^\s]+?):(\d+):(\d+)$`)
	denoError = pattern.Lazy(`^(TS\d+) \[(ERROR|WARN)\]: (.+)$`)
)

// isDenoLint tells it from Biome's JSON, which has no version.
func isDenoLint(in *intake) bool {
	keys := in.keys()
	return slices.Contains(keys, "diagnostics") && slices.Contains(keys, "version")
}

func readDenoLint(in *intake) error {
	d := in.document()
	return d.whole(func() error {
		return d.object(func(key string) func() error {
			switch key {
			case "diagnostics":
				return func() error {
					return d.array(func() error {
						var f denoFinding
						if err := d.Decode(&f); err != nil {
							return err
						}
						return in.find(Finding{Tool: "deno lint", Rule: f.Rule, Severity: Error, File: denoPath(f.File), Line: f.Range.Start.Line, Column: f.Range.Start.Column + 1, Text: joined(f.Text, f.Hint)})
					})
				}
			case "errors":
				return func() error {
					return d.array(func() error {
						var f denoFault
						if err := d.Decode(&f); err != nil {
							return err
						}
						return in.find(f.finding())
					})
				}
			}
			return nil
		})
	})
}

// finding is a file that cannot be read as a program.
func (f denoFault) finding() Finding {
	out := Finding{Tool: "deno lint", Severity: Error, File: denoPath(f.File)}
	if m := denoAt().FindStringSubmatch(f.Text); m != nil {
		out.Line, out.Column = number(m[2]), number(m[3])
	}
	out.Text, _, _ = strings.Cut(f.Text, "\n")
	return out
}

func denoPath(address string) string { return strings.TrimPrefix(address, "file://") }

// isDenoCheck recognises the output of `deno check` by the name of its file.
func isDenoCheck(in *intake) bool { return strings.HasSuffix(in.file, "deno-check.txt") }

// readDenoCheck reads errors of types: their text, an excerpt, and their place.
func readDenoCheck(in *intake) error {
	var open *Finding
	for _, line := range lines(in.content) {
		if m := denoError().FindStringSubmatch(line); m != nil {
			open = &Finding{Tool: "deno check", Rule: m[1], Severity: Error, Text: m[3]}
		} else if m := denoAt().FindStringSubmatch(line); m != nil && open != nil {
			open.File, open.Line, open.Column = denoPath(m[1]), number(m[2]), number(m[3])
			if err := in.find(*open); err != nil {
				return err
			}
			open = nil
		}
	}
	return nil
}
