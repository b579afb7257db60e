package node

import (
	"io/fs"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/ecosystem"
)

// Serves returns the file that a package starts from, or package.json when a
// framework serves it; "" when nothing says that it starts. It tells a server at
// the root of a repository, beside a client in a directory of its own, from the
// manifest that only holds a workspace together.
func (Ecosystem) Serves(dir fs.FS) string {
	m, err := manifestOf(dir, ".")
	if err != nil {
		return ""
	}
	if len(m.membersIn(dir)) > 0 || ecosystem.Exists(dir, "nx.json") || ecosystem.Exists(dir, "lerna.json") {
		return "" // its members are the services
	}
	s := &service{Service: ecosystem.Open(dir, config.Service{}, nil), workspace: workspace{top: dir}, pkg: m, building: "build", node: choice{major: defaultMajor}}
	if s.findFramework(); s.framework.start != nil || m.Scripts["build"] != "" && isSite(dir, m) {
		return "package.json"
	}
	_, process := s.Process()
	if !process && m.Scripts["start"] == "" && m.Scripts["start:prod"] == "" && !ecosystem.Exists(dir, "server.js") {
		return "" // main alone speaks for a library as well
	}
	s.Findings = nil
	s.build = s.buildName()
	s.startCommand()
	entry, _ := s.startFile()
	if entry == "" || s.Findings.Errors() != nil {
		return ""
	}
	if file, ok := s.moduleFile(entry); ok {
		return file
	}
	if s.build == "" || !ecosystem.IsDir(dir, "src") && !ecosystem.Exists(dir, "tsconfig.json") {
		return ""
	}
	return entry // which the build makes
}

// buildName is the name of the script that builds, "" without one.
func (s *service) buildName() string {
	if s.pkg.Scripts[s.building] == "" {
		return ""
	}
	return s.building
}
