package fingerprint

import (
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/dockerfile"
)

// maxFollowed bounds the paths of a walk when links lead on and on: then everything counts.
const maxFollowed = 100

// with adds the places that links lead to, once; everything when they never end.
func with(paths, more []string) []string {
	for _, p := range more {
		if p == dockerfile.Everything || len(paths) > maxFollowed && !slices.Contains(paths, p) {
			if slices.Contains(paths, dockerfile.Everything) {
				return paths
			}
			return append(paths, dockerfile.Everything)
		}
		if !slices.Contains(paths, p) {
			paths = append(paths, p)
		}
	}
	return paths
}

// follow notes where a symbolic link on the way to a source leads, with the rest of each
// source behind it. What the engine follows it to is never more: it resolves a
// link within the context, an absolute one from the top (continuity/fs, RootPath).
func (w *walk) follow(at place, name string, e Entry, below []int, ends bool) error {
	target, err := w.linkText(name, e)
	if err != nil {
		return fmt.Errorf("reading the link %s of the build context: %w", name, err)
	}
	to := dockerfile.Everything
	if straight(target) {
		if !path.IsAbs(target) {
			target = path.Join("/", path.Dir(name), target)
		}
		to = strings.TrimPrefix(path.Clean(target), "/")
	}
	if to == "" || strings.ContainsAny(to, `*?[\`) { // it would be a pattern
		to = dockerfile.Everything
	}
	if to == dockerfile.Everything {
		w.more = append(w.more, to)
		return nil
	}
	if ends {
		w.more = append(w.more, to)
	}
	for _, i := range below {
		w.more = append(w.more, path.Join(to, path.Join(w.sources[i][at.depth+1:]...)))
	}
	return nil
}

// straight tells whether a link goes up only at its beginning: behind the name of another
// link, ".." is not the directory before it.
func straight(target string) bool {
	down := false
	for part := range strings.SplitSeq(target, "/") {
		if part == ".." && down {
			return false
		}
		down = down || part != ".." && part != "." && part != ""
	}
	return true
}

func (w *walk) linkText(name string, e Entry) (string, error) {
	f, err := w.in.Context.Open(name, e)
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(f)
	return string(text), errors.Join(err, f.Close())
}

// inode is a file with several names among those that one source brings.
type inode struct {
	brought string
	number  uint64
}

// linked returns the first names of a file among those that the sources bring which
// bring it, joined by zero bytes. COPY keeps a hard link only within one of them
// (fsutil/copy, copier.inodes); where more can see it, all files count together.
func (w *walk) linked(name string, e Entry, brought []string) string {
	if e.Mode.IsDir() || e.Inode == 0 || e.Links < 2 {
		return ""
	}
	if w.oneTree() {
		brought = []string{dockerfile.Everything}
	}
	var firsts []string
	for _, b := range brought {
		first, ok := w.inodes[inode{b, e.Inode}]
		if !ok {
			w.inodes[inode{b, e.Inode}] = name
		} else if !slices.Contains(firsts, first) {
			firsts = append(firsts, first)
		}
	}
	slices.Sort(firsts)
	return strings.Join(firsts, "\x00")
}
