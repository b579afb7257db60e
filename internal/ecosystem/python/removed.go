package python

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
)

// removed are modules that left the standard library, with the last minor version
// that has them (docs.python.org/3/library/removed.html, peps.python.org/pep-0594).
func removed() map[string]int {
	out := map[string]int{"formatter": 9, "parser": 9, "symbol": 9, "binhex": 10}
	for _, name := range []string{"asynchat", "asyncore", "distutils", "imp", "smtpd"} {
		out[name] = 11
	}
	for _, name := range []string{"aifc", "audioop", "cgi", "cgitb", "chunk", "crypt", "imghdr", "lib2to3", "mailcap", "nis", "nntplib", "ossaudiodev", "pipes", "sndhdr",
		"spwd", "sunau", "telnetlib", "uu", "xdrlib"} {
		out[name] = 12
	}
	return out
}

// instead are packages that bring such a module.
func instead(module string) []string {
	out := []string{"standard-" + module, "legacy-" + module, module + "-lts", "py" + module, "zombie-" + module}
	switch module {
	case "cgitb":
		out = append(out, "legacy-cgi")
	case "distutils":
		out = append(out, "setuptools")
	}
	return out
}

// importsRemoved are the modules of older Pythons that the sources import, and
// cannot do without; each is a misfit for newer ones.
func (s *service) importsRemoved(minor int) []misfit {
	table := removed()
	seen := map[string]bool{}
	var out []misfit
	for _, file := range slices.Sorted(maps.Keys(s.scan.imports)) {
		if slices.Contains([]string{"setup.py", "tasks.py", "fabfile.py", "noxfile.py"}, path.Base(file)) {
			continue
		}
		for _, im := range s.scan.imports[file] {
			name := top(im.module)
			last, gone := table[name]
			if !gone || minor <= last || im.dots > 0 || im.maybe || seen[name] || s.brings(name) {
				continue
			}
			seen[name] = true
			out = append(out, misfit{release: release{name: theModule, version: name, file: file, line: im.line}, why: fmt.Sprintf("is in Python up to 3.%d", last)})
		}
	}
	return out
}

// theModule is the name of a misfit that is a module of the standard library.
const theModule = "the module"

// brings reports a module that the service has of its own, or by a package.
func (s *service) brings(module string) bool {
	return slices.ContainsFunc(instead(module), func(p string) bool { return s.has(p) || s.pinned[p] }) ||
		slices.ContainsFunc(s.tree.modules, func(f string) bool {
			return strings.TrimSuffix(path.Base(f), ".py") == module || path.Base(path.Dir(f)) == module
		})
}
