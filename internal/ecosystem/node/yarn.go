package node

import (
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/pattern"
)

var (
	yarnPath   = pattern.Lazy(`(?m)^(?:yarnPath:|yarn-path|"yarn-path")\s*['"]?((?:\./)?[\w./-]+\.c?js)['"]?\s*$`)
	yarnLinker = pattern.Lazy(`(?m)^nodeLinker:\s*['"]?([\w-]+)['"]?\s*$`)
)

// focusPlugin installs a single workspace with Yarn 2 and 3; Yarn 4 has it inside.
const focusPlugin = ".yarn/plugins/@yarnpkg/plugin-workspace-tools.cjs"

// yarnConfig reads .yarnrc.yml: the release and the plugins that the repository
// holds, and how packages are laid out. Production has them as node_modules
// whatever the linker is, because node alone starts the program.
func (s *service) yarnConfig() {
	m := &s.manager
	linker := "pnp"
	if major := majorOf(m.version); major >= 4 {
		m.focuses = true
	}
	s.yarnRelease(".yarnrc.yml")
	m.focuses = m.focuses || strings.Contains(m.tool, "yarn-4.")
	if data, err := ecosystem.Read(s.top, ".yarnrc.yml"); err == nil {
		if f := yarnLinker().FindSubmatch(data); f != nil {
			linker = string(f[1])
		}
	}
	if linker != "node-modules" {
		s.Report(diag.Info, codeLinker, s.topFile(m.lock), 0, "nodeLinker: node-modules in .yarnrc.yml makes your machine do the same",
			"Yarn's linker is %s; the image gets the same packages as node_modules", linker)
	}
	m.focuses = m.focuses || ecosystem.Exists(s.top, focusPlugin)
	for _, dir := range []string{".yarn/patches", ".yarn/plugins"} {
		if ecosystem.IsDir(s.top, dir) {
			m.files = append(m.files, dir)
		}
	}
}

// yarnRelease takes the release of Yarn that a configuration file names.
func (s *service) yarnRelease(config string) {
	data, err := ecosystem.Read(s.top, config)
	if err != nil {
		return
	}
	f := yarnPath().FindSubmatch(data)
	if f == nil {
		return
	}
	s.manager.release = true
	if at := path.Clean(string(f[1])); inside(at) && ecosystem.Exists(s.top, at) {
		s.manager.tool = at
	}
}

// withoutFocus are the commands that leave the packages of the service alone with a
// Yarn that installs no single workspace: the manifests of the others get none.
func (s *service) withoutFocus() []string {
	out := []string{"npm pkg delete devDependencies"}
	for _, dir := range s.all {
		gone := "devDependencies"
		if dir != s.member && !slices.ContainsFunc(s.needed, func(m member) bool { return m.dir == dir && m.runtime }) {
			gone += " dependencies optionalDependencies"
		}
		out = append(out, "npm --prefix "+dir+" pkg delete "+gone)
	}
	return out
}
