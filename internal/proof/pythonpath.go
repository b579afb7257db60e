package proof

import (
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/proof/layer"
)

// pythonWalk finds where modules come from: the interpreter's own library, its
// packages, those of a virtual environment, PYTHONPATH.
func (c *check) pythonWalk(name string, f layer.File) *pythonWalk {
	w := &pythonWalk{check: c, walk: walk{visited: map[string]layer.Certainty{}}}
	for dir := range strings.SplitSeq(c.env["PYTHONPATH"], ":") {
		if dir != "" {
			w.paths = append(w.paths, c.abs(dir))
		}
	}
	if !strings.Contains(name, "/") {
		for dir := range strings.SplitSeq(c.env["PATH"], ":") {
			if c.tree.Exists(path.Join(dir, name)) {
				name = path.Join(dir, name)
				break
			}
		}
	}
	venv := path.Dir(path.Dir(c.abs(name)))
	base := path.Dir(path.Dir("/" + f.Path))
	if c.tree.Exists(path.Join(venv, "pyvenv.cfg")) {
		w.sameVersion(venv, path.Base(f.Path))
		w.site(venv)
		w.library(base)
	} else {
		w.library(base)
		w.site(base)
		w.site("/usr/local")
		w.addSite("/usr/lib/python3/dist-packages")
	}
	return w
}

// sameVersion checks that the packages of a virtual environment are for its
// interpreter.
func (w *pythonWalk) sameVersion(venv, interpreter string) {
	have := w.versioned(venv)
	if len(have) == 0 || !strings.HasPrefix(interpreter, "python3.") || slices.ContainsFunc(have, func(dir string) bool {
		return strings.TrimSuffix(path.Base(dir), "t") == strings.TrimSuffix(interpreter, "t")
	}) {
		return
	}
	w.unknown = true
	w.broken(CodeOld, w.startPlace(), "make the virtual environment with the interpreter of the image",
		"the packages of %s are for %s, and its interpreter is %s", venv, spoken(path.Base(have[0])), spoken(interpreter))
}

// spoken is python3.13 in words.
func spoken(name string) string { return "Python " + strings.TrimPrefix(name, "python") }

// versioned lists the lib/python3.x directories of a prefix.
func (c *check) versioned(prefix string) []string {
	var out []string
	for _, lib := range []string{"lib", "lib64"} {
		for _, name := range c.tree.Names(path.Join(prefix, lib)) {
			if strings.HasPrefix(name, "python3") {
				out = append(out, path.Join(prefix, lib, name))
			}
		}
	}
	return out
}

// library adds the standard library. Without one nothing can be said.
func (w *pythonWalk) library(prefix string) {
	found := false
	for _, dir := range w.versioned(prefix) {
		if w.tree.Exists(path.Join(dir, "os.py")) || w.tree.Exists(path.Join(dir, "os.pyc")) || w.tree.Exists(path.Join(dir, "__pycache__")) && w.tree.IsDir(path.Join(dir, "encodings")) {
			found = true
			w.paths = append(w.paths, dir, path.Join(dir, "lib-dynload"))
		}
	}
	w.unknown = w.unknown || !found
}

// site adds the packages of a prefix.
func (w *pythonWalk) site(prefix string) {
	for _, dir := range w.versioned(prefix) {
		w.addSite(path.Join(dir, "site-packages"))
		w.addSite(path.Join(dir, "dist-packages"))
	}
}

// addSite adds a directory of packages and what its .pth files name (site(3)).
func (w *pythonWalk) addSite(dir string) {
	if !w.tree.IsDir(dir) {
		return
	}
	w.paths = append(w.paths, dir)
	for _, name := range w.tree.Names(dir) {
		if path.Ext(name) != ".pth" {
			continue
		}
		f, _ := w.tree.Lookup(path.Join(dir, name))
		for line := range strings.Lines(f.Text) {
			line = strings.TrimSpace(line)
			switch {
			case line == "" || strings.HasPrefix(line, "#"):
			case strings.HasPrefix(line, "import"):
				w.unknown = w.unknown || strings.Contains(name, "editable")
			case path.IsAbs(line):
				w.paths = append(w.paths, path.Clean(line))
			default:
				w.paths = append(w.paths, path.Join(dir, line))
			}
		}
	}
}

// find returns the sources that importing a module runs: those of the packages
// above it, and its own. Modules without a source of the service come back as
// files without facts.
func (w *pythonWalk) find(name string) ([]layer.File, bool) {
	top, rest, _ := strings.Cut(name, ".")
	if pythonBuiltin(top) {
		return []layer.File{{}}, true
	}
	var found []layer.File
	for _, dir := range w.paths {
		files, ok := w.under(dir, top)
		if !ok {
			continue
		}
		if rest == "" || ofPackages(dir) {
			return files, true
		}
		more, ok := w.within(path.Join(dir, top), rest)
		if files = append(files, more...); ok {
			return files, true
		}
		found = files
		if files[0].Path != "" { // a package of its own file; without one it goes on in other directories
			break
		}
	}
	return found, false
}

// within finds a module below a package of the service.
func (w *pythonWalk) within(at, rest string) (files []layer.File, ok bool) {
	for part := range strings.SplitSeq(rest, ".") {
		more, ok := w.under(at, part)
		if !ok {
			return files, !w.tree.IsDir(at) // a module's attributes are not known
		}
		files = append(files, more...)
		at = path.Join(at, part)
	}
	return files, true
}

// ofPackages tells whether a directory of the path belongs to packages or to
// Python itself.
func ofPackages(dir string) bool {
	return strings.Contains(dir, "/site-packages") || strings.Contains(dir, "/dist-packages") || strings.Contains(dir, "/lib/python3") || strings.Contains(dir, "/lib64/python3")
}

// under finds one module in a directory.
func (w *pythonWalk) under(dir, name string) ([]layer.File, bool) {
	at := path.Join(dir, name)
	for _, file := range []string{path.Join(at, "__init__.py"), at + ".py", path.Join(at, "__init__.pyc"), at + ".pyc"} {
		if f, ok := w.tree.Lookup(file); ok {
			return []layer.File{f}, true
		}
	}
	for _, n := range w.tree.Names(dir) { // compiled: name.cpython-313-x86_64-linux-gnu.so
		if strings.HasPrefix(n, name+".") && strings.HasSuffix(n, ".so") {
			return []layer.File{{}}, true
		}
	}
	if w.tree.IsDir(at) { // a package without a file of its own
		return []layer.File{{}}, true
	}
	return nil, false
}

// pythonBuiltin tells whether the interpreter itself may hold a module, without a
// file: Debian compiles most modules in that are written in C.
func pythonBuiltin(name string) bool {
	return name == "" || strings.HasPrefix(name, "_") || slices.Contains([]string{
		"array", "atexit", "binascii", "builtins", "cmath", "errno", "faulthandler", "fcntl", "gc", "grp", "itertools", "marshal", "math", "mmap", "posix", "pwd", "pyexpat", "readline", "resource", "select",
		"spwd", "sys", "syslog", "termios", "time", "unicodedata", "zlib", "xxsubtype", "msvcrt", "winreg", "nt", "winsound", "audioop", "crypt",
	}, name)
}

// pythonStandard tells whether a module is one of the standard library that
// distributions keep in packages of their own.
func pythonStandard(name string) bool {
	return slices.Contains([]string{"tkinter", "idlelib", "turtle", "turtledemo", "lib2to3", "distutils", "ensurepip", "venv", "curses", "dbm", "sqlite3", "test", "pydoc_data", "pdb", "unittest", "doctest"}, name)
}
