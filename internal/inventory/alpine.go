package inventory

import (
	"path"
	"strings"

	"github.com/slipway-build/slipway/internal/pattern"
)

// alpineVersion is the version of a release; what is in development has a longer one.
var alpineVersion = pattern.Lazy(`^(\d+\.\d+)(?:\.\d+)?$`)

// alpine lists the packages of apk's record.
func (c *collector) alpine() {
	release := ""
	if m := alpineVersion().FindStringSubmatch(c.os.version); m != nil && c.os.id == "alpine" {
		release = m[1]
	}
	for _, name := range []string{"/lib/apk/db/installed", "/usr/lib/apk/db/installed"} {
		f, ok := c.tree.Lookup(name)
		if !ok || c.owned[f.Path] {
			continue
		}
		c.owned[f.Path] = true
		for block := range strings.SplitSeq(f.Text, "\n\n") {
			p := Package{Type: Alpine, Release: release, Distro: c.os.other("alpine"), Path: f.Path, Layer: c.from[f.Path], Sure: ByDatabase}
			c.apk(&p, block)
			if p.Name != "" && p.Version != "" {
				c.add(p)
			}
		}
	}
}

// apk reads one package of apk's record.
func (c *collector) apk(p *Package, block string) {
	dir := ""
	for line := range strings.Lines(block) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		switch key {
		case "P":
			p.Name = value
		case "V":
			p.Version = value
		case "A":
			p.Arch = value
		case "o":
			p.Source = value
		case "L":
			if value != "" {
				p.Licences = []string{value}
			}
		case "F":
			dir = value
		case "R":
			c.take(p, path.Join(dir, value))
		}
	}
	if p.Source == p.Name {
		p.Source = ""
	}
}
