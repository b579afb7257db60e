package generated

import (
	"io/fs"
	"path"
	"slices"
	"strings"
)

// Without is a tree as if Slipway had generated nothing in it: files that carry
// its first line are not there. Planning over it gives what `slipway generate`
// would write today, not what it wrote before.
type Without struct{ fs.FS }

// Open implements fs.FS.
func (t Without) Open(name string) (fs.File, error) {
	if t.hides(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	f, err := t.FS.Open(name)
	if dir, ok := f.(fs.ReadDirFile); err == nil && ok {
		return withoutDir{dir, t, name}, nil
	}
	return f, err
}

// Stat implements fs.StatFS.
func (t Without) Stat(name string) (fs.FileInfo, error) {
	if t.hides(name) {
		return nil, &fs.PathError{Op: "stat", Path: name, Err: fs.ErrNotExist}
	}
	return fs.Stat(t.FS, name)
}

// withoutDir is a directory without what was generated in it; also a file, which
// has nothing to list.
type withoutDir struct {
	fs.ReadDirFile
	tree Without
	name string
}

// ReadDir implements fs.ReadDirFile.
func (d withoutDir) ReadDir(n int) ([]fs.DirEntry, error) {
	for {
		entries, err := d.ReadDirFile.ReadDir(n)
		some := len(entries) > 0
		entries = slices.DeleteFunc(entries, func(e fs.DirEntry) bool { return d.tree.hides(path.Join(d.name, e.Name())) })
		if n <= 0 || len(entries) > 0 || err != nil || !some {
			return entries, err
		}
	}
}

// hides reports whether a file is a generated one.
func (t Without) hides(name string) bool {
	base := path.Base(name)
	if base != "Dockerfile" && !strings.HasSuffix(base, ".Dockerfile") && !strings.HasSuffix(base, ".dockerignore") {
		return false
	}
	if info, err := fs.Stat(t.FS, name); err != nil || !info.Mode().IsRegular() {
		return false // a named pipe would be waited for
	}
	f, err := t.FS.Open(name)
	if err != nil {
		return false
	}
	defer f.Close()
	first := make([]byte, 512)
	n, _ := f.Read(first)
	return Is(first[:n])
}
