// Package repository opens what others wrote, with care: the files of a
// repository, and those of an image that is unpacked on this machine. Links that
// leave the directory are not followed; named pipes, sockets and devices are
// neither waited for nor read; a file has at most the size that a person writes.
// Errors name the path and the cause, never content. It writes nothing.
//
//	found, findings := detect.Survey(repository.FS(dir), nil)
//	text, err := repository.ReadFile(dir, "web/Dockerfile")
package repository

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/slipway-build/slipway/internal/ecosystem"
)

// Open opens a regular file or a directory below root. A named pipe is not
// waited for: it is opened without blocking, and refused like a device or socket.
func Open(root *os.Root, name string) (*os.File, error) {
	f, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, explained(root, name, err)
	}
	info, err := f.Stat()
	if err == nil {
		err = special(info.Mode())
	}
	if err != nil {
		_ = f.Close() // it was only opened
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return f, nil
}

// special refuses what is neither a regular file nor a directory.
func special(m fs.FileMode) error {
	if m.IsRegular() || m.IsDir() {
		return nil
	}
	return errors.New("it is " + ecosystem.KindOf(m) + ", not a regular file")
}

// explained tells a link that leaves the directory from other failures, which os
// reports by a text alone.
func explained(root *os.Root, name string, err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return err
	}
	parts := strings.Split(filepath.ToSlash(filepath.Clean(name)), "/")
	for i := range parts {
		info, lerr := root.Lstat(filepath.Join(parts[:i+1]...))
		if lerr != nil {
			break
		}
		if info.Mode()&fs.ModeSymlink != 0 {
			return &fs.PathError{Op: "open", Path: name, Err: errors.New("it is a link that leads out of " + filepath.Base(root.Name()) + ", which Slipway does not follow")}
		}
	}
	return err
}

// ReadFile reads a file below a directory, by a path that is relative to it. A link
// may lead to another file below the directory.
func ReadFile(dir, name string) ([]byte, error) {
	root, err := os.OpenRoot(cmp.Or(dir, "."))
	if err != nil {
		return nil, err
	}
	defer root.Close()
	return Read(root, filepath.FromSlash(name))
}

// Read is ReadFile for a directory that is open.
func Read(root *os.Root, name string) ([]byte, error) {
	// Asked for first, because opening a device may already do something.
	info, err := root.Stat(name)
	switch {
	case err != nil:
		return nil, explained(root, name, err)
	case info.IsDir():
		return nil, &fs.PathError{Op: "read", Path: name, Err: errors.New("it is a directory")}
	}
	if err := special(info.Mode()); err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	f, err := Open(root, name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return limited(f, name)
}

// limited reads to the end, at most what a person writes.
func limited(f *os.File, name string) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(f, ecosystem.MaxFile+1))
	if err == nil && len(data) > ecosystem.MaxFile {
		return nil, &fs.PathError{Op: "read", Path: name, Err: fmt.Errorf("it has more than the %d bytes that Slipway reads", ecosystem.MaxFile)}
	}
	return data, err
}

// ReadNamed reads a file that a person names on the command line. Below one of the
// directories it is the repository's, with ReadFile's rules. Elsewhere it is the
// person's own: a link may lead anywhere, and it may be a pipe, such as /dev/fd/63.
func ReadNamed(path string, dirs ...string) ([]byte, error) {
	for _, dir := range dirs {
		if rel := Relative(dir, path); rel != path && filepath.Dir(dir) != dir {
			return ReadFile(dir, rel) // below "/" is everything, which makes nothing a repository's
		}
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return limited(f, path)
}

// Regular returns the path on this machine of a regular file below a directory, with
// its links resolved, so that whoever opens it follows none.
func Regular(dir, name string) (string, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return "", err
	}
	defer root.Close()
	local := filepath.FromSlash(name)
	info, err := root.Stat(local)
	if err != nil {
		return "", explained(root, local, err)
	}
	if info.IsDir() || special(info.Mode()) != nil {
		return "", &fs.PathError{Op: "open", Path: name, Err: errors.New("it is not a regular file")}
	}
	return filepath.EvalSymlinks(filepath.Join(dir, local))
}

// FS is a directory whose links do not lead out of it, and in which only regular
// files and directories are opened. Without the directory it is one in which
// nothing can be read.
func FS(dir string) fs.FS {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return unreadable{err}
	}
	below, ok := root.FS().(rootFS)
	if !ok {
		return unreadable{errors.ErrUnsupported} // os.Root.FS documents that it is one
	}
	return tree{below, root} // closed with the last use of it
}

// rootFS is what the file system of an os.Root can do.
type rootFS interface {
	fs.ReadDirFS
	fs.StatFS
	fs.ReadLinkFS
}

// tree is the file system of a directory.
type tree struct {
	rootFS
	root *os.Root
}

// Open implements fs.FS.
func (t tree) Open(name string) (fs.File, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	f, err := Open(t.root, filepath.FromSlash(name))
	if err != nil {
		return nil, err // not f, which would be a file that is no nil
	}
	return f, nil
}

// ReadFile implements fs.ReadFileFS.
func (t tree) ReadFile(name string) ([]byte, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	return Read(t.root, filepath.FromSlash(name))
}

// Stat implements fs.StatFS.
func (t tree) Stat(name string) (fs.FileInfo, error) {
	info, err := t.rootFS.Stat(name)
	if err != nil {
		err = explained(t.root, filepath.FromSlash(name), err)
	}
	return info, err
}

// unreadable is a file system that only has an error.
type unreadable struct{ err error }

// Open implements fs.FS.
func (u unreadable) Open(string) (fs.File, error) { return nil, u.err }

// Relative shortens a path for people: relative when it lies below dir.
func Relative(dir, path string) string {
	if rel, err := filepath.Rel(dir, path); err == nil && filepath.IsLocal(rel) {
		return rel
	}
	return path
}
