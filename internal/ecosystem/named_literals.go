package ecosystem

import (
	"bytes"
	"path"
	"slices"
	"strings"
)

// Syntax is how a language writes strings and comments.
type Syntax int

// The languages whose strings are read.
const (
	GoSyntax   Syntax = iota // "…", `…`, 'r'
	RustSyntax               // "…", r#"…"#, 'c', 'lifetime, nested comments
	JavaSyntax               // "…", """…""", 'c'; Kotlin too
)

// has reports a source file of the language.
func (s Syntax) has(file string) bool {
	return slices.Contains(map[Syntax][]string{GoSyntax: {".go"}, RustSyntax: {".rs"}, JavaSyntax: {".java", ".kt", ".kts", ".scala", ".groovy"}}[s], path.Ext(file))
}

// Literal is a string in a source file.
type Literal struct {
	Text    string // without quotes, as it is written
	At, End int    // byte offsets of the quotes' outsides
	Raw     bool   // written without escapes
}

// Literals returns the strings of a source file in their order. Comments and
// characters are passed over; what is not closed ends the file.
func Literals(syntax Syntax, data []byte) []Literal {
	l := lexer{syntax: syntax, data: data}
	for l.at < len(data) {
		l.step()
	}
	return l.out
}

type lexer struct {
	syntax Syntax
	data   []byte
	at     int
	out    []Literal
}

// step passes over one token, or to the next byte that can begin one.
func (l *lexer) step() {
	next := bytes.IndexAny(l.data[l.at:], "\"'`/r")
	if next < 0 {
		l.at = len(l.data)
		return
	}
	l.at += next
	switch rest := l.data[l.at:]; rest[0] {
	case '/':
		l.comment(rest)
	case '\'':
		l.character(rest)
	case '`':
		if l.syntax == GoSyntax {
			l.raw(1, "`")
			return
		}
		l.at++
	case 'r':
		l.rustRaw(rest)
	default:
		if l.syntax == JavaSyntax && bytes.HasPrefix(rest, []byte(`"""`)) {
			l.raw(3, `"""`)
			return
		}
		l.quoted(rest)
	}
}

func (l *lexer) comment(rest []byte) {
	switch {
	case bytes.HasPrefix(rest, []byte("//")):
		l.upTo(rest, "\n")
	case bytes.HasPrefix(rest, []byte("/*")) && l.syntax == RustSyntax:
		l.nested(rest)
	case bytes.HasPrefix(rest, []byte("/*")):
		l.at += 2
		l.upTo(rest[2:], "*/")
	default:
		l.at++
	}
}

// upTo moves behind the end of a comment.
func (l *lexer) upTo(rest []byte, end string) {
	i := bytes.Index(rest, []byte(end))
	if i < 0 {
		l.at = len(l.data)
		return
	}
	l.at += i + len(end)
}

// nested moves behind a comment in which others may lie.
func (l *lexer) nested(rest []byte) {
	depth, i := 0, 0
	for i < len(rest) {
		switch {
		case bytes.HasPrefix(rest[i:], []byte("/*")):
			depth++
			i += 2
		case bytes.HasPrefix(rest[i:], []byte("*/")):
			depth--
			i += 2
		default:
			i++
		}
		if depth == 0 {
			break
		}
	}
	l.at += i
}

// character moves behind 'c', '\n' and '\u{1F600}'; in Rust, 'a may be a lifetime.
func (l *lexer) character(rest []byte) {
	const longest = 12
	for i := 1; i < min(len(rest), longest); i++ {
		switch rest[i] {
		case '\\':
			i++
		case '\'':
			if i > 1 {
				l.at += i + 1
				return
			}
		case '\n':
			l.at++
			return
		}
	}
	l.at++
}

func (l *lexer) quoted(rest []byte) {
	for i := 1; i < len(rest); i++ {
		switch rest[i] {
		case '\\':
			i++
		case '"':
			l.add(rest[1:i], i+1, false)
			return
		case '\n':
			if l.syntax != RustSyntax {
				l.at += i
				return
			}
		}
	}
	l.at = len(l.data)
}

func (l *lexer) raw(open int, end string) {
	i := bytes.Index(l.data[l.at+open:], []byte(end))
	if i < 0 {
		l.at = len(l.data)
		return
	}
	l.add(l.data[l.at+open:l.at+open+i], open+i+len(end), true)
}

// rustRaw takes r"…" and r#"…"#, not the r of a word.
func (l *lexer) rustRaw(rest []byte) {
	word := l.at > 0 && wordByte(l.data[l.at-1]) && !(l.data[l.at-1] == 'b' && (l.at < 2 || !wordByte(l.data[l.at-2])))
	hashes := 0
	for 1+hashes < len(rest) && rest[1+hashes] == '#' {
		hashes++
	}
	if l.syntax != RustSyntax || word || 1+hashes >= len(rest) || rest[1+hashes] != '"' {
		l.at++
		return
	}
	l.raw(2+hashes, `"`+strings.Repeat("#", hashes))
}

func (l *lexer) add(text []byte, length int, raw bool) {
	l.out = append(l.out, Literal{Text: string(text), At: l.at, End: l.at + length, Raw: raw})
	l.at += length
}
