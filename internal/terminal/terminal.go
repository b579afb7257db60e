// Package terminal makes text that others wrote harmless for a terminal: control
// characters, escape sequences, marks that turn the direction of writing and bytes
// that are no UTF-8 are written as their escapes, as diag.Printable does for one
// line. Line feeds and tabs stay. Output of programs keeps its colours and nothing
// else. It does not judge what the words say.
//
//	stdout := terminal.NewWriter(os.Stdout)
//	defer stdout.Close()
//	fmt.Fprintln(terminal.Under(stdout), terminal.Coloured(line))
package terminal

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/slipway-build/slipway/internal/pattern"
)

// Writer makes everything harmless that is written to it. It is safe for
// concurrent use.
type Writer struct {
	to io.Writer

	mu   sync.Mutex
	rest []byte // of a character that the last write began
}

// NewWriter makes a Writer over another.
func NewWriter(to io.Writer) *Writer { return &Writer{to: to} }

// Under returns the writer below a Writer, for what is harmless already or must
// not change, such as an archive; any other writer is returned as it is.
func Under(w io.Writer) io.Writer {
	if guarded, ok := w.(*Writer); ok {
		return guarded.to
	}
	return w
}

// Write implements io.Writer.
func (w *Writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	text := p
	if len(w.rest) > 0 {
		text = append(w.rest, p...)
		w.rest = nil
	}
	whole := len(text) - unfinished(text)
	if whole < len(text) {
		w.rest = bytes.Clone(text[whole:])
	}
	if _, err := w.to.Write(Escaped(text[:whole])); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Close writes what is left of a character that never ended. It does not close the
// writer below.
func (w *Writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.rest) == 0 {
		return nil
	}
	_, err := w.to.Write(Escaped(w.rest))
	w.rest = nil
	return err
}

// unfinished counts the bytes at the end that may begin a character.
func unfinished(text []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(text); n++ {
		if at := text[len(text)-n:]; utf8.RuneStart(at[0]) {
			if utf8.FullRune(at) {
				return 0
			}
			return n
		}
	}
	return 0
}

// harmful reports what a terminal would obey, or show in another order than it is
// written. Bytes that are no UTF-8 come as utf8.RuneError of length 1.
func harmful(r rune, size int) bool {
	switch {
	case r < 0x20:
		return r != '\n' && r != '\t'
	case r < 0x7f:
		return false
	case r < 0xa0: // DEL, and the controls of ISO 6429
		return true
	}
	return r == utf8.RuneError && size == 1 || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029'
}

// find returns the index of the first harmful character, -1 without one.
func find(text []byte) int {
	for i := 0; i < len(text); {
		if b := text[i]; b >= 0x20 && b < 0x7f || b == '\n' || b == '\t' {
			i++
			continue
		}
		r, size := utf8.DecodeRune(text[i:])
		if harmful(r, size) {
			return i
		}
		i += size
	}
	return -1
}

// Escaped writes what is harmful as its escape: \x1b, \u202e. Without any it
// returns the text itself.
func Escaped(text []byte) []byte {
	at := find(text)
	if at < 0 {
		return text
	}
	var out bytes.Buffer
	for ; at >= 0; at = find(text) {
		out.Write(text[:at])
		r, size := utf8.DecodeRune(text[at:])
		if size == 1 {
			fmt.Fprintf(&out, `\x%02x`, text[at])
		} else {
			fmt.Fprintf(&out, `\u%04x`, r)
		}
		text = text[at+size:]
	}
	out.Write(text)
	return out.Bytes()
}

// Spaced writes a space for what is harmful.
func Spaced(text []byte) []byte {
	if find(text) < 0 {
		return text
	}
	var out bytes.Buffer
	for at := find(text); at >= 0; at = find(text) {
		out.Write(append(text[:at:at], ' '))
		_, size := utf8.DecodeRune(text[at:])
		text = text[at+size:]
	}
	out.Write(text)
	return out.Bytes()
}

// JSON writes what is harmful in JSON text as its escape, which means the same. The
// text is valid UTF-8 and has such characters in strings alone, as encoding/json
// writes it.
func JSON(text []byte) []byte {
	at := find(text)
	if at < 0 {
		return text
	}
	var out bytes.Buffer
	for ; at >= 0; at = find(text) {
		out.Write(text[:at])
		r, size := utf8.DecodeRune(text[at:])
		fmt.Fprintf(&out, `\u%04x`, r) // none of them is beyond U+FFFF
		text = text[at+size:]
	}
	out.Write(text)
	return out.Bytes()
}

// sequence is an escape sequence (ECMA-48, 5.4 and 5.6; ECMA-35, 13.2), in its
// group a colour: SGR without a private parameter.
var sequence = pattern.Lazy(`\x1b(?:\[([0-9:;]*)m|\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b\n]*(?:\x07|\x1b\\)?|[ -/]+[0-~]|[0-Z\\^-~])`)

// Coloured makes output of a program harmless and keeps its colours; other
// sequences go. A text that ends in a colour is reset, so that nothing after it
// has it. Text that is harmless already is returned as it is.
func Coloured(text string) string { return sequences(text, true) }

// Plain is Coloured without the colours.
func Plain(text string) string { return sequences(text, false) }

func sequences(text string, colours bool) string {
	if find([]byte(text)) < 0 {
		return text
	}
	var b strings.Builder
	coloured := false
	for {
		at := sequence().FindStringSubmatchIndex(text)
		if at == nil {
			break
		}
		b.Write(Escaped([]byte(text[:at[0]])))
		if colours && at[2] >= 0 {
			b.WriteString(text[at[0]:at[1]])
			coloured = strings.Trim(text[at[2]:at[3]], "0;") != ""
		}
		text = text[at[1]:]
	}
	b.Write(Escaped([]byte(text)))
	if coloured {
		b.WriteString("\x1b[0m")
	}
	return b.String()
}
