package node

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/pattern"
)

// manager is the package manager of a service and how it is told what to do.
type manager struct {
	name    string   // "npm", "pnpm", "yarn", "berry" (Yarn 2 and later), "bun"
	lock    string   // its lock file, which the install writes when bare
	bare    bool     // the repository has no lock file
	loose   bool     // the install may change the lock file, because it is missing or out of step
	version string   // exact, or a major; "" for the npm that comes with Node.js
	tool    string   // file of the repository that is the program, "" without
	files   []string // what it reads besides manifests and lock file
	release bool     // its configuration names a release of Yarn in the repository
	focuses bool     // it is a Yarn that installs a single workspace
	nothing bool     // it is a Bun that has nothing to install, for which it writes and reads no lock file
	lenient bool     // it is a Yarn 1 that installs packages whose engines refuse Node.js, as others do
}

// word is what the manager is called on the command line.
func (m manager) word() string {
	if m.name == "berry" {
		return "yarn"
	}
	return m.name
}

// title is what people call it.
func (m manager) title() string {
	if m.version != "" {
		return m.word() + " " + m.version
	}
	return m.word()
}

// locks are the lock files by which managers are known, in the order in which
// they are asked.
func locks() [][2]string {
	return [][2]string{
		{"npm-shrinkwrap.json", "npm"}, {"package-lock.json", "npm"}, {"pnpm-lock.yaml", "pnpm"}, {"yarn.lock", "yarn"}, {"bun.lock", "bun"}, {"bun.lockb", "bun"},
	}
}

// writesLock is the command that writes a manager's lock file, and the file.
func writesLock(name string) (command, file string) {
	switch name {
	case "pnpm":
		return "pnpm install --lockfile-only", "pnpm-lock.yaml"
	case "yarn":
		return "yarn install", "yarn.lock"
	case "berry":
		return "yarn install --mode=update-lockfile", "yarn.lock"
	case "bun":
		return "bun install --lockfile-only", "bun.lock"
	}
	return relock, "package-lock.json"
}

// pins are the last versions of each major, read from the npm registry on
// 2026-11-29: what is installed when a repository names a major at most.
func pins(name string) map[int]string {
	return map[string]map[int]string{
		"pnpm":  {6: "6.35.1", 7: "7.33.7", 8: "8.15.9", 9: "9.15.9", 10: "10.34.9", 11: "11.28.11", 12: "12.21.0"},
		"yarn":  {1: "1.22.22"},
		"berry": {2: "2.4.2", 3: "3.8.7", 4: "4.18.1"},
		"bun":   {1: "1.4.5"},
	}[name]
}

// usual is the major of each manager that is taken when nothing names one.
func usual(name string) int {
	return map[string]int{"pnpm": 10, "yarn": 1, "berry": 4, "bun": 1}[name]
}

// packageManager finds the manager by its lock file; packageManager in package.json
// decides when there are several. Without a lock file, and with one that does not
// fit, the install chooses versions anew, and a warning says so.
func (s *service) packageManager() bool {
	if s.isRoot() && !s.startsItself() {
		return s.refuseRoot()
	}
	wanted, version := s.wantedManager()
	var found []manager
	for _, l := range locks() {
		if ecosystem.Exists(s.top, l[0]) {
			found = append(found, manager{name: l[1], lock: l[0]})
		}
	}
	i := slices.IndexFunc(found, func(m manager) bool { return m.name == wanted })
	switch {
	case i >= 0:
		s.manager = found[i]
	case len(found) > 0 && wanted == "":
		s.manager = found[0]
	case len(found) > 0 && s.Want.PackageManager == "" && !s.onlyReads(wanted):
		s.manager, version = found[0], ""
		command, _ := writesLock(wanted)
		s.Unwise(codeOtherManager, s.topFile("package.json"), s.topManifest().line("packageManager"), s.inDir(command)+", and commit its lock file",
			"packageManager is %s, but the lock file is %s; %s installs what it lists", wanted, found[0].lock, found[0].name)
	default:
		s.withoutLock(wanted, version)
	}
	return s.completeManager(version)
}

// wantedManager is the manager that slipway.yaml or package.json names, with its
// version.
func (s *service) wantedManager() (name, version string) {
	top := s.topManifest()
	name, version, _ = strings.Cut(top.PackageManager, "@")
	if name == "" {
		name, version = top.devEngine("packageManager", "npm", "pnpm", "yarn", "bun")
	}
	version, _, _ = strings.Cut(version, "+")
	if want := s.Want.PackageManager; want != "" && want != name {
		return want, ""
	}
	return name, version
}

// onlyReads reports manifests with protocols that one manager alone understands.
func (s *service) onlyReads(wanted string) bool {
	if wanted == "npm" || wanted == "" {
		return false
	}
	for _, m := range s.manifestsRead() {
		for _, v := range union(union(m.Dependencies, m.OptionalDeps), m.DevDeps) {
			if strings.HasPrefix(v, "workspace:") || strings.HasPrefix(v, "catalog:") || strings.HasPrefix(v, "portal:") || strings.HasPrefix(v, "patch:") {
				return true
			}
		}
	}
	return false
}

// withoutLock takes the manager of a repository that has no lock file.
func (s *service) withoutLock(wanted, version string) {
	if wanted == "" {
		for _, sign := range [][2]string{{"pnpm-workspace.yaml", "pnpm"}, {".yarnrc.yml", "berry"}, {"bunfig.toml", "bun"}} {
			if wanted == "" && ecosystem.Exists(s.top, sign[0]) {
				wanted = sign[1]
			}
		}
		wanted = ecosystem.Or(wanted, "npm")
	}
	if wanted == "yarn" && (ecosystem.Exists(s.top, ".yarnrc.yml") || version != "" && !strings.HasPrefix(version, "1")) {
		wanted = "berry"
	}
	command, lock := writesLock(wanted)
	s.manager = manager{name: wanted, lock: lock, bare: true, loose: true}
	if len(union(union(s.pkg.Dependencies, s.pkg.OptionalDeps), s.pkg.DevDeps)) == 0 && s.member == "" {
		return // nothing to choose
	}
	s.Unwise(codeNoLock, s.topFile("package.json"), 0, s.inDir(command)+", and commit "+lock, "%s is missing, so the build is not reproducible: %s install chooses versions", lock, s.manager.word())
}

// outOfStep reports a lock file that does not fit the manifests: the frozen install of
// its manager would refuse it.
func (s *service) outOfStep(file string, line int, format string, args ...any) {
	if s.manager.loose {
		return // said
	}
	s.manager.loose = true
	command, _ := writesLock(s.manager.name)
	s.Unwise(codeStaleLock, file, line, s.inDir(command)+", and commit "+s.manager.lock, "%s is out of date, so the build is not reproducible: %s", s.manager.lock, fmt.Sprintf(format, args...))
}

// completeManager decides on the version and the files of the manager.
func (s *service) completeManager(version string) bool {
	m := &s.manager
	if s.member != "" && !plainName().MatchString(s.pkg.Name) {
		s.Report(diag.Error, codeManifest, "package.json", s.pkg.line("name"), "give it a name that npm accepts", "the workspace member has no usable name")
		return false
	}
	var data []byte
	if !m.bare {
		var err error
		if data, err = ecosystem.Read(s.top, m.lock); err != nil {
			s.Report(diag.Error, codeLock, s.topFile(m.lock), 0, "", "%s cannot be read: %v", m.lock, err)
			return false
		}
	}
	if m.name == "yarn" && strings.Contains(string(data[:min(len(data), 1000)]), "__metadata:") {
		m.name = "berry"
	}
	m.files = s.managerFiles()
	evidence, file := "lock file", s.topFile(m.lock)
	if m.bare {
		evidence, file = "no lock file", s.topFile("package.json")
	}
	if m.name == "npm" {
		s.Fact("package manager", "npm", evidence, file, 0)
		return true
	}
	why := s.decideVersion(version, string(data))
	switch m.name {
	case "yarn":
		m.lenient = s.node.unasked // who names a version wants it to be checked
		s.yarnRelease(".yarnrc")
	case "berry":
		s.yarnConfig()
	case "bun":
		m.nothing = s.member == "" && !s.isRoot() && len(s.pkg.Dependencies)+len(s.pkg.OptionalDeps)+len(s.pkg.DevDeps) == 0
	}
	s.Fact("package manager", m.title(), evidence+", "+why, file, 0)
	s.compareOther(data)
	if m.name == "pnpm" {
		s.checkEngines(data, nil)
	}
	for _, c := range compileSigns().FindAllSubmatch(data, -1) {
		if name := string(c[1]); !slices.Contains(s.compiled, name) {
			s.compiled = append(s.compiled, name)
		}
	}
	if m.bare || m.lock == "bun.lockb" {
		data = s.dependencyNames() // all that is known before the install
		for _, c := range compileSigns().FindAllSubmatch(data, -1) {
			s.compiled = append(s.compiled, string(c[1]))
		}
	}
	s.nativeNames(data)
	return true
}

// managerFiles are the configuration files that the manager reads.
func (s *service) managerFiles() []string {
	var out []string
	for _, name := range map[string][]string{
		"npm": {".npmrc"}, "pnpm": {".npmrc", "pnpm-workspace.yaml", ".pnpmfile.cjs", ".pnpmfile.mjs"}, "yarn": {".npmrc", ".yarnrc"}, "berry": {".yarnrc.yml"}, "bun": {".npmrc", "bunfig.toml"},
	}[s.manager.name] {
		if ecosystem.Exists(s.top, name) {
			out = append(out, name)
		}
	}
	return out
}

var (
	forPlatform = pattern.Lazy(`(?m)["'/\s]((?:@[\w.-]+/)?[\w.-]*linux(?:musl)?-(?:x64|arm64)[\w.-]*?)(?:@|["':])`)
	compiled    = pattern.Lazy(`(?m)["'/\s](bcrypt|better-sqlite3|sqlite3|canvas|node-gyp-build|prebuild-install|node-pre-gyp|cpu-features|bufferutil|utf-8-validate|argon2|re2|isolated-vm|sodium-native|leveldown|classic-level)@`)
)

// nativeNames looks in a lock file of any format for packages that exist for one
// platform only, or that compile something: with them, dependencies have to be
// installed on the platform that the image is for.
func (s *service) nativeNames(lock []byte) {
	if s.site != nil {
		return // none of them ships
	}
	if s.memo != nil && s.memo.native[s.at] != nil {
		s.native = s.memo.native[s.at]
		s.noteNative()
		return
	}
	for _, re := range []*regexp.Regexp{forPlatform(), compiled()} {
		for _, m := range re.FindAllSubmatch(lock, -1) {
			if name := string(m[1]); !slices.Contains(s.native, name) && len(s.native) < 20 {
				s.native = append(s.native, name)
			}
		}
	}
	slices.Sort(s.native)
	if s.memo != nil && s.member != "" {
		s.memo.native[s.at] = append([]string{}, s.native...)
	}
	s.noteNative()
}

func (s *service) noteNative() {
	if len(s.native) > 0 {
		s.Fact("native packages", few(s.native), "built for one platform, so dependencies are installed on the target platform", s.topFile(s.manager.lock), 0)
	}
}
