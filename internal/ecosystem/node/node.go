// Package node knows services written for Node.js: how to recognise one, what
// its files say about it, and the four stages that build it. It supports npm
// with a package-lock.json; it refuses other package managers, workspaces and
// services that say nowhere how they start, each with what to write. It only
// reads files; nothing is executed.
//
//	p, findings := node.Ecosystem{}.Plan(dir, service, fleet)
package node

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/plan"
)

// Ecosystem is Node.js with npm. The zero value is ready for use.
type Ecosystem struct{}

// Name is what slipway.yaml calls the ecosystem.
func (Ecosystem) Name() string { return "node" }

// Recognise returns the file that makes a directory a Node.js service, "" when
// there is none.
func (Ecosystem) Recognise(dir fs.FS) string {
	if ecosystem.Exists(dir, "package.json") {
		return "package.json"
	}
	return ""
}

// Inspect completes a service, of which at least the name and path are known,
// with what its files say, and returns the evidence.
func (Ecosystem) Inspect(dir fs.FS, want config.Service, fleet *config.Fleet) (config.Service, []plan.Fact, diag.Findings) {
	s := inspect(dir, want, fleet)
	return s.Want, s.Facts, s.Findings
}

// Plan returns the stages of a service. With an error among the findings, the
// plan is not to be built.
func (Ecosystem) Plan(dir fs.FS, want config.Service, fleet *config.Fleet) (plan.Service, diag.Findings) {
	s := inspect(dir, want, fleet)
	if s.Findings.Errors() != nil {
		return plan.Service{}, s.Findings
	}
	out := s.plan(fleet)
	return out, s.Findings
}

// service is what is known of one service.
type service struct {
	ecosystem.Service

	pkg      *manifest
	major    int
	native   []string // production packages that are built for one platform
	npmrc    bool
	generate string // script that generates code, "" for none
	codegen  codegen
	build    string // script that builds, "" for none
	outDir   string // what the build writes, "" without a build
	project  string // tsconfig of the build
	start    []string
	startEnv []string // NAME=value words before the start command
	rootRuns []string // the service's own install scripts
	sources  []string // entries of the directory that the build reads
	runtime  []string // entries that production needs besides outDir
}

// inspect reads the service's files.
func inspect(dir fs.FS, want config.Service, fleet *config.Fleet) *service {
	s := &service{Service: ecosystem.Open(dir, want, fleet)}
	data, err := ecosystem.Read(dir, "package.json")
	if err != nil {
		s.Report(diag.Error, codeManifest, "package.json", 0, "", "package.json cannot be read: %v", err)
		return s
	}
	pkg, line, err := parseManifest(data)
	if err != nil {
		s.Report(diag.Error, codeManifest, "package.json", line, "correct the JSON; a comma before a closing bracket is the usual slip", "package.json is not valid: %v", err)
		return s
	}
	s.pkg = pkg
	s.Name(pkg.Name)
	s.runtimeVersion()
	if !s.packageManager() {
		return s
	}
	s.lockFile()
	s.registryConfig()
	s.ReadIgnore()
	s.scripts()
	s.startCommand()
	s.findSources()
	s.Network(s.evidence(), "package.json")
	s.CheckIgnored(s.supplied(), s.needed())
	return s
}

// runtimeVersion decides on the major of Node.js.
func (s *service) runtimeVersion() {
	file, line, text := s.versionEvidence()
	if text == "" {
		s.major = defaultMajor
		s.Fact("runtime", fmt.Sprintf("Node.js %d", s.major), "default: no file names a version", "", 0)
		return
	}
	major, err := chooseMajor(text)
	if err != nil {
		hint := "supported are Node.js 20, 22 and 24: write \"engines\": {\"node\": \"22.x\"}"
		if file == "" {
			s.Findings = append(s.Findings, diag.Finding{Code: codeVersion, Place: diag.Place{File: s.FleetFile, Line: s.Want.Line},
				Text: fmt.Sprintf("%s: %v", s.Want.Name, err), Hint: "supported are Node.js 20, 22 and 24: write version: 22"})
			return
		}
		s.Report(diag.Error, codeVersion, file, line, hint, "%v", err)
		return
	}
	s.major = major
	if file == "" {
		s.Configured("runtime", fmt.Sprintf("Node.js %d", major))
		return
	}
	s.Fact("runtime", fmt.Sprintf("Node.js %d", major), fmt.Sprintf("asks for %q", text), file, line)
}

// versionEvidence returns the strongest statement about the version; an empty
// file stands for slipway.yaml.
func (s *service) versionEvidence() (file string, line int, text string) {
	if s.Want.Version != "" {
		return "", 0, s.Want.Version
	}
	for _, name := range []string{".nvmrc", ".node-version"} {
		data, err := ecosystem.Read(s.Dir, name)
		if err != nil {
			continue
		}
		for i, l := range strings.Split(string(data), "\n") {
			l, _, _ = strings.Cut(l, "#")
			if l = strings.TrimSpace(l); l != "" {
				return name, i + 1, l
			}
		}
	}
	if v := s.pkg.Volta["node"]; v != "" {
		return "package.json", s.pkg.line("volta", "node"), v
	}
	if v := s.pkg.Engines["node"]; v != "" {
		return "package.json", s.pkg.line("engines", "node"), v
	}
	return "", 0, ""
}

// packageManager refuses what is not npm.
func (s *service) packageManager() bool {
	if name, _, _ := strings.Cut(s.pkg.PackageManager, "@"); name != "" && name != "npm" {
		s.Report(diag.Error, codeManager, "package.json", s.pkg.line("packageManager"), s.inDir(relock)+", and delete packageManager", "the package manager %s is not supported yet, only npm", name)
		return false
	}
	if s.pkg.Workspaces != nil {
		s.Report(diag.Error, codeLocal, "package.json", s.pkg.line("workspaces"), "name each service's own directory in slipway.yaml, with a package-lock.json in it", "npm workspaces are not supported yet")
		return false
	}
	if ecosystem.Exists(s.Dir, "package-lock.json") {
		s.Fact("package manager", "npm", "its lock file", "package-lock.json", 0)
		return true
	}
	for _, other := range [][2]string{{"npm-shrinkwrap.json", "npm-shrinkwrap.json"}, {"pnpm-lock.yaml", "pnpm"}, {"yarn.lock", "yarn"}, {"bun.lock", "bun"}, {"bun.lockb", "bun"}} {
		if ecosystem.Exists(s.Dir, other[0]) {
			s.Report(diag.Error, codeManager, other[0], 0, s.inDir(relock)+", and delete "+other[0], "%s is not supported yet, only npm with package-lock.json", other[1])
			return false
		}
	}
	s.Report(diag.Error, codeNoLock, "package.json", 0, s.inDir(relock), "package-lock.json is missing, so what is built would depend on the day")
	return false
}

// registryConfig looks at .npmrc, which goes into the build as it is.
func (s *service) registryConfig() {
	data, err := ecosystem.Read(s.Dir, ".npmrc")
	if err != nil {
		return
	}
	s.npmrc = true
	for i, l := range strings.Split(string(data), "\n") {
		key, value, ok := strings.Cut(l, "=")
		key = strings.TrimSpace(key)
		secret := slices.ContainsFunc([]string{"_authtoken", "_password", "_auth"}, func(k string) bool {
			return strings.HasSuffix(strings.ToLower(key), k)
		})
		if ok && secret && !strings.HasPrefix(key, "#") && !strings.Contains(value, "${") {
			s.Findings = append(s.Findings, diag.Finding{Code: codeToken, Severity: diag.Warning, Place: diag.Place{File: s.At(".npmrc"), Line: i + 1},
				Text: s.Want.Name + ": .npmrc holds a credential, which stays in the build cache",
				Hint: "write ${NPM_TOKEN} in its place and revoke this one"})
		}
	}
}
