package secret

import (
	"bytes"
	"errors"
	"io"
	"slices"
)

// Limits of a file that is searched in windows.
const (
	window      = 1 << 20
	overlap     = 64 << 10 // of two windows; keys and tokens are shorter
	maxStreamed = 32 << 20
	headBytes   = 8 << 10 // that tell a text from other content
)

// Finder searches one text: FindIn or FindInSource.
type Finder func(name string, data []byte) []Match

// Stream finds the secrets in a file of any size, in windows; a private key is a match of
// the rule "private-key". Of content that is no text, the first window is searched. It is false when the file is
// longer than what is searched.
func Stream(name string, r io.Reader, find Finder) (out []Match, whole bool, err error) {
	buffer := make([]byte, 0, window)
	seen := map[Match]bool{}
	lines, read := 0, 0
	for {
		n, err := io.ReadFull(r, buffer[len(buffer):cap(buffer)])
		ended := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		if err != nil && !ended {
			return out, false, err
		}
		buffer = buffer[:len(buffer)+n]
		text := read > 0 || bytes.IndexByte(buffer[:min(len(buffer), headBytes)], 0) < 0
		read += n
		found := find(name, buffer)
		if HoldsKey(name, buffer) {
			found = append(found, Match{KeyRule, 0})
		}
		for _, m := range found {
			if m.Rule != KeyRule {
				m.Line += lines
			}
			if !seen[m] && len(out) < maxMatches {
				seen[m] = true
				out = append(out, m)
			}
		}
		if ended || !text {
			return out, true, nil
		}
		if read >= maxStreamed {
			return out, false, nil
		}
		cut := len(buffer) - overlap
		lines += bytes.Count(buffer[:cut], []byte("\n"))
		buffer = slices.Delete(buffer, 0, cut)
	}
}

// KeyRule is the rule of private keys. Stream gives no line for them.
const KeyRule = "private-key"
