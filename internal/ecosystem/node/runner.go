package node

import (
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/ecosystem"
)

// runner is a program of a package that runs a service instead of node.
type runner struct {
	name, pkg string
	file      string   // of the package, that the program is
	port      string   // where it listens unless PORT says otherwise; "" when the sources decide
	env       []string // so that it is reached from outside of the container
}

// runners are those that are meant for production.
func runners() []runner {
	return []runner{
		{"fastify", "fastify-cli", "cli.js", "3000", []string{"FASTIFY_ADDRESS=0.0.0.0"}},
		{"functions-framework", "@google-cloud/functions-framework", "build/src/main.js", "8080", nil},
		{"probot", "probot", "bin/probot.js", "3000", []string{"HOST=0.0.0.0"}},
		{"strapi", "@strapi/strapi", "bin/strapi.js", "1337", []string{"HOST=0.0.0.0"}},
		{"moleculer-runner", "moleculer", "bin/moleculer-runner.js", "", nil},
		{"ts-node", "ts-node", "dist/bin.js", "", nil},
	}
}

// withRunner starts a runner of the production dependencies by its file, which
// needs neither a shell nor npm.
func (s *service) withRunner(argv []string) []string {
	i := slices.IndexFunc(runners(), func(r runner) bool { return r.name == argv[0] && s.pkg.Dependencies[r.pkg] != "" })
	if i < 0 || len(argv) > 1 && argv[1] == "develop" {
		return argv
	}
	s.runner = runners()[i]
	s.startEnv = append(s.startEnv, s.runner.env...)
	file := "node_modules/.bin/" + s.runner.name
	switch {
	case s.manager.name == "pnpm":
		file = path.Join("node_modules", s.runner.pkg, s.runner.file)
	case s.member != "":
		file = s.topFile(file)
	}
	return slices.Concat([]string{"node", file}, argv[1:])
}

// runnerEvidence is what a runner tells of the network.
func (s *service) runnerEvidence(e *ecosystem.Evidence) {
	line := s.pkg.line("dependencies", s.runner.pkg)
	e.HTTP.Keep(ecosystem.Hit{File: "package.json", Line: line, Why: "the server of " + s.runner.pkg})
	if m := portFlag().FindStringSubmatch(" " + strings.Join(s.start, " ")); m != nil {
		e.Port = ecosystem.Hit{Text: m[1], File: "package.json", Line: line, Why: "start script"}
		return
	}
	e.Port.Keep(ecosystem.Hit{Text: s.runner.port, File: "package.json", Line: line, Why: "the default of " + s.runner.name})
}

// programHint says how a program of a dependency is started without a shell.
func (s *service) programHint(argv []string) string {
	const hint = `write command: ["node", "…"] for the service in slipway.yaml`
	isOf := func(pkg string) bool { return pkg == argv[0] || path.Base(pkg) == argv[0] || pkg == argv[0]+"-cli" }
	for pkg := range s.pkg.Dependencies {
		if isOf(pkg) && s.manager.name != "pnpm" {
			return `write command: ["node", "node_modules/.bin/` + strings.Join(argv, `", "`) + `"] for the service in slipway.yaml`
		}
	}
	return hint
}
