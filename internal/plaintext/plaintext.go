// Package plaintext turns the bytes of a text file, however an editor or shell
// wrote them, into UTF-8 with LF line ends. It is the one place that knows of
// byte-order marks, UTF-16 and CRLF: whoever reads a text file of a repository
// reads it through here. It refuses nothing: bytes that are no text come back as
// they are.
//
//	text := plaintext.UTF8(data)
package plaintext

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// sniffed is how many bytes are looked at to recognise UTF-16 without a mark.
const sniffed = 512

// UTF8 returns a text as UTF-8 without a byte-order mark and with LF line ends;
// line numbers stay. It reads UTF-8 and UTF-16 of both byte orders, with a mark
// or, for UTF-16 of mostly ASCII, without one (Unicode 15, section 23.8). Data that
// needs no change is returned as it is, not copied.
func UTF8(data []byte) []byte {
	switch {
	case bytes.HasPrefix(data, []byte{0xEF, 0xBB, 0xBF}):
		data = data[3:]
	case bytes.HasPrefix(data, []byte{0xFF, 0xFE}):
		data = from16(data[2:], false)
	case bytes.HasPrefix(data, []byte{0xFE, 0xFF}):
		data = from16(data[2:], true)
	default:
		if zeros := unmarked16(data); zeros >= 0 {
			data = from16(data, zeros == 0)
		}
	}
	if bytes.IndexByte(data, '\r') < 0 || bytes.IndexByte(data, 0) >= 0 {
		return data
	}
	return bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n"))
}

// unmarked16 recognises UTF-16 without a mark: every other byte of the beginning
// is zero. It returns which of each two, 0 (big endian) or 1 (little endian); -1
// for anything else.
func unmarked16(data []byte) int {
	n := min(len(data), sniffed) &^ 1
	if n < 8 {
		return -1
	}
	var zeros [2]int
	for i, b := range data[:n] {
		if b == 0 {
			zeros[i&1]++
		}
	}
	for side := range zeros {
		if zeros[side] >= n/2*9/10 && zeros[1-side] == 0 {
			return side
		}
	}
	return -1
}

// from16 decodes UTF-16; a last odd byte is dropped, half a surrogate pair becomes
// the replacement character.
func from16(data []byte, bigEndian bool) []byte {
	units := make([]uint16, 0, len(data)/2)
	for i := 0; i+1 < len(data); i += 2 {
		high, low := data[i+1], data[i]
		if bigEndian {
			high, low = low, high
		}
		units = append(units, uint16(high)<<8|uint16(low))
	}
	out := make([]byte, 0, len(units))
	for _, r := range utf16.Decode(units) {
		out = utf8.AppendRune(out, r)
	}
	return out
}
