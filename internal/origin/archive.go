package origin

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/bzip2"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/xi2/xz"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/quota"
)

// maxDockerfile is the size in bytes up to which a text is taken for a Dockerfile.
const maxDockerfile = 4 << 20

// unpack reads an archive into the context, or keeps a Dockerfile. Which of the
// two it is, the first bytes say, as with docker build.
func (c *Context) unpack(name string, in io.Reader) error {
	buffered := bufio.NewReaderSize(in, 64<<10)
	start, err := buffered.Peek(512)
	if err != nil && !errors.Is(err, io.EOF) {
		return diag.Fail(diag.ExitUsage, "the build context cannot be read from %s", c.From).Because(err)
	}
	plain, err := decompressed(start, buffered)
	if err != nil {
		return c.badArchive(err)
	}
	if plain == nil && !isTar(start) {
		text, err := readDockerfile(buffered)
		if err != nil {
			return diag.Fail(diag.ExitUsage, "%s holds neither a Dockerfile nor an archive", c.From).Because(err).
				WithHint("give a Dockerfile, or a tar archive: plain, or compressed by gzip, bzip2, xz or zstd")
		}
		c.Dockerfile = text
		return c.make(name)
	}
	if plain == nil {
		plain = buffered
	}
	if err := c.make(name); err != nil {
		return err
	}
	if err := extract(plain, c.Dir, quota.New(c.maxBytes)); err != nil {
		if errors.As(err, new(*quota.Exceeded)) {
			return diag.Fail(diag.ExitUsage, "the archive from %s is too large", c.From).Because(err).
				WithHint("if you trust it, allow more: --max-unpacked 100GB")
		}
		return c.badArchive(err)
	}
	return nil
}

func (c *Context) badArchive(err error) error {
	return diag.Fail(diag.ExitUsage, "the archive from %s cannot be unpacked", c.From).Because(err).WithHint("check it: tar -tf FILE")
}

// decompressed returns what a compressed stream holds; nil when it is none.
func decompressed(start []byte, in io.Reader) (io.Reader, error) {
	switch {
	case bytes.HasPrefix(start, []byte{0x1f, 0x8b}):
		return gzip.NewReader(in)
	case bytes.HasPrefix(start, []byte("BZh")):
		return bzip2.NewReader(in), nil
	case bytes.HasPrefix(start, []byte("\xfd7zXZ\x00")):
		return xz.NewReader(in, 0)
	case bytes.HasPrefix(start, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		d, err := zstd.NewReader(in)
		if err != nil {
			return nil, err
		}
		return d, nil
	}
	return nil, nil
}

// isTar reports whether bytes are the header of a tar archive. Two empty blocks
// are an empty one.
func isTar(start []byte) bool {
	if len(start) == 512 && len(bytes.Trim(start, "\x00")) == 0 {
		return true
	}
	_, err := tar.NewReader(bytes.NewReader(start)).Next()
	return err == nil
}

// readDockerfile reads a text to its end.
func readDockerfile(in io.Reader) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(in, maxDockerfile+1))
	switch {
	case err != nil:
		return nil, err
	case len(text) > maxDockerfile:
		return nil, errors.New("it is too long for a Dockerfile")
	case len(bytes.TrimSpace(text)) == 0:
		return nil, errors.New("it is empty")
	case bytes.IndexByte(text, 0) >= 0 && !bytes.HasPrefix(text, []byte{0xff, 0xfe}) && !bytes.HasPrefix(text, []byte{0xfe, 0xff}),
		!utf8.Valid(text) && bytes.IndexByte(text, 0) < 0:
		return nil, errors.New("it is not text")
	}
	return text, nil
}

// extract unpacks an archive. Nothing is written outside of the directory,
// whatever names and links the archive has; owners are those of this process, as
// the engine takes every file of a context for root's.
func extract(in io.Reader, dir string, room *quota.Quota) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	var times []*tar.Header // of directories, set when their files are there
	for r := tar.NewReader(in); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		h.Name = strings.TrimPrefix(filepath.Clean("/"+h.Name), "/")
		if h.Name == "" || h.Typeflag == tar.TypeXGlobalHeader {
			continue
		}
		if err := room.Take(h.Size); err != nil {
			return err
		}
		if err := entry(root, h, r); err != nil {
			return fmt.Errorf("%s: %w", h.Name, err)
		}
		if h.Typeflag == tar.TypeDir {
			times = append(times, h)
		}
	}
	for i := len(times) - 1; i >= 0; i-- {
		h := times[i]
		err := root.Chmod(h.Name, fs.FileMode(h.Mode).Perm()|0o700)
		if err = errors.Join(err, root.Chtimes(h.Name, h.ModTime, h.ModTime)); err != nil {
			return err
		}
	}
	return nil
}

// entry makes one entry of an archive; a later one of the same name replaces it.
func entry(root *os.Root, h *tar.Header, content io.Reader) error {
	if err := root.MkdirAll(filepath.Dir(h.Name), 0o755); err != nil {
		return err
	}
	if info, err := root.Lstat(h.Name); err == nil && !(info.IsDir() && h.Typeflag == tar.TypeDir) {
		if err := root.RemoveAll(h.Name); err != nil {
			return err
		}
	}
	switch h.Typeflag {
	case tar.TypeDir:
		return root.MkdirAll(h.Name, 0o755)
	case tar.TypeReg:
		return regular(root, h, content)
	case tar.TypeSymlink:
		return root.Symlink(h.Linkname, h.Name)
	case tar.TypeLink:
		return root.Link(strings.TrimPrefix(filepath.Clean("/"+h.Linkname), "/"), h.Name)
	}
	return errors.New("it is neither a file, a directory nor a link")
}

func regular(root *os.Root, h *tar.Header, content io.Reader) error {
	f, err := root.OpenFile(h.Name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, content)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	err = root.Chmod(h.Name, fs.FileMode(h.Mode).Perm()|modeBits(h.Mode))
	return errors.Join(err, root.Chtimes(h.Name, h.ModTime, h.ModTime))
}

// modeBits translates the bits of a tar header beyond the permissions.
func modeBits(mode int64) fs.FileMode {
	var out fs.FileMode
	for bit, m := range map[int64]fs.FileMode{0o4000: fs.ModeSetuid, 0o2000: fs.ModeSetgid, 0o1000: fs.ModeSticky} {
		if mode&bit != 0 {
			out |= m
		}
	}
	return out
}
