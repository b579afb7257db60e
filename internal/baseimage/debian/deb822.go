package debian

import (
	"bytes"
	"strings"
)

// stanza is one paragraph of a Debian control file, as written.
type stanza []byte

// stanzas calls f for each paragraph of a control file until f returns false.
// Paragraphs are separated by empty lines.
func stanzas(text []byte, f func(stanza) bool) {
	for len(text) > 0 {
		text = bytes.TrimLeft(text, "\n")
		if len(text) == 0 {
			return
		}
		end, next := len(text), len(text)
		if i := bytes.Index(text, []byte("\n\n")); i >= 0 {
			end, next = i+1, i+2
		}
		if !f(stanza(text[:end])) {
			return
		}
		text = text[next:]
	}
}

// field returns the value of a field with its continuation lines, trimmed of
// white space at both ends; names compare without case, as policy 5.1 says.
func (s stanza) field(name string) string {
	rest := []byte(s)
	for len(rest) > 0 {
		line, after, _ := bytes.Cut(rest, []byte("\n"))
		if len(line) > len(name) && line[len(name)] == ':' && strings.EqualFold(string(line[:len(name)]), name) {
			value := append([]byte(nil), line[len(name)+1:]...)
			for len(after) > 0 && (after[0] == ' ' || after[0] == '\t') {
				line, after, _ = bytes.Cut(after, []byte("\n"))
				value = append(append(value, '\n'), line...)
			}
			return strings.TrimSpace(string(value))
		}
		rest = after
	}
	return ""
}

// fields returns the values of several fields in one pass over a stanza that
// has them on single lines; missing ones are empty.
func (s stanza) fields(names ...string) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = s.field(n)
	}
	return out
}
