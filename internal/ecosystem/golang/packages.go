package golang

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/pattern"
)

// Limits of what is followed from a main package. The largest public Go
// monorepos have about 5,000 packages, of which a program has a tenth.
const (
	maxPackages   = 4000
	maxSourceSize = 4 << 20
)

// graph is the packages of the repository that a program is made of.
type graph struct {
	dirs     []string                 // of packages, in the order of discovery
	imports  map[string]ecosystem.Hit // packages outside of the repository
	always   map[string]bool          // those of them that files of every platform import
	embeds   []string                 // what is embedded from outside of packages' own directories, and of the root
	embedded []string                 // patterns of paths whose content is part of the program
	c        ecosystem.Hit            // import "C"
}

func (g *graph) sorted() []string { return slices.Sorted(maps.Keys(g.imports)) }

// readSources follows the imports of the main package and takes evidence from
// every file on the way.
func (s *service) readSources() {
	s.graph.imports, s.graph.always = map[string]ecosystem.Hit{}, map[string]bool{}
	seen := map[string]bool{s.mainDir: true}
	queue := []string{s.mainDir}
	for len(queue) > 0 && len(s.graph.dirs) < maxPackages {
		dir := queue[0]
		queue = queue[1:]
		s.graph.dirs = append(s.graph.dirs, dir)
		for _, next := range s.readPackage(dir) {
			if !seen[next] {
				seen[next] = true
				queue = append(queue, next)
			}
		}
	}
}

// readPackage reads the files of a package and returns the directories of the
// packages that it imports.
func (s *service) readPackage(dir string) (next []string) {
	entries, err := fs.ReadDir(s.Dir, dir)
	if err != nil {
		s.Report(diag.Error, codeSource, dir, 0, "commit it, or run its generator before the build", "the package %s, which the program imports, cannot be read: %v", dir, err)
		return nil
	}
	for _, e := range entries {
		name := path.Join(dir, e.Name())
		info, err := e.Info()
		if err != nil || !info.Mode().IsRegular() || !isSource(e.Name()) || info.Size() > maxSourceSize {
			continue
		}
		data, err := fs.ReadFile(s.Dir, name)
		if err != nil || !built(data) {
			continue
		}
		files := token.NewFileSet()
		f, err := parser.ParseFile(files, name, data, parser.ImportsOnly)
		if err != nil {
			s.Report(diag.Error, codeSource, name, 0, "go vet ./...", "the file is not valid Go: %v", err)
			continue
		}
		for _, i := range f.Imports {
			if at := s.imported(i, name, files.Position(i.Pos()).Line); at != "" {
				next = append(next, at)
			}
		}
		s.keepAlways(f, e.Name(), data)
		s.embedded(dir, name, data)
		s.look(name, data)
		s.lookUses(name, data)
		s.lookNames(name, data, files.Position(endOfImports(f)).Offset)
	}
	return next
}

// imported notes an import and returns the directory of a package of the
// repository.
func (s *service) imported(i *ast.ImportSpec, file string, line int) string {
	name, err := strconv.Unquote(i.Path.Value)
	if err != nil {
		return ""
	}
	if name == "C" {
		s.graph.c.Keep(ecosystem.Hit{Text: name, File: file, Line: line})
		return ""
	}
	var best *module // the longest path wins: modules can lie in modules
	for _, m := range s.modules {
		if (name == m.path || strings.HasPrefix(name, m.path+"/")) && (best == nil || len(m.path) > len(best.path)) {
			best = m
		}
	}
	if best != nil {
		return path.Join(best.dir, strings.TrimPrefix(name, best.path))
	}
	if first, _, _ := strings.Cut(name, "/"); strings.Contains(first, ".") {
		if _, have := s.graph.imports[name]; !have {
			s.graph.imports[name] = ecosystem.Hit{Text: name, File: file, Line: line}
		}
	}
	return ""
}

// endOfImports is where a file's declarations begin.
func endOfImports(f *ast.File) token.Pos {
	end := f.Name.End()
	for _, d := range f.Decls {
		end = max(end, d.End())
	}
	return end
}

var embedLine = pattern.Lazy(`(?m)^//go:embed[ \t]+(.+)$`)

// embedded notes what a package embeds. Packages but those in a module's root are
// copied with all that lies below them.
func (s *service) embedded(dir, file string, data []byte) {
	if !embedLines.Match(data) {
		return
	}
	for _, m := range embedLine().FindAllSubmatchIndex(data, -1) {
		for _, word := range EmbedPatterns(string(data[m[2]:m[3]])) {
			word = path.Clean(word)
			first, _, _ := strings.Cut(word, "/")
			if first == "." || first == ".." {
				continue
			}
			at := path.Join(dir, word)
			s.graph.embedded = append(s.graph.embedded, at)
			line := ecosystem.LineAt(data, int64(m[0]))
			s.checkEmbed(file, line, at)
			s.CompileKey(at, ecosystem.Hit{File: file, Line: line})
			if top := path.Join(dir, first); s.isRoot(dir) && !slices.Contains(s.graph.embeds, top) {
				s.graph.embeds = append(s.graph.embeds, top)
			}
		}
	}
}

// EmbedPatterns splits what follows go:embed as the compiler does: at spaces, but
// for patterns in quotes, which may hold some.
func EmbedPatterns(text string) []string {
	var out []string
	for text = strings.TrimSpace(text); text != ""; text = strings.TrimSpace(text) {
		word, err := strconv.QuotedPrefix(text)
		rest := text[len(word):]
		if err == nil {
			word, _ = strconv.Unquote(word) // it was a quoted prefix
		} else if at := strings.IndexFunc(text, unicode.IsSpace); at >= 0 {
			word, rest = text[:at], text[at:]
		} else {
			word, rest = text, ""
		}
		out, text = append(out, strings.TrimPrefix(word, "all:")), rest
	}
	return out
}

// checkEmbed reports a pattern of go:embed that the repository has nothing for,
// which the compiler refuses. Usually a front end's build writes it.
func (s *service) checkEmbed(file string, line int, at string) {
	if found, err := fs.Glob(s.Dir, at); err != nil || len(found) > 0 || s.FromAnother(at) {
		return
	}
	hint := "commit it, or run its generator before the build"
	for dir := at; dir != "." && !s.isRoot(dir); {
		dir = path.Dir(dir)
		if ecosystem.Exists(s.Dir, path.Join(dir, "package.json")) {
			hint = s.FromHint(dir, relative(s.module.dir, concrete(at)))
			break
		}
	}
	s.Report(diag.Error, codeEmbed, file, line, hint, "go:embed names %s, which is not in the repository", at)
}

// concrete is the directory of a pattern.
func concrete(at string) string {
	for strings.ContainsAny(at, "*?[") {
		at = path.Dir(at)
	}
	return at
}

// isRoot tells whether a directory is the root of a module, whose files are
// copied without what lies below.
func (s *service) isRoot(dir string) bool {
	return slices.ContainsFunc(s.modules, func(m *module) bool { return m.dir == dir })
}

// isSource tells by its name whether a file is compiled for Linux.
func isSource(name string) bool {
	base, ok := strings.CutSuffix(name, ".go")
	if !ok || strings.HasSuffix(base, "_test") || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") {
		return false
	}
	parts := strings.Split(base, "_")
	if len(parts) == 1 {
		return true
	}
	for _, p := range parts[max(1, len(parts)-2):] {
		if slices.Contains([]string{"windows", "darwin", "freebsd", "netbsd", "openbsd", "dragonfly", "solaris", "illumos", "aix", "plan9", "js", "wasip1", "android", "ios"}, p) {
			return false
		}
	}
	return true
}

// built tells whether a file's build constraint holds on Linux.
func built(data []byte) bool {
	x := constraintOf(data)
	return x == nil || x.Eval(onLinux)
}

var packageMain = pattern.Lazy(`(?m)^package main\b`)

// mainFile returns the first file of package main in a directory, "" when there
// is none; main.go before others.
func mainFile(root fs.FS, dir string) string {
	entries, err := fs.ReadDir(root, dir)
	if err != nil {
		return ""
	}
	var names []string
	for _, e := range entries {
		if isSource(e.Name()) && !e.IsDir() {
			names = append(names, e.Name())
		}
	}
	slices.SortStableFunc(names, func(a, b string) int { return rank(a) - rank(b) })
	for _, name := range names[:min(len(names), 50)] {
		data, err := ecosystem.Read(root, path.Join(dir, name))
		if err == nil && packageMain().Match(data) && built(data) {
			return name
		}
	}
	return ""
}

func rank(name string) int {
	if name == "main.go" {
		return 0
	}
	return 1
}

// inModule is a command line to be run in the module's directory.
func (s *service) inModule(command string) string {
	if at := s.At(s.module.dir); at != "." {
		return "cd " + at + " && " + command
	}
	return command
}
