package node

import (
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/pattern"
)

// system is what a package needs beyond what npm brings.
type system struct {
	ecosystem.System
	install []string          // NAME=value of its installation
	env     map[string]string // of the running service
}

// chromium is the program itself; what Debian has on the path is a shell script.
const chromium = "/usr/lib/chromium/chromium-headless-shell"

// systems are the packages that need libraries or programs of Debian. Whatever
// is not here brings its own, such as sharp from 0.33 on, @napi-rs/canvas,
// skia-canvas and zeromq; what only compiles, such as better-sqlite3, is known by
// the lock file. Read in the packages' manuals on 2026-11-21.
func systems() map[string]system {
	browser := ecosystem.System{Runtime: []string{"chromium-headless-shell", "fonts-dejavu-core"}, Why: "a browser"}
	from := func(source string) ecosystem.System { b := browser; b.Source = source; return b }
	return map[string]system{
		"canvas": {System: ecosystem.System{
			Build:   []string{"libcairo2-dev", "libgif-dev", "libjpeg-dev", "libpango1.0-dev", "librsvg2-dev"},
			Runtime: []string{"fonts-dejavu-core", "libcairo2", "libgif7", "libjpeg62-turbo", "libpango-1.0-0", "libpangocairo-1.0-0", "librsvg2-2"},
			Why:     "cairo and pango", Source: "https://github.com/Automattic/node-canvas#compiling"}},
		"puppeteer": {System: from("https://pptr.dev/troubleshooting"),
			install: []string{"PUPPETEER_SKIP_DOWNLOAD=true"}, env: map[string]string{"PUPPETEER_EXECUTABLE_PATH": chromium, "CHROME_PATH": chromium}},
		"playwright": {System: from("https://playwright.dev/docs/browsers"),
			install: []string{"PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1"}, env: map[string]string{"CHROME_PATH": chromium}},
		"chrome-launcher": {System: from("https://github.com/GoogleChrome/chrome-launcher#readme"), env: map[string]string{"CHROME_PATH": chromium}},
		"pg-native":       {System: ecosystem.System{Build: []string{"libpq-dev"}, Runtime: []string{"libpq5"}, Why: "libpq", Source: "https://node-postgres.com/features/native"}},
		"odbc":            {System: ecosystem.System{Build: []string{"unixodbc-dev"}, Runtime: []string{"libodbc2", "libodbcinst2"}, Why: "unixODBC", Source: "https://github.com/IBM/node-odbc#requirements"}},
		"node-rdkafka": {System: ecosystem.System{Build: []string{"libsasl2-dev", "libssl-dev", "zlib1g-dev"}, Runtime: []string{"libsasl2-2", "libssl3t64", "zlib1g"},
			Why: "SASL and OpenSSL", Source: "https://github.com/Blizzard/node-rdkafka#requirements"}},
		"fluent-ffmpeg":      {System: ecosystem.System{Runtime: []string{"ffmpeg"}, Why: "the program ffmpeg", Source: "https://github.com/fluent-ffmpeg/node-fluent-ffmpeg#prerequisites"}},
		"gm":                 {System: ecosystem.System{Runtime: []string{"graphicsmagick"}, Why: "the program gm", Source: "https://github.com/aheckmann/gm#getting-started"}},
		"pdf2pic":            {System: ecosystem.System{Runtime: []string{"ghostscript", "graphicsmagick"}, Why: "the programs gm and gs", Source: "https://github.com/yakovmeister/pdf2pic/blob/main/docs/gm-installation.md"}},
		"node-poppler":       {System: ecosystem.System{Runtime: []string{"poppler-data", "poppler-utils"}, Why: "the programs of poppler", Source: "https://github.com/Fdawgs/node-poppler#installation"}},
		"node-tesseract-ocr": {System: ecosystem.System{Runtime: []string{"tesseract-ocr", "tesseract-ocr-eng"}, Why: "the program tesseract", Source: "https://github.com/zapolnoch/node-tesseract-ocr#installation"}},
		"simple-git":         {System: ecosystem.System{Runtime: []string{"git"}, Why: "the program git", Source: "https://github.com/steveukx/git-js#installation"}},
		"@prisma/client": {System: ecosystem.System{Runtime: []string{"libssl3t64"}, Why: "OpenSSL for its query engine", Source: "https://www.prisma.io/docs/orm/reference/system-requirements"},
			install: []string{"PRISMA_SKIP_POSTINSTALL_GENERATE=1", "PRISMA_HIDE_UPDATE_MESSAGE=1", "CHECKPOINT_DISABLE=1"}},
	}
}

// buildTools are packages that others use to compile themselves; one that brings
// a compiled file for each platform uses node-gyp-build instead.
func buildTools() []string {
	return []string{"node-gyp", "prebuild-install", "@mapbox/node-pre-gyp", "node-pre-gyp", "nan", "bindings", "node-addon-api"}
}

// alwaysCompiled are packages that compile themselves without saying so by what
// they depend on.
func alwaysCompiled() []string { return []string{"re2", "isolated-vm", "node-pty"} }

// compilesItself tells whether a package of a lock file may need a compiler.
func (p lockPackage) compilesItself(name string) bool {
	if !p.HasInstallScript || p.Optional {
		return false
	}
	if _, brings := p.Dependencies["node-gyp-build"]; brings {
		return false
	}
	return slices.Contains(alwaysCompiled(), name) || slices.ContainsFunc(buildTools(), func(tool string) bool { _, ok := p.Dependencies[tool]; return ok })
}

var compileSigns = pattern.Lazy(`(?m)["'/\s](re2|isolated-vm|node-pty|better-sqlite3|sqlite3|canvas|prebuild-install|@mapbox/node-pre-gyp|node-pre-gyp|node-gyp|nan)@`)

// needs adds what the service's packages want of Debian. Only what production
// installs counts: tests of a browser run elsewhere.
func (s *service) needs() {
	table := systems()
	var found []ecosystem.Need
	note := func(m *manifest, file string) {
		for _, name := range slices.Sorted(maps.Keys(union(m.Dependencies, m.OptionalDeps))) {
			if n, ok := table[name]; ok && !slices.ContainsFunc(found, func(f ecosystem.Need) bool { return f.Package == name }) {
				if name == "@prisma/client" && !s.prisma.engine {
					n.System = ecosystem.System{}
				}
				found = append(found, ecosystem.Need{Package: name, File: file, Line: max(m.line("dependencies", name), m.line("optionalDependencies", name)), System: n.System})
				s.installEnv = append(s.installEnv, n.install...)
				maps.Copy(s.systemEnv, n.env)
			}
		}
	}
	s.systemEnv = map[string]string{}
	note(s.pkg, "package.json")
	for _, m := range s.needed {
		if m.runtime {
			note(m.pkg, s.topFile(path.Join(m.dir, "package.json")))
		}
	}
	if s.site != nil {
		found = nil // nothing of them ships
	}
	s.leaveBrowsers()
	if slices.ContainsFunc(found, func(n ecosystem.Need) bool { return len(n.Build) > 0 }) && len(s.compiled) == 0 {
		s.compiled = []string{"native addons"}
	}
	if len(s.compiled) > 0 {
		s.Fact("compilers", "g++, make, python3", "node-gyp may compile "+few(s.compiled), s.topFile(s.manager.lock), 0)
		s.installEnv = append(s.installEnv, "npm_config_nodedir=/usr/local")
	}
	s.AddSystem(append(append(found, s.gypNeeds()...), s.findGit()...))
}

// leaveBrowsers keeps development packages from downloading a browser when they are
// installed: hundreds of megabytes from a host of their own, for tests that run
// elsewhere.
func (s *service) leaveBrowsers() {
	for _, name := range []string{"cypress", "puppeteer"} {
		variable := map[string]string{"cypress": "CYPRESS_INSTALL_BINARY=0", "puppeteer": "PUPPETEER_SKIP_DOWNLOAD=true"}[name]
		if _, dev := s.pkg.DevDeps[name]; dev && !slices.Contains(s.installEnv, variable) {
			s.installEnv = append(s.installEnv, variable)
		}
	}
}

// notePrisma looks for a schema that a client is generated from.
func (s *service) notePrisma() {
	all := union(s.pkg.Dependencies, s.pkg.DevDeps)
	version := strings.TrimLeft(ecosystem.Or(all["@prisma/client"], all["prisma"]), "^~>= v")
	if _, cli := all["prisma"]; !cli || version == "" {
		return
	}
	schema := ""
	for _, name := range []string{s.pkg.prismaSchema(), "prisma/schema.prisma", "schema.prisma", "prisma/schema"} {
		if schema == "" && name != "." && fs.ValidPath(name) && ecosystem.Exists(s.Dir, name) {
			schema = name
		}
	}
	if schema == "" {
		return
	}
	major, _, _ := strings.Cut(version, ".")
	data, _ := ecosystem.Read(s.Dir, schema)
	s.prisma.engine = len(major) == 1 && major < "7" && !prismaEngineless().Match(data)
	s.prisma.inModules = !prismaOutput().Match(data)
	for _, script := range append(lifecycle(), "pre"+s.building, s.building, s.generate) {
		if strings.Contains(s.unfolded(s.pkg.Scripts[script], 3), "prisma generate") {
			return
		}
	}
	s.prisma.generate = true
	s.Fact("code generation", "prisma generate", "no script generates the Prisma client", schema, 0)
}

// Evidence in schemas of Prisma.
var (
	prismaOutput     = pattern.Lazy(`(?m)^\s*output\s*=`)
	prismaEngineless = pattern.Lazy(`(?m)^\s*engineType\s*=\s*"client"`)
)

// prismaOf is what is known of Prisma in a service. The zero value is a service
// without.
type prismaOf struct {
	engine    bool // it loads a library that wants OpenSSL
	inModules bool // its client is generated into node_modules
	generate  bool // no script generates it
}

// prismaCommand generates the client.
func (s *service) prismaCommand() string {
	bin := "node_modules/.bin/prisma"
	if s.member != "" && s.manager.name != "pnpm" {
		bin = s.topFile(bin)
	}
	if !s.prisma.engine {
		bin = "PRISMA_SCHEMA_ENGINE_BINARY=/usr/bin/true " + bin // the engine of migrations, which would be downloaded and is not called
	}
	return bin + " generate"
}

// keepPrisma copies a client that was generated into node_modules to where
// production's packages are.
func (s *service) keepPrisma() string {
	return "( cd " + s.workDir() + " && find node_modules -type d -name .prisma -prune -exec cp -a --parents '{}' " + path.Join(outApp, s.home) + "/ ';' )"
}

// compileLeftovers deletes what compilers leave beside an addon: objects, and
// files that name the machine's registry and the time.
const compileLeftovers = `find . -type d \( -name obj.target -o -name .deps \) -path '*/build/Release/*' -prune -exec rm -rf '{}' +` +
	" && " + `find . -type f -path '*/build/*' \( -name config.gypi -o -name '*.target.mk' -o -name '*.a' -o -name '*.o' \) -delete`
