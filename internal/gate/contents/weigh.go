package contents

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/gate"
	"github.com/slipway-build/slipway/internal/proof/layer"
)

// Weigh fills in what the indexes of an image's layers say, the lowest first: sizes,
// parts, waste, efficiency, setuid programs and shells. Layers has one entry for each
// index, or none.
func Weigh(img *gate.Image, layers []*layer.Index) {
	if len(img.Layers) != len(layers) {
		img.Layers = make([]gate.Layer, len(layers))
	}
	w := scales{seen: map[string]held{}, paths: map[string]*twice{}}
	img.SizeBytes = 0
	for i, x := range layers {
		img.Layers[i].SizeBytes = x.Bytes
		img.SizeBytes += x.Bytes
		w.add(i, x)
	}
	img.Wasted, img.WastedBytes = w.waste()
	img.Efficiency, img.Dive.WastedBytes = w.efficiency()
	if len(layers) > 1 && img.SizeBytes > layers[0].Bytes {
		img.Dive.UserPercent = float64(img.Dive.WastedBytes) / float64(img.SizeBytes-layers[0].Bytes)
	}
	img.Parts = w.parts()
	tree := layer.Merge(layers)
	img.Setuid, img.Shells = setuidIn(tree), shellsIn(tree)
}

// held is a file that a container sees.
type held struct {
	bytes int64
	layer int
}

// twice is what dive keeps of a path.
type twice struct {
	smallest, sum int64
	layers        int
}

// scales lay layers over each other.
type scales struct {
	seen   map[string]held
	paths  map[string]*twice
	hidden []gate.Waste
}

// add lays a layer over those below it.
func (w *scales) add(i int, x *layer.Index) {
	gone, opaque := map[string]bool{}, map[string]bool{}
	for _, e := range x.Entries {
		switch e.Kind {
		case layer.Whiteout:
			gone[e.Path] = true
		case layer.Opaque:
			opaque[e.Path] = true
		}
	}
	removed := w.remove(i, gone, opaque)
	for p := range gone {
		w.count(p, removed[p])
	}
	for _, e := range x.Entries {
		switch e.Kind {
		case layer.Whiteout, layer.Opaque, layer.Directory:
			continue
		case layer.Regular:
			w.count(e.Path, e.Size)
		}
		if was, ok := w.seen[e.Path]; ok {
			w.hide(e.Path, was, i)
		}
		if e.Kind == layer.Regular {
			w.seen[e.Path] = held{e.Size, i}
		}
	}
}

// remove hides what a layer deletes, and returns the bytes below each deleted path.
func (w *scales) remove(i int, gone, opaque map[string]bool) map[string]int64 {
	removed := map[string]int64{}
	if len(gone) == 0 && len(opaque) == 0 {
		return removed
	}
	for p, was := range w.seen {
		by, hidden := p, gone[p]
		for dir := path.Dir(p); !hidden; dir = path.Dir(dir) {
			if dir == "." {
				hidden = opaque[""]
				break
			}
			by, hidden = dir, gone[dir] || opaque[dir]
		}
		if hidden {
			removed[by] += was.bytes
			w.hide(p, was, i)
			delete(w.seen, p)
		}
	}
	return removed
}

func (w *scales) hide(p string, was held, by int) {
	if was.bytes > 0 && was.layer != by {
		w.hidden = append(w.hidden, gate.Waste{Path: "/" + p, Bytes: was.bytes, Layer: was.layer, By: by})
	}
}

// count adds a size to a path as dive does: a deletion counts as much as it deletes.
func (w *scales) count(p string, bytes int64) {
	t, ok := w.paths[p]
	if !ok {
		w.paths[p] = &twice{bytes, bytes, 1}
		return
	}
	t.smallest, t.sum, t.layers = min(t.smallest, bytes), t.sum+bytes, t.layers+1
}

// keptWaste is how many hidden files are named.
const keptWaste = 20

func (w *scales) waste() ([]gate.Waste, int64) {
	sum := int64(0)
	for _, h := range w.hidden {
		sum += h.Bytes
	}
	slices.SortFunc(w.hidden, func(a, b gate.Waste) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), strings.Compare(a.Path, b.Path), a.Layer-b.Layer)
	})
	return slices.Clip(w.hidden[:min(len(w.hidden), keptWaste)]), sum
}

// efficiency is the sum of the smallest size of each path over the sum of all, and the
// bytes of paths that are in several layers: dive's two figures.
func (w *scales) efficiency() (share float64, wasted int64) {
	smallest, all := int64(0), int64(0)
	for _, t := range w.paths {
		smallest += t.smallest
		all += t.sum
		if t.layers > 1 {
			wasted += t.sum
		}
	}
	if all == 0 {
		return 1, 0
	}
	return float64(smallest) / float64(all), wasted
}

// A part is a package's directory, a file of at least partBytes, or the small files of
// a directory together. Only the largest are kept.
const partBytes = 64 << 10

func (w *scales) parts() []gate.Part {
	type sum struct {
		gate.Part
		byLayer map[int]int64
	}
	all := map[string]*sum{}
	for p, f := range w.seen {
		at, name := owner(p)
		if at == "" {
			if at = "/" + p; f.bytes < partBytes {
				at = "/" + strings.TrimPrefix(path.Dir(p), ".")
				if at != "/" {
					at += "/"
				}
			}
		}
		s := all[at]
		if s == nil {
			s = &sum{gate.Part{Path: at, Name: name}, map[int]int64{}}
			all[at] = s
		}
		s.Bytes += f.bytes
		s.byLayer[f.layer] += f.bytes
	}
	out := make([]gate.Part, 0, len(all))
	for _, s := range all {
		for i, n := range s.byLayer {
			if most := s.byLayer[s.Layer]; n > most || n == most && i > s.Layer {
				s.Layer = i
			}
		}
		out = append(out, s.Part)
	}
	slices.SortFunc(out, func(a, b gate.Part) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), strings.Compare(a.Path, b.Path))
	})
	return slices.Clip(out[:min(len(out), gate.KeptParts)])
}

// owner returns the directory and name of the package that a file belongs to by its
// path, "" when the path names none.
func owner(p string) (dir, name string) {
	parts := strings.Split(p, "/")
	for i := len(parts) - 2; i >= 0; i-- {
		last := i + 1
		switch parts[i] {
		case "node_modules":
			if strings.HasPrefix(parts[last], "@") && last+1 < len(parts)-1 {
				last++
			}
		case "site-packages", "dist-packages":
		default:
			continue
		}
		if last == len(parts)-1 { // a file beside the packages
			return "", ""
		}
		name := strings.Join(parts[i+1:last+1], "/")
		if base, _, ok := strings.Cut(name, "-"); ok && (strings.HasSuffix(name, ".dist-info") || strings.HasSuffix(name, ".egg-info")) {
			name = base
		}
		return "/" + strings.Join(parts[:last+1], "/"), name
	}
	return "", ""
}

// Bits of a mode.
const (
	setuidBits = 0o6000
	executable = 0o111
)

func setuidIn(tree *layer.Tree) []string {
	var out []string
	for f := range tree.Files {
		if f.Kind == layer.Regular && (f.Mode&setuidBits != 0 && f.Mode&executable != 0 || f.Capable) {
			out = append(out, "/"+f.Path)
		}
	}
	slices.Sort(out)
	return out
}

func shellsIn(tree *layer.Tree) []string {
	var out []string
	seen := map[string]bool{}
	for _, dir := range []string{"/bin", "/usr/bin", "/sbin", "/usr/sbin", "/usr/local/bin", "/busybox"} {
		for _, name := range []string{"sh", "bash", "dash", "ash", "busybox", "ksh", "mksh", "zsh", "fish"} {
			f, ok := tree.Lookup(dir + "/" + name)
			if !ok || f.Kind != layer.Regular || f.Mode&executable == 0 || seen[f.Path] {
				continue
			}
			seen[f.Path] = true
			out = append(out, dir+"/"+name)
		}
	}
	return out
}
