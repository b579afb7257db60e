package inventory

import (
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/proof/layer"
)

// debian lists the packages of dpkg's status file, and those of its directory that
// images without dpkg have.
func (c *collector) debian() {
	if f, ok := c.tree.Lookup("/var/lib/dpkg/status"); ok {
		c.status(f)
	}
	for _, name := range c.tree.Names("/var/lib/dpkg/status.d") {
		if f, ok := c.tree.Lookup("/var/lib/dpkg/status.d/" + name); ok && !strings.HasSuffix(name, ".md5sums") {
			c.status(f)
		}
	}
}

// status lists the packages of one file of paragraphs.
func (c *collector) status(f layer.File) {
	c.owned[f.Path] = true
	for _, values := range paragraphs(f.Text) {
		name, version := values["package"], values["version"]
		if name == "" || version == "" || values["status"] != "" && !strings.HasSuffix(values["status"], " installed") {
			continue
		}
		p := Package{Type: Debian, Name: name, Version: version, Distro: c.os.other("debian"), Path: f.Path, Layer: c.from[f.Path], Sure: ByDatabase, Arch: values["architecture"]}
		if c.os.id == "debian" {
			p.Release = c.os.version
		}
		source, sourceVersion, _ := strings.Cut(values["source"], " (")
		if source != "" && source != name {
			p.Source = source
		}
		if v := strings.TrimSuffix(sourceVersion, ")"); v != "" && v != version {
			p.SourceV = v
		}
		if doc, ok := c.tree.Lookup("/usr/share/doc/" + name + "/copyright"); ok && doc.Text != "" {
			p.Licences = strings.Split(doc.Text, "\n")
		}
		c.debianFiles(&p)
		c.add(p)
	}
}

// debianFiles finds the files of a package.
func (c *collector) debianFiles(p *Package) {
	for _, list := range []string{"status.d/" + p.Name + ".md5sums", "info/" + p.Name + ".list", "info/" + p.Name + ":" + p.Arch + ".list"} {
		f, ok := c.tree.Lookup("/var/lib/dpkg/" + list)
		if !ok {
			continue
		}
		c.owned[f.Path] = true
		for name := range strings.Lines(f.Text) {
			c.take(p, strings.TrimSpace(name))
		}
	}
	slices.SortFunc(p.Files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	p.Files = slices.Compact(p.Files)
}

// take gives a file to a package, if it is there.
func (c *collector) take(p *Package, name string) {
	if f, ok := c.tree.Lookup(path.Join("/", name)); ok && f.Kind == layer.Regular {
		p.Files = append(p.Files, c.own(f))
	}
}

// paragraphs reads fields of paragraphs, by their names in lower case.
func paragraphs(text string) (out []map[string]string) {
	for block := range strings.SplitSeq(text, "\n\n") {
		values := map[string]string{}
		for line := range strings.Lines(block) {
			if key, value, ok := strings.Cut(line, ":"); ok {
				values[strings.ToLower(key)] = strings.TrimSpace(value)
			}
		}
		if len(values) > 0 {
			out = append(out, values)
		}
	}
	return out
}
