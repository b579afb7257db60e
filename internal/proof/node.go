package proof

import (
	"encoding/json"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/proof/layer"
)

// nodeWalk follows the imports of a Node.js program.
type nodeWalk struct {
	*check
	hooked   bool // something changes how modules are found
	problems []problem
	walk
}

// valueFlags are options of node that take the next word.
func valueFlags() []string {
	return []string{"--title", "--conditions", "-C", "--stack-trace-limit", "--max-http-header-size", "--icu-data-dir", "--diagnostic-dir", "--input-type", "--inspect-port"}
}

// node checks the arguments of node.
func (c *check) node(args []string) {
	w := &nodeWalk{check: c, walk: walk{visited: map[string]layer.Certainty{}}}
	w.hooked = strings.Contains(c.env["NODE_OPTIONS"], "--import") || strings.Contains(c.env["NODE_OPTIONS"], "--require") || strings.Contains(c.env["NODE_OPTIONS"], "-r ") || strings.Contains(c.env["NODE_OPTIONS"], "loader")
	for a := (arguments{rest: args}); a.next(); {
		switch flag := a.flag; {
		case flag == "-r" || flag == "--require" || flag == "--import" || flag == "--loader" || flag == "--experimental-loader":
			w.preload(a.operand())
		case flag == "--env-file":
			c.file(a.operand(), "the start command")
		case slices.Contains([]string{"-e", "--eval", "-p", "--print", "-c", "--check", "--run", "--test", "-v", "--version", "-i"}, flag):
			return
		case slices.Contains(valueFlags(), flag):
			a.operand()
		case !strings.HasPrefix(flag, "-"):
			w.main(a.word)
			a.rest = nil // the program's own arguments
		}
	}
	w.follow()
	w.conclude()
}

// preload checks a module that is loaded before the program.
func (w *nodeWalk) preload(name string) {
	w.hooked = true
	dir := layer.File{Entry: layer.Entry{Path: strings.TrimPrefix(path.Join(w.workDir(), "start"), "/")}}
	if strings.Contains(name, ":") {
		return
	}
	if f, ok := w.resolve(dir, name, false); ok {
		w.enter(f, layer.Surely)
		return
	}
	if strings.HasPrefix(name, ".") || path.IsAbs(name) {
		w.broken(CodeFile, w.startPlace(), w.fileHint(name), "the start command loads %s, which is not in the image", name)
		return
	}
	w.broken(CodeModule, w.startPlace(), w.moduleHint(name), "the start command loads the package %s, which is not in the image", packageName(name))
}

// main checks the file that node starts.
func (w *nodeWalk) main(name string) {
	f, ok := w.relative(w.abs(name), false)
	if !ok {
		w.broken(CodeFile, w.startPlace(), w.fileHint(name), "the start command names %s, which is not in the image", name)
		return
	}
	if w.readable(f) {
		w.enter(f, layer.Surely)
	}
}

// follow goes through all imports.
func (w *nodeWalk) follow() {
	for at, ok := w.take(); ok; at, ok = w.take() {
		w.hooked = w.hooked || at.file.Source.Rewires
		esm := w.isESM(at.file)
		for _, imp := range at.file.Source.Imports {
			when := max(at.when, imp.When)
			f, ok := w.resolve(at.file, imp.Name, esm && imp.When == layer.Surely)
			switch {
			case ok:
				w.enter(f, when)
			case when != layer.Guarded:
				w.unresolved(at.file, imp, when)
			}
		}
	}
	w.reach(w.walk)
}

// isESM tells whether node takes a file for an ES module.
func (w *nodeWalk) isESM(f layer.File) bool {
	switch path.Ext(f.Path) {
	case ".mjs", ".mts":
		return true
	case ".cjs", ".cts":
		return false
	}
	for dir := path.Dir("/" + f.Path); ; dir = path.Dir(dir) {
		if m, ok := w.manifest(dir); ok {
			return m.Type == "module"
		}
		if dir == "/" {
			return false
		}
	}
}

// unresolved notes an import of which nothing is found.
func (w *nodeWalk) unresolved(from layer.File, imp layer.Import, when layer.Certainty) {
	p := problem{from: from, imp: imp, when: when}
	switch name := imp.Name; {
	case strings.HasPrefix(name, "#") || strings.Contains(name, "!"): // subpath imports; loaders of bundlers
		return
	case strings.HasPrefix(name, ".") || path.IsAbs(name):
		p.text = "imports " + name + ", which is not in the image"
		p.hint = w.importHint(path.Join("/", path.Dir(from.Path), name))
		if f, ok := w.resolve(from, name, false); ok {
			p.text = "imports " + name + " without the whole name of its file, which an ES module requires"
			suffix := strings.TrimPrefix("/"+f.Path, path.Join("/", path.Dir(from.Path), name))
			p.hint = "write " + name + suffix
		}
	default:
		listed, dev := w.listed(packageName(name))
		if when == layer.Perhaps && w.Sources != nil && !listed && !dev {
			return // of a bundle: only the service's own wishes are known
		}
		p.text = "imports " + name + ", which is not in the image"
		if dir, ok := w.packageDir(from, packageName(name)); ok {
			p.text = "imports " + name + ", but the package in " + dir + " lacks the file that it names as its entry"
			p.hint = "build the package " + packageName(name) + " before the service, or fix main and exports of its package.json"
			break
		}
		p.hint = w.moduleHint(name)
	}
	w.problems = append(w.problems, p)
}

// conclude reports the problems, unless something changes how modules are found.
func (w *nodeWalk) conclude() {
	if w.hooked {
		w.problems = slices.DeleteFunc(w.problems, func(p problem) bool {
			return strings.Contains(p.text, "ES module") || !w.sureListed(p)
		})
	}
	done := map[string]bool{}
	slices.SortStableFunc(w.problems, func(a, b problem) int { return int(a.when) - int(b.when) })
	for _, p := range w.problems {
		if done[p.imp.Name] {
			continue
		}
		done[p.imp.Name] = true
		at := w.place(p.from.Path, p.imp.Line, p.imp.Name)
		if p.when == layer.Surely {
			w.broken(CodeModule, at, p.hint, "%s%s", inImage(at, p.from.Path, p.imp.Line), p.text)
		} else {
			w.warn(CodeModule, at, p.hint, "%s%s", inImage(at, p.from.Path, p.imp.Line), p.text)
		}
	}
}

// sureListed tells whether a problem is of a package that package.json lists:
// then no alias is meant.
func (w *nodeWalk) sureListed(p problem) bool {
	listed, dev := w.listed(packageName(p.imp.Name))
	return listed || dev
}

// packageName is the package of an import: "@scope/name/sub" → "@scope/name".
func packageName(name string) string {
	parts := strings.SplitN(name, "/", 3)
	if strings.HasPrefix(name, "@") && len(parts) > 1 {
		return parts[0] + "/" + parts[1]
	}
	return parts[0]
}

// listed tells whether package.json lists a package, and whether for development
// only.
func (c *check) listed(name string) (production, development bool) {
	if c.Sources == nil {
		return false, false
	}
	data, err := ecosystem.Read(c.Sources, c.packageFile())
	if err != nil {
		return false, false
	}
	var m struct {
		Dependencies, OptionalDependencies, PeerDependencies, DevDependencies map[string]json.RawMessage
	}
	if json.Unmarshal(data, &m) != nil {
		return false, false
	}
	for _, section := range []map[string]json.RawMessage{m.Dependencies, m.OptionalDependencies, m.PeerDependencies} {
		if _, ok := section[name]; ok {
			return true, false
		}
	}
	_, development = m.DevDependencies[name]
	return false, development
}

// packageFile is the service's package.json in the build context, which may be
// that of a workspace.
func (c *check) packageFile() string {
	if dir := strings.TrimPrefix(strings.TrimPrefix(c.workDir(), "/app"), "/"); dir != "" && c.inSources(path.Join(dir, "package.json")) {
		return path.Join(dir, "package.json")
	}
	return "package.json"
}

func (c *check) moduleHint(name string) string {
	pkg := packageName(name)
	if _, dev := c.listed(pkg); dev {
		return "move " + pkg + " from devDependencies to dependencies in package.json"
	}
	return "add " + pkg + " to dependencies in package.json and to the lock file: npm install " + pkg
}

// importHint is the next thing to do about a local file that a source imports.
func (c *check) importHint(p string) string {
	inApp := strings.TrimPrefix(p, "/app/")
	for _, ext := range []string{"", ".js", ".json", ".mjs", ".cjs", ".node", "/index.js"} {
		if c.inSources(inApp + ext) {
			return c.setting("files: [" + inApp + ext + "]")
		}
	}
	return "fix the import, or let the build write the file"
}
