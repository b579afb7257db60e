package proof

import (
	"encoding/json"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/proof/layer"
)

// nodeManifest is what resolution reads of a package.json.
type nodeManifest struct {
	Name    string          `json:"name"`
	Main    any             `json:"main"` // a string in most
	Type    string          `json:"type"`
	Exports json.RawMessage `json:"exports"`
}

// manifest reads the package.json of a directory.
func (c *check) manifest(dir string) (nodeManifest, bool) {
	f, ok := c.tree.Lookup(path.Join(dir, "package.json"))
	var m nodeManifest
	if !ok {
		return m, false
	}
	_ = json.Unmarshal([]byte(f.Text), &m) // one that cannot be read says nothing
	return m, true
}

// builtin tells whether node itself has a module.
func builtin(name string) bool {
	if strings.Contains(name, ":") { // node:fs, bun:sqlite, data:, file:
		return true
	}
	top, _, _ := strings.Cut(name, "/")
	return slices.Contains([]string{
		"assert", "async_hooks", "buffer", "child_process", "cluster", "console", "constants", "crypto", "dgram", "diagnostics_channel", "dns", "domain", "events", "fs", "http", "http2", "https", "inspector", "module",
		"net", "os", "path", "perf_hooks", "process", "punycode", "querystring", "readline", "repl", "stream", "string_decoder", "sys", "timers", "tls", "trace_events", "tty", "url", "util", "v8", "vm", "wasi",
		"worker_threads", "zlib", "bun",
	}, top)
}

// resolve finds what an import means (Node.js, "Modules: Packages"), roughly: any
// condition of exports will do. With exact, relative names are whole, as in ES
// modules. What is found but not followed comes back without a source.
func (c *check) resolve(from layer.File, name string, exact bool) (layer.File, bool) {
	dir := path.Dir("/" + from.Path)
	name, _, _ = strings.Cut(name, "?")
	switch {
	case name == "." || name == ".." || strings.HasPrefix(name, "./") || strings.HasPrefix(name, "../"):
		return c.relative(path.Join(dir, name), exact)
	case path.IsAbs(name):
		return c.relative(name, exact)
	case builtin(name):
		return layer.File{}, true
	case c.tree.Exists("/app/.pnp.cjs") || c.tree.Exists("/app/.pnp.js"): // packages are in archives
		return layer.File{}, true
	}
	pkg := packageName(name)
	at, ok := c.packageDir(from, pkg)
	if !ok {
		return layer.File{}, c.isSelf(dir, pkg)
	}
	return c.inPackage(at, strings.TrimPrefix(strings.TrimPrefix(name, pkg), "/"))
}

// isSelf tells whether a package imports itself by its name.
func (c *check) isSelf(dir, pkg string) bool {
	for ; ; dir = path.Dir(dir) {
		if m, ok := c.manifest(dir); ok && m.Name == pkg {
			return true
		}
		if dir == "/" {
			return false
		}
	}
}

// packageDir finds a package in the node_modules above a file and in NODE_PATH.
func (c *check) packageDir(from layer.File, pkg string) (string, bool) {
	for dir := path.Dir("/" + from.Path); ; dir = path.Dir(dir) {
		if path.Base(dir) != "node_modules" {
			if at := path.Join(dir, "node_modules", pkg); c.tree.IsDir(at) {
				return at, true
			}
		}
		if dir == "/" {
			break
		}
	}
	for dir := range strings.SplitSeq(c.env["NODE_PATH"], ":") {
		if at := path.Join(dir, pkg); dir != "" && c.tree.IsDir(at) {
			return at, true
		}
	}
	return "", false
}

// relative finds a file as require does.
func (c *check) relative(p string, exact bool) (layer.File, bool) {
	if f, ok := c.tree.Lookup(p); ok && f.Kind == layer.Regular {
		return f, true
	}
	if exact {
		return layer.File{}, false
	}
	for _, ext := range []string{".js", ".json", ".node", ".cjs", ".mjs", ".ts", ".tsx", ".mts", ".jsx"} {
		if f, ok := c.tree.Lookup(p + ext); ok && f.Kind == layer.Regular {
			return f, true
		}
	}
	if stem, ok := strings.CutSuffix(p, ".js"); ok { // as TypeScript has it, where .ts runs directly
		for _, ext := range []string{".ts", ".tsx"} {
			if f, ok := c.tree.Lookup(stem + ext); ok && f.Kind == layer.Regular {
				return f, true
			}
		}
	}
	if !c.tree.IsDir(p) {
		return layer.File{}, false
	}
	if m, ok := c.manifest(p); ok {
		if main, ok := m.Main.(string); ok && main != "" && path.Clean(main) != "." {
			if f, ok := c.relative(path.Join(p, main), false); ok {
				return f, true
			}
		}
	}
	for _, index := range []string{"index.js", "index.json", "index.node", "index.cjs", "index.mjs", "index.ts"} {
		if f, ok := c.tree.Lookup(path.Join(p, index)); ok {
			return f, true
		}
	}
	return layer.File{}, false
}

// inPackage finds the entry or a part of a package.
func (c *check) inPackage(dir, sub string) (layer.File, bool) {
	m, _ := c.manifest(dir)
	if len(m.Exports) > 0 && string(m.Exports) != "null" {
		targets, known := exported(m.Exports, sub)
		if !known {
			return layer.File{}, true // not exported, or by a pattern: not judged
		}
		for _, t := range targets {
			if f, ok := c.relative(path.Join(dir, t), true); ok || strings.Contains(t, "*") {
				return f, true
			}
		}
		return layer.File{}, len(targets) == 0
	}
	return c.relative(path.Join(dir, sub), false)
}

// exported returns the files that exports names for a part of the package, by
// any condition; known is false when no key is exactly it.
func exported(exports json.RawMessage, sub string) (targets []string, known bool) {
	var value any
	if json.Unmarshal(exports, &value) != nil {
		return nil, false
	}
	key := "."
	if sub != "" {
		key = "./" + sub
	}
	byPath, isMap := value.(map[string]any)
	if isMap {
		for k := range byPath {
			isMap = strings.HasPrefix(k, ".")
			break
		}
	}
	if !isMap {
		if key != "." {
			return nil, false
		}
		return targetsOf(value, 0), true
	}
	entry, ok := byPath[key]
	return targetsOf(entry, 0), ok
}

// targetsOf collects the files within conditions; those of types alone are not
// for running.
func targetsOf(value any, depth int) []string {
	switch v := value.(type) {
	case string:
		return []string{v}
	case []any:
		var out []string
		for _, e := range v {
			out = append(out, targetsOf(e, depth+1)...)
		}
		return out
	case map[string]any:
		var out []string
		for _, k := range slices.Sorted(maps.Keys(v)) {
			if k != "types" && depth < 8 {
				out = append(out, targetsOf(v[k], depth+1)...)
			}
		}
		return out
	}
	return nil
}
