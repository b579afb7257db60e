package download

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/zstd"

	"github.com/slipway-build/slipway/internal/event"
)

// Kept hands read what Keep was given for the key, which names all that it depends
// on. It returns false when there is nothing whole; what read was handed until then
// is to be thrown away.
func (c *Cache) Kept(what, key string, read func(io.Reader) error) bool {
	err := readKept(c.keptFile(key), read)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		c.events.Emit(event.Note{Text: fmt.Sprintf("the unpacked copy of %s was damaged; unpacking it again", what), Warning: true})
	}
	return err == nil
}

// Keep stores what is unpacked from a download, beside it, in a form that costs a
// tenth to read of what xz and gzip do. A failure is none of the caller: the next
// use takes longer, no more, and a shared directory may be read-only.
func (c *Cache) Keep(key string, write func(io.Writer) error) {
	_ = WriteWhole(c.keptFile(key), func(f *os.File) error {
		w := bufio.NewWriterSize(f, 1<<20)
		z, err := zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
		if err != nil {
			return err
		}
		if err := write(z); err != nil {
			return err
		}
		if err := z.Close(); err != nil {
			return err
		}
		return w.Flush()
	})
}

func (c *Cache) keptFile(key string) string { return filepath.Join(c.dir, "kept", key+".tar.zst") }

func readKept(name string, read func(io.Reader) error) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := zstd.NewReader(f, zstd.WithDecoderConcurrency(1)) // its checksum tells damage
	if err != nil {
		return err
	}
	defer z.Close()
	return read(z)
}
