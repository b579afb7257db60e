// Package tickets makes identifiers that nobody can guess.
package tickets

import (
	"crypto/rand"
	"encoding/hex"
)

// New returns 16 random bytes in hexadecimal, in five groups.
func New() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}
