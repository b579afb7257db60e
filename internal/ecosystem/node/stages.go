package node

import (
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/plan"
)

// Directories of the build. What production copies is put together under /out,
// so that each part becomes one layer.
const (
	outDeps = "/out/deps"
	outApp  = "/out/app"
)

// npmCache keeps downloads between builds; it is no part of any layer.
func npmCache() []plan.Mount { return []plan.Mount{{Type: "cache", Target: "/root/.npm"}} }

// plan puts the stages together.
func (s *service) plan(fleet *config.Fleet) plan.Service {
	family, user := ecosystem.Settings(fleet)
	b := ecosystem.BasesFor(family, images(s.major))
	b.Toolchain.OnTarget = len(s.native) > 0 || s.Want.Shell && b.ShellFrom != ""
	return s.Service.Plan(b, user, s.dependencies(b), s.builder(), s.RuntimeTools(b, user), s.Production(s.image(b, user)))
}

// image is what production needs.
func (s *service) image(b ecosystem.Bases, u config.User) ecosystem.Image {
	env := map[string]string{"NODE_ENV": "production"}
	for _, pair := range s.startEnv {
		k, v, _ := strings.Cut(pair, "=")
		env[k] = v
	}
	i := ecosystem.Image{
		Bases: b, User: u, Env: env, Start: s.start, InitWhy: "As process 1, node would get no default signal handlers.",
		Layers: []plan.Step{
			{Op: plan.OpCopy, Link: true, From: plan.StageBuilder, Args: []string{outDeps + "/", ecosystem.WorkDir + "/"}},
			{Op: plan.OpCopy, Link: true, From: plan.StageBuilder, Args: []string{outApp + "/", ecosystem.WorkDir + "/"}},
		},
		Version: s.pkg.Version, Description: s.pkg.Description,
	}
	if l, ok := s.pkg.License.(string); ok && l != "UNLICENSED" {
		i.Licence = l
	}
	return i
}

// dependencies installs every package from the manifests alone.
func (s *service) dependencies(b ecosystem.Bases) plan.Stage {
	manifests := []string{"package.json", "package-lock.json"}
	if s.npmrc {
		manifests = append(manifests, ".npmrc")
	}
	install := "npm ci"
	comment := ""
	if len(s.rootRuns) > 0 {
		install = "npm pkg delete scripts." + strings.Join(s.rootRuns, " scripts.") + " && npm ci"
		comment = "The service's own install scripts need its sources; they run in the next stage."
	}
	return plan.Stage{
		Name:          plan.StageDependencies,
		Comment:       "All npm packages, from the manifests alone: runs again only when those change.",
		From:          b.Toolchain.Ref,
		BuildPlatform: len(s.native) == 0,
		Steps: []plan.Step{
			{Op: plan.OpWorkdir, Args: []string{ecosystem.WorkDir}},
			{Op: plan.OpEnv, Args: []string{"NPM_CONFIG_AUDIT=false", "NPM_CONFIG_FUND=false", "NPM_CONFIG_UPDATE_NOTIFIER=false"}},
			{Op: plan.OpCopy, Args: append(manifests, "./")},
			{Op: plan.OpRun, Shell: install, Mounts: npmCache(), Comment: comment},
		},
	}
}

// builder prunes, generates, builds, and lays out what production copies. The
// packages for production are pruned before any source is copied: then neither
// the step nor its layer changes when a source does.
func (s *service) builder() plan.Stage {
	st := plan.Stage{
		Name:    plan.StageBuilder,
		Comment: "Packages for production first, because they depend on the manifests alone; then " + s.work() + ".",
		From:    plan.StageDependencies,
		Steps:   []plan.Step{s.prune()},
	}
	add := func(steps ...plan.Step) { st.Steps = append(st.Steps, steps...) }
	sources := s.sources
	if s.generate != "" && s.codegen.in != "" {
		add(ecosystem.CopyDir(s.codegen.in))
		add(plan.Step{Op: plan.OpRun, Shell: s.run(s.generate), Comment: "Reads the protos and nothing else, so it runs before the sources are there."})
		sources = slices.DeleteFunc(slices.Clone(sources), func(n string) bool { return n == s.codegen.in })
	}
	files, dirs := copies(s.Dir, sources)
	if len(s.rootRuns) > 0 {
		files = append(files, "package.json") // with its scripts again
	}
	if len(files) > 0 {
		add(plan.Step{Op: plan.OpCopy, Args: append(files, "./")})
	}
	for _, d := range dirs {
		add(ecosystem.CopyDir(d))
	}
	var commands []string
	for _, name := range s.rootRuns {
		commands = append(commands, "npm run "+name)
	}
	if s.generate != "" && s.codegen.in == "" {
		commands = append(commands, s.run(s.generate))
	}
	if s.build != "" {
		commands = append(commands, s.run(s.build))
	}
	add(plan.Step{Op: plan.OpRun, Shell: strings.Join(append(commands, s.layOut()), " && ")})
	return st
}

// work names what the builder does after the packages.
func (s *service) work() string {
	switch {
	case s.generate != "" && s.build != "":
		return "the sources, code generation and build"
	case s.build != "":
		return "the sources and the build"
	}
	return "the sources"
}

// prune makes the packages for production. npm's hidden lock file names the
// registry that packages came from, which differs between machines; type
// declarations, source maps and manuals are not read at run time.
func (s *service) prune() plan.Step {
	return plan.Step{
		Op: plan.OpRun,
		Comment: "Without development packages, and without what nothing reads at run time. npm's hidden lock file names the machine's registry: " +
			"left in, equal inputs would give different images.",
		Shell: strings.Join([]string{
			"mkdir -p node_modules " + outDeps + " " + outApp,
			"cp -a package.json package-lock.json node_modules " + outDeps,
			"cd " + outDeps,
			"npm prune --omit=dev --offline --ignore-scripts",
			"rm -rf package.json package-lock.json node_modules/.package-lock.json",
			`find . -type f \( -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' -o -name '*.map' -o -name '*.md' \)` + "\n" +
				`! -path '*/typescript/*' ! -iname '*licen[cs]e*' ! -iname '*notice*' -delete`,
			"find . -mindepth 1 -type d -empty -delete",
		}, " && "),
	}
}

// run returns the command that starts a script. From Node.js 22 on, node does it
// without npm's start-up time where nothing of npm's is asked for.
func (s *service) run(script string) string {
	all := s.pkg.Scripts
	_, pre := all["pre"+script]
	_, post := all["post"+script]
	if s.major >= 22 && !pre && !post && !strings.Contains(all[script], "npm_") && !strings.Contains(all[script], "INIT_CWD") {
		return "node --run " + script
	}
	return "npm run " + script
}

// layOut copies what production needs besides its packages to one place.
func (s *service) layOut() string {
	parts := []string{"package.json"}
	if s.outDir != "" {
		parts = append(parts, s.outDir)
	}
	for _, name := range s.runtime {
		if s.build != "" && s.outDir == "" || !slices.Contains(parts, name) {
			parts = append(parts, name)
		}
	}
	if s.outDir != "" && strings.Contains(s.outDir, "/") {
		return "cp -a --parents " + strings.Join(ecosystem.Quoted(parts), " ") + " " + outApp + "/"
	}
	return "cp -a " + strings.Join(ecosystem.Quoted(parts), " ") + " " + outApp + "/"
}
