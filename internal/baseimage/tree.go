package baseimage

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
	"time"
)

// node is a file, directory or symbolic link of a tree. Hard links are several
// paths with one *node.
type node struct {
	kind byte   // tar.TypeReg, tar.TypeDir or tar.TypeSymlink
	mode int64  // permission bits, with setuid, setgid and sticky
	link string // of a symbolic link
	data content
}

// tree is a file system that is being made: clean relative paths ("usr/bin/env") to
// nodes. Owner is always root and times are always zero. Not safe for
// concurrent use.
type tree map[string]*node

// aliased are the directories that Debian keeps as links into /usr (usrmerge).
func aliased(top string) bool {
	return slices.Contains([]string{"bin", "sbin", "lib", "lib32", "lib64", "libx32"}, top)
}

// cleanPath returns the path of a tar entry relative to the root, with the
// links of usrmerge followed; "" is the root itself.
func cleanPath(name string) (string, error) {
	if strings.ContainsRune(name, 0) {
		return "", fmt.Errorf("path %q has a zero byte", name)
	}
	if slices.Contains(strings.Split(name, "/"), "..") {
		return "", fmt.Errorf("path %q climbs out of the package", name)
	}
	p := strings.TrimPrefix(path.Clean("/"+name), "/")
	if top, _, deeper := strings.Cut(p, "/"); deeper && aliased(top) {
		p = "usr/" + p
	}
	return p, nil
}

// put adds a node. A directory over a directory keeps the first one's mode; any
// other double entry is an error, as is a parent that is no directory.
func (t tree) put(p string, n *node) error {
	for dir := path.Dir(p); dir != "."; dir = path.Dir(dir) {
		if up := t[dir]; up != nil && up.kind != tar.TypeDir {
			return fmt.Errorf("path %q passes through %q, which is not a directory", p, dir)
		}
	}
	old := t[p]
	if old == nil {
		t[p] = n
		return nil
	}
	if old.kind == tar.TypeDir && n.kind == tar.TypeDir {
		return nil
	}
	return fmt.Errorf("path %q exists twice", p)
}

// unpack adds the entries of a tar stream. place maps an entry's path to its
// path in the tree; "" leaves it out. It stops after enough entries; 0 means
// all.
func (t tree) unpack(r io.Reader, enough int, place func(p string) string) error {
	tr := tar.NewReader(r)
	seen := map[string]*node{} // by path in the archive, for hard links
	var files overflow
	for before := len(t); enough == 0 || len(t)-before < enough; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading the archive: %w", err)
		}
		p, err := cleanPath(h.Name)
		if err != nil {
			return err
		}
		if p == "" {
			continue
		}
		if h.Typeflag == tar.TypeDir && aliased(p) {
			p = "usr/" + p
		}
		to := place(p)
		n, err := readNode(tr, h, &files, seen, to != "")
		if err != nil {
			return err
		}
		if n == nil {
			continue
		}
		seen[p] = n
		if to == "" {
			continue
		}
		if err := t.put(to, n); err != nil {
			return err
		}
	}
	return nil
}

// readNode reads one entry. It returns nil for a file that is not kept.
func readNode(tr *tar.Reader, h *tar.Header, files *overflow, seen map[string]*node, keep bool) (*node, error) {
	n := &node{kind: h.Typeflag, mode: h.Mode & 0o7777}
	switch h.Typeflag {
	case tar.TypeDir:
		return n, nil
	case tar.TypeSymlink:
		if h.Linkname == "" || strings.ContainsRune(h.Linkname, 0) {
			return nil, fmt.Errorf("link %q has no target", h.Name)
		}
		n.mode, n.link = 0o777, h.Linkname
		return n, nil
	case tar.TypeLink:
		target, err := cleanPath(h.Linkname)
		if err != nil {
			return nil, err
		}
		if seen[target] == nil && keep {
			return nil, fmt.Errorf("%q is a hard link to %q, which is not in the package before it", h.Name, h.Linkname)
		}
		return seen[target], nil
	case tar.TypeReg:
		if !keep {
			return nil, nil
		}
		var err error
		if n.data, err = files.read(tr, h.Size); err != nil {
			return nil, fmt.Errorf("reading %s: %w", h.Name, err)
		}
		return n, nil
	}
	return nil, fmt.Errorf("%q is a device or another special file (type %q)", h.Name, h.Typeflag)
}

// resolve returns the file or directory that a path names, through links; nil when
// there is none.
func (t tree) resolve(p string) *node {
	const mostLinks = 40 // as Linux
	for range mostLinks {
		at, link := "", ""
		rest := strings.Split(p, "/")
		for i, name := range rest {
			at = path.Join(at, name)
			n := t[at]
			if n != nil && n.kind == tar.TypeSymlink {
				link = path.Join(append([]string{n.link}, rest[i+1:]...)...)
				if !path.IsAbs(n.link) {
					link = path.Join(path.Dir(at), link)
				}
				break
			}
		}
		if link == "" {
			return t[p]
		}
		p = strings.TrimPrefix(path.Clean("/"+link), "/")
		if top, _, deeper := strings.Cut(p, "/"); deeper && aliased(top) {
			p = "usr/" + p
		}
	}
	return nil
}

// file adds a regular file, over one that is there.
func (t tree) file(p string, mode int64, data []byte) {
	t[p] = &node{kind: tar.TypeReg, mode: mode, data: inMemory(data)}
}

// symlink adds a symbolic link unless something has the path.
func (t tree) symlink(p, target string) {
	if t[p] == nil {
		t[p] = &node{kind: tar.TypeSymlink, mode: 0o777, link: target}
	}
}

// dir adds a directory, or sets the mode of one that is there.
func (t tree) dir(p string, mode int64) {
	t[p] = &node{kind: tar.TypeDir, mode: mode}
}

// parents adds the directories that entries lie in and that are missing.
func (t tree) parents() {
	for _, p := range slices.Collect(maps.Keys(t)) {
		for dir := path.Dir(p); dir != "."; dir = path.Dir(dir) {
			if t[dir] == nil {
				t.dir(dir, 0o755)
			}
		}
	}
}

// writeTar writes the tree in the order of its paths. Equal trees give equal
// bytes.
func (t tree) writeTar(w io.Writer) error {
	t.parents()
	return t.writeEntries(w)
}

// writeEntries is writeTar without directories that nobody has put there.
func (t tree) writeEntries(w io.Writer) error {
	tw := tar.NewWriter(w)
	first := map[*node]string{}
	buffer := make([]byte, 256<<10)
	for _, p := range sorted(t) {
		n := t[p]
		h := &tar.Header{Name: p, Typeflag: n.kind, Mode: n.mode, Linkname: n.link, ModTime: time.Unix(0, 0), Size: n.data.size()}
		if n.kind == tar.TypeDir {
			h.Name += "/"
		}
		if as, again := first[n]; again {
			h.Typeflag, h.Linkname, h.Size = tar.TypeLink, as, 0
		}
		if err := tw.WriteHeader(h); err != nil {
			return fmt.Errorf("writing %s: %w", p, err)
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		first[n] = p
		if _, err := io.CopyBuffer(tw, io.NewSectionReader(n.data, 0, h.Size), buffer); err != nil {
			return fmt.Errorf("writing %s: %w", p, err)
		}
	}
	return tw.Close()
}

// sorted returns the keys of a map in order.
func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
