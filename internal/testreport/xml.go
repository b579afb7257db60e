package testreport

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/slipway-build/slipway/internal/pattern"
)

// rooted recognises XML by its first element.
func rooted(names ...string) func(*intake) bool {
	return func(in *intake) bool {
		root, _ := in.root()
		return slices.Contains(names, root.Name.Local)
	}
}

// root is the first element, which is empty in what is no XML.
func (in *intake) root() (xml.StartElement, bool) {
	if !in.markup() {
		return xml.StartElement{}, false
	}
	d := decoder(in.head())
	for {
		t, err := d.RawToken()
		if err != nil {
			return xml.StartElement{}, false
		}
		if s, ok := t.(xml.StartElement); ok {
			return s.Copy(), true
		}
	}
}

func decoder(content []byte) *xml.Decoder {
	d := xml.NewDecoder(bytes.NewReader(content))
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil } // legal has decoded it
	return d
}

// elements calls enter for each element, which reports whether it has read it to its
// end, and leave at the end of each other one. Entities of the file's own are
// refused, so that nothing expands.
func (in *intake) elements(enter func(*xml.Decoder, xml.StartElement) (bool, error), leave func(name string)) error {
	d := decoder(legal(in.content))
	depth, seen := 0, false
	for {
		t, err := d.Token()
		if err == io.EOF && depth == 0 && seen {
			return nil
		}
		if err != nil {
			return in.syntax(d, err)
		}
		switch t := t.(type) {
		case xml.Directive:
			if bytes.Contains(bytes.ToUpper(t), []byte("<!ENTITY")) {
				line, _ := d.InputPos()
				return fault(line, "the file declares entities, which no report needs")
			}
		case xml.StartElement:
			if depth++; depth > maxDepth {
				line, _ := d.InputPos()
				return fault(line, "elements are nested more than %d deep", maxDepth)
			}
			seen = true
			done, err := enter(d, t)
			if err != nil {
				return in.syntax(d, err)
			}
			if done {
				depth--
			}
		case xml.EndElement:
			depth--
			if leave != nil {
				leave(t.Name.Local)
			}
		}
	}
}

// syntax gives a mistake of XML its line.
func (in *intake) syntax(d *xml.Decoder, err error) error {
	var known broken
	if errors.As(err, &known) {
		if known.line == 0 {
			known.line, _ = d.InputPos()
		}
		return known
	}
	line, _ := d.InputPos()
	var s *xml.SyntaxError
	if errors.As(err, &s) {
		if s.Msg == "unexpected EOF" {
			return fault(s.Line, "the file ends in the middle")
		}
		return fault(s.Line, "%s", s.Msg)
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fault(line, "the file ends in the middle")
	}
	return fault(line, "%s", err)
}

func attribute(s xml.StartElement, name string) string {
	for _, a := range s.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

var (
	latin     = pattern.Lazy(`(?i)^\s*<\?xml[^>]*encoding=["'](iso-8859-1|latin-?1|windows-1252)["']`)
	colour    = pattern.Lazy(`(\x1b|&#(27|x1[bB]);)(\[[0-9;?]*[A-Za-z]|\([A-Z0-9])`)
	reference = pattern.Lazy(`&#(x[0-9a-fA-F]+|[0-9]+);`)
)

// legal is the content in UTF-8 with only the characters that XML allows: test
// runners copy what tests print, colours of a terminal among it.
func legal(content []byte) []byte {
	if latin().Match(content) {
		var b strings.Builder
		for _, c := range content {
			b.WriteRune(rune(c))
		}
		content = []byte(b.String())
	}
	if !utf8.Valid(content) {
		content = bytes.ToValidUTF8(content, []byte("\uFFFD"))
	}
	if bytes.IndexByte(content, 0x1b) >= 0 || bytes.Contains(content, []byte("&#")) {
		if bytes.IndexByte(content, 0x1b) >= 0 || bytes.Contains(content, []byte("&#27;")) || bytes.Contains(content, []byte("&#x1")) {
			content = colour().ReplaceAll(content, nil)
		}
		content = reference().ReplaceAllFunc(content, func(ref []byte) []byte {
			digits, base := string(ref[2:len(ref)-1]), 10
			if digits[0] == 'x' {
				digits, base = digits[1:], 16
			}
			if r, err := strconv.ParseUint(digits, base, 32); err == nil && r <= unicode.MaxRune && allowed(rune(r)) {
				return ref
			}
			return []byte("\uFFFD")
		})
	}
	if bytes.IndexFunc(content, func(r rune) bool { return !allowed(r) }) < 0 {
		return content
	}
	return bytes.Map(func(r rune) rune {
		if !allowed(r) {
			return utf8.RuneError
		}
		return r
	}, content)
}

// allowed is the production Char of XML 1.0.
func allowed(r rune) bool {
	return r == '\t' || r == '\n' || r == '\r' || r >= 0x20 && r <= 0xd7ff || r >= 0xe000 && r <= 0xfffd || r >= 0x10000 && r <= 0x10ffff
}
