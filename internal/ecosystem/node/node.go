// Package node knows services written for Node.js or Bun: how to recognise one, what
// its files say about it, and the four stages that build it. It supports npm,
// pnpm, Yarn and Bun, alone and in workspaces; what has no lock file, or one that
// does not fit, is installed with a warning. It refuses services that say nowhere
// how they start, with what to write. It only reads files; nothing is executed.
//
//	p, findings := node.Ecosystem{}.Plan(dir, service, fleet)
package node

import (
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/ecosystem/static"
	"github.com/slipway-build/slipway/internal/plan"
)

// Ecosystem is Node.js. The zero value is ready for use; one made by In knows the
// workspaces of a repository as well.
type Ecosystem struct {
	root fs.FS
	memo *memo
}

// Name is what slipway.yaml calls the ecosystem.
func (Ecosystem) Name() string { return "node" }

// Recognise returns the file that makes a directory a Node.js service, "" when
// there is none.
func (Ecosystem) Recognise(dir fs.FS) string {
	if ecosystem.Exists(dir, "package.json") && !assetsOnly(dir) {
		return "package.json"
	}
	return ""
}

// assetsOnly tells whether a package.json beside Django's manage.py is there for
// style sheets and scripts only: nothing in it serves.
func assetsOnly(dir fs.FS) bool {
	if !ecosystem.Exists(dir, "manage.py") {
		return false
	}
	m, err := manifestOf(dir, ".")
	if err != nil {
		return true
	}
	s := &service{pkg: m}
	f, _ := frameworkOf(m)
	return f.name == "" && !s.startsServer()
}

// Inspect completes a service, of which at least the name and path are known,
// with what its files say, and returns the evidence.
func (e Ecosystem) Inspect(dir fs.FS, want config.Service, fleet *config.Fleet) (config.Service, []plan.Fact, diag.Findings) {
	if plainSite(dir, want) {
		return static.Ecosystem{}.Inspect(dir, want, fleet)
	}
	s := e.inspect(dir, want, fleet)
	return s.Want, s.Facts, s.Findings
}

// Plan returns the stages of a service. With an error among the findings, the
// plan is not to be built.
func (e Ecosystem) Plan(dir fs.FS, want config.Service, fleet *config.Fleet) (plan.Service, diag.Findings) {
	if plainSite(dir, want) {
		return static.Ecosystem{}.Plan(dir, want, fleet)
	}
	s := e.inspect(dir, want, fleet)
	if s.Findings.Errors() != nil {
		return plan.Service{}, s.Findings
	}
	out := s.plan(fleet)
	return out, s.Findings
}

// service is what is known of one service.
type service struct {
	ecosystem.Service
	workspace
	wide
	memo      *memo // nil without a repository
	manager   manager
	framework framework

	pkg      *manifest
	site     *static.Site  // what the build leaves to be served, nil for a program
	basePath ecosystem.Hit // says for which path the pages of the site are built
	node     choice
	bun      bunOf
	native   []string // production packages that are built for one platform
	compiled []string // packages whose installation may compile something
	prisma   prismaOf

	installEnv []string          // NAME=value of the installation of packages
	systemEnv  map[string]string // of the running service, for its packages

	generate string // script that generates code, "" for none
	codegen  codegen
	building string      // name that the script which builds would have
	build    string      // script that builds, "" for none
	inline   bool        // that script is a part of the start script
	outDir   string      // what the build writes, "" without a build
	project  string      // tsconfig of the build
	compiler *readConfig // of project, once read
	start    []string
	runner   runner   // that runs the program; zero for node itself
	startEnv []string // NAME=value words before the start command
	rootRuns []string // commands of the service's own install scripts that run with the sources
	adapter  []string // commands that give SvelteKit an adapter for servers
	carries  bool     // one of them may change packages
	patches  []string // the command of patch-package, nil without
	patchDir string
	local    []string // directories of the build context that packages are installed from
	oldLock  bool     // the lock file has the format of npm 6
	scripted bool     // packages of the lock file have install scripts that do more than print
	mixed    bool     // packages of the lock file come from git or directories, or may end up not installed
	git      gitSources
	repo     fs.FS    // the repository, nil when it is not known
	below    []string // directories of the members of the workspace whose root the service is
	programs []string // members of the workspace whose root the service is that start

	strangers []string // directories of the sources of other applications
	tree      contents // what is in the service's directory
	sources   []string // entries of the directory that the build reads
	runtime   []string // those of them that production needs
	replaced  []string // patterns of sources that the build has replaced
	moved     []string // directories of the tree that the program writes to
	tellsPort string   // variable that tells the program its port, "" for none
	keys      []string // private keys of the tree that the sources read
}

// inspect reads the service's files.
func (e Ecosystem) inspect(dir fs.FS, want config.Service, fleet *config.Fleet) *service {
	return e.inspectMember(dir, want, fleet, "")
}

// inspectMember reads a service that stands for the root of its workspace when sole
// names it, relative to the root.
func (e Ecosystem) inspectMember(dir fs.FS, want config.Service, fleet *config.Fleet, sole string) *service {
	s := &service{Service: ecosystem.Open(dir, want, fleet), workspace: e.openWorkspace(dir, want.Path), memo: e.memo, repo: e.root}
	data, err := ecosystem.Read(dir, "package.json")
	if err != nil {
		s.Report(diag.Error, codeManifest, "package.json", 0, "", "package.json cannot be read: %v", err)
		return s
	}
	pkg, line, err := parseManifest(data)
	if err != nil {
		s.Report(diag.Error, codeManifest, "package.json", line, "fix the JSON; the usual mistake is a comma before a closing bracket", "package.json is not valid: %v", err)
		return s
	}
	if sole == "" {
		if member := e.soleMember(dir, want, pkg); member != "" {
			if sub, err := fs.Sub(dir, member); err == nil {
				want.Path = path.Join(want.Path, member)
				return e.inspectMember(sub, want, fleet, member)
			}
		}
	}
	s.pkg, s.building = pkg, ecosystem.Or(want.Build, "build")
	s.Name(pkg.Name)
	if sole != "" {
		s.Fact("service", sole, "the only member of the workspace that starts", "package.json", 0)
	}
	if s.isRoot() {
		s.programs, s.below = e.programs(want.Path), e.memberDirs(want.Path)
	}
	s.inspectFiles(fleet)
	return s
}

// inspectFiles reads all that the manifest is only the beginning of.
func (s *service) inspectFiles(fleet *config.Fleet) {
	s.runtimeVersion()
	s.findSite()
	if !s.packageManager() {
		return
	}
	s.localPackages()
	if s.manager.name == "npm" {
		s.lockFile()
	}
	s.noteWorkspace()
	s.registryConfig()
	s.checkSettings()
	s.readIgnore()
	if s.site == nil {
		s.findFramework()
	}
	s.chooseNestApp(fleet)
	s.scripts()
	s.notePrisma()
	s.needs()
	if s.site != nil {
		s.findSources()
		static.Serve(&s.Service, "package.json")
	} else {
		s.startCommand()
		found := s.scan()
		s.suggestStart(found)
		s.findSources()
		s.checkStart()
		s.Network(s.evidence(found), "package.json")
		s.portVariable(found)
		s.warnLoopback(found)
	}
	s.checkFiles()
	s.checkIgnored()
}

// noteWorkspace says which packages of the workspace the service needs.
func (s *service) noteWorkspace() {
	if s.member == "" {
		return
	}
	var dirs []string
	for _, m := range s.needed {
		dirs = append(dirs, m.dir)
	}
	value := "member " + s.member
	if len(dirs) > 0 {
		value += " with " + strings.Join(dirs, ", ")
	}
	s.Fact("workspace", value, "resolved from its dependencies", s.topFile("package.json"), s.root.line("workspaces"))
}

// registryConfig looks at .npmrc, which goes into the build as it is.
func (s *service) registryConfig() {
	data, err := ecosystem.Read(s.top, ".npmrc")
	if err != nil {
		return
	}
	for i, l := range strings.Split(string(data), "\n") {
		key, value, ok := strings.Cut(l, "=")
		key = strings.TrimSpace(key)
		secret := slices.ContainsFunc([]string{"_authtoken", "_password", "_auth"}, func(k string) bool {
			return strings.HasSuffix(strings.ToLower(key), k)
		})
		if ok && secret && !strings.HasPrefix(key, "#") && !strings.Contains(value, "${") {
			s.Findings = append(s.Findings, diag.Finding{Code: codeToken, Severity: diag.Warning, Place: diag.Place{File: s.At(s.topFile(".npmrc")), Line: i + 1},
				Text: s.Want.Name + ": .npmrc holds a credential, which stays in the build cache",
				Hint: "write ${NPM_TOKEN} in its place and revoke this one"})
		}
	}
}
