package cli

import (
	"io/fs"
	"path"
	"slices"
	"strings"
)

// afresh is a tree as if Slipway had generated nothing in it: files that carry
// its first line are not there. Planning over it gives what `slipway generate`
// would write today, not what it wrote before.
type afresh struct{ fs.FS }

// Open implements fs.FS.
func (t afresh) Open(name string) (fs.File, error) {
	if t.hides(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return t.FS.Open(name)
}

// Stat implements fs.StatFS.
func (t afresh) Stat(name string) (fs.FileInfo, error) {
	if t.hides(name) {
		return nil, &fs.PathError{Op: "stat", Path: name, Err: fs.ErrNotExist}
	}
	return fs.Stat(t.FS, name)
}

// ReadDir implements fs.ReadDirFS.
func (t afresh) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := fs.ReadDir(t.FS, name)
	return slices.DeleteFunc(entries, func(e fs.DirEntry) bool { return t.hides(path.Join(name, e.Name())) }), err
}

// hides tells whether a file is a generated one.
func (t afresh) hides(name string) bool {
	base := path.Base(name)
	if base != "Dockerfile" && base != ".dockerignore" && !strings.HasSuffix(base, ".Dockerfile") {
		return false
	}
	f, err := t.FS.Open(name)
	if err != nil {
		return false
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return false
	}
	first := make([]byte, 512)
	n, _ := f.Read(first)
	return generated(first[:n])
}
