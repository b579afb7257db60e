package fingerprint

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"
	"sync/atomic"

	"github.com/slipway-build/slipway/internal/parallel"
)

// unread are the files whose digests are not known.
type unread struct {
	next   []*content   // not being read yet
	begun  [][]*content // being read, or read
	waits  []func()     // for those
	failed atomic.Pointer[error]
}

// content is that of a file.
type content struct {
	file  int // of walk.files
	path  string
	entry Entry
	sum   [32]byte
}

// batch is how many files are read together, while the walk goes on.
const batch = 4096

// buffers are for what is read.
var buffers = sync.Pool{New: func() any { return new([64 << 10]byte) }}

// begin reads the next files, on all processors.
func (w *walk) begin() {
	u := &w.unread
	files := u.next
	u.next, u.begun = nil, append(u.begun, files)
	u.waits = append(u.waits, parallel.Start(len(files), func(i int) {
		if u.failed.Load() != nil || w.ctx.Err() != nil {
			return
		}
		buf := buffers.Get().(*[64 << 10]byte)
		defer buffers.Put(buf)
		c := files[i]
		var err error
		if c.sum, err = w.sum(c.path, c.entry, buf[:]); err != nil {
			u.failed.CompareAndSwap(nil, &err)
			return
		}
		w.in.Cache.learn(c.entry, c.sum)
	}))
}

// read waits until all files are read.
func (w *walk) read() error {
	w.begin()
	for _, wait := range w.unread.waits {
		wait()
	}
	if err := w.unread.failed.Load(); err != nil {
		return *err
	}
	for _, files := range w.unread.begun {
		for _, c := range files {
			w.files[c.file].Sum = c.sum
		}
	}
	return context.Cause(w.ctx)
}

// sum digests the content of a file or the target of a link, and the extended
// attributes of either.
func (w *walk) sum(name string, e Entry, buf []byte) ([32]byte, error) {
	var sum [32]byte
	attributes, err := w.in.Context.Attributes(name, e)
	if err != nil {
		return sum, fmt.Errorf("reading the attributes of %s in the build context: %w", name, err)
	}
	if e.Mode.IsRegular() || e.Mode&fs.ModeSymlink != 0 {
		if sum, err = w.digest(name, e, buf); err != nil {
			return sum, fmt.Errorf("reading %s of the build context: %w", name, err)
		}
	}
	if len(attributes) > 0 {
		sum = sha256.Sum256(bytes.Join([][]byte{[]byte("attributes"), sum[:], attributes}, []byte{0}))
	}
	return sum, nil
}

func (w *walk) digest(name string, e Entry, buf []byte) (sum [32]byte, err error) {
	f, err := w.in.Context.Open(name, e)
	if err != nil {
		return sum, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	n, err := io.ReadFull(f, buf)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return sha256.Sum256(buf[:n]), nil
	}
	if err != nil {
		return sum, err
	}
	h := sha256.New()
	h.Write(buf)
	_, err = io.CopyBuffer(h, struct{ io.Reader }{f}, buf)
	return [32]byte(h.Sum(nil)), err
}
