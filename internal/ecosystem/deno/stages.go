package deno

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/plan"
)

// cacheDir is where Deno keeps packages; the same place in builds and in production.
const (
	cacheDir = "/deno-dir"
	outApp   = "/out/app"
)

// images names the images of a version of Deno.
func images(version string) ecosystem.Images {
	debian, official := "slipway/deno:"+version+"-"+ecosystem.Suite, "denoland/deno:"
	if version == "2" {
		return ecosystem.Images{
			Ecosystem: "deno", Version: version, Init: "/usr/bin/tini",
			Debian:   ecosystem.Pair{Toolchain: debian + "-toolchain", Runtime: debian},
			Official: ecosystem.Pair{Toolchain: official + "debian", Runtime: official + "distroless"},
			Alpine:   ecosystem.Pair{Toolchain: official + "alpine", Runtime: official + "alpine"},
		}
	}
	return ecosystem.Images{
		Ecosystem: "deno", Version: version, Init: "/usr/bin/tini",
		Debian:   ecosystem.Pair{Toolchain: debian + "-toolchain", Runtime: debian},
		Official: ecosystem.Pair{Toolchain: official + "debian-" + version, Runtime: official + "distroless-" + version},
		Alpine:   ecosystem.Pair{Toolchain: official + "alpine-" + version, Runtime: official + "alpine-" + version},
	}
}

// plan puts the stages together.
func (s *service) plan(fleet *config.Fleet) plan.Service {
	family, user := ecosystem.Settings(fleet)
	b := s.Extend(ecosystem.BasesFor(family, images(s.version)))
	b.Toolchain.OnTarget = s.remote // packages may have files for one platform
	p := s.Service.Plan(b, user, s.dependencies(b), s.builder(), s.RuntimeTools(b, user), s.Production(s.image(b, user)))
	s.prove(&p)
	return p
}

// frozen is the option that keeps Deno from changing the lock file.
func (s *service) frozen() string {
	if s.locked {
		return " --frozen"
	}
	return ""
}

// dependencies installs the packages that the manifests name.
func (s *service) dependencies(b ecosystem.Bases) plan.Stage {
	st := plan.Stage{
		Name: plan.StageDependencies, Comment: "All packages of deno.json, reinstalled only when a manifest changes.", From: b.Toolchain.Ref,
		BuildPlatform: !b.Toolchain.OnTarget,
		Steps: []plan.Step{
			{Op: plan.OpWorkdir, Args: []string{ecosystem.WorkDir}},
			{Op: plan.OpEnv, Args: []string{"DENO_DIR=" + cacheDir, "DENO_NO_PROMPT=1", "DENO_NO_UPDATE_CHECK=1"}},
		},
	}
	if m := s.manifests(); len(m) > 0 {
		st.Steps = append(st.Steps, plan.Step{Op: plan.OpCopy, Args: append(m, "./")})
	}
	install := "mkdir -p " + cacheDir
	if s.settings.file != "" || s.settings.npm {
		install += " && deno install" + s.frozen()
	}
	st.Steps = append(st.Steps, plan.Step{Op: plan.OpRun, Shell: install})
	return st
}

// builder downloads what the sources import, builds, and lays out what production
// copies.
func (s *service) builder() plan.Stage {
	st := plan.Stage{Name: plan.StageBuilder, Comment: "The sources, and the packages that they import.", From: plan.StageDependencies}
	st.Steps = append(st.Steps, copies(s.sources, func(name string) bool { return ecosystem.IsDir(s.Dir, name) })...)
	var commands []string
	if s.Ignore.Own && len(s.nested) > 0 {
		commands = append(commands, "rm -rf "+strings.Join(ecosystem.Quoted(s.nested), " "))
	}
	if s.build != "" {
		commands = append(commands, "deno task "+s.build)
	}
	if s.entry != "" {
		commands = append(commands, "deno install"+s.frozen()+" --entrypoint "+ecosystem.Quoted([]string{s.entry})[0])
	}
	if s.remote {
		st.Steps = append(st.Steps, plan.Step{Op: plan.OpCopy, Args: []string{settleFile}, Content: settle, Comment: "Makes what Deno downloads the same on every machine."})
		commands = append(commands, "deno run -A --no-config --no-lock "+settleFile+" "+packagesHost)
	}
	commands = append(commands, leftovers, "mkdir -p "+outApp, "cp -a . "+outApp+"/")
	if ecosystem.Exists(s.Dir, ".npmrc") {
		commands = append(commands, "rm -f "+outApp+"/.npmrc") // it may name registries, with credentials
	}
	st.Steps = append(st.Steps, plan.Step{Op: plan.OpRun, Shell: strings.Join(commands, " && ")})
	return st
}

// leftovers deletes what Deno notes for itself, with times: analyses and bytecode.
const leftovers = "rm -rf " + cacheDir + "/*_cache_v* " + cacheDir + "/gen " + cacheDir + "/*.json"

// image is what production needs.
func (s *service) image(b ecosystem.Bases, u config.User) ecosystem.Image {
	env := map[string]string{"DENO_DIR": cacheDir, "DENO_NO_PROMPT": "1", "DENO_NO_UPDATE_CHECK": "1"}
	if s.remote {
		env["NPM_CONFIG_REGISTRY"] = "https://" + packagesHost + "/"
	}
	for _, pair := range s.startEnv {
		k, v, _ := strings.Cut(pair, "=")
		env[k] = v
	}
	start := slices.Clone(s.start)
	if port := strconv.Itoa(s.Want.Port); s.Want.Port > 0 {
		switch {
		case len(start) > 1 && start[1] == "serve" && len(s.Want.Command) == 0:
			if flagValue(start, "--port") == "" && port != defaultPort {
				start = slices.Insert(start, 2, "--port="+port)
			}
		case s.scan.portRead.Found():
			env["PORT"] = port
		}
	}
	return ecosystem.Image{
		Bases: b, User: u, Env: maps.Clone(env), Start: start, Writable: s.Writable(),
		InitWhy: "As PID 1, deno would ignore signals that the program does not handle.",
		Layers: []plan.Step{
			{Op: plan.OpCopy, Link: true, From: plan.StageBuilder, Args: []string{cacheDir + "/", cacheDir + "/"}},
			{Op: plan.OpCopy, Link: true, From: plan.StageBuilder, Args: []string{outApp + "/", ecosystem.WorkDir + "/"}},
		},
		Version: s.settings.Version, Licence: s.settings.License,
	}
}

// copies are the steps that bring entries of the service's directory: all files at once,
// and each directory.
func copies(names []string, isDir func(string) bool) []plan.Step {
	var files []string
	var dirs []plan.Step
	for _, name := range names {
		if isDir(name) {
			dirs = append(dirs, ecosystem.CopyDir(name))
		} else {
			files = append(files, name)
		}
	}
	if len(files) == 0 {
		return dirs
	}
	return append([]plan.Step{{Op: plan.OpCopy, Args: append(files, "./")}}, dirs...)
}
