package report

import (
	"io"
	"slices"
	"strings"
)

// Table writes rows under a header, the first column to the left and the others
// to the right but those whose header begins with "<", two spaces between them.
func Table(w io.Writer, header []string, rows [][]string) error {
	left := make([]bool, len(header))
	header = slices.Clone(header)
	for i := range header {
		header[i], left[i] = strings.CutPrefix(header[i], "<")
		left[i] = left[i] || i == 0
	}
	all := append([][]string{header}, rows...)
	widths := make([]int, len(header))
	for _, row := range all {
		for i, cell := range row {
			widths[i] = max(widths[i], len([]rune(cell)))
		}
	}
	var b strings.Builder
	for _, row := range all {
		var line strings.Builder
		for i, cell := range row {
			space := strings.Repeat(" ", widths[i]-len([]rune(cell)))
			if i > 0 {
				line.WriteString("  ")
			}
			if left[i] {
				line.WriteString(cell + space)
			} else {
				line.WriteString(space + cell)
			}
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}
