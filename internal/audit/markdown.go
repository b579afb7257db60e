package audit

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/slipway-build/slipway/internal/diag"
)

// Markdown is the export for people.
func (e Export) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Audit of releases and deploys: %s\n\n", e.Standard)
	fmt.Fprintf(&b, "Made by slipway on %s. %s\n", e.Made.Format(time.RFC3339), e.span())
	e.Verification.markdown(&b)
	e.changes(&b)
	fmt.Fprintf(&b, "\n## Controls\n\n*evidence*: records show it, as far as Slipway did the work. *partial*: they show a part. *none*: Slipway does not see it.\n\n")
	b.WriteString("| control | topic | Slipway gives | records show | not shown | number | records |\n|---|---|---|---|---|---|---|\n")
	for _, c := range e.Controls {
		row(&b, c.ID, c.Topic, string(c.Gives), c.Shows, c.Lacks, c.counted(), Ranges(c.Records))
	}
	return b.String()
}

func (e Export) span() string {
	day := func(t time.Time, open string) string {
		if t.IsZero() {
			return open
		}
		return t.UTC().Format(time.RFC3339)
	}
	if e.Period == (Period{}) {
		return fmt.Sprintf("It covers the whole log: %d records.", e.Records)
	}
	return fmt.Sprintf("It covers %d records from %s to %s.", e.Records, day(e.Period.From, "the first one"), day(e.Period.To, "the last one"))
}

func (r Report) markdown(b *strings.Builder) {
	b.WriteString("\n## Verification of the whole log\n\n")
	if r.OK() {
		fmt.Fprintf(b, "**The log is whole**: no record was changed, removed, moved or inserted, as far as the log and the files beside it tell.\n\n")
	} else {
		fmt.Fprintf(b, "**The log was changed. What follows is no evidence before this is explained.**\n\n")
	}
	for _, line := range r.Lines() {
		fmt.Fprintf(b, "- %s\n", cell(line))
	}
	if len(r.Problems) > 0 {
		b.WriteString("\n")
	}
	fmt.Fprintf(b, "- %s\n- head: `%s`\n", r.Summary(), r.Head)
	for _, k := range r.Keys {
		fmt.Fprintf(b, "- signed by the key with the SHA-256 `%s`\n", k)
	}
	for _, n := range r.Notes {
		fmt.Fprintf(b, "- note: %s\n", cell(n))
	}
}

// Summary is a report in one line.
func (r Report) Summary() string {
	text := fmt.Sprintf("%d records, %d checkpoints", r.Records, r.Checkpoints)
	if r.SignedThrough > 0 {
		text += fmt.Sprintf(", signed through record %d", r.SignedThrough)
	}
	if r.Records > 0 {
		text += fmt.Sprintf("; %s to %s", r.From.Format(time.RFC3339), r.To.Format(time.RFC3339))
	}
	return text
}

func (e Export) changes(b *strings.Builder) {
	b.WriteString("\n## Deploys\n\n")
	if len(e.Changes) == 0 {
		b.WriteString("There are no records of deploys that ended.\n")
		return
	}
	b.WriteString("| record | time | environment | fleet | version | commit | action | result | by | release | gates | approval | to be explained |\n|---|---|---|---|---|---|---|---|---|---|---|---|---|\n")
	for _, c := range e.Changes {
		number := func(n uint64, more string) string {
			if n == 0 {
				return "none"
			}
			return strings.TrimSpace(fmt.Sprintf("%d %s", n, more))
		}
		row(b, fmt.Sprint(c.Record), c.At.Format(time.RFC3339), c.Environment, c.Fleet, c.Version, fmt.Sprintf("%.12s", c.Commit), string(c.Action), c.Result, c.By,
			number(c.Released, ""), number(c.Gates, c.GatesResult), number(c.Approved, c.ApprovedBy), strings.Join(c.Gaps, "; "))
	}
}

// counted is how many records of which action there are.
func (c Covered) counted() string {
	if c.Gives == Nothing {
		return ""
	}
	var out []string
	for _, action := range slices.Sorted(maps.Keys(c.Counts)) {
		out = append(out, fmt.Sprintf("%d %s", c.Counts[action], action))
	}
	return cmp.Or(strings.Join(out, ", "), "0")
}

// Ranges writes numbers in order, "1, 4–9".
func Ranges(numbers []uint64) string {
	var out []string
	for i := 0; i < len(numbers); {
		j := i
		for j+1 < len(numbers) && numbers[j+1] == numbers[j]+1 {
			j++
		}
		text := fmt.Sprint(numbers[i])
		if j > i {
			text += fmt.Sprintf("–%d", numbers[j])
		}
		out = append(out, text)
		i = j + 1
	}
	return strings.Join(out, ", ")
}

func row(b *strings.Builder, cells ...string) {
	for _, c := range cells {
		b.WriteString("| " + cell(c) + " ")
	}
	b.WriteString("|\n")
}

// cell makes a text of a record harmless in Markdown.
func cell(text string) string {
	return strings.NewReplacer(`\`, `\\`, "|", `\|`, "<", "&lt;", ">", "&gt;", "&", "&amp;", "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`).Replace(strings.Join(strings.Fields(diag.Printable(text)), " "))
}
