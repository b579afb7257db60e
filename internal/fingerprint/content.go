package fingerprint

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/slipway-build/slipway/internal/parallel"
)

// unread are the files whose digests are not known.
type unread struct {
	next   []*content   // not being read yet
	begun  [][]*content // being read, or read
	waits  []func()     // for those that may be being read
	failed atomic.Pointer[error]
}

// content is that of a file.
type content struct {
	file  int // of walk.files
	path  string
	entry Entry
	sum   [32]byte
}

// batch is how many files are read together, while the walk goes on, and batches how many
// batches at once.
const batch, batches = 4096, 2

// buffers are for what is read, and readers are those who read, in all walks together:
// each may hold a thread of the system.
var (
	buffers = sync.Pool{New: func() any { return new([64 << 10]byte) }}
	readers = make(chan struct{}, 2*batches*runtime.GOMAXPROCS(0)) // one walk never waits
)

// keep takes the digest of an entry, or notes that it is to be read. What is no file has
// its digest at once.
func (w *walk) keep(f *File, e Entry) (err error) {
	if !e.Mode.IsRegular() {
		f.Sum, _, _, err = w.sum(f.Path, e, nil)
		return err
	}
	known := false
	if f.Sum, known = w.in.Cache.sum(e, w.sight()); !known {
		w.unread.next = append(w.unread.next, &content{file: len(w.files), path: f.Path, entry: e})
	}
	return nil
}

// begin reads the next files, on all processors.
func (w *walk) begin() {
	u := &w.unread
	if len(u.waits) == batches {
		u.waits[0]()
		u.waits = u.waits[1:]
	}
	files := u.next
	u.next, u.begun = nil, append(u.begun, files)
	u.waits = append(u.waits, parallel.Start(len(files), func(i int) {
		if u.failed.Load() != nil || w.ctx.Err() != nil {
			return
		}
		readers <- struct{}{}
		defer func() { <-readers }()
		buf := buffers.Get().(*[64 << 10]byte)
		defer buffers.Put(buf)
		c := files[i]
		sum, same, alike, err := w.sum(c.path, c.entry, buf[:])
		if err != nil {
			u.failed.CompareAndSwap(nil, &err)
			return
		}
		if c.sum = sum; same { // else another file was there, or it has changed
			w.in.Cache.learn(c.entry, sum, alike)
		}
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

// sum digests the content of a file or the target of a link, and what can be seen of the
// extended attributes of either. same tells whether they are surely those of the entry,
// and alike which sights have the same digest.
func (w *walk) sum(name string, e Entry, buf []byte) (sum [32]byte, same bool, alike uint32, err error) {
	var attributes []byte
	if e.Mode.IsRegular() {
		sum, attributes, same, err = w.file(name, e, buf)
	} else {
		attributes, err = w.in.Context.Attributes(name, e)
	}
	if err == nil && e.Mode&fs.ModeSymlink != 0 {
		var target string
		target, err = w.linkText(name, e)
		sum = sha256.Sum256([]byte(target))
	}
	if err != nil {
		return sum, false, 0, fmt.Errorf("reading %s of the build context: %w", name, err)
	}
	if len(attributes) > 0 {
		alike = w.sight().alike(attributes)
		attributes = w.sight().seen(attributes, e.Mode.IsRegular())
	}
	if len(attributes) > 0 {
		sum = sha256.Sum256(bytes.Join([][]byte{[]byte("attributes"), sum[:], attributes}, []byte{0}))
	}
	return sum, same, alike, nil
}

func (w *walk) sight() sight {
	switch {
	case !w.in.Embedded:
		return elsewhere
	case w.reads.Steps:
		return step
	}
	return image
}

// file digests the content of a file, and reads its attributes.
func (w *walk) file(name string, e Entry, buf []byte) (sum [32]byte, attributes []byte, same bool, err error) {
	f, err := w.in.Context.Open(name, e)
	if err != nil {
		return sum, nil, false, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	opened, is := f.(Opened)
	if is {
		attributes, err = opened.Attributes()
	} else {
		attributes, err = w.in.Context.Attributes(name, e)
	}
	if err == nil {
		sum, err = digest(f, buf)
	}
	return sum, attributes, is && opened.Is(e), err
}

func digest(f io.Reader, buf []byte) (sum [32]byte, err error) {
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
