package config

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/slipway-build/slipway/internal/diag"
)

// Limits of what is read. A fleet of 1,000 services is about 100 KiB with lines
// of about 40 characters and a nesting of four; the limits keep the YAML parser,
// which recurses, from input that is made to exhaust it.
const (
	maxBytes   = 1 << 20
	maxLine    = 4096
	maxNesting = 64
)

// excerptWidth is how much of a line an excerpt shows.
const excerptWidth = 120

// source is the text of the file, for excerpts.
type source struct {
	file  string
	lines []string
}

func newSource(file string, data []byte) source {
	text := strings.ReplaceAll(string(data), "\r\n", "\n")
	return source{file: file, lines: strings.Split(strings.TrimSuffix(text, "\n"), "\n")}
}

// limits returns why the bytes are not even handed to the YAML parser.
func (s source) limits(data []byte) *diag.Finding {
	refuse := func(line int, hint, format string, args ...any) *diag.Finding {
		f := s.finding(codeSyntax, line, 1, fmt.Sprintf(format, args...), hint)
		return &f
	}
	if len(data) > maxBytes {
		return refuse(0, "split the repository into several fleets", "the file has %d bytes, more than the %d that Slipway reads", len(data), maxBytes)
	}
	if !utf8.Valid(data) {
		line := 1 + bytes.Count(data[:firstInvalid(data)], []byte("\n"))
		return refuse(line, "save the file as UTF-8", "the text is not valid UTF-8")
	}
	depth := 0
	for i, l := range s.lines {
		if len(l) > maxLine {
			return refuse(i+1, "write lists and maps over several lines", "the line has %d bytes, more than the %d that Slipway reads", len(l), maxLine)
		}
		if strings.ContainsFunc(l, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
			return refuse(i+1, "delete the control characters of this line", "the line has a control character")
		}
		depth += strings.Count(l, "[") + strings.Count(l, "{") - strings.Count(l, "]") - strings.Count(l, "}")
		if max(depth, nesting(l)) > maxNesting {
			return refuse(i+1, "no key of slipway.yaml is nested deeper than four levels", "the nesting is deeper than %d levels", maxNesting)
		}
	}
	return nil
}

// nesting is an upper bound of the block levels that a line opens: its
// indentation (one space is a level at least) and its compact "- - -" indicators.
func nesting(line string) int {
	indent := len(line) - len(strings.TrimLeft(line, " "))
	return indent/2 + strings.Count(line, "- ") + strings.Count(line, "? ") + strings.Count(line, "[") + strings.Count(line, "{")
}

func firstInvalid(data []byte) int {
	for i := 0; i < len(data); {
		r, n := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return len(data)
}

// finding makes an error with the excerpt of its place.
func (s source) finding(code string, line, column int, text, hint string) diag.Finding {
	return diag.Finding{
		Code:    code,
		Place:   diag.Place{File: s.file, Line: line, Column: column},
		Text:    text,
		Excerpt: s.excerpt(line, column),
		Hint:    hint,
	}
}

// excerpt shows the line, the one before it, and a marker under the column.
func (s source) excerpt(line, column int) string {
	if line < 1 || line > len(s.lines) {
		return ""
	}
	var b strings.Builder
	for n := max(1, line-1); n <= line; n++ {
		fmt.Fprintf(&b, "%5d | %s\n", n, clip(s.lines[n-1]))
	}
	if column >= 1 && column <= excerptWidth {
		fmt.Fprintf(&b, "      | %s^", strings.Repeat(" ", column-1))
	}
	return strings.TrimRight(b.String(), "\n")
}

func clip(line string) string {
	line = strings.ReplaceAll(line, "\t", " ")
	if utf8.RuneCountInString(line) <= excerptWidth {
		return strings.TrimRight(line, " ")
	}
	return string([]rune(line)[:excerptWidth]) + "…"
}
