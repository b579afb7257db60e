package baseimage

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/zstd"

	"github.com/slipway-build/slipway/internal/event"
)

// kept returns what a base keeps of a package. It is made once, and then lies
// beside the downloads in a form that costs a tenth to read of what xz and gzip
// do: bases share most of their packages. words are all that the result depends
// on.
func (c *cache) kept(what string, unpack func() (tree, error), words ...any) (tree, error) {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %q", assembly, words))
	name := filepath.Join(c.dir, "kept", hex.EncodeToString(sum[:])+".tar.zst")
	t, err := readKept(name)
	if err == nil {
		return t, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		c.events.Emit(event.Note{Text: fmt.Sprintf("the unpacked copy of %s was damaged; it is made again", what), Warning: true})
	}
	if t, err = unpack(); err != nil {
		return nil, err
	}
	_ = writeKept(name, t) // without it the next base takes longer, no more; a shared directory may be read-only
	return t, nil
}

func readKept(name string) (tree, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := zstd.NewReader(f, zstd.WithDecoderConcurrency(1)) // its checksum tells damage
	if err != nil {
		return nil, err
	}
	defer z.Close()
	t := tree{}
	return t, t.unpack(z, 0, func(p string) string { return p })
}

func writeKept(name string, t tree) error {
	return writeWhole(name, func(f *os.File) error {
		w := bufio.NewWriterSize(f, 1<<20)
		z, err := zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
		if err != nil {
			return err
		}
		if err := t.writeEntries(z); err != nil {
			return err
		}
		if err := z.Close(); err != nil {
			return err
		}
		return w.Flush()
	})
}
