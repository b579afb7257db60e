package node

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/pattern"
	"github.com/slipway-build/slipway/internal/plan"
)

// manager is the package manager of a service and how it is told what to do.
type manager struct {
	name    string   // "npm", "pnpm", "yarn", "berry" (Yarn 2 and later), "bun"
	lock    string   // its lock file
	version string   // exact, or a major; "" for the npm that comes with Node.js
	tool    string   // file of the repository that is the program, "" without
	files   []string // what it reads besides manifests and lock file
}

// title is what people call it.
func (m manager) title() string {
	name := m.name
	if name == "berry" {
		name = "yarn"
	}
	if m.version != "" {
		name += " " + m.version
	}
	return name
}

// locks are the lock files by which managers are known, in the order in which
// they are asked.
func locks() [][2]string {
	return [][2]string{
		{"package-lock.json", "npm"}, {"pnpm-lock.yaml", "pnpm"}, {"yarn.lock", "yarn"}, {"bun.lock", "bun"}, {"bun.lockb", "bun"},
	}
}

// pins are the last versions of each major, read from the npm registry on
// 2026-11-21: what is installed when a repository names a major at most.
func pins(name string) map[int]string {
	return map[string]map[int]string{
		"pnpm":  {7: "7.33.7", 8: "8.15.9", 9: "9.15.9", 10: "10.34.9"},
		"yarn":  {1: "1.22.22"},
		"berry": {3: "3.8.7", 4: "4.18.1"},
		"bun":   {1: "1.4.5"},
	}[name]
}

// packageManager finds the manager by its lock file; packageManager in
// package.json decides when there are several.
func (s *service) packageManager() bool {
	if s.member == "" && s.pkg.Workspaces != nil {
		s.Report(diag.Error, codeLocal, "package.json", s.pkg.line("workspaces"), "name the directory of a member of the workspace", "the root of a workspace is not a service")
		return false
	}
	top := s.topManifest()
	wanted, version, _ := strings.Cut(top.PackageManager, "@")
	version, _, _ = strings.Cut(version, "+")
	if want := s.Want.PackageManager; want != "" && want != wanted {
		wanted, version = want, ""
	}
	var found []manager
	for _, l := range locks() {
		if ecosystem.Exists(s.top, l[0]) {
			found = append(found, manager{name: l[1], lock: l[0]})
		}
	}
	if len(found) == 0 {
		return s.noLock(wanted)
	}
	s.manager = found[0]
	if i := slices.IndexFunc(found, func(m manager) bool { return m.name == wanted }); i >= 0 {
		s.manager = found[i]
	} else if wanted != "" {
		if s.Want.PackageManager != "" {
			s.OnConfig(codeManager, "run the install of "+wanted+" and commit its lock file", "package_manager is %s, but the lock file is %s", wanted, found[0].lock)
			return false
		}
		s.Report(diag.Error, codeManager, "package.json", s.pkg.line("packageManager"), "run the install of "+wanted+" and commit its lock file",
			"packageManager is %s, but the lock file is %s", wanted, found[0].lock)
		return false
	}
	return s.completeManager(version)
}

// noLock reports what is missing.
func (s *service) noLock(wanted string) bool {
	for _, other := range [][2]string{{"npm-shrinkwrap.json", "npm install --package-lock-only, and delete npm-shrinkwrap.json"}} {
		if ecosystem.Exists(s.top, other[0]) {
			s.Report(diag.Error, codeManager, s.topFile(other[0]), 0, s.inDir(other[1]), "%s is not supported", other[0])
			return false
		}
	}
	how := map[string]string{"pnpm": "pnpm install --lockfile-only", "yarn": "yarn install", "bun": "bun install --lockfile-only"}[wanted]
	lock := map[string]string{"pnpm": "pnpm-lock.yaml", "yarn": "yarn.lock", "bun": "bun.lock"}[wanted]
	s.Report(diag.Error, codeNoLock, "package.json", 0, s.inDir(ecosystem.Or(how, relock)), "%s is missing, so the build would not be reproducible", ecosystem.Or(lock, "package-lock.json"))
	return false
}

// completeManager decides on the version and the files of the manager.
func (s *service) completeManager(version string) bool {
	m := &s.manager
	if s.member != "" && !plainName().MatchString(s.pkg.Name) {
		s.Report(diag.Error, codeManifest, "package.json", s.pkg.line("name"), "give it a name that npm accepts", "the workspace member has no usable name")
		return false
	}
	data, err := ecosystem.Read(s.top, m.lock)
	if err != nil {
		s.Report(diag.Error, codeLock, s.topFile(m.lock), 0, "", "%s cannot be read: %v", m.lock, err)
		return false
	}
	m.files = s.managerFiles()
	if m.name == "npm" {
		s.Fact("package manager", "npm", "lock file", s.topFile(m.lock), 0)
		return true
	}
	if m.name == "yarn" && strings.Contains(string(data[:min(len(data), 1000)]), "__metadata:") {
		m.name = "berry"
		s.yarnConfig()
	}
	why := "version from packageManager"
	m.version = version
	if version == "" {
		m.version, why = s.managerVersion(string(data))
	}
	if !exactVersion().MatchString(m.version) {
		s.Report(diag.Error, codeManager, s.topFile("package.json"), 0, fmt.Sprintf("write \"packageManager\": \"%s@%s\"", strings.Fields(m.title())[0], newest(pins(m.name))),
			"%q is not a version of %s", m.version, m.name)
		return false
	}
	s.Fact("package manager", m.title(), "lock file, "+why, s.topFile(m.lock), 0)
	for _, m := range compileSigns().FindAllSubmatch(data, -1) {
		if name := string(m[1]); !slices.Contains(s.compiled, name) {
			s.compiled = append(s.compiled, name)
		}
	}
	s.nativeNames(data)
	return true
}

var exactVersion = pattern.Lazy(`^\d{1,4}(\.\d{1,6}){0,2}(-[0-9A-Za-z.-]{1,40})?$`)

// managerVersion is the version for a repository whose packageManager names none.
func (s *service) managerVersion(lock string) (version, why string) {
	m, top := s.manager, s.topManifest()
	known := pins(m.name)
	word := map[string]string{"berry": "yarn"}[m.name]
	word = ecosystem.Or(word, m.name)
	if v := top.Volta[word]; v != "" {
		return v, "version from volta"
	}
	if text := top.Engines[word]; text != "" {
		if major, ok := chooseOf(text, known); ok {
			return known[major], fmt.Sprintf("engines (%q)", text)
		}
	}
	if m.name == "pnpm" {
		for prefix, major := range map[string]int{"lockfileVersion: 5": 7, "lockfileVersion: '6": 8} {
			if strings.HasPrefix(lock, prefix) {
				return known[major], "version for its format"
			}
		}
	}
	return newest(known), "default version"
}

// newest is the pin of the highest major.
func newest(known map[int]string) string {
	best := 0
	for major := range known {
		best = max(best, major)
	}
	return known[best]
}

// chooseOf returns the highest major of those known that a range allows.
func chooseOf(text string, known map[int]string) (int, bool) {
	best := 0
	for _, part := range strings.Split(text, "||") {
		span, err := parseSpan(part)
		if err != nil {
			return 0, false
		}
		for major := range known {
			if span.touches(major) {
				best = max(best, major)
			}
		}
	}
	return best, best > 0
}

// managerFiles are the configuration files that the manager reads.
func (s *service) managerFiles() []string {
	var out []string
	for _, name := range map[string][]string{
		"npm": {".npmrc"}, "pnpm": {".npmrc", "pnpm-workspace.yaml", ".pnpmfile.cjs"}, "yarn": {".npmrc", ".yarnrc"}, "bun": {".npmrc", "bunfig.toml"},
	}[s.manager.name] {
		if ecosystem.Exists(s.top, name) {
			out = append(out, name)
		}
	}
	return out
}

var (
	yarnPath   = pattern.Lazy(`(?m)^yarnPath:\s*['"]?(\.yarn/releases/[\w.-]+\.cjs)['"]?\s*$`)
	yarnLinker = pattern.Lazy(`(?m)^nodeLinker:\s*['"]?([\w-]+)['"]?\s*$`)
)

// yarnConfig reads .yarnrc.yml.
func (s *service) yarnConfig() {
	m := &s.manager
	m.files = nil
	linker := "pnp"
	if data, err := ecosystem.Read(s.top, ".yarnrc.yml"); err == nil {
		m.files = append(m.files, ".yarnrc.yml")
		if f := yarnPath().FindSubmatch(data); f != nil && ecosystem.Exists(s.top, string(f[1])) {
			m.tool = string(f[1])
		}
		if f := yarnLinker().FindSubmatch(data); f != nil {
			linker = string(f[1])
		}
	}
	if linker != "node-modules" {
		s.Report(diag.Info, codeLinker, s.topFile(m.lock), 0, "nodeLinker: node-modules in .yarnrc.yml makes your machine do the same",
			"Yarn's linker is %s; the image gets the same packages as node_modules", linker)
	}
	if ecosystem.IsDir(s.top, ".yarn/patches") {
		m.files = append(m.files, ".yarn/patches")
	}
}

// caches mount what the manager keeps between builds; no part of any layer.
func (m manager) caches() []plan.Mount {
	npm := plan.Mount{Type: "cache", Target: "/root/.npm"}
	at := map[string]string{"pnpm": "/root/.pnpm-store", "yarn": "/root/.cache/yarn", "berry": "/root/.yarn-berry", "bun": "/root/.bun-cache"}[m.name]
	if at == "" {
		return []plan.Mount{npm}
	}
	mount := plan.Mount{Type: "cache", Target: at}
	if m.name == "yarn" {
		mount.Sharing = "locked" // Yarn 1 breaks when two of it fill one cache
	}
	return []plan.Mount{mount}
}

// environment keeps the manager quiet and its files where the cache is mounted.
func (m manager) environment() []string {
	quiet := []string{"NPM_CONFIG_AUDIT=false", "NPM_CONFIG_FUND=false", "NPM_CONFIG_UPDATE_NOTIFIER=false"}
	return append(quiet, map[string][]string{
		"pnpm": {"CI=true"},
		"yarn": {"YARN_CACHE_FOLDER=/root/.cache/yarn"},
		"berry": {"YARN_ENABLE_TELEMETRY=0", "YARN_ENABLE_GLOBAL_CACHE=true", "YARN_GLOBAL_FOLDER=/root/.yarn-berry", "YARN_NODE_LINKER=node-modules",
			"YARN_ENABLE_HARDENED_MODE=0"},
		"bun": {"BUN_INSTALL_CACHE_DIR=/root/.bun-cache"},
	}[m.name]...)
}

// setUp are the steps that bring the manager into the stage.
func (m manager) setUp() []plan.Step {
	if m.name == "npm" {
		return nil
	}
	if m.tool != "" {
		to := "/usr/local/lib/" + path.Base(m.tool)
		return []plan.Step{
			{Op: plan.OpCopy, Args: []string{m.tool, to}},
			{Op: plan.OpRun, Shell: `printf '#!/bin/sh\nexec node ` + to + ` "$@"\n' >/usr/local/bin/yarn && chmod 755 /usr/local/bin/yarn`, Comment: "The Yarn release committed to the repository."},
		}
	}
	name := map[string]string{"berry": "@yarnpkg/cli-dist"}[m.name]
	return []plan.Step{{Op: plan.OpRun, Shell: "npm install --global " + ecosystem.Or(name, m.name) + "@" + m.version, Mounts: []plan.Mount{{Type: "cache", Target: "/root/.npm"}}}}
}

// install is the command that installs every package of the lock file for a
// service; member is its directory in a workspace, "" outside of one.
func (m manager) install(member, name string) string {
	switch m.name {
	case "pnpm":
		return "pnpm install --frozen-lockfile --store-dir=/root/.pnpm-store --config.package-import-method=copy" + filter(name, member, " --filter=. --filter=%s...")
	case "yarn":
		return "yarn install --frozen-lockfile --non-interactive"
	case "berry":
		return "yarn install --immutable"
	case "bun":
		return "bun install --frozen-lockfile --backend=copyfile"
	}
	return "npm ci" + filter(member, member, " --workspace=%s --include-workspace-root")
}

func filter(value, member, format string) string {
	if member == "" {
		return ""
	}
	return fmt.Sprintf(format, value)
}

// production are the commands that leave the packages for production alone in
// the working directory, where the manifests lie and, with keep, all packages.
func (m manager) production(member, name string) []string {
	switch m.name {
	case "pnpm":
		return []string{"pnpm install --prod --frozen-lockfile --prefer-offline --store-dir=/root/.pnpm-store --config.package-import-method=copy" + filter(name, member, " --filter=%s...")}
	case "yarn":
		return []string{"yarn install --production --frozen-lockfile --non-interactive --prefer-offline"}
	case "berry":
		if strings.HasPrefix(m.version, "4") {
			return []string{"yarn workspaces focus --production" + filter(name, member, " %s")}
		}
		return []string{"npm pkg delete devDependencies", "yarn install --no-immutable"}
	case "bun":
		return []string{"bun install --production --frozen-lockfile --backend=copyfile"}
	}
	if member == "" {
		return []string{"npm prune --omit=dev --offline --ignore-scripts"}
	}
	return []string{"npm ci --omit=dev --prefer-offline --workspace=" + member}
}

// leftovers are files that the manager writes into node_modules for itself:
// they name the machine's registry or the time, so that equal inputs would give
// different images.
func (m manager) leftovers() string {
	switch m.name {
	case "pnpm":
		return "rm -rf node_modules/.modules.yaml node_modules/.pnpm/lock.yaml node_modules/.pnpm-workspace-state*.json && find . -type d -name .bin -prune -exec rm -rf {} +"
	case "yarn":
		return "rm -f node_modules/.yarn-integrity"
	case "berry":
		return "rm -rf node_modules/.yarn-state.yml .yarn"
	case "bun":
		return "rm -rf node_modules/.cache"
	}
	return "rm -f node_modules/.package-lock.json"
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
