package gate

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/slipway-build/slipway/internal/report"
)

// most writes a limit of a number.
func most(n int) string {
	if n == 0 {
		return "no"
	}
	return fmt.Sprintf("at most %d", n)
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// percent writes with one digit after the point, where it says something. It rounds
// down, so that what misses a limit never looks as if it reached it.
func percent(p float64) string {
	return strconv.FormatFloat(float64(int(p*10+1e-6))/10, 'f', -1, 64) + " %"
}

func points(d float64) string { return fmt.Sprintf("%+.1f points", d) }

func days(d time.Duration) string { return count(int(d.Hours()/24), "day") }

// grown writes the change of a size: "+12 MB (+9.8 %)".
func grown(before, now int64) string {
	d := now - before
	sign := "+"
	if d < 0 {
		sign, d = "−", -d
	}
	if d == 0 {
		return "none"
	}
	text := sign + report.Bytes(d)
	if before > 0 {
		text += fmt.Sprintf(" (%s%.1f %%)", sign, 100*float64(d)/float64(before))
	}
	return text
}

// ranges writes sorted numbers: "3, 7–9".
func ranges(lines []int) string {
	var parts []string
	for i := 0; i < len(lines); {
		j := i
		for j+1 < len(lines) && lines[j+1] == lines[j]+1 {
			j++
		}
		if part := strconv.Itoa(lines[i]); j > i {
			parts = append(parts, part+"–"+strconv.Itoa(lines[j]))
		} else {
			parts = append(parts, part)
		}
		i = j + 1
	}
	if len(parts) > 8 {
		parts = append(parts[:8], "…")
	}
	return strings.Join(parts, ", ")
}

// Clip shortens text from outside to what a finding can show.
func Clip(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > 160 {
		return string(r[:159]) + "…"
	}
	return s
}
