package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/slipway-build/slipway/internal/terminal"
)

// Painter keeps lines at the end of a terminal and replaces them in place. It is
// not safe for concurrent use.
type Painter struct {
	W      io.Writer
	height int // lines that are on the screen
}

// Draw replaces the lines, in one write, and puts text above them, where it stays:
// whole lines, each with its end. A line is cut to the columns of the terminal. Lines
// have no control characters; whoever gives the text has taken them out.
func (p *Painter) Draw(above string, lines []string, columns int) {
	var b strings.Builder
	p.top(&b)
	b.WriteString(strings.ReplaceAll(above, "\n", "\x1b[K\n"))
	for _, line := range lines {
		b.WriteString(truncate(string(terminal.Escaped([]byte(line))), columns-1) + "\x1b[K\n")
	}
	b.WriteString("\x1b[J")
	p.height = len(lines)
	_, _ = io.WriteString(p.W, b.String())
}

// Erase removes the lines.
func (p *Painter) Erase() {
	if p.height == 0 {
		return
	}
	var b strings.Builder
	p.top(&b)
	p.height = 0
	_, _ = io.WriteString(p.W, b.String()+"\x1b[J")
}

// top moves to the first line.
func (p *Painter) top(b *strings.Builder) {
	if p.height > 0 {
		fmt.Fprintf(b, "\r\x1b[%dA", p.height)
	}
}

// Coloured is a text in the n-th of ten colours that can be told apart on light and
// on dark terminals.
func Coloured(n int, text string) string {
	colours := [...]int{36, 33, 32, 35, 34, 96, 93, 92, 95, 94}
	return fmt.Sprintf("\x1b[%dm%s\x1b[0m", colours[n%len(colours)], text)
}
