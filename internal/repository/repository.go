// Package repository reads what people wrote on the disk: a directory as an
// fs.FS whose links do not lead out of it, and single files of a size that a
// person writes. It writes nothing.
//
//	found, findings := detect.Survey(repository.FS(dir), nil)
package repository

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/slipway-build/slipway/internal/ecosystem"
)

// FS is a directory whose links do not lead out of it. Without the
// directory it is one in which nothing can be read.
func FS(dir string) fs.FS {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return unreadable{err}
	}
	return root.FS() // closed with the last use of it
}

// unreadable is a file system that only has an error.
type unreadable struct{ err error }

// Open implements fs.FS.
func (u unreadable) Open(string) (fs.File, error) { return nil, u.err }

// ReadFile reads a file of the repository that a person wrote: an ordinary one,
// of a size that a person writes. A named pipe is not waited for.
func ReadFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, ecosystem.MaxFile+1))
	if err == nil && len(data) > ecosystem.MaxFile {
		return nil, fmt.Errorf("%s has more than the %d bytes that Slipway reads", path, ecosystem.MaxFile)
	}
	return data, err
}

// Relative shortens a path for people: relative when it lies below dir.
func Relative(dir, path string) string {
	if rel, err := filepath.Rel(dir, path); err == nil && filepath.IsLocal(rel) {
		return rel
	}
	return path
}
