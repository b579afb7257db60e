package report

import (
	"fmt"
	"strings"
	"time"
	"unicode"
)

// Bytes writes a size in decimal units: "812 B", "34 kB", "1.2 MB", "108 MB".
func Bytes(n int64) string {
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	value, unit := float64(n)/1000, 0
	for value >= 999.5 && unit < 3 {
		value /= 1000
		unit++
	}
	name := [...]string{"kB", "MB", "GB", "TB"}[unit]
	if value < 9.95 {
		return fmt.Sprintf("%.1f %s", value, name)
	}
	return fmt.Sprintf("%.0f %s", value, name)
}

// Duration writes a time span briefly: "0.3s", "12.3s", "1m02s", "2h05m".
func Duration(d time.Duration) string {
	switch {
	case d < 0:
		return "0.0s"
	case d < time.Minute-50*time.Millisecond:
		return fmt.Sprintf("%.1fs", d.Seconds())
	case d < time.Hour-500*time.Millisecond:
		d = d.Round(time.Second)
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	}
	d = d.Round(time.Minute)
	return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
}

// clean makes text from outside fit for one line of a terminal: no control
// characters, so no escape sequences.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			return ' '
		}
		return r
	}, s)
	return strings.Join(strings.Fields(s), " ")
}

// truncate cuts a line to a number of columns and marks the cut.
func truncate(s string, columns int) string {
	runes := []rune(s)
	if len(runes) <= columns {
		return s
	}
	if columns <= 1 {
		return string(runes[:max(0, columns)])
	}
	return string(runes[:columns-1]) + "…"
}

// pad fills a text with spaces to a number of columns.
func pad(s string, columns int) string {
	return s + strings.Repeat(" ", max(0, columns-len([]rune(s))))
}

// reason says the cause of a build, and how many more there were.
func reason(all []string) string {
	if len(all) == 0 {
		return ""
	}
	text := clean(all[0])
	if len(all) > 1 {
		text += fmt.Sprintf(" (and %d more)", len(all)-1)
	}
	return text
}
