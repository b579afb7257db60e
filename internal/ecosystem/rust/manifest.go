package rust

import (
	"bytes"
	"errors"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/pattern"
)

// target is a [[bin]], [lib], [[test]], [[bench]] or [[example]] of a manifest.
type target struct {
	Name     string   `toml:"name"`
	Path     string   `toml:"path"`
	Requires []string `toml:"required-features"`
}

// manifest is the part of Cargo.toml that matters here. What a workspace can
// hand down has any type: a value, or {workspace = true}.
type manifest struct {
	Package *struct {
		Name        string `toml:"name"`
		Version     any    `toml:"version"`
		Edition     any    `toml:"edition"`
		RustVersion any    `toml:"rust-version"`
		Description any    `toml:"description"`
		Licence     any    `toml:"license"`
		Build       any    `toml:"build"`
		Autobins    *bool  `toml:"autobins"`
		DefaultRun  string `toml:"default-run"`
		Workspace   string `toml:"workspace"`
	} `toml:"package"`
	Workspace *struct {
		Members      []string       `toml:"members"`
		Exclude      []string       `toml:"exclude"`
		Package      map[string]any `toml:"package"`
		Dependencies map[string]any `toml:"dependencies"`
	} `toml:"workspace"`
	Lib      *target                   `toml:"lib"`
	Bins     []target                  `toml:"bin"`
	Tests    []target                  `toml:"test"`
	Benches  []target                  `toml:"bench"`
	Examples []target                  `toml:"example"`
	Features map[string][]string       `toml:"features"`
	Patch    map[string]map[string]any `toml:"patch"`
	dependencies
	Target map[string]dependencies `toml:"target"`

	data []byte
}

// dependencies are the tables of dependencies, which [target.*] has too.
type dependencies struct {
	Normal map[string]any `toml:"dependencies"`
	Build  map[string]any `toml:"build-dependencies"`
	Dev    map[string]any `toml:"dev-dependencies"`
}

// parseManifest decodes a Cargo.toml. An error comes with the line.
func parseManifest(data []byte) (*manifest, int, error) {
	m := &manifest{data: data}
	if err := toml.Unmarshal(data, m); err != nil {
		return nil, errorLine(err), err
	}
	return m, 0, nil
}

var goodName = pattern.Lazy(`^[\pL\pN_][\pL\pN_.+/?:-]*$`) // of features too

// badName returns a name of a package, program or feature that cargo refuses and
// a shell might take apart.
func (m *manifest) badName() string {
	var names []string
	if m.Package != nil {
		names = append(names, m.Package.Name)
	}
	for _, b := range m.Bins {
		names = append(append(names, b.Name), b.Requires...)
	}
	for _, n := range names {
		if n != "" && !goodName().MatchString(n) {
			return n
		}
	}
	return ""
}

func errorLine(err error) int {
	var at *toml.DecodeError
	if errors.As(err, &at) {
		line, _ := at.Position()
		return line
	}
	return 0
}

// line returns the first line of the manifest that begins with a key, 0 without.
func (m *manifest) line(key string) int { return keyLine(m.data, key) }

func keyLine(data []byte, key string) int {
	n := 0
	for l := range bytes.Lines(data) {
		n++
		rest, ok := bytes.CutPrefix(bytes.TrimSpace(l), []byte(key))
		if ok && (len(rest) == 0 || strings.IndexByte(" \t=.", rest[0]) >= 0) {
			return n
		}
	}
	return 0
}

// crate is a package of the repository. Paths of targets are relative to dir,
// which is relative to the build context.
type crate struct {
	dir     string
	name    string
	file    *manifest
	bins    []target
	lib     string // path of the library, "" without
	buildRS string // path of the build script, "" without
	needed  bool   // the program is made of it
}

// manifestFile is the crate's Cargo.toml.
func (c *crate) manifestFile() string { return path.Join(c.dir, "Cargo.toml") }

// paths are the sources of the crate's programs.
func (c *crate) paths() []string {
	var out []string
	for _, b := range c.bins {
		out = append(out, b.Path)
	}
	return out
}

// completeTargets finds the crate's targets as cargo does: what the manifest names, and
// the files at the usual places (doc.rust-lang.org/cargo/guide/project-layout.html).
func (c *crate) completeTargets(root fs.FS) {
	dir, err := fs.Sub(root, c.dir)
	if err != nil {
		return
	}
	c.bins = bins(dir, c.file)
	switch {
	case c.file.Lib != nil && c.file.Lib.Path != "":
		c.lib = path.Clean(c.file.Lib.Path)
	case c.file.Lib != nil || ecosystem.Exists(dir, "src/lib.rs"):
		c.lib = "src/lib.rs"
	}
	switch b := c.file.Package.Build.(type) {
	case string:
		c.buildRS = path.Clean(b)
	case bool:
		if b {
			c.buildRS = "build.rs"
		}
	default:
		if ecosystem.Exists(dir, "build.rs") {
			c.buildRS = "build.rs"
		}
	}
}

// bins returns a package's programs by name: those written and, unless the
// manifest says otherwise, src/main.rs and those below src/bin.
func bins(dir fs.FS, m *manifest) []target {
	if m == nil || m.Package == nil {
		return nil
	}
	found := map[string]target{}
	if m.Package.Autobins == nil || *m.Package.Autobins {
		if ecosystem.Exists(dir, "src/main.rs") {
			found[m.Package.Name] = target{Name: m.Package.Name, Path: "src/main.rs"}
		}
		entries, _ := fs.ReadDir(dir, "src/bin")
		for _, e := range entries {
			name, isFile := strings.CutSuffix(e.Name(), ".rs")
			at := "src/bin/" + e.Name()
			if e.IsDir() {
				at += "/main.rs"
			}
			if isFile == !e.IsDir() && ecosystem.Exists(dir, at) {
				found[name] = target{Name: name, Path: at}
			}
		}
	}
	for _, b := range m.Bins {
		if b.Path == "" {
			b.Path = inferred(dir, b.Name, m.Package.Name)
		}
		b.Path = path.Clean(b.Path)
		for name, f := range found { // a file under another name is no program of its own
			if f.Path == b.Path {
				delete(found, name)
			}
		}
		if b.Name != "" {
			found[b.Name] = b
		}
	}
	return slices.SortedFunc(maps.Values(found), func(a, b target) int { return strings.Compare(a.Name, b.Name) })
}

// inferred is where cargo looks for a program without a path.
func inferred(dir fs.FS, name, pkg string) string {
	for _, at := range []string{"src/bin/" + name + ".rs", "src/bin/" + name + "/main.rs"} {
		if ecosystem.Exists(dir, at) {
			return at
		}
	}
	if name == pkg {
		return "src/main.rs"
	}
	return "src/bin/" + name + ".rs"
}

// inherits is a key whose value the workspace hands down, "" without one.
func (m *manifest) inherits() string {
	if m.Package == nil {
		return ""
	}
	handed := func(v any) bool {
		t, _ := v.(map[string]any)
		from, _ := t["workspace"].(bool)
		return from
	}
	p := m.Package
	for _, v := range []struct {
		key   string
		value any
	}{{"edition", p.Edition}, {"version", p.Version}, {"rust-version", p.RustVersion}, {"license", p.Licence}, {"description", p.Description}} {
		if handed(v.value) {
			return v.key
		}
	}
	for _, table := range []map[string]any{m.Normal, m.Build, m.Dev} {
		for _, key := range slices.Sorted(maps.Keys(table)) {
			if handed(table[key]) {
				return key
			}
		}
	}
	return ""
}

// word returns a value of a package, or what the workspace hands down for it.
func word(v any, key string, workspace *manifest) string {
	switch v := v.(type) {
	case string:
		return v
	case map[string]any:
		if inherited, _ := v["workspace"].(bool); inherited && workspace != nil && workspace.Workspace != nil {
			s, _ := workspace.Workspace.Package[key].(string)
			return s
		}
	}
	return ""
}

// use is a dependency of a crate by its path in the repository.
type use struct {
	dir string // relative to the build context; may lead outside
	key string // in the manifest
	dev bool   // for tests and benchmarks alone
}

// uses returns the dependencies that lie in the repository, sorted.
func (c *crate) uses(rootDir string, workspace *manifest) []use {
	seen := map[use]bool{}
	add := func(from string, deps map[string]any, dev bool) {
		for key, v := range deps {
			d, _ := v.(map[string]any)
			if at, ok := d["path"].(string); ok {
				seen[use{joined(from, at), key, dev}] = true
			}
			if inherited, _ := d["workspace"].(bool); !inherited || workspace == nil || workspace.Workspace == nil {
				continue
			}
			w, _ := workspace.Workspace.Dependencies[key].(map[string]any)
			if at, ok := w["path"].(string); ok {
				seen[use{joined(rootDir, at), key, dev}] = true
			}
		}
	}
	for _, d := range append(slices.Collect(maps.Values(c.file.Target)), c.file.dependencies) {
		add(c.dir, d.Normal, false)
		add(c.dir, d.Build, false)
		add(c.dir, d.Dev, true)
	}
	return slices.SortedFunc(maps.Keys(seen), func(a, b use) int {
		return strings.Compare(a.dir+"\x00"+a.key, b.dir+"\x00"+b.key)
	})
}

// joined is a path of a manifest; an absolute one leads outside.
func joined(from, at string) string {
	if path.IsAbs(at) {
		return "../" + at
	}
	return path.Join(from, at)
}

// names maps the crate's dependencies by their keys to the packages' names.
func (c *crate) names(workspace *manifest) map[string]string { return c.namesIn(workspace, true) }

// namesIn is names, for a crate that is no member without what only its own
// workspace wants of it: development dependencies and optional ones.
func (c *crate) namesIn(workspace *manifest, member bool) map[string]string {
	out := map[string]string{}
	for _, d := range append(slices.Collect(maps.Values(c.file.Target)), c.file.dependencies) {
		tables := []map[string]any{d.Normal, d.Build}
		if member {
			tables = append(tables, d.Dev)
		}
		for _, table := range tables {
			for key, v := range table {
				t, _ := v.(map[string]any)
				if optional, _ := t["optional"].(bool); member || !optional {
					out[key] = packageName(key, v, workspace)
				}
			}
		}
	}
	return out
}

// packageName is that of a dependency, which may have another name in the crate.
func packageName(key string, v any, workspace *manifest) string {
	d, _ := v.(map[string]any)
	if inherited, _ := d["workspace"].(bool); inherited && workspace != nil && workspace.Workspace != nil {
		d, _ = workspace.Workspace.Dependencies[key].(map[string]any)
	}
	if name, ok := d["package"].(string); ok {
		return name
	}
	return key
}

// external returns the dependencies that do not lie in the repository, sorted by
// their keys.
func (c *crate) external(workspace *manifest) []string {
	own := map[string]bool{}
	for _, u := range c.uses(".", workspace) {
		own[u.key] = true
	}
	return slices.DeleteFunc(slices.Sorted(maps.Keys(c.names(workspace))), func(key string) bool { return own[key] })
}
