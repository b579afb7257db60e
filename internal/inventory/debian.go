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
	release := c.release()
	if f, ok := c.tree.Lookup("/var/lib/dpkg/status"); ok {
		c.status(f, release)
	}
	for _, name := range c.tree.Names("/var/lib/dpkg/status.d") {
		if f, ok := c.tree.Lookup("/var/lib/dpkg/status.d/" + name); ok && !strings.HasSuffix(name, ".md5sums") {
			c.status(f, release)
		}
	}
}

// release is what os-release calls Debian's version: "13"; "" when it is not known or
// not Debian.
func (c *collector) release() string {
	for _, name := range []string{"/etc/os-release", "/usr/lib/os-release"} {
		f, ok := c.tree.Lookup(name)
		if !ok {
			continue
		}
		values := map[string]string{}
		for line := range strings.Lines(f.Text) {
			key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
			values[key] = strings.Trim(value, `"'`)
		}
		if values["ID"] == "debian" {
			return values["VERSION_ID"]
		}
	}
	return ""
}

// status lists the packages of one file of paragraphs.
func (c *collector) status(f layer.File, release string) {
	c.owned[f.Path] = true
	for _, values := range paragraphs(f.Text) {
		name, version := values["package"], values["version"]
		if name == "" || version == "" || values["status"] != "" && !strings.HasSuffix(values["status"], " installed") {
			continue
		}
		p := Package{Type: Debian, Name: name, Version: version, Release: release, Path: f.Path, Layer: c.from[f.Path], Sure: ByDatabase, Arch: values["architecture"]}
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
