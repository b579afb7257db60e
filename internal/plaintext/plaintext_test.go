package plaintext

import (
	"bytes"
	"testing"
	"unicode/utf16"
	"unicode/utf8"
)

func encode(text string, bigEndian bool) []byte {
	var out []byte
	for _, u := range utf16.Encode([]rune(text)) {
		if bigEndian {
			out = append(out, byte(u>>8), byte(u))
		} else {
			out = append(out, byte(u), byte(u>>8))
		}
	}
	return out
}

func TestUTF8(t *testing.T) {
	const text = "flask==3.0\ngunicorn # größer 😀\n"
	for name, data := range map[string][]byte{
		"plain":                      []byte(text),
		"UTF-8 with a mark":          append([]byte{0xEF, 0xBB, 0xBF}, text...),
		"UTF-16 LE with a mark":      append([]byte{0xFF, 0xFE}, encode(text, false)...),
		"UTF-16 BE with a mark":      append([]byte{0xFE, 0xFF}, encode(text, true)...),
		"CRLF":                       bytes.ReplaceAll([]byte(text), []byte("\n"), []byte("\r\n")),
		"UTF-16 LE of PowerShell":    append([]byte{0xFF, 0xFE}, encode("flask==3.0\r\ngunicorn # größer 😀\r\n", false)...),
		"UTF-16 with half a letter":  append(append([]byte{0xFF, 0xFE}, encode(text, false)...), 'x'),
		"UTF-8 with a mark and CRLF": append([]byte{0xEF, 0xBB, 0xBF}, bytes.ReplaceAll([]byte(text), []byte("\n"), []byte("\r\n"))...),
	} {
		if got := UTF8(data); string(got) != text {
			t.Errorf("%s: %q", name, got)
		}
	}
	for _, bigEndian := range []bool{false, true} {
		if got := UTF8(encode("flask\ngunicorn\n", bigEndian)); string(got) != "flask\ngunicorn\n" {
			t.Errorf("without a mark, big endian %v: %q", bigEndian, got)
		}
	}
	binary := []byte{0x7f, 'E', 'L', 'F', 2, 1, 1, 0, 0, '\r', '\n', 0}
	if got := UTF8(binary); !bytes.Equal(got, binary) {
		t.Errorf("what is no text became %q", got)
	}
}

// FuzzUTF8: valid text without a zero stays the same text, and nothing panics.
func FuzzUTF8(f *testing.F) {
	f.Add([]byte("a\r\nb"))
	f.Add([]byte{0xFF, 0xFE, 'a', 0})
	f.Add([]byte{0xFE, 0xFF, 0xD8})
	f.Fuzz(func(t *testing.T, data []byte) {
		out := UTF8(data)
		if utf8.Valid(data) && bytes.IndexByte(data, 0) < 0 && bytes.IndexByte(data, '\r') < 0 && !bytes.HasPrefix(data, []byte{0xEF, 0xBB, 0xBF}) && !bytes.Equal(out, data) {
			t.Errorf("%q became %q", data, out)
		}
	})
}
