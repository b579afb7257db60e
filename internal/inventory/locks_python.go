package inventory

import (
	"bytes"
	"encoding/json"
	"path"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/slipway-build/slipway/internal/pattern"
)

// pythonLock reads the packages of uv.lock, poetry.lock, pdm.lock and pylock.toml
// (PEP 751). Projects of the repository are none.
func pythonLock(data []byte) (out []Package, err error) {
	type locked struct {
		Name      string `toml:"name"`
		Version   string `toml:"version"`
		Source    any    `toml:"source"`
		Path      string `toml:"path"`      // PDM: a directory or archive
		Directory any    `toml:"directory"` // PEP 751
	}
	var lock struct {
		Package  []locked `toml:"package"`
		Packages []locked `toml:"packages"` // PEP 751
	}
	if err := toml.Unmarshal(data, &lock); err != nil {
		return nil, err
	}
	for _, p := range append(lock.Package, lock.Packages...) {
		if source, _ := p.Source.(map[string]any); ownSource(source) || p.Path != "" || p.Directory != nil || p.Version == "" {
			continue
		}
		out = append(out, Package{Type: PyPI, Name: p.Name, Version: p.Version})
	}
	return out, nil
}

// ownSource reports a project of the repository, in the terms of uv and Poetry.
func ownSource(source map[string]any) bool {
	for _, key := range []string{"editable", "virtual", "workspace", "directory", "path"} {
		if source[key] != nil {
			return true
		}
	}
	return source["type"] == "directory" || source["type"] == "file"
}

// pipfileLock reads the packages of a Pipfile.lock, development ones too.
func pipfileLock(data []byte) (out []Package, err error) {
	type locked map[string]struct {
		Version string `json:"version"`
	}
	var lock struct {
		Default locked `json:"default"`
		Develop locked `json:"develop"`
	}
	if err := json.Unmarshal(data, &lock); err != nil {
		return nil, err
	}
	for _, group := range []locked{lock.Default, lock.Develop} {
		for name, p := range group {
			if version, ok := strings.CutPrefix(p.Version, "=="); ok { // else of git or of the repository
				out = append(out, Package{Type: PyPI, Name: name, Version: version})
			}
		}
	}
	return out, nil
}

var pinned = pattern.Lazy(`^([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?\s*===?\s*([A-Za-z0-9.!+_-]+)\s*(?:[;#\\ ].*)?$`)

// isRequirements reports a list of packages for pip, by its usual names.
func isRequirements(p string) bool {
	dir, base := path.Split(p)
	return path.Ext(base) == ".txt" && (strings.HasPrefix(base, "requirements") || path.Base(dir) == "requirements")
}

// open reports a list of packages for pip with a line that pins no version. A line that
// names another list is none, nor one that goes on from the line before.
func open(data []byte) bool {
	more := false
	for line := range bytes.Lines(data) {
		text := strings.TrimSpace(string(line))
		goesOn := more
		more = strings.HasSuffix(text, "\\")
		if text == "" || goesOn || text[0] == '#' || text[0] == '-' && !strings.HasPrefix(text, "-e") && !strings.HasPrefix(text, "--editable") {
			continue
		}
		if !pinned().MatchString(text) {
			return true
		}
	}
	return false
}

func requirements(data []byte) (out []Package, err error) {
	for line := range bytes.Lines(data) {
		if m := pinned().FindStringSubmatch(strings.TrimSpace(string(line))); m != nil {
			out = append(out, Package{Type: PyPI, Name: m[1], Version: m[2]})
		}
	}
	return out, nil
}
