package python

import (
	"maps"
	"strings"

	"github.com/slipway-build/slipway/internal/pattern"
)

// loop is a loop, or a comprehension, over a list that the source writes out.
type loop struct {
	at       int // offset in the text
	variable string
	elements []string // expressions
}

// Signs of a loop, and of a list that it may go through.
var (
	loopHead   = pattern.Lazy(`\bfor\s+([A-Za-z_]\w*)\s+in\s+`)
	listNamed  = pattern.Lazy(`(?m)^[ \t]*([A-Za-z_]\w*)(?:\s*:\s*[\w.\[\], ]+)?\s*=\s*[(\[{]`)
	loopedName = pattern.Lazy(`^([A-Za-z_]\w*)\s*[:\])]`)
)

// Limits of a list of directories.
const (
	maxLoops    = 50
	maxElements = 50
	maxList     = 4 << 10 // bytes
)

// loopsOf finds the loops over literal lists in a source.
func loopsOf(text []byte, names map[string]string) []loop {
	heads := loopHead().FindAllSubmatchIndex(text, maxLoops)
	if heads == nil {
		return nil
	}
	lists := map[string][]string{}
	for _, m := range listNamed().FindAllSubmatchIndex(text, maxLoops*4) {
		if elements := elementsAt(string(text[m[1]-1:])); elements != nil {
			lists[string(text[m[2]:m[3]])] = elements
		}
	}
	var out []loop
	for _, m := range heads {
		l := loop{at: m[0], variable: string(text[m[2]:m[3]])}
		rest := string(text[m[1]:min(len(text), m[1]+maxList)])
		if named := loopedName().FindStringSubmatch(rest); named != nil {
			l.elements = lists[named[1]]
			if one := names[named[1]]; l.elements == nil && one != "" {
				l.elements = bare(one)
			}
		} else if l.elements = elementsAt(rest); l.elements == nil {
			line, _, _ := strings.Cut(rest, "\n")
			l.elements = bare(line)
		}
		if len(l.elements) > 0 && len(l.elements) <= maxElements {
			out = append(out, l)
		}
	}
	return out
}

// elementsAt are the elements of the list, tuple or set that a text begins with.
func elementsAt(text string) []string {
	if text == "" || !strings.ContainsRune("([{", rune(text[0])) {
		return nil
	}
	text = text[:min(len(text), maxList)]
	end := closing(text)
	if end < 0 {
		return nil
	}
	var out []string
	for _, e := range split(text[1:end], ',') {
		if e = strings.TrimSpace(withoutComments(e)); e != "" {
			out = append(out, e)
		}
	}
	return out
}

// bare are the elements of a tuple without parentheses, before a colon.
func bare(line string) []string {
	if i := strings.LastIndexByte(line, ':'); i >= 0 {
		line = line[:i]
	}
	if out := split(line, ','); len(out) > 1 {
		return out
	}
	return nil
}

// closing is the offset of the bracket that closes the first one, -1 without.
func closing(text string) int {
	depth, quote := 0, byte(0)
	for i := range len(text) {
		switch b := text[i]; {
		case quote != 0:
			if b == quote {
				quote = 0
			}
		case b == '"' || b == '\'':
			quote = b
		case b == '(' || b == '[' || b == '{':
			depth++
		case b == ')' || b == ']' || b == '}':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

// withoutComments drops comments before and after an element of several lines.
func withoutComments(e string) string {
	if !strings.Contains(e, "#") {
		return e
	}
	var out []string
	for line := range strings.Lines(e) {
		code, _, _ := strings.Cut(line, "#")
		out = append(out, strings.TrimSpace(code))
	}
	return strings.Join(out, " ")
}

// values are the paths that an expression means at a place: one, or one for each
// turn of the loop that it is in.
func (p paths) values(expression string, at int) []string {
	if v, ok := p.value(expression, 0); ok {
		return []string{v}
	}
	var in *loop
	for i, l := range p.loops { // the nearest; of a comprehension the head comes after
		if near := l.at <= at || l.at-at < 200 && in == nil; near && mentions(expression, l.variable) {
			in = &p.loops[i]
		}
	}
	if in == nil {
		return nil
	}
	var out []string
	inside := paths{file: p.file, names: maps.Clone(p.names)}
	for _, element := range in.elements {
		inside.names[in.variable] = element
		if v, ok := inside.value(expression, 0); ok {
			out = append(out, v)
		}
	}
	return out
}

// mentions reports a name in an expression.
func mentions(expression, name string) bool {
	for at := 0; ; {
		i := strings.Index(expression[at:], name)
		if i < 0 {
			return false
		}
		i += at
		at = i + len(name)
		if (i == 0 || !isWordByte(expression[i-1])) && (at == len(expression) || !isWordByte(expression[at])) {
			return true
		}
	}
}

func isWordByte(b byte) bool {
	return b == '_' || '0' <= b && b <= '9' || 'A' <= b && b <= 'Z' || 'a' <= b && b <= 'z'
}
