package python

import (
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/ecosystem"
)

// index is what can be imported from which directory.
type index struct {
	files map[string]bool            // every module of the service, "app/main.py"
	tops  map[string]map[string]bool // by directory: the first names of imports that it serves
}

func newIndex(files []string) index {
	ix := index{map[string]bool{}, map[string]map[string]bool{}}
	for _, f := range files {
		ix.files[f] = true
		parts := strings.Split(f, "/")
		for i := range parts {
			root := path.Join(parts[:i]...)
			if root == "" {
				root = "."
			}
			if ix.tops[root] == nil {
				ix.tops[root] = map[string]bool{}
			}
			ix.tops[root][strings.TrimSuffix(parts[i], ".py")] = true
		}
	}
	return ix
}

// serves reports a directory from which a module can be imported.
func (ix index) serves(root, module string) bool { return ix.tops[root][top(module)] }

// find returns the files that the import of a module reads: it, and the packages
// that it lies in.
func (ix index) find(root, module string) []string {
	var out []string
	at := root
	for _, part := range strings.Split(module, ".") {
		at = path.Join(at, part)
		for _, f := range []string{at + ".py", at + "/__init__.py"} {
			if ix.files[f] {
				out = append(out, f)
			}
		}
	}
	return out
}

// above are the directories that a file can be imported from: "." first, its own
// last. A file that imports relatively lies in a package of at least that depth.
func (s *service) above(file string) []string {
	out := []string{"."}
	if dir := path.Dir(file); dir != "." {
		parts := strings.Split(dir, "/")
		for i := range parts {
			out = append(out, path.Join(parts[:i+1]...))
		}
	}
	dots := 0
	for _, im := range s.scan.imports[file] {
		dots = max(dots, im.dots)
	}
	out = out[:max(1, len(out)-dots)]
	if s.src && strings.HasPrefix(file, "src/") && len(out) > 1 {
		out[0], out[1] = out[1], out[0]
	}
	return out
}

// missing are the first names of modules that lie in the service, and that a
// program does not find when Python looks in some directories.
func (s *service) missing(file string, roots []string, elsewhere []string) (missing []string, reached map[string]bool) {
	reached = map[string]bool{}
	s.follow(file, roots, reached, func(name string) {
		known := isStandard(name) || s.has(normalised(name)) || s.pinned[normalised(name)] || slices.Contains(missing, name)
		if !known && slices.ContainsFunc(elsewhere, func(r string) bool { return s.index.serves(r, name) }) {
			missing = append(missing, name)
		}
	})
	return missing, reached
}

// follow visits the modules that a file imports, and calls absent for the first
// name of an import that no root serves.
func (s *service) follow(file string, roots []string, reached map[string]bool, absent func(name string)) {
	if reached[file] || !s.index.files[file] {
		return
	}
	reached[file] = true
	for _, im := range s.scan.imports[file] {
		root, module := "", im.module
		if im.dots > 0 {
			root = path.Dir(file)
			for range min(im.dots-1, maxTreeDepth) {
				root = path.Dir(root)
			}
		} else if i := slices.IndexFunc(roots, func(r string) bool { return s.index.serves(r, module) }); i >= 0 {
			root = roots[i]
		} else {
			if !im.maybe {
				absent(top(module))
			}
			continue
		}
		for _, next := range s.index.find(root, module) {
			s.follow(next, roots, reached, absent)
		}
		for _, name := range im.names {
			for _, next := range s.index.find(path.Join(root, strings.ReplaceAll(module, ".", "/")), name) {
				s.follow(next, roots, reached, absent)
			}
		}
	}
}

// chooseRoot decides from which directory a program is imported: the first from
// which all of its imports are found. What only another directory serves comes
// from there by PYTHONPATH.
func (s *service) chooseRoot(file string) {
	s.chooseRootQuietly(file)
	s.noteRoot(file, s.above(file)[0])
}

func (s *service) chooseRootQuietly(file string) {
	candidates := s.above(file)
	elsewhere := slices.Clone(candidates)
	for dir := range s.index.tops {
		if dir != "." && !strings.Contains(dir, "/") && !slices.Contains(elsewhere, dir) {
			elsewhere = append(elsewhere, dir)
		}
	}
	slices.Sort(elsewhere[len(candidates):])
	best := -1
	for _, root := range candidates {
		missing, reached := s.missing(file, []string{root}, elsewhere)
		if best < 0 || len(missing) < best {
			best, s.root, s.reached = len(missing), root, reached
		}
	}
	roots := []string{s.root}
	for len(roots) < maxRoots {
		missing, reached := s.missing(file, roots, elsewhere)
		s.reached = reached
		i := slices.IndexFunc(elsewhere, func(r string) bool {
			return slices.ContainsFunc(missing, func(m string) bool { return s.index.serves(r, m) })
		})
		if i < 0 {
			break
		}
		roots = append(roots, elsewhere[i])
	}
	s.more = roots[1:]
}

// maxRoots is the most directories that modules are imported from.
const maxRoots = 4

// noteRoot says from where the program's modules come, when that is no matter of
// course, and in which directory it runs.
func (s *service) noteRoot(file, usual string) {
	s.cwd = "."
	if s.root != usual && s.root != "src" {
		below, top := s.pathsBelow(s.root)
		s.sure = top
		if below && !top {
			s.cwd = s.root
		}
	}
	if s.root != usual {
		s.Fact("imports", "from "+s.root+"/", "the program's modules are there", file, s.importLine(file))
	}
	if len(s.more) > 0 {
		s.Fact("imports", "also from "+strings.Join(s.more, ", "), "the program's modules are there", file, 0)
	}
}

// importLine is the line of the first import that the program's root serves.
func (s *service) importLine(file string) int {
	for _, im := range s.scan.imports[file] {
		if im.dots == 0 && s.index.serves(s.root, im.module) && !s.index.serves(".", im.module) {
			return im.line
		}
	}
	return 0
}

// pathsBelow tells whether the program's files name paths that exist in a
// directory, and whether they name paths that exist at the top.
func (s *service) pathsBelow(dir string) (below, top bool) {
	for file := range s.reached {
		for _, l := range s.scan.literals[file] {
			name, ok := pathOf(l.text)
			if !ok {
				continue
			}
			at, word := path.Join(dir, name), !strings.ContainsAny(name, "./")
			switch {
			case ecosystem.Exists(s.Dir, name):
				top = top || !word
			case word: // "templates", but not the name of a package
				below = below || ecosystem.IsDir(s.Dir, at) && len(s.index.tops[at]) == 0
			default:
				below = below || ecosystem.Exists(s.Dir, at)
			}
		}
	}
	return below, top
}

// pathOf returns the path that a string may be, relative to where a program runs.
func pathOf(text string) (string, bool) {
	name := strings.TrimSuffix(strings.TrimPrefix(text, "./"), "/")
	if len(name) < 2 || strings.ContainsAny(name, "{}*%:\\ \n\t") || strings.HasPrefix(name, "/") || !fs.ValidPath(name) {
		return "", false
	}
	return name, true
}

// module is the name that a file is imported by.
func (s *service) module(file string) string {
	if s.root != "." && s.root != "" {
		file = strings.TrimPrefix(file, s.root+"/")
	}
	name := strings.ReplaceAll(strings.TrimSuffix(file, ".py"), "/", ".")
	return strings.TrimSuffix(name, ".__init__")
}
