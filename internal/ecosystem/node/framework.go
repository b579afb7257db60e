package node

import (
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/pattern"
)

// framework is what is known of programs made with one: where the build goes,
// how the result starts, on which port it listens unless told otherwise.
type framework struct {
	name      string
	out       string   // what the build writes
	start     []string // nil: the start script decides
	port      string
	env       map[string]string // of the running service
	complete  bool              // the output holds every package that it needs
	buildEnv  string            // NAME=value for the build
	bin       string            // name of the program in its package, whose file differs between versions
	container string            // directory of the output whose content is the application, "" for the output itself
}

// frameworkOf returns the framework of a package and the dependency that tells.
func frameworkOf(m *manifest) (framework, string) {
	everywhere := map[string]string{"HOST": "0.0.0.0"}
	for _, f := range []struct {
		dep string
		framework
	}{
		{"next", framework{name: "Next.js", out: ".next", start: []string{"node", "server.js"}, port: "3000", complete: true,
			env: map[string]string{"HOSTNAME": "0.0.0.0", "NEXT_TELEMETRY_DISABLED": "1"}, buildEnv: "NEXT_TELEMETRY_DISABLED=1", container: ".next/standalone"}},
		{"nuxt", framework{name: "Nuxt", out: ".output", start: []string{"node", ".output/server/index.mjs"}, port: "3000", complete: true, env: everywhere, buildEnv: "NUXT_TELEMETRY_DISABLED=1"}},
		{"@react-router/serve", framework{name: "React Router", out: "build", start: []string{"node", "node_modules/@react-router/serve/bin.cjs", "build/server/index.js"}, port: "3000", env: everywhere, bin: "react-router-serve"}},
		{"@remix-run/serve", framework{name: "Remix", out: "build", start: []string{"node", "node_modules/@remix-run/serve/dist/cli.js", "build/server/index.js"}, port: "3000", env: everywhere, bin: "remix-serve"}},
		{"@sveltejs/adapter-node", framework{name: "SvelteKit", out: "build", start: []string{"node", "build/index.js"}, port: "3000", env: everywhere}},
		{"@astrojs/node", framework{name: "Astro", out: "dist", start: []string{"node", "dist/server/entry.mjs"}, port: "4321", env: everywhere, buildEnv: "ASTRO_TELEMETRY_DISABLED=1"}},
		{"@tanstack/react-start", framework{name: "TanStack Start", out: ".output", start: []string{"node", ".output/server/index.mjs"}, port: "3000", complete: true, env: everywhere}},
		{"@tanstack/solid-start", framework{name: "TanStack Start", out: ".output", start: []string{"node", ".output/server/index.mjs"}, port: "3000", complete: true, env: everywhere}},
		{"@solidjs/start", framework{name: "SolidStart", out: ".output", start: []string{"node", ".output/server/index.mjs"}, port: "3000", complete: true, env: everywhere}},
		{"@nestjs/core", framework{name: "NestJS", out: "dist"}},
	} {
		for _, deps := range []map[string]string{m.Dependencies, m.DevDeps} {
			if _, ok := deps[f.dep]; ok {
				return f.framework, f.dep
			}
		}
	}
	return framework{}, ""
}

// findFramework notes the framework and what has to be said about it.
func (s *service) findFramework() {
	f, dep := frameworkOf(s.pkg)
	if f.name == "" {
		s.svelteAdapter()
		return
	}
	line := max(s.pkg.line("dependencies", dep), s.pkg.line("devDependencies", dep))
	if f.name == "NestJS" || s.pkg.Scripts[s.building] == "" || s.ownServer(f) || f.out == ".output" && f.name != "Nuxt" && !s.hasNitro() {
		s.Fact("framework", f.name, "dependency "+dep, "package.json", line)
		return
	}
	s.framework = f
	s.Fact("framework", f.name, "dependency "+dep, "package.json", line)
	if f.name == "Next.js" {
		s.standalone()
	}
}

// hasNitro tells whether the build of a framework that has no server of its own
// gets one by Nitro, which other frameworks call vinxi.
func (s *service) hasNitro() bool {
	all := union(s.pkg.Dependencies, s.pkg.DevDeps)
	return slices.ContainsFunc([]string{"nitro", "nitropack", "vinxi", "@tanstack/nitro-v2-vite-plugin"}, func(name string) bool { _, ok := all[name]; return ok })
}

// ownServer tells whether the start script runs a program of the service itself
// rather than the framework's server: then the script decides.
func (s *service) ownServer(f framework) bool {
	if len(s.Want.Command) > 0 {
		return true
	}
	words := strings.Fields(s.pkg.Scripts["start"])
	i := slices.Index(words, "node")
	if i < 0 || i+1 >= len(words) {
		return false
	}
	entry := path.Clean(words[len(words)-1])
	return entry != f.out && !strings.HasPrefix(entry, f.out+"/")
}

var (
	standaloneOutput = pattern.Lazy(`output\s*:\s*['"]standalone['"]`)
	exportOutput     = pattern.Lazy(`output\s*:\s*['"]export['"]`)
)

// standalone makes Next.js write a server with just the packages that it needs.
func (s *service) standalone() {
	config := "next.config.js"
	for _, name := range []string{"next.config.ts", "next.config.mjs", "next.config.js", "next.config.cjs"} {
		data, err := ecosystem.Read(s.Dir, name)
		if err != nil {
			continue
		}
		config = name
		if loc := standaloneOutput().FindIndex(data); loc != nil {
			s.Fact("output", "standalone", "as configured", name, ecosystem.LineAt(data, int64(loc[0])))
			return
		}
		if loc := exportOutput().FindIndex(data); loc != nil {
			s.Report(diag.Error, codeFramework, name, ecosystem.LineAt(data, int64(loc[0])), "delete the line, or serve the directory out as a static site",
				"output: 'export' produces a static site, not a server")
			return
		}
		break
	}
	s.framework.buildEnv += " NEXT_PRIVATE_STANDALONE=true"
	s.Report(diag.Info, codeFramework, config, 0, "add output: 'standalone' to "+config+" so that every build does the same",
		"an environment variable makes Next.js write a standalone server")
}

// frameworkLayOut copies what a framework's build wrote. Next.js leaves static
// files beside its server, to be put on a network of caches; here it serves them.
func (s *service) frameworkLayOut() []string {
	f := s.framework
	if f.container == "" {
		return nil
	}
	to, all := path.Join(outApp, s.home, s.member), path.Join(outApp, s.home)
	out := []string{"mkdir -p " + all, "cp -a " + f.container + "/. " + all + "/", "mkdir -p " + to + "/.next", "cp -a .next/static " + to + "/.next/"}
	if ecosystem.IsDir(s.Dir, "public") {
		out = append(out, "cp -a public "+to+"/")
	}
	out = append(out, "rm -rf "+to+"/.next/cache")
	return append(out, s.wantedFiles(to+"/")...)
}

var portFlag = pattern.Lazy(`\s(?:-p|--port)[ =](\d{2,5})\b`)

// frameworkEvidence is what a framework tells of the network: its server, its
// port, and a file whose place makes it the route of a health check.
func (s *service) frameworkEvidence(e *ecosystem.Evidence) {
	line := s.pkg.line("scripts", s.building)
	e.GRPC = ecosystem.Hit{}
	e.HTTP = ecosystem.Hit{File: "package.json", Line: line, Why: "the server of " + s.framework.name}
	e.Port = ecosystem.Hit{Text: s.framework.port, File: "package.json", Line: line, Why: "the default of " + s.framework.name}
	if m := portFlag().FindStringSubmatch(s.pkg.Scripts["start"]); m != nil {
		e.Port = ecosystem.Hit{Text: m[1], File: "package.json", Line: s.pkg.line("scripts", "start"), Why: "start script"}
	}
	for _, name := range []string{"health", "healthz"} {
		for _, r := range [][2]string{
			{"app/api/%/route", "/api/"}, {"src/app/api/%/route", "/api/"}, {"app/%/route", "/"}, {"src/app/%/route", "/"}, {"pages/api/%", "/api/"}, {"src/pages/api/%", "/api/"},
			{"server/api/%", "/api/"}, {"server/api/%.get", "/api/"}, {"server/routes/%", "/"}, {"server/routes/%.get", "/"}, {"src/routes/%/+server", "/"}, {"src/routes/api/%/+server", "/api/"},
			{"app/routes/%", "/"}, {"src/pages/%", "/"},
		} {
			for _, ext := range []string{".ts", ".js", ".tsx", ".jsx"} {
				if file := strings.ReplaceAll(r[0], "%", name) + ext; ecosystem.Exists(s.Dir, file) {
					e.Route = ecosystem.Hit{Text: r[1] + name, File: file, Why: "the route's file"}
					return
				}
			}
		}
	}
}

// frameworkStart is the start command; the programs of packages lie where the
// manager of a workspace puts what its members share. pnpm's links to programs
// are scripts for a shell, and do not ship.
func (s *service) frameworkStart() []string {
	start := slices.Clone(s.framework.start)
	if s.framework.bin != "" && s.manager.name != "pnpm" {
		start[1] = "node_modules/.bin/" + s.framework.bin
	}
	if s.member != "" && s.manager.name != "pnpm" && strings.HasPrefix(start[1], "node_modules/") {
		start[1] = s.topFile(start[1])
	}
	return start
}
