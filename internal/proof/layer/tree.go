package layer

import (
	"path"
	"slices"
	"strings"
)

// File is an entry of a tree with what is known of its content.
type File struct {
	Entry
	Facts
}

// Tree is the file system that a container sees. It is read only and safe for
// concurrent use.
type Tree struct {
	files map[string]File     // by path
	below map[string][]string // names in each directory, sorted
}

// Merge lays layers over each other, the lowest first.
func Merge(layers []*Index) *Tree {
	t := &Tree{files: map[string]File{"": {Entry: Entry{Kind: Directory, Mode: 0o755}}}}
	for i, x := range layers {
		if i > 0 {
			t.hide(x)
		}
		for _, e := range x.Entries {
			if e.Kind != Whiteout && e.Kind != Opaque {
				t.put(e, x.Facts[e.Path])
			}
		}
	}
	for p, f := range t.files { // now every target is there
		if f.Kind == Hardlink {
			if to, ok := t.files[f.Link]; ok {
				to.Path = p
				t.files[p] = to
			}
		}
	}
	t.list()
	return t
}

// hide removes what a layer deletes or replaces of those below it.
func (t *Tree) hide(x *Index) {
	gone, opaque := map[string]bool{}, map[string]bool{}
	for _, e := range x.Entries {
		was, has := t.files[e.Path]
		switch {
		case e.Kind == Whiteout:
			gone[e.Path] = true
		case e.Kind == Opaque:
			opaque[e.Path] = true
		case has && was.Kind == Directory && e.Kind != Directory:
			gone[e.Path] = true
		}
	}
	if len(gone) == 0 && len(opaque) == 0 {
		return
	}
	for p := range t.files {
		if p == "" {
			continue
		}
		hidden := gone[p]
		for dir := parent(p); !hidden; dir = parent(dir) {
			hidden = gone[dir] || opaque[dir]
			if dir == "" {
				break
			}
		}
		if hidden {
			delete(t.files, p)
		}
	}
}

// parent is the directory of a path, "" for the root.
func parent(p string) string {
	at := strings.LastIndexByte(p, '/')
	return p[:max(at, 0)]
}

// put adds an entry where its directories really are: a layer may name them by
// way of a link.
func (t *Tree) put(e Entry, facts Facts) {
	dir := parent(e.Path)
	if f, ok := t.files[dir]; !ok || f.Kind != Directory {
		if real, ok := t.real(dir, 0); ok {
			dir = real
		}
		t.makeDirs(dir)
		e.Path = strings.TrimPrefix(path.Join(dir, path.Base(e.Path)), "/")
	}
	t.files[e.Path] = File{e, facts}
}

// makeDirs adds the directories that a layer does not name.
func (t *Tree) makeDirs(dir string) {
	for ; dir != ""; dir = parent(dir) {
		if f, ok := t.files[dir]; ok && f.Kind == Directory {
			return
		}
		t.files[dir] = File{Entry: Entry{Path: dir, Kind: Directory, Mode: 0o755}}
	}
}

// list makes the listings of directories.
func (t *Tree) list() {
	t.below = make(map[string][]string, len(t.files)/8)
	for p := range t.files {
		if p != "" {
			t.below[parent(p)] = append(t.below[parent(p)], path.Base(p))
		}
	}
	for _, names := range t.below {
		slices.Sort(names)
	}
}

// maxLinks is how many links a look-up follows; Linux follows 40.
const maxLinks = 40

// real resolves every link in a path; the last element has not to exist.
func (t *Tree) real(p string, links int) (string, bool) {
	at := ""
	parts := strings.Split(strings.Trim(p, "/"), "/")
	for i := 0; i < len(parts); i++ {
		switch parts[i] {
		case "", ".":
			continue
		case "..":
			at = parent(at)
			continue
		}
		next := parts[i]
		if at != "" {
			next = at + "/" + parts[i]
		}
		f, ok := t.files[next]
		if !ok || f.Kind != Symlink {
			if !ok && i < len(parts)-1 {
				return strings.Trim(path.Clean("/"+next+"/"+strings.Join(parts[i+1:], "/")), "/"), true
			}
			at = next
			continue
		}
		if links++; links > maxLinks {
			return "", false
		}
		target := f.Link
		if !path.IsAbs(target) {
			target = "/" + at + "/" + target
		}
		parts = append(strings.Split(strings.Trim(target, "/"), "/"), parts[i+1:]...)
		at, i = "", -1
	}
	return at, true
}

// Lookup finds a file by its absolute path and follows links. The entry has the
// path where the file really is.
func (t *Tree) Lookup(p string) (File, bool) {
	real, ok := t.real(p, 0)
	if !ok {
		return File{}, false
	}
	f, ok := t.files[real]
	return f, ok
}

// Exists tells whether there is something at a path.
func (t *Tree) Exists(p string) bool {
	_, ok := t.Lookup(p)
	return ok
}

// IsDir tells whether there is a directory at a path.
func (t *Tree) IsDir(p string) bool {
	f, ok := t.Lookup(p)
	return ok && f.Kind == Directory
}

// IsFile tells whether there is a regular file at a path.
func (t *Tree) IsFile(p string) bool {
	f, ok := t.Lookup(p)
	return ok && f.Kind == Regular
}

// Names lists a directory, sorted; nothing when there is none.
func (t *Tree) Names(dir string) []string {
	real, ok := t.real(dir, 0)
	if !ok {
		return nil
	}
	return t.below[real]
}

// Files returns every file by its path, links not followed, in no order.
func (t *Tree) Files(yield func(File) bool) {
	for _, f := range t.files {
		if !yield(f) {
			return
		}
	}
}
