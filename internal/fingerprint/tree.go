package fingerprint

import (
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// Tree is a directory as a build reads it. It is safe for concurrent use.
// Names are slash-separated and relative to the directory, which is ".".
type Tree interface {
	// List returns a directory and what is in it, by name, without following
	// links.
	List(dir string) (self Entry, children []Entry, err error)
	// Open gives the content of a file, or the target of a symbolic link. What it returns
	// of a file may be an Opened.
	Open(name string, e Entry) (io.ReadCloser, error)
	// Attributes returns the extended attributes as AppendAttribute writes them, by
	// name; nil without any.
	Attributes(name string, e Entry) ([]byte, error)
}

// Opened is a file that is open, whatever its path leads to by now.
type Opened interface {
	// Attributes is as that of a Tree.
	Attributes() ([]byte, error)
	// Is reports whether it is the file of an entry, and has not changed since that was
	// listed.
	Is(e Entry) bool
}

// Entry is what the file system says of a file without opening it.
type Entry struct {
	Name  string // without its directory
	Mode  fs.FileMode
	Size  int64
	MTime int64 // nanoseconds since 1970
	// CTime is when the file, its name or its mode last changed, which nobody
	// can set; 0 when the file system does not say so reliably. Such a file is
	// read each time.
	CTime  int64
	Inode  uint64 // 0: unknown
	Device uint64
	Links  uint64 // hard links
}

// FromFS makes a Tree of any file system. It knows nothing of hard links and
// extended attributes, and every file is read each time.
func FromFS(fsys fs.FS) Tree { return plainTree{fsys} }

type plainTree struct{ fs.FS }

// List implements Tree.
func (t plainTree) List(dir string) (Entry, []Entry, error) {
	info, err := fs.Stat(t.FS, dir)
	if err != nil {
		return Entry{}, nil, err
	}
	found, err := fs.ReadDir(t.FS, dir)
	if err != nil {
		return Entry{}, nil, err
	}
	children := make([]Entry, 0, len(found))
	for _, f := range found {
		info, err := f.Info()
		if err != nil {
			return Entry{}, nil, err
		}
		children = append(children, entryOf(info))
	}
	slices.SortFunc(children, func(a, b Entry) int { return strings.Compare(a.Name, b.Name) })
	return entryOf(info), children, nil
}

func entryOf(info fs.FileInfo) Entry {
	return Entry{Name: path.Base(info.Name()), Mode: info.Mode(), Size: info.Size(), MTime: info.ModTime().UnixNano(), Links: 1}
}

// Open implements Tree.
func (t plainTree) Open(name string, e Entry) (io.ReadCloser, error) {
	if e.Mode&fs.ModeSymlink == 0 {
		return t.FS.Open(name)
	}
	target, err := fs.ReadLink(t.FS, name)
	if err != nil {
		return nil, fmt.Errorf("reading the link %s: %w", name, err)
	}
	return io.NopCloser(strings.NewReader(target)), nil
}

// Attributes implements Tree.
func (plainTree) Attributes(string, Entry) ([]byte, error) { return nil, nil }
