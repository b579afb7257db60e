package inventory

import (
	"path"
	"strings"

	"github.com/slipway-build/slipway/internal/proof/layer"
)

// python lists what installers record: directories that end in .dist-info or
// .egg-info (PyPA, "Recording installed projects").
func (c *collector) python() {
	for _, f := range c.files {
		dir, base := path.Split(f.Path)
		dir = strings.TrimSuffix(dir, "/")
		wheel := base == "METADATA" && strings.HasSuffix(dir, ".dist-info")
		if !wheel && !(base == "PKG-INFO" && strings.HasSuffix(dir, ".egg-info")) && !(strings.HasSuffix(base, ".egg-info") && f.Text != "") {
			continue
		}
		p := metadata(f.Text)
		if p.Name == "" || p.Version == "" {
			continue
		}
		p.Type, p.Path, p.Layer, p.Sure = PyPI, dir, c.from[f.Path], ByDatabase
		if !wheel {
			p.Sure = ByManifest
		}
		if record, ok := c.tree.Lookup("/" + dir + "/RECORD"); ok {
			for name := range strings.Lines(record.Text) {
				c.take(&p, path.Join(path.Dir(dir), strings.TrimSpace(name)))
			}
		}
		if len(p.Files) == 0 && f.Kind == layer.Regular {
			p.Files = []File{c.own(f)}
		}
		c.add(p)
	}
}

// metadata reads the fields of core metadata.
func metadata(text string) (p Package) {
	var licence string
	var classified []string
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		switch strings.ToLower(key) {
		case "name":
			p.Name = value
		case "version":
			p.Version = value
		case "license-expression":
			p.Licences = []string{value}
		case "license":
			licence = value
		case "classifier":
			if rest, ok := strings.CutPrefix(value, "License :: "); ok {
				classified = append(classified, rest[strings.LastIndex(rest, ":: ")+1:])
			}
		}
	}
	switch {
	case len(p.Licences) > 0:
	case licence != "" && len(licence) < 100 && licence != "UNKNOWN" && (len(classified) == 0 || !strings.Contains(licence, " ")):
		p.Licences = []string{licence}
	default: // "see LICENSE" is less than what classifies it
		for _, l := range classified {
			p.Licences = append(p.Licences, strings.TrimSpace(strings.TrimPrefix(l, ":")))
		}
	}
	return p
}

// NormalPyPI is a name as PEP 503 compares it.
func NormalPyPI(name string) string {
	var out strings.Builder
	run := false
	for _, r := range strings.ToLower(name) {
		if r == '-' || r == '_' || r == '.' {
			if !run {
				out.WriteByte('-')
			}
			run = true
			continue
		}
		run = false
		out.WriteRune(r)
	}
	return out.String()
}
