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
	f, err := t.FS.Open(name)
	if dir, ok := f.(fs.ReadDirFile); ok && err == nil {
		return afreshDir{dir, t, name}, nil
	}
	return f, err
}

// afreshDir is an open directory without the generated files in it.
type afreshDir struct {
	fs.ReadDirFile
	tree afresh
	name string
}

// ReadDir implements fs.ReadDirFile.
func (d afreshDir) ReadDir(n int) ([]fs.DirEntry, error) {
	for {
		entries, err := d.ReadDirFile.ReadDir(n)
		entries = d.tree.shown(d.name, entries)
		if n <= 0 || err != nil || len(entries) > 0 {
			return entries, err
		}
	}
}

// shown leaves out the generated files of a directory.
func (t afresh) shown(dir string, entries []fs.DirEntry) []fs.DirEntry {
	return slices.DeleteFunc(entries, func(e fs.DirEntry) bool { return t.hides(path.Join(dir, e.Name())) })
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
	return t.shown(name, entries), err
}

// Lstat implements fs.ReadLinkFS.
func (t afresh) Lstat(name string) (fs.FileInfo, error) {
	if t.hides(name) {
		return nil, &fs.PathError{Op: "lstat", Path: name, Err: fs.ErrNotExist}
	}
	return fs.Lstat(t.FS, name)
}

// ReadLink implements fs.ReadLinkFS.
func (t afresh) ReadLink(name string) (string, error) { return fs.ReadLink(t.FS, name) }

// hides tells whether a file is a generated one.
func (t afresh) hides(name string) bool {
	base := path.Base(name)
	if base != "Dockerfile" && base != ".dockerignore" && !strings.HasSuffix(base, ".Dockerfile") {
		return false
	}
	if info, err := fs.Stat(t.FS, name); err != nil || !info.Mode().IsRegular() {
		return false
	}
	f, err := t.FS.Open(name)
	if err != nil {
		return false
	}
	defer f.Close()
	first := make([]byte, 512)
	n, _ := f.Read(first)
	return generated(first[:n])
}
