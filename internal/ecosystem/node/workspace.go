package node

import (
	"encoding/json"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/pattern"
)

// workspace is a repository of packages with one lock file. The zero value is
// that of a service outside of one.
type workspace struct {
	top    fs.FS  // where the lock file lies: the workspace's root, else the service's directory
	at     string // top relative to the fleet's root
	member string // the service's directory relative to top, "" outside of a workspace
	root   *manifest
	all    []string // directories of every member, sorted
	needed []member // the packages of the workspace that the service needs, those it needs first; without itself
}

// member is a package of a workspace.
type member struct {
	dir     string // relative to the workspace's root
	pkg     *manifest
	runtime bool // production needs it
}

// startsIn tells whether what others import of a package lies in a directory.
func (m *manifest) startsIn(dir string) bool {
	exports, _ := json.Marshal(m.Exports) // cannot fail: it was JSON
	return strings.HasPrefix(path.Clean(m.Main)+"/", dir) || strings.Contains(string(exports), `"./`+dir) || strings.HasPrefix(path.Clean(m.Module)+"/", dir)
}

// memo keeps what services of one repository have in common: the roots of
// workspaces and their lock files.
type memo struct {
	roots  map[string]*rootOf
	locks  map[string]*parsedLock
	native map[string][]string

	manifests map[string]*manifest // by directory; nil: it cannot be read
	local     map[string]bool      // directories that packages depend on; nil before it is known
}

// rootOf is a directory that may be the root of a workspace.
type rootOf struct {
	top     fs.FS
	pkg     *manifest
	globs   ecosystem.Members
	members map[string]member // read when first asked for
}

// In is the ecosystem as it knows one repository. It is not for concurrent use.
func (Ecosystem) In(root fs.FS) ecosystem.Language {
	return Ecosystem{root: root, memo: &memo{map[string]*rootOf{}, map[string]*parsedLock{}, map[string][]string{}, map[string]*manifest{}, nil}}
}

// rootAt returns what a directory says as a workspace's root, nil when it has no
// package.json.
func (e Ecosystem) rootAt(at string) *rootOf {
	if r, ok := e.memo.roots[at]; ok {
		return r
	}
	var r *rootOf
	if top, err := fs.Sub(e.root, at); err == nil {
		if m := e.manifestAt(at); m != nil {
			r = &rootOf{top: top, pkg: m, globs: m.membersIn(top)}
		}
	}
	e.memo.roots[at] = r
	return r
}

// openWorkspace looks above a service for the workspace that it belongs to.
func (e Ecosystem) openWorkspace(dir fs.FS, at string) workspace {
	if r, up := e.workspaceOf(at); r != nil {
		w := workspace{top: r.top, at: up, member: below(up, at), root: r.pkg}
		w.follow(e.membersOf(up))
		return w
	}
	return workspace{top: dir, at: at}
}

// workspaceOf returns the nearest workspace that a directory is a member of.
func (e Ecosystem) workspaceOf(at string) (*rootOf, string) {
	if e.root == nil || at == "." || at == "" || !fs.ValidPath(at) {
		return nil, ""
	}
	for up := path.Dir(at); ; up = path.Dir(up) {
		rel := below(up, at)
		if r := e.rootAt(up); r != nil && plainPath().MatchString(rel) && r.globs.Has(rel) {
			return r, up
		}
		if up == "." {
			return nil, ""
		}
	}
}

func below(up, at string) string { return strings.TrimPrefix(at, up+"/") }

// manifestAt returns the manifest of a directory of the repository, nil without
// one that can be read.
func (e Ecosystem) manifestAt(at string) *manifest {
	m, known := e.memo.manifests[at]
	if !known {
		m, _ = manifestOf(e.root, at)
		e.memo.manifests[at] = m
	}
	return m
}

func manifestOf(dir fs.FS, at string) (*manifest, error) {
	data, err := ecosystem.Read(dir, path.Join(at, "package.json"))
	if err != nil {
		return nil, err
	}
	m, _, err := parseManifest(data)
	return m, err
}

// MembersOf returns the members of the workspace whose root a directory is: those
// of npm, Yarn and Bun are named by package.json, those of pnpm by
// pnpm-workspace.yaml, which wins.
func MembersOf(top fs.FS) ecosystem.Members {
	m, err := manifestOf(top, ".")
	if err != nil {
		m = &manifest{}
	}
	return m.membersIn(top)
}

func (m *manifest) membersIn(top fs.FS) ecosystem.Members {
	if data, err := ecosystem.Read(top, "pnpm-workspace.yaml"); err == nil {
		return ecosystem.MembersOf(listOf(data, "packages"))
	}
	return m.members()
}

// members are those that a manifest names.
func (m *manifest) members() ecosystem.Members {
	list, _ := m.Workspaces.([]any)
	if object, is := m.Workspaces.(map[string]any); is {
		list, _ = object["packages"].([]any)
	}
	var words []string
	for _, v := range list {
		if text, ok := v.(string); ok {
			words = append(words, text)
		}
	}
	return ecosystem.MembersOf(words)
}

// listOf reads a list of words at the top of a YAML file, in either style. What
// is written otherwise is not found.
func listOf(data []byte, key string) []string {
	var out []string
	_, text, found := strings.Cut("\n"+string(data), "\n"+key+":")
	if !found {
		return nil
	}
	if flow, ok := strings.CutPrefix(strings.TrimSpace(text), "["); ok {
		return flowWords(flow)
	}
	for line := range strings.Lines(text) {
		word, listed := strings.CutPrefix(strings.TrimSpace(line), "- ")
		switch {
		case listed:
			if word, _, _ = strings.Cut(word, " #"); strings.Trim(strings.TrimSpace(word), `"'`) != "" {
				out = append(out, strings.Trim(strings.TrimSpace(word), `"'`))
			}
		case strings.TrimSpace(line) != "" && !strings.HasPrefix(line, " ") && !strings.HasPrefix(line, "#"):
			return out // the next key
		}
	}
	return out
}

// flowWords reads the rest of a list in brackets, which may go over lines.
func flowWords(text string) []string {
	var out []string
	var word strings.Builder
	quote := rune(0)
	for i, r := range text {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote == 0 && (r == '"' || r == '\''):
			quote = r
		case quote == 0 && r == '#' && strings.ContainsAny(text[max(0, i-1):i], " \t\n"):
			rest := text[i:]
			if end := strings.IndexByte(rest, '\n'); end >= 0 {
				return append(out, flowWords(word.String()+rest[end:])...)
			}
			return out
		case quote == 0 && (r == ',' || r == ']'):
			if w := strings.TrimSpace(word.String()); w != "" {
				out = append(out, w)
			}
			if word.Reset(); r == ']' {
				return out
			}
		default:
			word.WriteRune(r)
		}
	}
	return out
}

// The forms of names that go into commands and Dockerfiles as they are.
var (
	plainPath = pattern.Lazy(`^[A-Za-z0-9@._+-]+(/[A-Za-z0-9@._+-]+)*$`)
	plainName = pattern.Lazy(`^(@[A-Za-z0-9._~-]+/)?[A-Za-z0-9._~-]+$`)
)

// Limits of the search for members.
const (
	maxMembers     = 5000
	maxMemberDepth = 6
)

// members finds the packages of a workspace.
func members(top fs.FS, globs ecosystem.Members, read func(dir string) *manifest) map[string]member {
	out := map[string]member{}
	_ = fs.WalkDir(top, ".", func(p string, e fs.DirEntry, err error) error {
		if err != nil || !e.IsDir() {
			return nil
		}
		if p != "." && (e.Name() == "node_modules" || strings.HasPrefix(e.Name(), ".") || strings.Count(p, "/") >= maxMemberDepth || !globs.MayHold(p)) {
			return fs.SkipDir
		}
		if len(out) >= maxMembers {
			return fs.SkipAll
		}
		if p == "." || !globs.Has(p) {
			return nil
		}
		if m := read(p); m != nil && plainName().MatchString(m.Name) && plainPath().MatchString(p) {
			out[m.Name] = member{dir: p, pkg: m}
		}
		return nil
	})
	return out
}

// follow finds what the service needs of the workspace: its dependencies among
// the members, theirs, and so on; each after what it needs itself.
func (w *workspace) follow(all map[string]member) {
	seen := map[string]bool{}
	var visit func(m *manifest)
	visit = func(m *manifest) {
		needs := map[string]bool{}
		for _, deps := range []map[string]string{m.Dependencies, m.OptionalDeps, m.DevDeps, m.PeerDeps} {
			for name := range deps {
				needs[name] = true
			}
		}
		for _, name := range slices.Sorted(maps.Keys(needs)) {
			n, ok := all[name]
			if !ok || seen[name] || n.dir == w.member {
				continue
			}
			seen[name] = true
			visit(n.pkg)
			w.needed = append(w.needed, n)
		}
	}
	m, err := manifestOf(w.top, w.member)
	if err != nil {
		return
	}
	visit(m)
	w.markRuntime(m, all)
	for _, m := range all {
		w.all = append(w.all, m.dir)
	}
	slices.Sort(w.all)
}

// markRuntime finds which of the needed packages production needs: those that
// are reached without development dependencies.
func (w *workspace) markRuntime(m *manifest, all map[string]member) {
	seen := map[string]bool{}
	var visit func(m *manifest)
	visit = func(m *manifest) {
		for _, deps := range []map[string]string{m.Dependencies, m.OptionalDeps, m.PeerDeps} {
			for name := range deps {
				if n, ok := all[name]; ok && !seen[n.dir] {
					seen[n.dir] = true
					visit(n.pkg)
				}
			}
		}
	}
	visit(m)
	for i := range w.needed {
		w.needed[i].runtime = seen[w.needed[i].dir]
	}
}

// topManifest is package.json beside the lock file.
func (s *service) topManifest() *manifest {
	if s.root != nil {
		return s.root
	}
	return s.pkg
}

// topFile names a file beside the lock file, relative to the service's directory.
func (s *service) topFile(name string) string {
	if s.member == "" {
		return name
	}
	return path.Join(strings.Repeat("../", strings.Count(s.member, "/")+1), name)
}

// in is a path of the service's directory as the build context has it.
func (s *service) in(name string) string { return path.Join(s.home, s.member, name) }

// IsLibrary tells whether a directory is a package that nothing starts: a library
// of a workspace, or one that another package depends on by its path.
func (e Ecosystem) IsLibrary(at string) bool {
	dir, err := fs.Sub(e.root, at)
	if err != nil {
		return false
	}
	m := e.manifestAt(at)
	if m == nil || ecosystem.Exists(dir, "Procfile") || m.Scripts["start"] != "" || m.Scripts["start:prod"] != "" {
		return false
	}
	if framework, _ := frameworkOf(m); framework.name != "" || isSite(dir, m) {
		return false
	}
	r, _ := e.workspaceOf(at)
	return r != nil || e.localLibraries()[at]
}
