package solve

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

var errExchanged = errors.New("it was exchanged for something else during the build")

// openBelow opens a regular file of a context, which was one when it was found. A link
// that came into its place since is not followed, nor is one above it that leads out
// of the context; a pipe is not waited for.
func openBelow(root *os.Root, path string) (*os.File, error) {
	found, err := root.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !found.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "open", Path: path, Err: errExchanged}
	}
	f, err := root.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	if opened, err := f.Stat(); err != nil || !os.SameFile(found, opened) {
		_ = f.Close() // it was only opened
		return nil, &fs.PathError{Op: "open", Path: path, Err: errors.Join(err, errExchanged)}
	}
	return f, nil
}
