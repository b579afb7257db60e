package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
)

// writeTable prints the figures, one a line, then the reasons of what failed.
func writeTable(w io.Writer, figures []Figure) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "FIGURE\tGOAL\tMEASURED\tVERDICT\tNOTE")
	for _, f := range figures {
		note := f.Note
		if f.Verdict == Failed {
			note = "see below"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", f.Name, f.goal(), f.measured(), f.Verdict, note)
	}
	_ = t.Flush()
	for _, f := range figures {
		if f.Verdict == Failed {
			fmt.Fprintf(w, "\n%s could not be measured:\n  %s\n", f.Name, strings.ReplaceAll(strings.TrimSpace(f.Note), "\n", "\n  "))
		}
	}
}

func (f Figure) goal() string {
	if f.Verdict == Info || f.Verdict == Failed {
		return "-"
	}
	return "≤ " + number(f.Limit, f.Unit)
}

func (f Figure) measured() string {
	if f.Verdict == Failed {
		return "-"
	}
	return number(f.Measured, f.Unit)
}

// number prints a value with three significant digits, and whole numbers whole.
func number(v float64, unit string) string {
	digits := 0
	switch {
	case v == float64(int64(v)):
	case v < 1:
		digits = 3
	case v < 10:
		digits = 2
	case v < 1000:
		digits = 1
	}
	return strings.TrimSpace(strconv.FormatFloat(v, 'f', digits, 64) + " " + unit)
}
