package node

import (
	"bytes"
	"encoding/json"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/ecosystem"
)

// manifest is the part of package.json that matters here.
type manifest struct {
	Name           string            `json:"name"`
	Version        string            `json:"version"`
	Description    string            `json:"description"`
	License        any               `json:"license"`
	Homepage       any               `json:"homepage"`
	Main           string            `json:"main"`
	Module         string            `json:"module"`
	Bin            any               `json:"bin"`
	Exports        any               `json:"exports"`
	PackageManager string            `json:"packageManager"`
	Engines        map[string]string `json:"engines"`
	Volta          map[string]string `json:"volta"`
	DevEngines     any               `json:"devEngines"`
	Scripts        map[string]string `json:"scripts"`
	Dependencies   map[string]string `json:"dependencies"`
	DevDeps        map[string]string `json:"devDependencies"`
	OptionalDeps   map[string]string `json:"optionalDependencies"`
	PeerDeps       map[string]string `json:"peerDependencies"`
	Workspaces     any               `json:"workspaces"`
	Prisma         any               `json:"prisma"`

	data  []byte
	lines map[string]int // "scripts.start" → line; read when first asked for
}

// line returns where a key stands, 0 when it does not.
func (m *manifest) line(keys ...string) int {
	if m.lines == nil {
		m.lines = keyLines(m.data)
	}
	return m.lines[strings.Join(keys, "\x00")]
}

// parseManifest decodes package.json. An error says at which line it stopped.
func parseManifest(data []byte) (*manifest, int, error) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	m := &manifest{data: data}
	if err := json.Unmarshal(data, m); err != nil {
		return nil, ecosystem.LineAt(data, errorOffset(err)), err
	}
	return m, 0, nil
}

// devEngine is the first of some names that devEngines has for a kind of tool, which is
// an object or a list of them, and its version
// (https://docs.npmjs.com/cli/configuring-npm/package-json#devengines).
func (m *manifest) devEngine(kind string, names ...string) (name, version string) {
	engines, _ := m.DevEngines.(map[string]any)
	all, ok := engines[kind].([]any)
	if !ok {
		all = []any{engines[kind]}
	}
	for _, one := range all {
		tool, _ := one.(map[string]any)
		name, _ = tool["name"].(string)
		version, _ = tool["version"].(string)
		if slices.Contains(names, name) {
			return name, version
		}
	}
	return "", ""
}

// devRuntime is the version of a runtime that devEngines names.
func (m *manifest) devRuntime(name string) string {
	_, version := m.devEngine("runtime", name)
	return version
}

// prismaSchema is the schema of Prisma that a manifest names, "" for none.
func (m *manifest) prismaSchema() string {
	object, _ := m.Prisma.(map[string]any)
	schema, _ := object["schema"].(string)
	return path.Clean(schema)
}

func errorOffset(err error) int64 {
	switch e := err.(type) {
	case *json.SyntaxError:
		return e.Offset
	case *json.UnmarshalTypeError:
		return e.Offset
	}
	return 0
}

// keyLines returns the lines of a JSON document's keys of the first two levels,
// by their names joined with a zero byte.
func keyLines(data []byte) map[string]int {
	lines := map[string]int{}
	d := json.NewDecoder(bytes.NewReader(data))
	var path []string
	var array []bool // of each open level
	atKey := false
	for {
		t, err := d.Token()
		if err != nil {
			return lines
		}
		switch t := t.(type) {
		case json.Delim:
			if t == '{' || t == '[' {
				array = append(array, t == '[')
				path = append(path, "")
				atKey = t == '{'
				continue
			}
			array, path = array[:len(array)-1], path[:len(path)-1]
		case string:
			if atKey {
				path[len(path)-1] = t
				if len(path) <= 2 {
					lines[strings.Join(path, "\x00")] = ecosystem.LineAt(data, d.InputOffset())
				}
				atKey = false
				continue
			}
		}
		atKey = len(array) > 0 && !array[len(array)-1]
	}
}

// lockFile is the part of package-lock.json that matters here.
type lockFile struct {
	LockfileVersion int                    `json:"lockfileVersion"`
	Packages        map[string]lockPackage `json:"packages"`
	Dependencies    map[string]oldPackage  `json:"dependencies"` // of formats before 3
}

// oldPackage is a package of the formats before 3.
type oldPackage struct {
	Version      string                `json:"version"`
	Dev          bool                  `json:"dev"`
	Optional     bool                  `json:"optional"`
	Requires     oldRequires           `json:"requires"`
	Dependencies map[string]oldPackage `json:"dependencies"`
}

// oldRequires are the names that a package requires; npm 5 also writes true.
type oldRequires map[string]string

// UnmarshalJSON reads an object, and anything else as nothing.
func (o *oldRequires) UnmarshalJSON(data []byte) error {
	var names map[string]string
	if json.Unmarshal(data, &names) == nil {
		*o = names
	}
	return nil
}

type lockPackage struct {
	Dependencies     map[string]string `json:"dependencies"`
	DevDependencies  map[string]string `json:"devDependencies"`
	OptionalDeps     map[string]string `json:"optionalDependencies"`
	Dev              bool              `json:"dev"`
	Link             bool              `json:"link"`
	Resolved         string            `json:"resolved"`
	HasInstallScript bool              `json:"hasInstallScript"`
	Optional         bool              `json:"optional"`
	InBundle         bool              `json:"inBundle"`
	Bundled          bundled           `json:"bundleDependencies"`
	OS               oneOrMore         `json:"os"`
	CPU              oneOrMore         `json:"cpu"`
}

// oneOrMore is a list that npm also writes as a single word.
type oneOrMore []string

// UnmarshalJSON reads a word or a list of words.
func (o *oneOrMore) UnmarshalJSON(data []byte) error {
	if len(data) == 0 || data[0] != '"' {
		return json.Unmarshal(data, (*[]string)(o))
	}
	*o = oneOrMore{""}
	return json.Unmarshal(data, &(*o)[0])
}

// bundled are the names that a package brings with it; true stands for all of them.
type bundled []string

// UnmarshalJSON reads a list of names, and anything else as nothing.
func (b *bundled) UnmarshalJSON(data []byte) error {
	var names []string
	if json.Unmarshal(data, &names) == nil {
		*b = names
	}
	return nil
}
