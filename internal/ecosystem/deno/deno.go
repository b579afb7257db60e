// Package deno knows services written for Deno 2: how to recognise one by deno.json,
// how it starts and with which permissions, and the stages that build it. Packages
// are installed from deno.lock; those of npm, JSR and of addresses alike. It refuses
// services that say nowhere how they start, and members of Deno's workspaces. It only
// reads files; nothing is executed.
//
//	p, findings := deno.Ecosystem{}.Plan(dir, service, fleet)
package deno

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/ecosystem/node"
	"github.com/slipway-build/slipway/internal/pattern"
	"github.com/slipway-build/slipway/internal/plan"
)

// The codes of findings in Deno services. A code has one meaning for ever.
const (
	codeSettings    = "SLP468" // deno.json cannot be read
	codeNoStart     = "SLP469" // nothing says how the service starts, or its file does not exist
	codeNoLock      = "SLP470" // nothing pins the packages
	codePermissions = "SLP471" // the start does not permit what the program does
)

// Ecosystem is Deno. The zero value is ready for use.
type Ecosystem struct{}

// Name is what slipway.yaml calls the ecosystem.
func (Ecosystem) Name() string { return "deno" }

// Recognise returns the file that makes a directory a Deno service, "" when there is
// none. Beside a package.json, deno.json may only configure Deno's tools.
func (Ecosystem) Recognise(dir fs.FS) string {
	name := settingsFile(dir)
	switch {
	case name == "" && ecosystem.Exists(dir, lockFile) && !ecosystem.Exists(dir, "package.json"):
		return lockFile
	case name == "", !ecosystem.Exists(dir, "package.json"), ecosystem.Exists(dir, lockFile) && !otherLock(dir):
		return name
	}
	data, err := ecosystem.Read(dir, name)
	if err != nil || otherLock(dir) && !ecosystem.Exists(dir, lockFile) {
		return ""
	}
	if s, _, err := parseSettings(data); err == nil {
		if slices.ContainsFunc(startTasks(), func(t string) bool { return strings.Contains(s.task(t), "deno ") }) {
			return name
		}
	}
	return ""
}

// otherLock reports a lock file of a package manager of Node.js.
func otherLock(dir fs.FS) bool {
	return slices.ContainsFunc([]string{"package-lock.json", "yarn.lock", "pnpm-lock.yaml", "bun.lock", "bun.lockb"}, func(n string) bool { return ecosystem.Exists(dir, n) })
}

// Inspect completes a service, of which at least the name and path are known, with
// what its files say, and returns the evidence.
func (Ecosystem) Inspect(dir fs.FS, want config.Service, fleet *config.Fleet) (config.Service, []plan.Fact, diag.Findings) {
	s := inspect(dir, want, fleet)
	return s.Want, s.Facts, s.Findings
}

// Plan returns the stages of a service. With an error among the findings, the plan is
// not to be built.
func (Ecosystem) Plan(dir fs.FS, want config.Service, fleet *config.Fleet) (plan.Service, diag.Findings) {
	s := inspect(dir, want, fleet)
	if s.Findings.Errors() != nil {
		return plan.Service{}, s.Findings
	}
	return s.plan(fleet), s.Findings
}

// Services returns "." for a directory that starts, and nothing for a package that
// others import or for the root of a workspace.
func (Ecosystem) Services(dir fs.FS) []string {
	s := inspect(dir, config.Service{Path: "."}, nil)
	if len(s.start) > 0 || s.settings.Exports == nil && s.settings.Workspace == nil {
		return []string{"."}
	}
	return nil
}

// service is what is known of one service.
type service struct {
	ecosystem.Service

	settings settings
	version  string   // of Deno: "2", or one release
	start    []string // exec form
	startEnv []string // NAME=value words before it
	entry    string   // the file that it runs
	build    string   // the task that builds, "" without one
	locked   bool     // there is a deno.lock
	remote   bool     // it imports packages or addresses

	sources []string // entries of the directory that production gets
	nested  []string // what is left out below them
	scan    scan
}

// inspect reads the service's files.
func inspect(dir fs.FS, want config.Service, fleet *config.Fleet) *service {
	s := &service{Service: ecosystem.Open(dir, want, fleet)}
	if !s.readSettings() {
		return s
	}
	s.Name(s.settings.Name)
	s.runtimeVersion()
	s.ReadIgnore()
	s.findTree()
	s.readSources()
	s.packages()
	s.buildTask()
	s.startCommand()
	s.checkStart()
	s.network()
	s.CheckIgnored(s.supplied(), append([]string{s.entry}, s.manifests()...))
	return s
}

// releases are the last releases of the minors of Deno 2, read from the npm registry
// on 2026-11-29.
const releases = "2.0.6 2.1.14 2.2.15 2.3.7 2.4.4 2.5.7 2.6.8 2.7.14 2.8.3 2.9.6"

// toolVersion is the line of Deno in a file of asdf or mise.
var toolVersion = pattern.Lazy(`(?m)^\s*deno\s+([^\s#]+)`)

// runtimeVersion decides on the version of Deno.
func (s *service) runtimeVersion() {
	s.version = "2"
	h := ecosystem.Hit{Text: s.Want.Version}
	if h.Text == "" {
		h = s.versionEvidence()
	}
	if h.Text == "" {
		s.Fact("runtime", "Deno "+s.version, "default: no file names a version", "", 0)
		return
	}
	version, near, err := node.Release(h.Text, releases)
	const hint = "write a version that exists, such as 2"
	switch {
	case err != nil && h.File == "":
		s.OnConfig(ecosystem.CodeRuntime, "write version: 2", "Deno: %v", err)
		return
	case err != nil:
		s.Report(diag.Error, ecosystem.CodeRuntime, h.File, h.Line, hint, "Deno: %v", err)
		return
	case near:
		s.Unwise(ecosystem.CodeNearest, h.File, h.Line, "test with Deno "+version+" and write that", "there is no base of Deno %s; the image has %s", h.Text, version)
	}
	s.version = version
	if h.File == "" {
		s.Configured("runtime", "Deno "+version)
		return
	}
	s.Fact("runtime", "Deno "+version, fmt.Sprintf("requires %q", h.Text), h.File, h.Line)
}

// versionEvidence returns the strongest statement about the version.
func (s *service) versionEvidence() ecosystem.Hit {
	for _, name := range []string{".deno-version", ".dvmrc"} {
		if h := ecosystem.VersionFile(s.Dir, name); h.Found() {
			return h
		}
	}
	if data, err := ecosystem.Read(s.Dir, ecosystem.ToolVersions); err == nil {
		if h := ecosystem.Find(toolVersion(), ecosystem.ToolVersions, data); h.Found() {
			return h
		}
	}
	return ecosystem.MiseTool(s.Dir, "deno")
}
