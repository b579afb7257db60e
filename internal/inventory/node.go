package inventory

import (
	"encoding/json"
	"path"
	"strings"
)

// packageJSON is what a manifest of npm says of its package.
type packageJSON struct {
	Name     string          `json:"name"`
	Version  string          `json:"version"`
	Private  any             `json:"private"`
	License  json.RawMessage `json:"license"`
	Licenses json.RawMessage `json:"licenses"`
}

// node lists the packages of npm: every manifest with a name and a version, however a
// package manager lays them out, bundled and vendored ones too. A private manifest
// outside of node_modules is that of a service.
func (c *collector) node() {
	at := map[string]int{} // place in list, by directory
	var list []Package
	for _, f := range c.files {
		dir, base := path.Split(f.Path)
		if base != "package.json" || f.Text == "" {
			continue
		}
		var m packageJSON
		if json.Unmarshal([]byte(f.Text), &m) != nil || m.Name == "" || m.Version == "" {
			continue
		}
		dir = strings.TrimSuffix(dir, "/")
		if !installed(dir) && (m.Private == true || !strings.Contains(dir, "node_modules/")) {
			continue
		}
		at[dir] = len(list)
		list = append(list, Package{Type: NPM, Name: m.Name, Version: m.Version, Path: dir, Layer: c.from[f.Path], Licences: m.licences(), Sure: ByManifest})
	}
	for _, f := range c.files {
		for dir := path.Dir(f.Path); dir != "."; dir = path.Dir(dir) {
			if i, ok := at[dir]; ok {
				list[i].Files = append(list[i].Files, c.own(f))
				break
			}
			if path.Base(dir) == "node_modules" {
				break
			}
		}
	}
	for _, p := range list {
		c.add(p)
	}
}

// installed tells whether a directory is where a package manager puts a package.
func installed(dir string) bool {
	parent := path.Dir(dir)
	if strings.HasPrefix(path.Base(parent), "@") {
		parent = path.Dir(parent)
	}
	return path.Base(parent) == "node_modules"
}

// licences are those of a manifest: an expression, or the objects of old packages.
func (m packageJSON) licences() []string {
	type object struct {
		Type string `json:"type"`
		Name string `json:"name"`
	}
	var word string
	var one object
	var many []object
	var words []string
	switch {
	case json.Unmarshal(m.License, &word) == nil && word != "":
		return []string{word}
	case json.Unmarshal(m.License, &one) == nil && one.Type+one.Name != "":
		return []string{one.Type + one.Name}
	case json.Unmarshal(m.Licenses, &many) == nil:
		for _, l := range many {
			if l.Type != "" {
				words = append(words, l.Type)
			}
		}
	}
	return words
}
