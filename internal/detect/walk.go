package detect

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/diag"
)

// Limits of the walk: the deepest of 25 public monorepos keeps its services four
// levels down.
const (
	maxDepth = 6
	maxDirs  = 20_000
)

// walk finds the directories that an ecosystem recognises. Below a service it looks
// no further, except at the root of the repository, whose manifest is often that of
// a workspace. Below a library it looks for programs of the same language, which
// have manifests of their own: its examples and servers.
func walk(root repository, limit int) ([]config.Service, diag.Findings) {
	var findings diag.Findings
	var paths []string
	var pages pages
	var strangers strangersSeen
	var around library
	weak := false // the root is a service only if there is no other
	dirs := 0
	_ = fs.WalkDir(root.tree, ".", func(p string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			findings = append(findings, diag.Finding{Code: codeWalk, Severity: diag.Warning, Place: diag.Place{File: p}, Text: "the directory cannot be read: " + err.Error()})
			return fs.SkipDir
		case !e.IsDir():
			return nil
		case p != "." && (skipped(e.Name()) || strings.Count(p, "/") >= maxDepth):
			return fs.SkipDir
		}
		if dirs++; dirs > limit {
			findings = append(findings, diag.Finding{Code: codeTooLarge, Severity: diag.Warning, Place: diag.Place{File: p},
				Text: fmt.Sprintf("the search for services stopped after %d directories", limit), Hint: "name the services in " + config.FileName})
			return fs.SkipAll
		}
		dir, err := fs.Sub(root.tree, p)
		if err != nil {
			return nil
		}
		below, sure, ok := recognised(dir)
		file := describedBy(dir, ok)
		strangers.look(root.tree, p, file)
		if ok && around.has(p) && file != around.file {
			return fs.SkipDir
		}
		if p != "." && ok && onlyPages(dir) {
			return pages.add(p)
		}
		for _, b := range below {
			paths = append(paths, path.Join(p, b))
		}
		switch {
		case p != "." && ok && len(below) > 0:
			return fs.SkipDir
		case p != "." && ok && !around.has(p):
			around = library{p, file}
		}
		weak, pages.rooted = weak || ok && !sure, pages.rooted || ok && p == "."
		return nil
	})
	paths = deployed(root, slices.DeleteFunc(paths, func(p string) bool { return isLibrary(root, p) }))
	if len(paths) > 1 && weak {
		paths, pages.rooted = besideRoot(root, paths)
	}
	paths = append(paths, pages.services()...)
	paths = slices.Compact(slices.Sorted(slices.Values(paths)))
	if len(paths) == 0 && findings == nil {
		findings = append(findings, diag.Finding{Code: codeNothing, Text: "no service found in this directory", Hint: "Slipway recognises " + signs + ", and any directory with a Dockerfile"})
	}
	return programs(root, named(paths)), append(findings, strangers.without(paths)...)
}

// besideRoot decides whether a root that may only hold a workspace together is a
// service beside those below it, and reports whether it is.
func besideRoot(root repository, paths []string) ([]string, bool) {
	if !rootServes(root, paths[1:]) {
		return paths[1:], false
	}
	return slices.DeleteFunc(paths, func(p string) bool { return isAside(root, p) }), true
}

// library is a directory below the root that is recognised and holds no service.
type library struct{ dir, file string }

// has reports a path below it.
func (l library) has(p string) bool { return l.dir != "" && strings.HasPrefix(p, l.dir+"/") }

// deployed leaves out examples and tests beside services. Where there are no others,
// they are what the repository has to run.
func deployed(root repository, paths []string) []string {
	kept := slices.DeleteFunc(slices.Clone(paths), func(p string) bool {
		dir, err := fs.Sub(root.tree, p)
		if err != nil || OwnDockerfile(dir) != "" || slices.ContainsFunc(root.named, func(n string) bool { return n != "." && (p == n || strings.HasPrefix(p, n+"/")) }) {
			return false
		}
		for _, e := range root.languages {
			if e.Recognise(dir) != "" {
				l, ok := e.(Exampled)
				return ok && l.IsExample(p)
			}
		}
		return false
	})
	if len(kept) == 0 {
		return paths
	}
	return kept
}

// describedBy is the file that an ecosystem recognises a directory by.
func describedBy(dir fs.FS, recognised bool) string {
	if !recognised {
		return ""
	}
	for _, e := range Ecosystems() {
		if file := e.Recognise(dir); file != "" {
			return file
		}
	}
	return ""
}

// recognised returns the services of a directory by their paths below it, whether
// they are services for sure or perhaps only the manifest of a workspace, and
// whether anything recognises the directory at all.
func recognised(dir fs.FS) (below []string, sure, ok bool) {
	if OwnDockerfile(dir) != "" {
		return []string{"."}, program(dir), true
	}
	for _, e := range Ecosystems() {
		if e.Recognise(dir) == "" || ok && e.Name() == "static" { // a library's page is none of its own
			continue
		}
		l, lists := e.(Lister)
		if !lists {
			return []string{"."}, false, true
		}
		ok = true
		if below = l.Services(dir); len(below) > 0 {
			return below, true, true
		}
	}
	return nil, true, ok
}

// program reports a directory with a Dockerfile whose sources are a program, so that
// it is a service whatever lies below it.
func program(dir fs.FS) bool {
	return slices.ContainsFunc(Ecosystems(), func(e Ecosystem) bool {
		l, ok := e.(Lister)
		return ok && e.Recognise(dir) != "" && slices.Contains(l.Services(dir), ".")
	})
}

// isLibrary tells whether a directory is there for other packages only: one that
// nothing but package.json speaks for, and that nothing starts.
func isLibrary(root repository, p string) bool {
	dir, err := fs.Sub(root.tree, p)
	if err != nil || p == "." || OwnDockerfile(dir) != "" {
		return false
	}
	for i, e := range Ecosystems() {
		if e.Recognise(dir) != "" {
			l, ok := root.languages[i].(Librarian)
			return ok && l.IsLibrary(p)
		}
	}
	return false
}

// rootServes reports a root that is a service beside those below it: it starts
// from a file that is in none of them.
func rootServes(root repository, below []string) bool {
	for _, e := range Ecosystems() {
		s, ok := e.(Server)
		if !ok {
			continue
		}
		if file := s.Serves(root.tree); file != "" {
			return !slices.ContainsFunc(below, func(p string) bool { return strings.HasPrefix(path.Clean(file), p+"/") })
		}
	}
	return false
}

// isAside reports an example or a tool of a repository whose root is a service,
// which cannot be built as it is, or serves nobody.
func isAside(root repository, p string) bool {
	aside := slices.ContainsFunc(strings.Split(p, "/"), func(name string) bool {
		return slices.Contains([]string{"examples", "example", "samples", "extra", "extras", "contrib", "scripts", "tools", "docs", "e2e", "test", "tests", "fixtures"}, name)
	})
	if !aside {
		return false
	}
	found, findings := inspect(root, config.Service{Name: path.Base(p), Path: p}, nil)
	return findings.Errors() != nil || found.Service.Type == "worker"
}

// skipped are directories that hold no services of the repository itself.
func skipped(name string) bool {
	return strings.HasPrefix(name, ".") || slices.Contains([]string{"node_modules", "vendor", "dist", "build", "target", "coverage", "testdata"}, name)
}

// programs puts the services of a directory that holds several in its place.
func programs(root repository, services []config.Service) []config.Service {
	var out []config.Service
	taken := map[string]bool{}
	for _, s := range services {
		taken[s.Name] = true
	}
	for _, s := range services {
		several := programsOf(root, s.Path)
		if several == nil {
			out = append(out, s)
		}
		for _, p := range several {
			name := strings.ToLower(p.Name)
			if taken[name] && s.Name != "" {
				name = s.Name + "-" + name
			}
			if !config.ValidName(name) || taken[name] && name != s.Name {
				name = fmt.Sprintf("service-%d", len(out)+1)
			}
			taken[name] = true
			out = append(out, config.Service{Name: name, Path: s.Path, Command: p.Command})
		}
	}
	slices.SortFunc(out, func(a, b config.Service) int { return strings.Compare(a.Name, b.Name) })
	return out
}

func programsOf(root repository, at string) []config.Service {
	dir, err := fs.Sub(root.tree, at)
	if err != nil || OwnDockerfile(dir) != "" {
		return nil
	}
	for _, e := range Ecosystems() {
		if e.Recognise(dir) != "" {
			if p, ok := e.(Programmer); ok {
				return p.Programs(dir)
			}
			return nil
		}
	}
	return nil
}

// named gives each directory its own name as the service's; the shortest end of
// the path that is unique.
func named(paths []string) []config.Service {
	var out []config.Service
	count := map[string]int{}
	for _, p := range paths {
		count[path.Base(p)]++
	}
	for _, p := range paths {
		name := path.Base(p)
		if p == "." {
			name = "" // the ecosystem's manifest has it
		} else if count[name] > 1 {
			name = strings.ReplaceAll(p, "/", "-")
		}
		name = strings.ToLower(name)
		if p != "." && !config.ValidName(name) {
			name = fmt.Sprintf("service-%d", len(out)+1)
		}
		out = append(out, config.Service{Name: name, Path: p})
	}
	slices.SortFunc(out, func(a, b config.Service) int { return strings.Compare(a.Name, b.Name) })
	return out
}
