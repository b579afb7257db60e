package rust

import (
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/pattern"
)

// lock is what Cargo.lock says of the packages outside of the repository.
type lock struct {
	Packages []entry `toml:"package"`

	data   []byte
	byName map[string][]entry
}

// parseLock decodes a Cargo.lock. An error comes with the line.
func parseLock(data []byte) (*lock, int, error) {
	l := &lock{data: data}
	if err := toml.Unmarshal(data, l); err != nil {
		return nil, errorLine(err), err
	}
	l.byName = map[string][]entry{}
	for _, p := range l.Packages {
		l.byName[p.Name] = append(l.byName[p.Name], p)
	}
	return l, 0, nil
}

// line is that of a package's name.
func (l *lock) line(name string) int {
	loc := regexp.MustCompile(`(?m)^name = "` + regexp.QuoteMeta(name) + `"`).FindIndex(l.data)
	if loc == nil {
		return 0
	}
	return ecosystem.LineAt(l.data, int64(loc[0]))
}

// uses tells whether a package depends on another.
func (l *lock) uses(name, other string) bool {
	for _, p := range l.Packages {
		if p.Name == name && slices.ContainsFunc(p.Dependencies, func(d string) bool { return other != "" && strings.HasPrefix(d+" ", other+" ") }) {
			return true
		}
	}
	return false
}

// reach returns the packages that one of the repository is made of, by name, as
// far as the lock tells: those of tests and of other platforms are among them.
func (l *lock) reach(from string) map[string]bool {
	edges := map[string][]string{}
	for _, p := range l.Packages {
		for _, d := range p.Dependencies {
			name, _, _ := strings.Cut(d, " ")
			edges[p.Name] = append(edges[p.Name], name)
		}
	}
	seen, queue := map[string]bool{from: true}, []string{from}
	for len(queue) > 0 {
		next := edges[queue[0]]
		queue = queue[1:]
		for _, n := range next {
			if !seen[n] {
				seen[n] = true
				queue = append(queue, n)
			}
		}
	}
	return seen
}

// entry is a package of the lock.
type entry struct {
	Name         string   `toml:"name"`
	Version      string   `toml:"version"`
	Source       string   `toml:"source"`
	Dependencies []string `toml:"dependencies"`
}

// own returns the entry of a package of the repository.
func (l *lock) own(name string) (entry, bool) {
	for _, p := range l.byName[name] {
		if p.Source == "" {
			return p, true
		}
	}
	return entry{}, false
}

// linked returns the packages of a name that an entry depends on. A dependency
// is a name, with its version where the lock has several of that name.
func (l *lock) linked(e entry, name string) []entry {
	var out []entry
	for _, d := range e.Dependencies {
		depName, rest, _ := strings.Cut(d, " ")
		if depName != name {
			continue
		}
		version, _, _ := strings.Cut(rest, " ")
		for _, p := range l.byName[name] {
			if version == "" || p.Version == version {
				out = append(out, p)
			}
		}
	}
	return out
}

// dependencies looks at Cargo.lock, and whether it fits the manifests. Without one
// that fits, cargo chooses versions in the build.
func (s *service) dependencies() {
	name := path.Join(s.top, "Cargo.lock")
	s.vendored = s.vendorDir != ""
	s.findGit()
	data, err := ecosystem.Read(s.Dir, name)
	generate := s.inTop("cargo generate-lockfile") + ", and commit Cargo.lock"
	if err != nil {
		s.unlocked(generate)
		return
	}
	l, line, err := parseLock(data)
	if err != nil {
		s.Report(diag.Error, codeManifest, name, line, generate, "Cargo.lock is not valid: %v", err)
		return
	}
	s.lock = l
	value, why := "Cargo.lock", "pins all versions"
	if s.vendored {
		value += ", vendored"
	}
	if f := s.fault(); f.why != "" {
		s.resolves, why = true, "cargo updates it"
		s.Unwise(codeStale, f.file, f.line, s.inTop("cargo update --workspace")+", and commit Cargo.lock", "%s; cargo updates the lock file in each build, so builds can differ", f.why)
	}
	s.Fact("dependencies", value, why, name, 0)
}

// unlocked is dependencies without a Cargo.lock.
func (s *service) unlocked(generate string) {
	for _, c := range s.crates {
		for _, key := range c.external(s.rootOf(c)) {
			s.resolves = true
			s.Unwise(codeNoLock, c.manifestFile(), c.file.line(key), generate, "Cargo.lock is missing, but %s depends on %s; cargo chooses versions in each build, so builds can differ", c.name, key)
			s.Fact("dependencies", "the newest that the manifests allow", "no Cargo.lock pins versions", c.manifestFile(), c.file.line(key))
			return
		}
	}
	s.Fact("dependencies", "none", "no manifest lists any", path.Join(s.top, "Cargo.toml"), 0)
}

// fault is where Cargo.lock does not fit a manifest.
type fault struct {
	why, file string
	line      int
}

// fault returns the first difference for which cargo would change Cargo.lock, which
// --locked forbids.
func (s *service) fault() fault {
	for _, c := range s.crates {
		file, ws := path.Join(s.top, "Cargo.lock"), s.rootOf(c)
		have, ok := s.lock.own(c.name)
		version := word(c.file.Package.Version, "version", ws)
		switch {
		case !ok:
			return fault{fmt.Sprintf("Cargo.lock lacks the package %s of this repository", c.name), file, 0}
		case version != "" && have.Version != version && len(s.lock.byName[c.name]) == 1:
			return fault{fmt.Sprintf("Cargo.lock has version %s of %s, and Cargo.toml has %s", have.Version, c.name, version), file, s.lock.line(c.name)}
		}
		names := c.namesIn(ws, s.isMember(c))
		for _, key := range slices.Sorted(maps.Keys(names)) {
			if why := s.mismatch(c, key, names[key], have); why != "" {
				return fault{why, c.manifestFile(), c.file.line(key)}
			}
		}
		if gone := s.leftOver(c, have); gone != "" {
			return fault{fmt.Sprintf("Cargo.lock has %s as a dependency of %s, and Cargo.toml does not", gone, c.name), c.manifestFile(), 0}
		}
	}
	return fault{}
}

// mismatch says why the lock does not have what a dependency asks for.
func (s *service) mismatch(c *crate, key, pkg string, have entry) string {
	ws := s.rootOf(c)
	found := s.lock.linked(have, pkg)
	if len(found) == 0 {
		return fmt.Sprintf("Cargo.lock lacks %s, which %s depends on", pkg, c.name)
	}
	for _, d := range c.specs(key, ws) {
		switch {
		case d.path != "" || len(s.rootFile.Patch) > 0:
			continue
		case d.git != "" && !slices.ContainsFunc(found, func(p entry) bool { return d.locks(p.Source) }):
			return fmt.Sprintf("Cargo.lock has another source of %s than %s asks for", pkg, c.name)
		case d.git == "" && !slices.ContainsFunc(found, func(p entry) bool { return fulfils(p.Version, d.version) && !strings.HasPrefix(p.Source, "git+") }):
			return fmt.Sprintf("Cargo.lock has %s %s, and %s requires %s", pkg, found[0].Version, c.name, ecosystem.Or(d.version, "one of a registry"))
		}
	}
	return ""
}

// leftOver returns a dependency of a member in the lock that its manifest does not
// have any more. Old manifests write tables in a way that is not looked at.
func (s *service) leftOver(c *crate, have entry) string {
	if !s.isMember(c) || strings.Contains(string(c.file.data), "_dependencies") {
		return ""
	}
	wanted := slices.Collect(maps.Values(c.namesIn(s.rootOf(c), true)))
	for _, d := range have.Dependencies {
		if name, _, _ := strings.Cut(d, " "); !slices.Contains(wanted, name) {
			return name
		}
	}
	return ""
}

// spec is what a manifest asks for of a dependency.
type spec struct {
	version, path, git string
	ref                string // "branch=main", "" for the default one
}

// specs returns what the tables of a crate ask for by a key.
func (c *crate) specs(key string, workspace *manifest) []spec {
	var out []spec
	for _, tables := range append(slices.Collect(maps.Values(c.file.Target)), c.file.dependencies) {
		for _, table := range []map[string]any{tables.Normal, tables.Build, tables.Dev} {
			v, ok := table[key]
			if !ok {
				continue
			}
			if d, _ := v.(map[string]any); d["workspace"] == true && workspace != nil && workspace.Workspace != nil {
				v = workspace.Workspace.Dependencies[key]
			}
			out = append(out, specOf(v))
		}
	}
	return out
}

func specOf(v any) spec {
	if text, ok := v.(string); ok {
		return spec{version: text}
	}
	d, _ := v.(map[string]any)
	text := func(key string) string {
		s, _ := d[key].(string)
		return s
	}
	out := spec{version: text("version"), path: text("path"), git: text("git")}
	for _, key := range []string{"branch", "tag", "rev"} {
		if v := text(key); v != "" {
			out.ref = key + "=" + v
		}
	}
	return out
}

// locks reports the source of a locked package that a git dependency means.
func (d spec) locks(source string) bool {
	rest, ok := strings.CutPrefix(source, "git+")
	rest, _, _ = strings.Cut(rest, "#")
	at, query, _ := strings.Cut(rest, "?")
	query = strings.NewReplacer("%2F", "/", "%2f", "/", "%23", "#", "%40", "@").Replace(query)
	plain := func(u string) string { return strings.ToLower(strings.TrimSuffix(strings.TrimSuffix(u, "/"), ".git")) }
	return ok && plain(at) == plain(d.git) && query == d.ref
}

var sshServer = pattern.Lazy(`(?:git\+)?ssh://(?:[\w.-]+@)?([\w.-]+)/`)

// sshServers are the servers that dependencies name by SSH, for which a step has no
// key, sorted.
func (s *service) sshServers() []string {
	text := []string{s.git.Text}
	for _, c := range s.crates {
		text = append(text, string(c.file.data))
	}
	if s.lock != nil {
		text = append(text, string(s.lock.data))
	}
	out := map[string]bool{}
	for _, m := range sshServer().FindAllStringSubmatch(strings.Join(text, "\n"), -1) {
		out[m[1]] = true
	}
	return slices.Sorted(maps.Keys(out))
}

// findGit notes the first dependency that comes from a git repository.
func (s *service) findGit() {
	for _, c := range s.crates {
		for _, key := range slices.Sorted(maps.Keys(c.namesIn(s.rootOf(c), s.isMember(c)))) {
			for _, d := range c.specs(key, s.rootOf(c)) {
				if d.git != "" && d.path == "" {
					s.git.Keep(ecosystem.Hit{Text: d.git, File: c.manifestFile(), Line: c.file.line(key)})
				}
			}
		}
	}
	for _, at := range slices.Sorted(maps.Keys(s.rootFile.Patch)) {
		for _, key := range slices.Sorted(maps.Keys(s.rootFile.Patch[at])) {
			if d := specOf(s.rootFile.Patch[at][key]); d.git != "" {
				s.git.Keep(ecosystem.Hit{Text: d.git, File: path.Join(s.top, "Cargo.toml"), Line: s.rootFile.line(key)})
			}
		}
	}
}
