package node

import (
	"bytes"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/pattern"
)

// maxTree is the most entries of a service's directory that are looked at. What
// lies beyond is in production.
const maxTree = 20_000

// contents are what a service's directory holds, as far as it matters.
type contents struct {
	needless []needlessEntry
	typed    map[string]int // TypeScript by the first directory, "" for the top
	other    map[string]int // all other files by the first directory that no rule leaves out
	words    []string       // names of needless entries that sources may name
	named    map[string]bool
}

// needlessEntry is an entry that production does not need unless the sources name
// it; its path is relative to the service's directory.
type needlessEntry struct {
	path, why string
	dir       bool
}

// top is the first directory of a path, "" for what lies at the top.
func top(name string) string {
	first, _, nested := strings.Cut(name, "/")
	if !nested {
		return ""
	}
	return first
}

// dataDirs are directories that programs serve or read whole, whatever the names
// of the files below them.
func dataDirs() []string {
	return []string{"public", "static", "assets", "www", "views", "templates", "data", "docs", "content", "locales", "migrations", ".well-known"}
}

// readTree looks at what the directory holds.
func (s *service) readTree() {
	t := &s.tree
	t.typed, t.other, t.named = map[string]int{}, map[string]int{}, map[string]bool{}
	seen := 0
	_ = fs.WalkDir(s.Dir, ".", func(name string, e fs.DirEntry, err error) error {
		if seen++; seen > maxTree {
			return fs.SkipAll
		}
		if err != nil || name == "." {
			return nil //nolint:nilerr // what cannot be read is reported by what needs it
		}
		dir := e.IsDir()
		switch why := s.needlessWhy(name, dir); {
		case dir && (e.Name() == "node_modules" || s.builtAnew(name) || name == s.codegen.out):
			return fs.SkipDir
		case why != "":
			t.needless = append(t.needless, needlessEntry{name, why, dir})
			if dir {
				return fs.SkipDir
			}
		case dir:
		case isTypeScript(name) || s.bundled(name):
			t.typed[top(name)]++
		default:
			t.other[top(name)]++
		}
		return nil
	})
	for _, n := range t.needless {
		t.words = append(t.words, path.Base(n.path))
		if first := top(n.path); first != "" {
			t.words = append(t.words, first)
		}
	}
	slices.Sort(t.words)
	t.words = slices.Compact(t.words)
	t.words = slices.DeleteFunc(t.words, func(w string) bool { return testFile().MatchString(w) })
}

// needlessWhy is why production does not need an entry, "" when it may.
func (s *service) needlessWhy(name string, dir bool) string {
	switch {
	case s.Excluded(name):
		return ecosystem.WhyExcluded
	case s.Wanted(name):
		return ""
	case !strings.Contains(name, "/") && s.Ignore.Excludes(s.in(name)):
		return ecosystem.WhyIgnored
	}
	why := s.Needless(name, dir)
	if why != "" && strings.Contains(name, "/") && why != ecosystem.WhySecret && why != ecosystem.WhyVersionControl && slices.Contains(dataDirs(), top(name)) {
		return ""
	}
	return why
}

// testFile are names of tests, which nothing but the program that runs them reads.
var testFile = pattern.Lazy(`\.(?:test|spec|e2e-spec)\.[cm]?[jt]sx?$`)

// isKept reports a needless entry that the service needs all the same: its
// sources or its start name it.
func (s *service) isKept(n needlessEntry) bool {
	switch n.why {
	case ecosystem.WhySecret:
		return slices.Contains(s.keys, n.path)
	case ecosystem.WhyExcluded, ecosystem.WhyIgnored, ecosystem.WhyVersionControl:
		return false
	}
	if slices.ContainsFunc(s.start, func(w string) bool { w = path.Clean(w); return w == n.path || strings.HasPrefix(w, n.path+"/") }) {
		return true
	}
	return s.tree.named[n.path]
}

// noteNames looks in a source for the names of needless entries.
func (s *service) noteNames(file string, data []byte) {
	for _, word := range s.tree.words {
		for at := 0; ; {
			i := bytes.Index(data[at:], []byte(word))
			if i < 0 {
				break
			}
			i += at
			at = i + len(word)
			if literal, before := literalAt(data, i); literal != "" {
				s.noteNamed(file, word, literal, before, func() int { return ecosystem.LineAt(data, int64(i)) })
			}
		}
	}
}

// literalAt returns the text between the quotes around a place, and what is
// before it on its line.
func literalAt(data []byte, at int) (literal, before string) {
	start := bytes.LastIndexByte(data[:at], '\n') + 1
	end := len(data)
	if i := bytes.IndexByte(data[at:], '\n'); i >= 0 {
		end = at + i
	}
	left := bytes.LastIndexAny(data[start:at], "'\"`")
	if left < 0 {
		return "", ""
	}
	left += start
	right := bytes.IndexByte(data[at:end], data[left])
	if right < 0 {
		return "", ""
	}
	return string(data[left+1 : at+right]), string(data[max(start, left-200):left])
}

// readers are calls that take a path in parts, or a directory by its bare name.
var readers = pattern.Lazy(`\b(?:join|resolve|static|serveStatic|readdir\w*|readFile\w*|createReadStream|sendFile|opendir|glob\w*|require|import|root|directory)\s*[(:]`)

// noteNamed marks the needless entries that a literal of a file names: by a path
// from that file or from the service's directory, or by a bare name where a call
// joins it to others.
func (s *service) noteNamed(file, word, literal, before string, line func() int) {
	clean := strings.Trim(path.Clean(literal), "/")
	var from []string
	if strings.Contains(literal, "/") {
		from = []string{clean, path.Join(path.Dir(file), literal)}
	}
	call := before != "" && readers().MatchString(before)
	bare := clean == word && (strings.Contains(word, ".") || call)
	for _, n := range s.tree.needless {
		switch {
		case path.Base(n.path) == word && (bare || slices.ContainsFunc(from, func(p string) bool { return p == n.path || strings.HasPrefix(p, n.path+"/") })),
			path.Base(n.path) == word && strings.HasSuffix(n.path, "/"+clean) && strings.Contains(clean, "/"),
			top(n.path) == word && bare && call && !testFile().MatchString(n.path):
			s.tree.named[n.path] = true
			if n.why == ecosystem.WhySecret && !ecosystem.IsSecret(n.path) {
				s.checkKeys(n.path, literal, file, line())
			}
		}
	}
}

// leaveOut decides which needless entries stay out, and notes them.
func (s *service) leaveOut() []needlessEntry {
	var out []needlessEntry
	for _, n := range s.tree.needless {
		if s.isKept(n) {
			continue
		}
		out = append(out, n)
		if len(out) <= maxLeftOut {
			s.LeaveOut(n.why, s.in(n.path))
		}
	}
	return out
}

// maxLeftOut is the most entries that a plan lists as left out.
const maxLeftOut = 60

// findSources decides which entries of the service's directory the build reads,
// and which of them production needs. What is not known is both: a missing input
// breaks a build, a missing file the program; one too many costs little.
func (s *service) findSources() {
	entries, err := fs.ReadDir(s.Dir, ".")
	if err != nil {
		s.Report(diag.Error, codeManifest, "package.json", 0, "", "the directory cannot be read: %v", err)
		return
	}
	if s.tree.named == nil {
		s.readTree()
	}
	out := map[string]string{} // why, by the name at the top
	for _, n := range s.leaveOut() {
		if !strings.Contains(n.path, "/") {
			out[n.path] = n.why
		}
	}
	for _, e := range entries {
		name := e.Name()
		why, left := out[name]
		switch {
		case !s.mayCopy(name):
		case !left:
			s.sources, s.runtime = append(s.sources, name), append(s.runtime, name)
		case why == ecosystem.WhyIgnored:
		case s.changesTree() && s.buildReads(name, why, e.IsDir()):
			s.sources = append(s.sources, name)
		}
	}
	if s.site != nil {
		s.sources = append(s.sources, s.environmentFiles()...)
		slices.Sort(s.sources)
		s.sources = slices.Compact(s.sources)
		return
	}
	s.findReplaced()
}

// mayCopy reports an entry that the builder does not have from elsewhere.
func (s *service) mayCopy(name string) bool {
	switch {
	case name == "node_modules", s.builtAnew(name), name == s.codegen.out, name == "package.json":
		return false
	case name == "bunfig.toml":
		return s.shipsSettings()
	case s.isManagers(name):
		return false
	case name == "project.json" && s.member != "" && !s.orchestrated("nx"), name == "turbo.json" && !s.orchestrated("turbo"):
		return false
	}
	return true
}

// isManagers reports a file or directory that only package managers read: the
// install has copied it, or it belongs to another one.
func (s *service) isManagers(name string) bool {
	all := []string{"package-lock.json", "npm-shrinkwrap.json", "pnpm-lock.yaml", "yarn.lock", "bun.lock", "bun.lockb", ".npmrc", "pnpm-workspace.yaml", ".pnpmfile.cjs", ".yarnrc", ".yarnrc.yml", "bunfig.toml", ".yarn"}
	return slices.Contains(all, name) || strings.HasPrefix(name, ".pnp.") || slices.Contains(s.manager.files, name) && s.member == ""
}

// buildReads reports an entry that production does not need, and that the build
// may read.
func (s *service) buildReads(name, why string, dir bool) bool {
	switch {
	case s.mentioned(name):
		return why != ecosystem.WhySecret && why != ecosystem.WhyVersionControl
	case why == ecosystem.WhyExcluded:
		return true
	case why == ecosystem.WhyTests && dir:
		return s.compilesTests(name)
	case why == ecosystem.WhyTools:
		return s.lints(name)
	}
	return false
}

// mentioned tells whether a script of the build names an entry.
func (s *service) mentioned(name string) bool {
	scripts := []string{s.generate, s.build, "pre" + s.build, "post" + s.build, "pre" + s.generate}
	for _, text := range append(slices.Clone(s.rootRuns), func() (out []string) {
		for _, script := range scripts {
			out = append(out, s.unfolded(s.pkg.Scripts[script], 3))
		}
		return out
	}()...) {
		words := strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" =/'\":;&|(),", r) })
		if slices.Contains(words, name) {
			return true
		}
	}
	return false
}

// lints reports settings of a tool that the build calls.
func (s *service) lints(name string) bool {
	words := s.buildWords()
	for _, tool := range []string{"eslint", "prettier", "biome", "stylelint", "tslint", "next", "react-scripts", "nodemon"} {
		if slices.Contains(words, tool) && (strings.Contains(name, tool) || strings.Contains(name, "eslint") && (tool == "next" || tool == "react-scripts")) {
			return true
		}
	}
	return false
}

// compilesTests reports a directory of tests that the compiler reads.
func (s *service) compilesTests(name string) bool {
	if s.build == "" || !ecosystem.Exists(s.Dir, s.project) {
		return false
	}
	c, _, err := s.tsConfig()
	if err != nil {
		return true
	}
	if slices.Contains(c.Exclude, name) {
		return false
	}
	if c.Include == nil && c.Files == nil {
		return true // the compiler reads everything
	}
	return slices.ContainsFunc(append(c.Include, c.Files...), func(p string) bool {
		first, _, _ := strings.Cut(strings.TrimPrefix(p, "./"), "/")
		return first == name || strings.Contains(first, "*") || first == "." || first == ""
	})
}
