package node

import (
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strconv"
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

// plan puts the stages together.
func (s *service) plan(fleet *config.Fleet) plan.Service {
	family, user := ecosystem.Settings(fleet)
	if s.site != nil {
		return s.sitePlan(family, user)
	}
	b := s.Extend(ecosystem.BasesFor(family, s.images()))
	b.Toolchain.OnTarget = b.Toolchain.OnTarget || s.onTarget() || s.Want.Shell && b.ShellFrom != ""
	stages := s.install(b)
	switch {
	case s.framework.complete:
		stages = append(stages, s.builder())
	case s.carries:
		stages = append(stages, s.builder(), s.packages())
	default:
		stages = append(stages, s.packages(), s.builder())
	}
	p := s.Service.Plan(b, user, append(stages, s.RuntimeTools(b, user), s.Production(s.image(b, user)))...)
	if dir := s.contextDir(); dir != "" {
		p.Dir = dir
	}
	s.prove(&p)
	return p
}

// onTarget tells whether packages are installed on the platform that the image
// is for.
func (s *service) onTarget() bool {
	return s.site == nil && (len(s.native) > 0 || len(s.compiled) > 0 || len(s.Want.Packages.Build) > 0)
}

// image is what production needs.
func (s *service) image(b ecosystem.Bases, u config.User) ecosystem.Image {
	env, program := map[string]string{"NODE_ENV": "production"}, "node"
	if s.bun.runs() {
		env["BUN_RUNTIME_TRANSPILER_CACHE_PATH"], program = "0", "bun" // else it would write to the home directory
	}
	maps.Copy(env, s.framework.env)
	maps.Copy(env, s.systemEnv)
	if s.Want.Port > 0 && s.tellsPort != "" {
		env[s.tellsPort] = strconv.Itoa(s.Want.Port)
	}
	for _, pair := range s.startEnv {
		k, v, _ := strings.Cut(pair, "=")
		env[k] = v
	}
	i := ecosystem.Image{
		Bases: b, User: u, Dir: path.Join(s.home, s.member), Env: env, Start: s.start, InitWhy: "As PID 1, " + program + " would ignore signals that the program does not handle.",
		Layers:   []plan.Step{{Op: plan.OpCopy, Link: true, From: plan.StageBuilder, Args: []string{outApp + "/", ecosystem.WorkDir + "/"}}},
		Manifest: "package.json", Version: s.pkg.Version, Description: s.pkg.Description,
	}
	if !s.framework.complete {
		i.Layers = slices.Insert(i.Layers, 0, plan.Step{Op: plan.OpCopy, Link: true, From: plan.StagePackages, Args: []string{outDeps + "/", ecosystem.WorkDir + "/"}})
	}
	i.Layers = append(i.Layers, s.movedData(fmt.Sprintf("%d:%d", u.UID, u.GID))...)
	i.Writable = s.Writable()
	if l, ok := s.pkg.License.(string); ok && l != "UNLICENSED" {
		i.Licence = l
	}
	return i
}

// manifests are the manifests and files that the manager reads, directories apart.
func (s *service) manifests() (top, dirs, members []string) {
	top = []string{"package.json"}
	if !s.manager.bare {
		top = append(top, s.manager.lock)
	}
	for _, name := range slices.Compact(slices.Concat(s.manager.files, s.local, []string{"patches", ecosystem.Or(s.patchDir, "patches")})) {
		switch {
		case ecosystem.IsDir(s.top, name):
			dirs = append(dirs, name)
		case ecosystem.Exists(s.top, name):
			top = append(top, name)
		}
	}
	if s.member != "" {
		members = append(members, s.member)
	}
	for _, m := range s.needed {
		members = append(members, m.dir)
	}
	if s.member != "" && s.manager.name == "berry" {
		members = s.all // its lock file has to fit all of them
	}
	return top, dirs, members
}

// install are the stages that install every package: the manifests, where
// services can share them, and the install.
func (s *service) install(b ecosystem.Bases) []plan.Stage {
	if s.sharesInstall() {
		return []plan.Stage{s.manifestsStage(), s.dependencies(b)}
	}
	return []plan.Stage{s.dependencies(b)}
}

// dependencies installs every package from the manifests alone.
func (s *service) dependencies(b ecosystem.Bases) plan.Stage {
	top, dirs, members := s.manifests()
	comment := ""
	without := s.withoutScripts()
	if len(without) > 0 {
		comment = "Skip the service's install scripts: they need its sources and run in the builder stage."
		if s.member != "" {
			comment = "Skip the workspace's install scripts: they need sources, which come later."
		}
	}
	st := plan.Stage{
		Name:          plan.StageDependencies,
		Comment:       "All " + strings.Fields(s.manager.title())[0] + " packages, reinstalled only when a manifest changes.",
		From:          b.Toolchain.Ref,
		BuildPlatform: !s.onTarget(),
		Steps: []plan.Step{
			{Op: plan.OpWorkdir, Args: []string{s.workDir()}},
			{Op: plan.OpEnv, Args: append(s.manager.environment(), s.installEnv...)},
		},
	}
	if !s.bun.runs() || s.manager.name != "bun" || !b.Toolchain.Assembled {
		st.Steps = append(st.Steps, s.setUp()...)
	}
	st.Steps = append(st.Steps, s.outsideSteps()...)
	for i, name := range top {
		top[i] = s.fromTop(name)
	}
	manifests := plan.Step{Op: plan.OpCopy, Args: append(top, "./")}
	if s.sharesInstall() {
		manifests.From = plan.StageManifests
	}
	st.Steps = append(st.Steps, manifests)
	for _, d := range dirs {
		st.Steps = append(st.Steps, s.copyFromTop(d))
	}
	for _, m := range members {
		st.Steps = append(st.Steps, plan.Step{Op: plan.OpCopy, Args: []string{s.fromTop(m + "/package.json"), m + "/"}})
	}
	if s.oldLock {
		without = append(without, s.manager.currentLock())
	}
	if s.keepsTree() {
		st.Steps = append(st.Steps, s.keptInstall(without, comment)...)
		return st
	}
	install := append(without, s.manager.install(s.member, s.pkg.Name))
	if patch := s.patched(true); patch != "" {
		install = append(install, patch)
	}
	st.Steps = append(st.Steps, plan.Step{Op: plan.OpRun, Shell: strings.Join(install, " && "), Mounts: s.manager.caches(), Comment: comment})
	return st
}

// withoutScripts are commands that take the install scripts out of the manifests,
// because they need sources.
func (s *service) withoutScripts() []string {
	var out []string
	strip := func(dir string, m *manifest) {
		var names []string
		for _, name := range lifecycle() {
			if m.Scripts[name] != "" {
				names = append(names, "scripts."+name)
			}
		}
		switch {
		case len(names) == 0:
		case dir == "":
			out = append(out, "npm pkg delete "+strings.Join(names, " "))
		default:
			out = append(out, "npm --prefix "+dir+" pkg delete "+strings.Join(names, " "))
		}
	}
	if s.member != "" {
		strip("", s.root)
	}
	strip(s.member, s.pkg)
	for _, m := range s.needed {
		strip(m.dir, m.pkg)
	}
	return out
}

// packages makes those for production, beside the builder: neither waits for the
// other, and no change of a source runs it again.
func (s *service) packages() plan.Stage {
	if s.carries {
		st := plan.Stage{Name: plan.StagePackages, Comment: "Production packages, including files that install scripts changed.", From: plan.StageBuilder}
		if s.member != "" {
			st.Steps = append(st.Steps, plan.Step{Op: plan.OpWorkdir, Args: []string{s.workDir()}})
		}
		if s.manager.name != "npm" || s.member != "" {
			st.Steps = append(st.Steps, s.carry()...)
		}
		st.Steps = append(st.Steps, s.prune())
		return st
	}
	return plan.Stage{
		Name:    plan.StagePackages,
		Comment: "Production packages, prepared in parallel with the builder stage.",
		From:    plan.StageDependencies,
		Steps:   []plan.Step{s.prune()},
	}
}

// builder generates, builds, and lays out what production copies.
func (s *service) builder() plan.Stage {
	st := plan.Stage{Name: plan.StageBuilder, Comment: s.work(), From: plan.StageDependencies}
	switch {
	case s.site != nil:
		st.Comment, st.Steps = "The sources and the build, then the site compressed for nginx.", s.site.Pack()
	case s.framework.complete:
		st.Comment = "The sources and the build. " + s.framework.name + " bundles its packages with the server."
	}
	add := func(steps ...plan.Step) { st.Steps = append(st.Steps, steps...) }
	add(s.libraries()...)
	sources := s.sources
	if s.sharesInstall() {
		add(plan.Step{Op: plan.OpCopy, Args: append(s.ownManifests(), "./")})
	}
	if s.generate != "" && s.codegen.in != "" {
		add(s.copyDir(s.codegen.in))
		add(plan.Step{Op: plan.OpRun, Shell: s.run(s.generate), Comment: "Reads only the protos, so a change of other sources does not rerun it."})
		sources = slices.DeleteFunc(slices.Clone(sources), func(n string) bool { return n == s.codegen.in })
	}
	files, dirs := copies(s.Dir, sources)
	if len(s.rootRuns) > 0 && !s.sharesInstall() {
		files = append(files, "package.json") // with its scripts again
	}
	if len(files) > 0 {
		for i, name := range files {
			files[i] = s.in(name)
		}
		add(plan.Step{Op: plan.OpCopy, Args: append(files, "./")})
	}
	for _, d := range dirs {
		add(s.copyDir(d))
	}
	var commands []string
	for _, command := range s.rootRuns {
		if !strings.HasPrefix(command, "npm run ") {
			command = s.inBin(command)
		}
		commands = append(commands, command)
	}
	if s.generate != "" && s.codegen.in == "" {
		commands = append(commands, s.run(s.generate))
	}
	if s.prisma.generate {
		commands = append(commands, s.prismaCommand())
	}
	commands = append(commands, s.adapter...)
	if s.build != "" {
		commands = append(commands, strings.TrimSpace(s.framework.buildEnv+" "+s.run(s.build)))
	}
	lay := s.frameworkLayOut()
	if lay == nil {
		lay = s.layOut()
	}
	if s.prisma.inModules && s.site == nil && !s.framework.complete {
		lay = append(lay, s.keepPrisma())
	}
	add(plan.Step{Op: plan.OpRun, Shell: strings.Join(append(commands, lay...), " && ")})
	return st
}

// copyDir copies a directory of the service to its own place.
func (s *service) copyDir(name string) plan.Step {
	return plan.Step{Op: plan.OpCopy, Args: []string{s.in(name) + "/", name + "/"}}
}

// libraries are the steps that build what the service needs of its workspace,
// each from its own sources, so that a change of one builds no other again.
func (s *service) libraries() []plan.Step {
	if s.member == "" {
		return nil
	}
	var steps []plan.Step
	builds := s.build != "" || slices.ContainsFunc(s.needed, func(m member) bool { return m.pkg.Scripts["build"]+m.pkg.Scripts["prepare"] != "" })
	if files := s.sharedFiles(); builds && len(files) > 0 {
		for i, name := range files {
			files[i] = s.fromTop(name)
		}
		steps = append(steps, plan.Step{Op: plan.OpCopy, Args: append(files, "./")})
	}
	for _, m := range s.needed {
		steps = append(steps, s.copyFromTop(m.dir))
		var commands []string
		exclude := "--exclude=node_modules"
		for _, script := range []string{"build", "prepare"} {
			if m.pkg.Scripts[script] != "" {
				commands = append(commands, "npm --prefix "+m.dir+" run "+script)
				if !m.pkg.startsIn("src/") {
					exclude += " --exclude=" + m.dir + "/src"
				}
				break
			}
		}
		if m.runtime && !s.framework.complete {
			to := path.Join(outApp, s.home)
			commands = append(commands, "mkdir -p "+to, "tar -c "+exclude+" "+m.dir+" | tar -x -C "+to)
		}
		if len(commands) > 0 {
			steps = append(steps, plan.Step{Op: plan.OpRun, Shell: strings.Join(commands, " && ")})
		}
	}
	return append(steps, plan.Step{Op: plan.OpWorkdir, Args: []string{path.Join(s.workDir(), s.member)}})
}

// sharedFiles are files of the workspace's root that the builds of its members
// read.
func (s *service) sharedFiles() []string {
	var out []string
	global := s.globalInputs()
	entries, _ := fs.ReadDir(s.top, ".")
	for _, e := range entries {
		name := e.Name()
		config := strings.HasPrefix(name, "tsconfig") && strings.HasSuffix(name, ".json") || strings.HasPrefix(name, "babel.config.") ||
			name == ".swcrc" || name == ".babelrc" || slices.Contains(global, name) ||
			(name == "turbo.json" || name == "nx.json") && s.orchestrated(strings.TrimSuffix(name, ".json"))
		if slices.Contains(s.manager.files, name) || name == "package.json" || name == s.manager.lock {
			continue // copied before
		}
		if config && e.Type().IsRegular() && !s.Ignore.Excludes(name) {
			out = append(out, name)
		}
	}
	return out
}
