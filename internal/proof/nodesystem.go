package proof

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-build/slipway/internal/proof/layer"
)

// system checks that a source which surely runs speaks the module system that
// node takes it for (Node.js, "Modules: Packages", "Determining module system").
func (w *nodeWalk) system(f layer.File, esm bool) {
	if !slices.Contains([]string{".js", ".mjs", ".cjs"}, path.Ext(f.Path)) {
		return
	}
	if !esm && f.Source.ESM && !w.detects(f) {
		line := 1
		if i := slices.IndexFunc(f.Source.Imports, func(i layer.Import) bool { return i.By != layer.ByRequire && i.By != layer.ByCall }); i >= 0 {
			line = f.Source.Imports[i].Line
		}
		w.mixed = append(w.mixed, problem{from: f, imp: layer.Import{Line: line},
			text: "has import or export declarations, and node takes it for a CommonJS module", hint: `write "type": "module" in package.json, or let the build write CommonJS`})
		return
	}
	if !esm {
		return
	}
	for _, imp := range f.Source.Imports {
		switch {
		case imp.When != layer.Surely:
		case imp.By == layer.ByRequire && !f.Source.Makes:
			w.mixed = append(w.mixed, problem{from: f, imp: imp, text: "calls require, which ES modules do not have", hint: "write import … from " + strconv.Quote(imp.Name) + ", or give the file the ending .cjs"})
			return
		case imp.By == layer.ByImport && path.Ext(imp.Name) == ".json" && !w.old(17, 1):
			w.mixed = append(w.mixed, problem{from: f, imp: imp, text: "imports " + imp.Name + " without its type, which ES modules require", hint: "write import … from " + strconv.Quote(imp.Name) + ` with { type: "json" }`})
			return
		}
	}
}

// detects reports that node looks into a file for its module system: without a
// type in package.json, since 22.7 and 20.19.
func (w *nodeWalk) detects(f layer.File) bool {
	if path.Ext(f.Path) == ".cjs" {
		return false
	}
	for dir := path.Dir("/" + f.Path); ; dir = path.Dir(dir) {
		if m, ok := w.manifest(dir); ok {
			return m.Type == "" && !w.old(20, 19) && !w.oldOf(22, 7) || m.Type != "" && m.Type != "commonjs"
		}
		if dir == "/" {
			return !w.old(20, 19) && !w.oldOf(22, 7)
		}
	}
}

// required checks a require of a package that has ES modules only: node takes
// them since 22.12 and 20.19.
func (w *nodeWalk) required(from layer.File, imp layer.Import) {
	if !w.old(20, 19) && !w.oldOf(22, 12) || strings.HasPrefix(imp.Name, ".") || path.IsAbs(imp.Name) || builtin(imp.Name) {
		return
	}
	dir, ok := w.packageDir(from, packageName(imp.Name))
	if !ok {
		return
	}
	m, _ := w.manifest(dir)
	var targets []string
	if main, ok := m.Main.(string); ok {
		targets = []string{main}
	}
	if sub := strings.TrimPrefix(strings.TrimPrefix(imp.Name, packageName(imp.Name)), "/"); len(m.Exports) > 0 {
		targets, _ = exported(m.Exports, sub)
	} else if sub != "" {
		targets = []string{sub}
	}
	found := false
	for _, t := range targets {
		f, ok := w.relative(path.Join(dir, t), false)
		if ok && !w.isESM(f) {
			return
		}
		found = found || ok
	}
	if found {
		w.mixed = append(w.mixed, problem{from: from, imp: imp, text: "requires " + imp.Name + ", which has ES modules only; Node.js " + w.version + " cannot require them",
			hint: "write version: 22 for the service in slipway.yaml, or import it, or take a version of " + packageName(imp.Name) + " with CommonJS"})
	}
}

// old reports a node that is surely older than a version.
func (w *nodeWalk) old(major, minor int) bool {
	return w.major > 0 && (w.major < major || w.major == major && w.minor >= 0 && w.minor < minor)
}

// oldOf reports a node of a major version that is surely older than a minor one,
// or of an odd version before it.
func (w *nodeWalk) oldOf(major, minor int) bool {
	return w.major == major-1 || w.major == major && w.minor >= 0 && w.minor < minor
}

// findVersion reads node's version: of the plan, which has the newest release of a
// major version, else of the variable of the usual images.
func (w *nodeWalk) findVersion() {
	w.minor = -1
	for _, f := range w.Service.Facts {
		if version, ok := strings.CutPrefix(f.Value, "Node.js "); ok && f.Name == "runtime" {
			w.version = version
		}
	}
	if v := w.env["NODE_VERSION"]; v != "" {
		w.version = strings.TrimPrefix(v, "v")
	}
	major, rest, exact := strings.Cut(w.version, ".")
	w.major, _ = strconv.Atoi(major)
	minor, _, _ := strings.Cut(rest, ".")
	if n, err := strconv.Atoi(minor); err == nil && exact {
		w.minor = n
	}
}
