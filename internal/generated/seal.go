package generated

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"

	"github.com/slipway-build/slipway/internal/dockerfile"
	"github.com/slipway-build/slipway/internal/pattern"
)

// A seal is the digest of a file's text, written behind the first mark in it:
//
//	# web, planned by Slipway. [sha256:2c26b46b68ffc68f] Build it with …
//
// It shows that a person edited the file, in a clone of the repository too. It
// protects from accidents, not from forgery, so half of a digest's length does.
var sealed = pattern.Lazy(` \[sha256:([0-9a-f]{16})\]`)

// digestOf is the digest of a text without its seal.
func digestOf(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}

// seal writes the digest of a text into it; a text without a mark stays as it is.
func seal(text []byte) []byte {
	before, after, marked := bytes.Cut(text, []byte(dockerfile.Mark))
	if !marked {
		return text
	}
	return bytes.Join([][]byte{before, []byte(dockerfile.Mark + " [sha256:" + digestOf(text) + "]"), after}, nil)
}

// unseal returns a text as it was before it got its seal, and the digest of the
// seal; "" when there is none.
func unseal(data []byte) (text []byte, digest string) {
	before, after, marked := bytes.Cut(data, []byte(dockerfile.Mark))
	if !marked {
		return data, ""
	}
	at := sealed().FindSubmatchIndex(after)
	if at == nil || at[0] != 0 {
		return data, ""
	}
	return bytes.Join([][]byte{before, []byte(dockerfile.Mark), after[at[1]:]}, nil), string(after[at[2]:at[3]])
}

// Untouched reports whether Slipway generated a file, and nobody has edited it since.
func Untouched(data []byte) bool {
	text, digest := unseal(unixLines(data))
	return Is(data) && digest == digestOf(text)
}

// unixLines is a text with the line ends that Slipway writes: version control may
// check files out with others, which is no edit.
func unixLines(data []byte) []byte { return bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n")) }
