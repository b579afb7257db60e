package fingerprint

import (
	"context"
	"fmt"
	"io/fs"
	"math"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/moby/patternmatcher"

	"github.com/slipway-build/slipway/internal/dockerfile"
)

// walk collects what a build reads of its context.
type walk struct {
	ctx     context.Context
	in      *Input
	sources [][]string // the elements of each path; none: everything
	ignore  *patternmatcher.PatternMatcher
	plain   bool // every exception of the ignore patterns is a literal path
	reads   dockerfile.Reads
	more    []string // where symbolic links on the way to a source lead
	inodes  map[inode]string
	files   []File
	odd     []int // of files, those of Print.Odd
	unread  unread
	seen    *digester // of what the file system says, to tell a change during the build
	unknown []string
}

// collect walks the context for what a Dockerfile reads, and again with the places that
// symbolic links on the way to its sources lead to.
func collect(ctx context.Context, in *Input, reads dockerfile.Reads) (*walk, error) {
	matcher, done, err := ignoreMatcher(in.Ignore)
	if err != nil {
		return nil, fmt.Errorf("reading the ignore patterns: %w", err)
	}
	defer done()
	paths := slices.Clone(reads.Paths)
	for {
		w := &walk{ctx: ctx, in: in, reads: reads, ignore: matcher, plain: plainExceptions(matcher), inodes: map[inode]string{}, seen: newDigester()}
		if len(paths) == 0 {
			return w, nil
		}
		err := w.dir(w.top(paths))
		if unread := w.read(); err == nil {
			err = unread
		}
		if err != nil {
			return w, err
		}
		known := len(paths)
		if paths = with(paths, w.more); len(paths) == known {
			return w, nil
		}
	}
}

// top is the beginning of a walk for the paths.
func (w *walk) top(paths []string) place {
	top := place{path: ".", whole: slices.Contains(paths, dockerfile.Everything)}
	if top.whole {
		top.brought = []string{dockerfile.Everything}
		return top
	}
	for i, p := range paths {
		w.sources = append(w.sources, strings.Split(p, "/"))
		top.sources = append(top.sources, i)
	}
	return top
}

// parent is a directory on the way down. It counts as soon as something in it
// does.
type parent struct {
	up    *parent
	path  string
	entry Entry
	whole bool // a source brings all of it
	added bool
}

// place is a directory of the walk.
type place struct {
	path    string   // "." at the top
	depth   int      // elements of the path
	whole   bool     // all of it counts
	brought []string // the paths at which sources end that bring it
	sources []int    // those that go on below it
	ignored patternmatcher.MatchInfo
	above   *parent
}

// dir walks one directory.
func (w *walk) dir(at place) error {
	if w.ctx.Err() != nil {
		return context.Cause(w.ctx)
	}
	self, children, err := w.in.Context.List(at.path)
	if err != nil {
		return fmt.Errorf("reading the directory %s of the build context: %w", at.path, err)
	}
	w.see(at.path, self)
	for _, e := range children {
		name := e.Name
		if at.depth > 0 {
			name = at.path + "/" + e.Name
		}
		below, ends := w.matching(at.sources, at.depth, e.Name)
		if !at.whole && !ends && len(below) == 0 {
			continue
		}
		if err := w.entry(at, name, e, below, ends); err != nil {
			return err
		}
	}
	return nil
}

// matching returns which sources go on below a name at that depth, and whether
// one of them ends there.
func (w *walk) matching(sources []int, depth int, name string) (below []int, ends bool) {
	for _, i := range sources {
		source := w.sources[i]
		if ok, _ := path.Match(source[depth], name); !ok && source[depth] != name {
			continue
		}
		if len(source) == depth+1 {
			ends = true
		} else {
			below = append(below, i)
		}
	}
	return below, ends
}

// entry takes one child of a directory.
func (w *walk) entry(at place, name string, e Entry, below []int, ends bool) error {
	skip, ignored := false, patternmatcher.MatchInfo{}
	if w.ignore != nil {
		var err error
		if skip, ignored, err = w.ignore.MatchesUsingParentResults(name, at.ignored); err != nil {
			return fmt.Errorf("matching the ignore patterns with %s: %w", name, err)
		}
	}
	isDir := e.Mode.IsDir()
	followed := e.Mode&fs.ModeSymlink != 0 && (ends || len(below) > 0) // one that only lies in a copied directory is not
	if followed {                                                      // ignored or not
		if err := w.follow(at, name, e, below, ends); err != nil {
			return err
		}
	}
	if skip && (!isDir || len(below) == 0 && w.pruned(name)) {
		return nil
	}
	whole, brought := at.whole || ends, at.brought
	if ends {
		brought = append(slices.Clip(brought), name)
	}
	if !isDir {
		if !whole && !followed {
			return nil // a file where a source has a directory
		}
		if err := w.parents(at.above); err != nil {
			return err
		}
		return w.add(name, e, brought)
	}
	here := &parent{up: at.above, path: name, entry: e, whole: whole}
	if whole && !skip {
		if err := w.parents(here); err != nil {
			return err
		}
	}
	return w.dir(place{path: name, depth: at.depth + 1, whole: whole, brought: brought, sources: below, ignored: ignored, above: here})
}

// parents adds a directory and those above it that an image can show, once.
func (w *walk) parents(p *parent) error {
	if p == nil || p.added {
		return nil
	}
	if err := w.parents(p.up); err != nil {
		return err
	}
	p.added = true
	if !p.whole && !w.oneTree() {
		return nil
	}
	return w.add(p.path, p.entry, nil)
}

// oneTree tells whether what the sources bring is seen as one tree. Nothing is known of an
// engine elsewhere.
func (w *walk) oneTree() bool { return w.reads.OneTree || !w.in.Embedded }

// add takes one entry into the fingerprint. brought are the paths at which sources end
// that bring it.
func (w *walk) add(name string, e Entry, brought []string) error {
	w.see(name, e)
	f := File{Path: name, Mode: w.mode(e.Mode), MTime: w.time(e)}
	switch e.Mode.Type() {
	case 0, fs.ModeDir, fs.ModeSymlink, fs.ModeNamedPipe, fs.ModeSocket:
	default:
		w.unknown = append(w.unknown, name+", which is a device")
	}
	if e.Mode&fs.ModeSymlink != 0 {
		// The engine gives them to what the link leads to, or not, as it happens.
		if attributes, err := w.in.Context.Attributes(name, e); err != nil || len(attributes) > 0 {
			w.unknown = append(w.unknown, name+", a link with extended attributes")
		}
	}
	f.Link = w.linked(name, e, brought)
	if err := w.keep(&f, e); err != nil {
		return err
	}
	if e.Mode.IsRegular() && (e.CTime == 0 || time.Duration(e.CTime-e.MTime).Abs() > written) {
		w.odd = append(w.odd, len(w.files))
	}
	w.files = append(w.files, f)
	if len(w.unread.next) == batch {
		w.begin()
	}
	return nil
}

// written is how far the times of a file may lie apart that was just written:
// what writes it sets both.
const written = 10 * time.Millisecond

// time is what an image can show of the time of an entry, and a step of its build. An engine
// elsewhere lowers what is newer than the epoch; one that stamps gives it to all.
func (w *walk) time(e Entry) int64 {
	if w.in.Embedded && !w.reads.Times {
		return 0
	}
	if epoch := w.in.Epoch; epoch < math.MaxInt64/int64(time.Second) && e.MTime > epoch*1e9 {
		return epoch * 1e9
	}
	return e.MTime
}

// mode is that of the image. With GitModes it is what git keeps; permission bits
// of links mean nothing.
func (w *walk) mode(m fs.FileMode) fs.FileMode {
	switch {
	case !w.in.GitModes:
	case m.IsDir(), m.IsRegular() && m&0o111 != 0:
		return m.Type() | 0o755
	case m.IsRegular():
		return 0o644
	}
	return m
}

// oddity is Print.Odd.
func (w *walk) oddity() string {
	d := newDigester()
	for _, i := range w.odd {
		d.text(w.files[i].Path)
		d.bytes(w.files[i].Sum[:])
	}
	return d.hex()
}

// see takes note of an entry in the state of the file system.
func (w *walk) see(name string, e Entry) {
	w.seen.text(name)
	for _, n := range []uint64{uint64(e.Mode), uint64(e.Size), uint64(e.MTime), uint64(e.CTime), e.Inode, e.Device, e.Links} {
		w.seen.number(n)
	}
}
