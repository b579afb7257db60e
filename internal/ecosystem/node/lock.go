package node

import (
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
)

const relock = "npm install --package-lock-only"

// inDir is a command line to be run in the service's directory.
func (s *service) inDir(command string) string {
	if s.Want.Path == "" || s.Want.Path == "." {
		return command
	}
	return "cd " + s.Want.Path + " && " + command
}

// lockFile reads npm's lock file: whether it fits package.json, as `npm ci` will
// insist on in the middle of the build, and which production packages exist for one
// platform only.
func (s *service) lockFile() {
	if s.manager.bare {
		s.native = slices.Compact(slices.Sorted(slices.Values(s.namesOf(compiled(), s.dependencyNames()))))
		s.compiled = slices.Clone(s.native)
		s.noteNative()
		return
	}
	name := s.manager.lock
	file := s.topFile(name)
	lock := s.readLock()
	if lock.unread != nil {
		s.Report(diag.Error, codeLock, file, 0, "", "%s cannot be read: %v", name, lock.unread)
		return
	}
	if lock.invalid != nil {
		s.Report(diag.Error, codeLock, file, lock.line, s.inDir("git checkout -- "+name+"; or, for a conflict that was merged wrongly, delete it and "+relock), "%s is not valid: %v", name, lock.invalid)
		return
	}
	root, ok := lock.Packages[""]
	if !ok {
		s.oldLockFile(lock)
		return
	}
	if s.member != "" {
		if root, ok = lock.Packages[s.member]; !ok {
			s.outOfStep("package.json", 0, "%s is missing", s.member)
		}
	}
	if ok {
		s.compareLock(root)
		s.completeLock(lock)
	}
	s.lockedPackages(lock)
	s.noteNative()
	s.checkEngines(lock.data, lock.engines)
}

// oldLockFile reads a lock file of npm 5 and 6, which newer ones install from: it
// says less of the packages, so that npm looks the rest up.
func (s *service) oldLockFile(lock *parsedLock) {
	s.oldLock = true
	s.manager.loose = s.manager.loose || s.member != "" || s.isRoot() // npm 6 knew no workspaces
	for _, deps := range []struct {
		key   string
		asked map[string]string
	}{{"dependencies", s.pkg.Dependencies}, {"devDependencies", s.pkg.DevDeps}} {
		for _, name := range slices.Sorted(maps.Keys(deps.asked)) {
			if _, ok := lock.Dependencies[name]; !ok && s.pkg.OptionalDeps[name] == "" && !s.isMemberName(name) {
				s.outOfStep("package.json", s.pkg.line(deps.key, name), "%s is missing", name)
			}
		}
	}
	s.Unwise(codeOldLock, s.topFile(s.manager.lock), 0, s.inDir(relock)+" with npm 7 or newer writes the current format",
		"%s has the format of npm 6: each install asks the registry for the missing metadata", s.manager.lock)
	var visit func(all map[string]oldPackage)
	visit = func(all map[string]oldPackage) {
		for _, name := range slices.Sorted(maps.Keys(all)) {
			p := all[name]
			if compiles := slices.ContainsFunc(slices.Sorted(maps.Keys(p.Requires)), func(r string) bool { return slices.Contains(buildTools(), r) || r == "node-gyp-build" }); compiles && !p.Optional {
				if !slices.Contains(s.compiled, name) {
					s.compiled = append(s.compiled, name)
				}
				if !p.Dev && s.site == nil && !slices.Contains(s.native, name) {
					s.native = append(s.native, name)
				}
			}
			if strings.HasPrefix(p.Version, "git") {
				s.noteGit(name, p.Version)
			}
			visit(p.Dependencies)
		}
	}
	visit(lock.Dependencies)
	s.noteNative()
}

// currentLock is the command that writes a lock file of npm 6 in the current format, with the versions that
// it lists. npm asks for the metadata of all packages at once for that, and sometimes
// ends without a result ("Exit handler never called!"); the second run has most of
// it in the cache. What npm cannot convert, it chooses anew. The last run adds what a
// conversion has left out, as it does where a peer wants another version of a package.
func (m manager) currentLock() string {
	const write = relock + " --ignore-scripts"
	return "( " + write + " || " + write + " || { echo 'npm cannot convert " + m.lock + ": versions are chosen anew' >&2; rm " + m.lock + "; " + write + "; } ) && " + write
}

// completeLock reports a package that another needs and that the lock file lacks,
// which `npm ci` refuses: a merge, or an npm with a fault, has left it out
// (https://github.com/npm/cli/issues/4828). Of packages above the service it lists no
// dependencies.
func (s *service) completeLock(lock *parsedLock) {
	if s.member != "" {
		return // of which others may be out of step, that this one does not install
	}
	var missing []string
	for at, p := range lock.Packages {
		if at == "" || p.Link || p.Optional || p.InBundle || strings.HasPrefix(at, "../") {
			continue
		}
		for name := range p.Dependencies {
			if _, optional := p.OptionalDeps[name]; !optional && !lock.has(at, name) && !slices.Contains(p.Bundled, name) {
				missing = append(missing, fmt.Sprintf("%s, which %s requires", name, strings.TrimPrefix(at, "node_modules/")))
			}
		}
	}
	if len(missing) > 0 {
		s.outOfStep(s.manager.lock, 0, "%s, is missing", slices.Min(missing))
	}
}

// has reports a package that one at a place of the lock file finds.
func (l *parsedLock) has(at, name string) bool {
	if _, ok := l.Packages["node_modules/"+name]; ok { // as most are
		return true
	}
	for {
		if _, ok := l.Packages[path.Join(at, "node_modules", name)]; ok {
			return true
		}
		if at == "" || at == "." {
			return false
		}
		at = strings.TrimSuffix(path.Dir(strings.TrimSuffix(at, "/")), ".")
	}
}

// parsedLock is a package-lock.json, or why there is none.
type parsedLock struct {
	lockFile
	unread, invalid error
	line            int // of what is invalid

	data    []byte
	engines []string // all that packages say of engines, once each

	native []string // of every member of a workspace; nil before it is known
}

// lockedPackages looks at every entry of the lock file; of a workspace's, which
// says the same to each member, once.
func (s *service) lockedPackages(lock *parsedLock) {
	if s.member != "" && s.site != nil {
		return
	}
	if s.member != "" && lock.native != nil {
		s.native = slices.Clone(lock.native)
		return
	}
	for _, at := range slices.Sorted(maps.Keys(lock.Packages)) {
		s.lockedPackage(at, lock.Packages[at])
	}
	lock.native = append([]string{}, s.native...)
}

// readLock reads package-lock.json; that of a workspace once for all members.
func (s *service) readLock() *parsedLock {
	if s.memo != nil && s.memo.locks[s.at] != nil {
		return s.memo.locks[s.at]
	}
	p := &parsedLock{}
	data, err := ecosystem.Read(s.top, s.manager.lock)
	if p.unread = err; err == nil {
		slim, engines := slimLock(data)
		p.data, p.engines = data, engines
		if json.Unmarshal(slim, &p.lockFile) != nil { // the error has to have its place
			p.lockFile = lockFile{}
			p.invalid = json.Unmarshal(data, &p.lockFile)
			p.line = ecosystem.LineAt(data, errorOffset(p.invalid))
		}
	}
	if s.memo != nil && s.member != "" {
		s.memo.locks[s.at] = p
	}
	return p
}

// few joins names, at most six of them.
func few(names []string) string {
	if len(names) <= 6 {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:5], ", "), len(names)-5)
}

// compareLock reports the first difference of each kind of dependency.
func (s *service) compareLock(root lockPackage) {
	optional := s.pkg.OptionalDeps
	for _, kind := range []struct {
		key            string
		asked, present map[string]string
	}{
		{"dependencies", without(s.pkg.Dependencies, optional), without(root.Dependencies, optional)},
		{"devDependencies", s.pkg.DevDeps, root.DevDependencies},
		{"optionalDependencies", optional, root.OptionalDeps},
	} {
		for _, name := range slices.Sorted(maps.Keys(union(kind.asked, kind.present))) {
			asked, present := kind.asked[name], kind.present[name]
			if asked == present {
				continue
			}
			s.outOfStep("package.json", max(s.pkg.line(kind.key, name), s.pkg.line(kind.key)), "%s is %s in package.json and %s in the lock file", name, orAbsent(asked), orAbsent(present))
			return
		}
	}
}

func without(m, minus map[string]string) map[string]string {
	out := maps.Clone(m)
	for k := range minus {
		delete(out, k)
	}
	return out
}

func union(a, b map[string]string) map[string]string {
	out := map[string]string{}
	maps.Copy(out, a)
	maps.Copy(out, b)
	return out
}

func orAbsent(version string) string {
	if version == "" {
		return "absent"
	}
	return fmt.Sprintf("%q", version)
}

// lockedPackage looks at one entry of the lock file.
func (s *service) lockedPackage(at string, p lockPackage) {
	if at == "" {
		return
	}
	s.mixed = s.mixed || p.elsewhere(at)
	if s.member != "" && (p.Link || !strings.Contains(at, "node_modules/")) {
		return // a member of the workspace
	}
	if p.Link || !strings.Contains(at, "node_modules/") {
		dir := at
		if p.Link {
			dir = p.Resolved
		}
		if !s.isLocal(dir) && !slices.ContainsFunc(s.Findings, func(f diag.Finding) bool { return f.Code == codeLocal }) {
			s.Report(diag.Error, codeLocal, s.topFile(s.manager.lock), 0, "publish it, or pack it: npm pack, and depend on the .tgz", "the dependency %s is a directory that package.json does not name", at)
		}
		return
	}
	name := at[strings.LastIndex(at, "node_modules/")+len("node_modules/"):]
	if strings.HasPrefix(p.Resolved, "git") {
		s.noteGit(name, p.Resolved)
	}
	if p.compilesItself(name) && !slices.Contains(s.compiled, name) {
		s.compiled = append(s.compiled, name)
	}
	onLinux := len(p.OS) == 0 || slices.Contains(p.OS, "linux") || strings.HasPrefix(p.OS[0], "!") && !slices.Contains(p.OS, "!linux")
	s.noteScript(onLinux && p.HasInstallScript && !harmlessScript(at), p.Optional)
	if s.site == nil && !p.Dev && onLinux && (len(p.CPU) > 0 || p.HasInstallScript && !harmlessScript(at)) {
		if !slices.Contains(s.native, name) {
			s.native = append(s.native, name)
		}
	}
}

// isLocal reports a directory that packages are installed from.
func (s *service) isLocal(dir string) bool {
	return slices.ContainsFunc(s.local, func(d string) bool { return d == dir || strings.HasPrefix(dir, d+"/") }) ||
		slices.ContainsFunc(s.outside, func(l local) bool { return l.dir == dir || strings.HasPrefix(dir, l.dir+"/") })
}

// harmlessScript knows packages whose install script builds nothing: they print
// a message. Read in their sources: protobufjs 7.6 compares versions, core-js 3
// asks for donations.
func harmlessScript(at string) bool {
	for _, name := range []string{"protobufjs", "core-js", "core-js-pure", "core-js-bundle", "es5-ext", "nodemon"} {
		if strings.HasSuffix(at, "node_modules/"+name) {
			return true
		}
	}
	return false
}
