package solve

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"sync"

	"github.com/tonistiigi/fsutil"

	"github.com/slipway-build/slipway/internal/diag"
)

// contextFS is a directory of this machine as a build context. Close it after the build.
func contextFS(dir string) (*directoryFS, error) {
	files, err := fsutil.NewFS(dir)
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	at, err := root.Open(".")
	if err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return &directoryFS{FS: socketless{files}, root: root, dir: at}, nil
}

// directoryFS opens files with care: between its walk and the transfer, somebody may
// exchange a file for a link to one of the machine's.
type directoryFS struct {
	fsutil.FS
	root *os.Root
	dir  *os.File // the same
}

// Open implements fsutil.FS.
func (d *directoryFS) Open(path string) (io.ReadCloser, error) {
	return openFile(d.root, d.dir, path)
}

// Close implements io.Closer.
func (d *directoryFS) Close() error { return errors.Join(d.dir.Close(), d.root.Close()) }

// socketless leaves out sockets, such as that of git's file system monitor: fsutil
// sends them as regular files (stat.go, as of 2026-08), which cannot be read.
type socketless struct{ fsutil.FS }

// Walk implements fsutil.FS.
func (s socketless) Walk(ctx context.Context, target string, fn fs.WalkDirFunc) error {
	return s.FS.Walk(ctx, target, func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.Type()&fs.ModeSocket != 0 {
			return nil
		}
		return fn(path, e, err)
	})
}

// wholeFS makes a build fail when a file of its context cannot be read. The
// sender of fsutil takes such a file for an empty one (send.go, sendFile, as of
// 2025-11), which would end in a wrong image and in a wrong cache.
type wholeFS struct {
	fsutil.FS
	dir   string
	stop  context.CancelCauseFunc
	close func() error // nil: there is nothing to close

	mu  sync.Mutex
	err error
}

// Open implements fsutil.FS: an error waits in the reader, where it counts.
func (w *wholeFS) Open(path string) (io.ReadCloser, error) {
	f, err := w.FS.Open(path)
	if err != nil {
		return unreadable{w.refuse(path, err)}, nil
	}
	return f, nil
}

// refuse remembers the first failure, in words for the person.
func (w *wholeFS) refuse(path string, err error) error {
	f := diag.Fail(diag.ExitUsage, "the file %s of the build context %s cannot be read", path, w.dir).Because(causeOf(err))
	switch {
	case errors.Is(err, errExchanged):
		f = f.WithHint("build again while nothing changes the directory")
	case errors.Is(err, fs.ErrNotExist):
		f = f.WithHint("it was deleted during the build: exclude it in .dockerignore, or build again while nothing changes the directory")
	default:
		f = f.WithHint("make it readable for the current user, or exclude it in .dockerignore")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		w.err = f
		w.stop(f)
	}
	return f
}

// failure returns why the context could not be read, nil when it could.
func (w *wholeFS) failure() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// end closes the directory; the build has ended.
func (w *wholeFS) end() {
	if w.close != nil {
		_ = w.close() // it was only read
	}
}

func causeOf(err error) error {
	if at := (*fs.PathError)(nil); errors.As(err, &at) {
		return at.Err
	}
	return err
}

// unreadable is a file whose reading fails.
type unreadable struct{ err error }

func (u unreadable) Read([]byte) (int, error) { return 0, u.err }
func (u unreadable) Close() error             { return nil }
