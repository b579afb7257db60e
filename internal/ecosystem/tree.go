package ecosystem

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
)

// maxEntries is the most entries of one directory that are looked at. Directories
// of sources have hundreds; those with more hold data.
const maxEntries = 50_000

// codeRefused: an entry of the repository that is not read, whatever it says.
const codeRefused = "SLP225"

// OutputDir is the directory of a repository that slipway test writes reports into. It
// ignores itself, and neither detection nor a build reads it: it would change with every
// test.
const OutputDir = ".slipway"

// Tree is a repository as detection reads it: nothing in it is waited for, and
// nothing of any size fills the memory. Named pipes, devices and sockets are not
// opened, files over MaxFile not read, directories over maxEntries not listed;
// what was asked for and refused is a finding. Directories are listed once, and
// what a listing lacks is known to be missing without asking again. It is not
// for concurrent use.
//
// Links that leave the repository are for the file system below to refuse, as
// that of os.Root does.
type Tree struct {
	*shared
	at string // "." or the directory that Sub made it of
}

// shared is what a tree and those of its directories have in common.
type shared struct {
	below   fs.FS
	hidden  []string          // paths that are taken for missing
	instead map[string][]byte // content of files, by path
	listed  map[string]*listing
	refused map[string]string // why, by path
}

type listing struct {
	entries []fs.DirEntry // sorted by name
	err     error
}

func (l *listing) find(name string) fs.DirEntry {
	i, ok := slices.BinarySearchFunc(l.entries, name, func(e fs.DirEntry, name string) int { return strings.Compare(e.Name(), name) })
	if !ok {
		return nil
	}
	return l.entries[i]
}

// Guard returns the tree of a repository.
func Guard(below fs.FS) *Tree {
	if t, ok := below.(*Tree); ok {
		return t
	}
	return &Tree{&shared{below: below, listed: map[string]*listing{}, refused: map[string]string{}}, "."}
}

// With returns the tree as if a file had another content, or, without one, as if
// it were missing. The findings of the other stay with it.
func (t *Tree) With(name string, content []byte) *Tree {
	n := &shared{below: t.below, hidden: t.hidden, instead: map[string][]byte{}, listed: map[string]*listing{}, refused: map[string]string{}}
	maps.Copy(n.instead, t.instead)
	if n.instead[name] = content; content == nil {
		n.hidden = append(slices.Clone(t.hidden), name)
	}
	return &Tree{n, t.at}
}

// Refused returns a warning for everything that was asked for and not read.
func (t *Tree) Refused() diag.Findings {
	var out diag.Findings
	for name, why := range t.refused {
		out = append(out, diag.Finding{Code: codeRefused, Severity: diag.Warning, Place: diag.Place{File: name}, Text: "Slipway does not read it: " + why,
			Hint: "replace it with a regular file in the repository, or delete it"})
	}
	return out.Sorted()
}

// refuse notes that a path is not read.
func (t *Tree) refuse(op, name, full string, why error) error {
	t.refused[full] = why.Error()
	return &fs.PathError{Op: op, Path: name, Err: why}
}

// Sub returns the tree of a directory.
func (t *Tree) Sub(dir string) (fs.FS, error) {
	if !fs.ValidPath(dir) {
		return nil, &fs.PathError{Op: "sub", Path: dir, Err: fs.ErrInvalid}
	}
	return &Tree{t.shared, path.Join(t.at, dir)}, nil
}

// Open opens a file or directory.
func (t *Tree) Open(name string) (fs.File, error) {
	info, err := t.Stat(name)
	if err != nil {
		return nil, err
	}
	full := t.full(name)
	if !info.IsDir() {
		if err := t.readable("open", name, full, info); err != nil {
			return nil, err
		}
	}
	return t.below.Open(full)
}

// readable refuses what is no file of a bearable size.
func (t *Tree) readable(op, name, full string, info fs.FileInfo) error {
	switch {
	case !info.Mode().IsRegular():
		return t.refuse(op, name, full, errors.New("it is "+KindOf(info.Mode())))
	case info.Size() > MaxFile:
		return t.refuse(op, name, full, fmt.Errorf("it has %d bytes, more than the %d that Slipway reads", info.Size(), MaxFile))
	}
	return nil
}

// KindOf names what a directory entry is, for messages: "a named pipe".
func KindOf(m fs.FileMode) string {
	switch {
	case m.IsDir():
		return "a directory"
	case m&fs.ModeNamedPipe != 0:
		return "a named pipe"
	case m&fs.ModeSocket != 0:
		return "a socket"
	case m&fs.ModeDevice != 0:
		return "a device"
	}
	return "no regular file"
}

// ReadFile returns a file of at most MaxFile bytes, also of one that grows.
func (t *Tree) ReadFile(name string) ([]byte, error) {
	if data := t.instead[path.Join(t.at, name)]; data != nil {
		return data, nil
	}
	f, err := t.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // it was only read
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return nil, &fs.PathError{Op: "read", Path: name, Err: errors.New("it is a directory")}
	}
	data := make([]byte, 0, min(info.Size(), MaxFile)+512)
	for {
		n, err := f.Read(data[len(data):cap(data)])
		data = data[:len(data)+n]
		switch {
		case len(data) > MaxFile:
			return nil, t.refuse("read", name, t.full(name), fmt.Errorf("it has more than the %d bytes that Slipway reads", MaxFile))
		case errors.Is(err, io.EOF):
			return data, nil
		case err != nil:
			return nil, err
		case len(data) == cap(data):
			data = append(data, 0)[:len(data)]
		}
	}
}

// Stat describes an entry, following links.
func (t *Tree) Stat(name string) (fs.FileInfo, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "stat", Path: name, Err: fs.ErrInvalid}
	}
	full := t.full(name)
	e, known := t.entry(full)
	if known && e == nil {
		return nil, &fs.PathError{Op: "stat", Path: name, Err: fs.ErrNotExist}
	}
	if known && e.Type()&fs.ModeSymlink == 0 {
		return e.Info()
	}
	info, err := fs.Stat(t.below, full)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, t.refuse("stat", name, full, reason(err))
	}
	return info, err
}

// full is the path in the file system below. A valid path is clean already.
func (t *Tree) full(name string) string {
	switch {
	case t.at == ".":
		return name
	case name == ".":
		return t.at
	}
	return t.at + "/" + name
}

// reason is an error without the path that its place tells.
func reason(err error) error {
	if at := (*fs.PathError)(nil); errors.As(err, &at) {
		return at.Err
	}
	return err
}

// entry looks a path up in the listing of its directory, which it is part of
// unless the directory is a link or cannot be listed. Known and nil is missing.
func (t *Tree) entry(full string) (e fs.DirEntry, known bool) {
	if full == "." {
		return nil, false
	}
	dir, base := ".", full
	if i := strings.LastIndexByte(full, '/'); i >= 0 {
		dir, base = full[:i], full[i+1:]
	}
	l := t.list(dir)
	if l.err != nil {
		return nil, errors.Is(l.err, fs.ErrNotExist)
	}
	return l.find(base), true
}

// list returns the listing of a directory. Of one that does not exist it is
// decided by its own directory's, so that nothing is asked for twice.
func (t *Tree) list(dir string) *listing {
	if l := t.listed[dir]; l != nil {
		return l
	}
	l := &listing{}
	if e, known := t.entry(dir); known && (e == nil || e.Type()&(fs.ModeSymlink|fs.ModeDir) == 0) {
		l.err = &fs.PathError{Op: "open", Path: dir, Err: fs.ErrNotExist}
	} else {
		l.entries, l.err = t.readDir(dir)
	}
	t.listed[dir] = l
	return l
}

// readDir lists a directory of the file system below.
func (t *Tree) readDir(dir string) ([]fs.DirEntry, error) {
	f, err := t.below.Open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // it was only read
	d, ok := f.(fs.ReadDirFile)
	if !ok {
		return nil, &fs.PathError{Op: "readdir", Path: dir, Err: errors.New("it is not a directory")}
	}
	entries, err := d.ReadDir(maxEntries + 1)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if len(entries) > maxEntries {
		return nil, t.refuse("readdir", dir, dir, fmt.Errorf("it has more than %d entries", maxEntries))
	}
	entries = slices.DeleteFunc(entries, func(e fs.DirEntry) bool { return e.Name() == OutputDir && e.IsDir() })
	if t.hidden != nil {
		entries = slices.DeleteFunc(entries, func(e fs.DirEntry) bool { return slices.Contains(t.hidden, path.Join(dir, e.Name())) })
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, nil
}

// ReadDir lists a directory, sorted by name.
func (t *Tree) ReadDir(name string) ([]fs.DirEntry, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: fs.ErrInvalid}
	}
	l := t.list(path.Join(t.at, name))
	return slices.Clone(l.entries), l.err
}
