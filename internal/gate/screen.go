package gate

import (
	"fmt"
	"io"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/report"
)

// Outcome is how one image passed its gates.
type Outcome struct {
	Service  string
	Image    string
	Digest   string
	Until    string // the day that suggested waivers end on: "2027-03-31"
	Since    string // of which build or release the changes are; empty: there is none
	Verdicts []Verdict
	Waivers  diag.Findings // about the waivers themselves
}

// Failed reports whether the image may not leave.
func (o Outcome) Failed() bool {
	for _, v := range o.Verdicts {
		if v.Result == Failed {
			return true
		}
	}
	return len(o.Waivers.Of(diag.Error)) > 0
}

// Counts says how many gates ended how, in words.
func (o Outcome) Counts() string {
	n := map[Result]int{}
	for _, v := range o.Verdicts {
		n[v.Result]++
	}
	parts := []string{}
	for _, r := range []Result{Passed, Failed, Warned, Waived, NotKnown} {
		if n[r] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n[r], r))
		}
	}
	if ended := len(o.Waivers.Of(diag.Error)); ended > 0 {
		parts = append(parts, count(ended, "ended waiver"))
	}
	return strings.Join(parts, ", ")
}

// Write writes outcomes for people: a table of the gates, what is wrong and what
// causes it, and the lines of slipway.yaml that would accept it.
func Write(w io.Writer, outcomes []Outcome) error {
	for i, o := range outcomes {
		if i > 0 {
			if _, err := io.WriteString(w, "\n"); err != nil {
				return err
			}
		}
		if err := o.write(w); err != nil {
			return err
		}
	}
	return nil
}

func (o Outcome) write(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s\n", o.title(), shortDigest(o.Digest))
	header := []string{"GATE", "<LIMIT", "<ACTUAL", "<CHANGE", "<VERDICT"}
	var rows [][]string
	for _, v := range o.Verdicts {
		change := v.Change
		if change == "" {
			change = "-"
		}
		rows = append(rows, []string{v.Gate, v.Limit, Clip(v.Actual), change, string(v.Result)})
	}
	if err := report.Table(&b, header, rows); err != nil {
		return err
	}
	if o.Since != "" {
		fmt.Fprintf(&b, "changes since %s\n", o.Since)
	}
	var lines []string
	for _, v := range o.Verdicts {
		shown, left := shownOf(v)
		for _, f := range shown {
			b.WriteString(f.String() + "\n")
		}
		if left > 0 {
			fmt.Fprintf(&b, "  … and %d more of %s; --json lists all\n", left, v.Gate)
		}
		lines = append(lines, o.waive(v)...)
	}
	o.writeUnknown(&b)
	for _, f := range o.Waivers {
		b.WriteString(f.String() + "\n")
	}
	if len(lines) > 0 {
		fmt.Fprintf(&b, "to accept a finding, write below services: %s: in slipway.yaml:\n    waivers:\n", o.Service)
		for _, line := range lines {
			b.WriteString("      " + diag.Printable(line) + "\n")
		}
	}
	fmt.Fprintf(&b, "%s\n", o.Counts())
	_, err := io.WriteString(w, b.String())
	return err
}

// writeUnknown says what would make the gates known that are not.
func (o Outcome) writeUnknown(b *strings.Builder) {
	var hints []string
	gates := map[string][]string{}
	for _, v := range o.Verdicts {
		if v.Result != NotKnown || v.Findings[0].Hint == "" {
			continue
		}
		hint := v.Findings[0].Hint
		if gates[hint] == nil {
			hints = append(hints, hint)
		}
		gates[hint] = append(gates[hint], v.Gate)
	}
	for _, hint := range hints {
		fmt.Fprintf(b, "to know %s: %s\n", strings.Join(gates[hint], ", "), hint)
	}
}

func (o Outcome) title() string {
	if o.Service == "" || o.Service == o.Image {
		return o.Image
	}
	return o.Service + "  " + o.Image
}

// waive are the lines that accept a verdict; an image by name has no service for them.
func (o Outcome) waive(v Verdict) []string {
	if o.Service == "" {
		return nil
	}
	return v.Waivers(o.Until)
}

// keptFindings is how many findings of a gate a terminal shows.
const keptFindings = 5

// shownOf are the findings of a verdict that a person acts on, or accepted: errors,
// warnings and waived ones.
func shownOf(v Verdict) (shown diag.Findings, left int) {
	for _, f := range v.Findings {
		if f.Severity != diag.Info || strings.Contains(f.Text, " (waived: ") {
			shown = append(shown, f)
		}
	}
	if len(shown) > keptFindings {
		return shown[:keptFindings], len(shown) - keptFindings
	}
	return shown, 0
}

func shortDigest(digest string) string {
	if algorithm, hex, ok := strings.Cut(digest, ":"); ok && len(hex) > 12 {
		return algorithm + ":" + hex[:12]
	}
	return digest
}
