package layer

import "strings"

// token is a word of JavaScript or TypeScript.
type token struct {
	kind  byte   // 'n' a name or keyword, 's' a string, 't' a template with expressions, '0' a number or regular expression, else the sign itself
	text  string // of a name, a sign of several characters, or the value of a string; of a template what comes before its first expression
	line  int32
	fresh bool // first on its line
}

// is tells whether the token is a name or a sign.
func (t token) is(text string) bool { return t.kind != 's' && t.kind != 't' && t.text == text }

// maxTokens bounds what is read of one file.
const maxTokens = 1 << 20

// lexer splits JavaScript into tokens (ECMA-262, chapter 12), roughly: what it
// does not know is passed over.
type lexer struct {
	data []byte
	at   int
	line int32
	out  []token
}

func tokens(data []byte) []token {
	l := &lexer{data: data, line: 1}
	fresh := true
	for l.at < len(l.data) && len(l.out) < maxTokens {
		before := len(l.out)
		if l.space(&fresh) {
			continue
		}
		l.next()
		if len(l.out) > before {
			l.out[before].fresh = fresh
		}
		fresh = false
	}
	return l.out
}

// space passes over one blank, line end or comment.
func (l *lexer) space(fresh *bool) bool {
	switch c := l.data[l.at]; {
	case c == '\n':
		l.line++
		*fresh = true
		l.at++
	case c == ' ' || c == '\t' || c == '\r':
		l.at++
	case c == '/' && l.peek(1) == '/', c == '#' && l.at == 0 && l.peek(1) == '!':
		for l.at < len(l.data) && l.data[l.at] != '\n' {
			l.at++
		}
	case c == '/' && l.peek(1) == '*':
		l.at += 2
		for l.at < len(l.data) && !(l.data[l.at] == '*' && l.peek(1) == '/') {
			l.newline()
			l.at++
		}
		l.at = min(l.at+2, len(l.data))
	default:
		return false
	}
	return true
}

func (l *lexer) peek(n int) byte {
	if l.at+n < len(l.data) {
		return l.data[l.at+n]
	}
	return 0
}

func (l *lexer) newline() {
	if l.data[l.at] == '\n' {
		l.line++
	}
}

func (l *lexer) add(kind byte, text string) {
	l.out = append(l.out, token{kind: kind, text: text, line: l.line})
}

// next reads one token.
func (l *lexer) next() {
	switch c := l.data[l.at]; {
	case nameByte(c):
		from := l.at
		for l.at < len(l.data) && (nameByte(l.data[l.at]) || l.data[l.at] >= '0' && l.data[l.at] <= '9') {
			l.at++
		}
		l.add('n', string(l.data[from:l.at]))
	case c >= '0' && c <= '9':
		for l.at < len(l.data) && (nameByte(l.data[l.at]) || l.data[l.at] >= '0' && l.data[l.at] <= '9' || l.data[l.at] == '.') {
			l.at++
		}
		l.add('0', "0")
	case c == '"' || c == '\'':
		l.quoted(c)
	case c == '`':
		l.template()
	case c == '/' && l.expression() && l.regexp():
	default:
		l.sign()
	}
}

func nameByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c == '$' || c >= 0x80
}

// quoted reads a string; one that its line does not end is closed there.
func (l *lexer) quoted(quote byte) {
	var text strings.Builder
	for l.at++; l.at < len(l.data); l.at++ {
		c := l.data[l.at]
		if c == '\n' {
			l.add('s', text.String())
			return
		}
		if c == quote {
			break
		}
		if c == '\\' {
			l.at++
			l.escape(&text)
			continue
		}
		text.WriteByte(c)
	}
	l.at = min(l.at+1, len(l.data))
	l.add('s', text.String())
}

// escape adds the character after a backslash.
func (l *lexer) escape(text *strings.Builder) {
	if l.at >= len(l.data) {
		return
	}
	l.newline()
	switch c := l.data[l.at]; c {
	case 'n':
		text.WriteByte('\n')
	case 't':
		text.WriteByte('\t')
	case '\n', '\r':
	default:
		text.WriteByte(c)
	}
}

// template reads a template with its expressions, which are passed over.
func (l *lexer) template() {
	var text strings.Builder
	line, dynamic := l.line, false
	l.at++
	for depth := 0; l.at < len(l.data); l.at++ {
		c := l.data[l.at]
		l.newline()
		switch {
		case c == '\\':
			l.at++
			if l.at < len(l.data) {
				l.newline()
			}
		case depth == 0 && c == '`':
			l.at++
			kind := byte('s')
			if dynamic {
				kind = 't'
			}
			l.out = append(l.out, token{kind: kind, text: text.String(), line: line})
			return
		case c == '$' && l.peek(1) == '{' && depth == 0, depth > 0 && c == '{':
			if c == '$' {
				l.at++
			}
			depth++
			dynamic = true
		case depth > 0 && c == '}':
			depth--
		case depth > 0 && c == '`': // one within: its braces do not count
			for l.at++; l.at < len(l.data) && l.data[l.at] != '`'; l.at++ {
				l.newline()
			}
		case !dynamic:
			text.WriteByte(c)
		}
	}
}

// expression tells whether an expression may begin here, so that a slash begins a
// regular expression.
func (l *lexer) expression() bool {
	if len(l.out) == 0 {
		return true
	}
	switch last := l.out[len(l.out)-1]; last.kind {
	case 'n':
		switch last.text {
		case "return", "typeof", "case", "in", "of", "do", "else", "void", "delete", "throw", "new", "await", "yield":
			return true
		}
		return false
	case 's', 't', '0', ')', ']':
		return false
	}
	return true
}

// regexp passes over a regular expression, if there is one on this line.
func (l *lexer) regexp() bool {
	class := false
	for i := l.at + 1; i < len(l.data) && l.data[i] != '\n'; i++ {
		switch c := l.data[i]; {
		case c == '\\':
			i++
		case c == '[':
			class = true
		case c == ']':
			class = false
		case c == '/' && !class:
			for i++; i < len(l.data) && nameByte(l.data[i]); i++ {
			}
			l.at = i
			l.add('0', "0")
			return true
		}
	}
	return false
}

// sign reads punctuation; only the signs that matter have more than one character.
func (l *lexer) sign() {
	for _, long := range []string{"...", "&&", "||", "??", "?.", "=>"} {
		if strings.HasPrefix(string(l.data[l.at:min(l.at+3, len(l.data))]), long) {
			l.add(long[0], long)
			l.at += len(long)
			return
		}
	}
	l.add(l.data[l.at], string(l.data[l.at]))
	l.at++
}
