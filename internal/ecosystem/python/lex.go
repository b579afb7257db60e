package python

import (
	"bytes"
	"strings"

	"github.com/slipway-build/slipway/internal/pattern"
)

// literal is a string of a source.
type literal struct {
	text   string
	line   int
	before []byte // the code before it
}

// path reports an operand of what makes a path.
func (l literal) path() bool { return pathBefore().Match(l.before) }

// code is a source whose comments and strings are blank, so that an import in a
// docstring is none. It has the length and the lines of the source.
type code struct {
	text     []byte // without strings and comments
	signs    []byte // without comments and long strings, for patterns that look into strings
	literals []literal

	lines, counted int // of the part that was counted
}

// maxLiteral is the longest string that may name a file, in bytes.
const maxLiteral = 200

// lex takes strings and comments out of a source. What is no Python is taken as
// far as it goes: nothing fails.
func lex(data []byte) code {
	c := code{text: bytes.Clone(data), signs: bytes.Clone(data), lines: 1}
	for i := 0; i < len(data); {
		switch b := data[i]; {
		case b == '#':
			end := i
			for end < len(data) && data[end] != '\n' {
				end++
			}
			blank(c.text, i, end)
			blank(c.signs, i, end)
			i = end
		case b == '"' || b == '\'':
			i = c.str(data, i)
		default:
			i++
		}
	}
	return c
}

// str takes the string that begins at a quote and returns where it ends.
func (c *code) str(data []byte, at int) int {
	quote, length := data[at], 1
	if at+2 < len(data) && data[at+1] == quote && data[at+2] == quote {
		length = 3
	}
	raw := isRaw(data, at)
	from := at + length
	i := from
	for i < len(data) {
		switch {
		case data[i] == '\\' && !raw:
			i += 2
			continue
		case data[i] == '\\' && i+1 < len(data) && data[i+1] == quote:
			i += 2 // a raw string keeps the backslash, and goes on all the same
			continue
		case data[i] == '\n' && length == 1:
			return i // a quote that nothing closes
		case closes(data, i, quote, length):
			if i-from <= maxLiteral {
				c.literals = append(c.literals, literal{text: string(data[from:i]), line: c.line(data, from), before: c.text[max(0, at-80):at]})
			}
			c.take(from, i, length)
			return i + length
		}
		i++
	}
	c.take(min(from, len(data)), len(data), length)
	return len(data)
}

// isRaw reports a string whose prefix has an r.
func isRaw(data []byte, at int) bool {
	from := at
	for from > 0 && at-from < 2 && strings.IndexByte("rRbBuUfFtT", data[from-1]) >= 0 {
		from--
	}
	return strings.ContainsAny(string(data[from:at]), "rR")
}

func closes(data []byte, i int, quote byte, length int) bool {
	for k := range length {
		if i+k >= len(data) || data[i+k] != quote {
			return false
		}
	}
	return true
}

// take blanks a string; one over lines is text for people.
func (c *code) take(from, to, quotes int) {
	blank(c.text, from, to)
	if quotes == 3 {
		blank(c.signs, from, to)
	}
}

// line is the line of an offset; offsets grow from call to call.
func (c *code) line(data []byte, offset int) int {
	c.lines += bytes.Count(data[c.counted:offset], []byte("\n"))
	c.counted = offset
	return c.lines
}

// pathBefore is the code before an operand of a path: a slash, a call that
// joins or opens, or a directory= of a framework.
var pathBefore = pattern.Lazy(`(?:/\s*|\b(?:join|Path|open|listdir|scandir|glob|walk|iterdir|joinpath|makedirs|mkdir|StaticFiles|Jinja2Templates|FileSystemLoader)\([^()\n]*|\b\w*(?:[dD]ir|[dD]irectory|[fF]older|[pP]ath|DIR|FOLDER|PATH|ROOT)\w*['"]?\]?\s*=\s*)[rbufRBUF]{0,2}$`)

// blank makes spaces, and keeps the lines.
func blank(text []byte, from, to int) {
	for i := from; i < to; i++ {
		if text[i] != '\n' {
			text[i] = ' '
		}
	}
}
