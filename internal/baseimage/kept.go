package baseimage

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
)

// kept returns what a base keeps of a package. It is made once and then read from
// beside the downloads, because bases share most of their packages. words are all
// that the result depends on.
func (a *Assembler) kept(what string, unpack func() (tree, error), words ...any) (tree, error) {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %q", assembly, words))
	key := hex.EncodeToString(sum[:])
	t := tree{}
	if a.packages.Kept(what, key, func(r io.Reader) error { return t.unpack(r, 0, func(p string) string { return p }) }) {
		return t, nil
	}
	t, err := unpack()
	if err != nil {
		return nil, err
	}
	a.packages.Keep(key, t.writeEntries)
	return t, nil
}
