package baseimage

import (
	"bytes"
	"io"
	"os"

	"github.com/slipway-build/slipway/internal/baseimage/download"
)

// content is what a file holds, in pieces, so that a changed copy of a large file
// shares what did not change. Nothing writes to it.
type content []*io.SectionReader

func inMemory(data []byte) content {
	return content{io.NewSectionReader(bytes.NewReader(data), 0, int64(len(data)))}
}

// size is the number of bytes.
func (c content) size() (n int64) {
	for _, s := range c {
		n += s.Size()
	}
	return n
}

// ReadAt is that of io.ReaderAt.
func (c content) ReadAt(p []byte, at int64) (read int, err error) {
	for _, s := range c {
		if at >= s.Size() {
			at -= s.Size()
			continue
		}
		n, err := s.ReadAt(p[read:], at)
		if read += n; read == len(p) {
			return read, nil
		}
		if err != io.EOF {
			return read, err
		}
		at = 0
	}
	return read, io.EOF
}

// slice is the content from one offset to another.
func (c content) slice(from, to int64) (out content) {
	for _, s := range c {
		if a, b := max(from, 0), min(to, s.Size()); a < b {
			out = append(out, io.NewSectionReader(s, a, b-a))
		}
		from, to = from-s.Size(), to-s.Size()
	}
	return out
}

// start is at most the first n bytes.
func (c content) start(n int64) []byte {
	out := make([]byte, min(n, c.size()))
	read, _ := c.ReadAt(out, 0)
	return out[:read]
}

// all returns every byte.
func (c content) all() ([]byte, error) {
	out := make([]byte, c.size())
	_, err := c.ReadAt(out, 0)
	if len(out) == 0 {
		err = nil
	}
	return out, err
}

// text is all of a file that lies in memory, as those of at most large bytes do, where
// reading cannot fail.
func (c content) text() []byte {
	out, _ := c.all()
	return out
}

// large is the size in bytes from which a file of a package does not stay in memory:
// the 300 MB of a JDK lie in files of more.
const large = 1 << 20

// overflow keeps large files of one archive out of memory: in a file without a name,
// which the last content that lies in it closes. Without room for it they stay in
// memory. The zero value is ready. Not safe for concurrent use.
type overflow struct {
	file    *os.File
	at      int64  // where the next content begins, in bytes
	buffer  []byte // between an archive and the file
	without bool   // there is no such file, or no room
}

// read takes the next size bytes of an archive.
func (o *overflow) read(r io.Reader, size int64) (content, error) {
	if size <= large || size > download.MaxFile || !o.open() {
		data, err := download.ReadExactly(r, size)
		return inMemory(data), err
	}
	from := o.at
	for end := from + size; o.at < end; {
		n, err := io.ReadFull(r, o.buffer[:min(end-o.at, int64(len(o.buffer)))])
		if err != nil {
			return nil, err
		}
		if _, err := o.file.WriteAt(o.buffer[:n], o.at); err != nil {
			o.without = true
			rest, err := download.ReadExactly(io.MultiReader(bytes.NewReader(o.buffer[:n]), r), end-o.at)
			return append(content{io.NewSectionReader(o.file, from, o.at-from)}, inMemory(rest)...), err
		}
		o.at += int64(n)
	}
	return content{io.NewSectionReader(o.file, from, size)}, nil
}

// open makes the file, once.
func (o *overflow) open() bool {
	if o.file != nil || o.without {
		return !o.without
	}
	f, err := os.CreateTemp("", ".slipway-*")
	if err == nil {
		if err = os.Remove(f.Name()); err != nil { // a system that does not remove open files
			f.Close()
			_ = os.Remove(f.Name())
		}
	}
	if err != nil {
		o.without = true
		return false
	}
	o.file, o.buffer = f, make([]byte, large)
	return true
}
