package node

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/plan"
)

// Directories of the build. What production copies is put together under /out,
// so that each part becomes one layer.
const (
	workDir = "/app"
	outDeps = "/out/deps"
	outApp  = "/out/app"
)

// npmCache keeps downloads between builds; it is no part of any layer.
func npmCache() []plan.Mount { return []plan.Mount{{Type: "cache", Target: "/root/.npm"}} }

// plan puts the stages together.
func (s *service) plan(fleet *config.Fleet) plan.Service {
	family, user := config.Bases{Family: "debian"}, config.DefaultUser()
	if fleet != nil {
		family, user = fleet.Bases, fleet.User
	}
	b := basesFor(family, s.major)
	b.toolchain.OnTarget = len(s.native) > 0 || s.want.Shell && b.shellFrom != ""
	h := s.want.Health
	return plan.Service{
		Name:        s.want.Name,
		Dir:         s.want.Path,
		Type:        s.want.Type,
		Port:        s.want.Port,
		MemoryBytes: s.want.MemoryBytes,
		User:        fmt.Sprintf("%d:%d", user.UID, user.GID),
		Health:      plan.HealthCheck{GRPC: h.GRPC, HTTP: h.HTTP, TCP: h.TCP, Command: h.Command, Health: timing(h)},
		Facts:       s.facts,
		Bases:       b.list(),
		Stages: []plan.Stage{
			s.dependencies(b), s.builder(), s.runtimeTools(b, user), s.production(b, user),
		},
		DockerIgnore: s.ignore.patterns,
	}
}

// timing fills in the defaults of a health check. The interval is the Docker
// Engine's in a third: a fleet is up as soon as its slowest probe says so.
func timing(h config.Health) plan.Health {
	out := plan.Health{Interval: h.Interval, Timeout: h.Timeout, StartPeriod: h.StartPeriod, Retries: h.Retries}
	for _, d := range []struct {
		at     *time.Duration
		unless time.Duration
	}{{&out.Interval, 10 * time.Second}, {&out.Timeout, 3 * time.Second}, {&out.StartPeriod, 15 * time.Second}} {
		if *d.at == 0 {
			*d.at = d.unless
		}
	}
	if out.Retries == 0 {
		out.Retries = 3
	}
	return out
}

// dependencies installs every package from the manifests alone.
func (s *service) dependencies(b bases) plan.Stage {
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
		From:          b.toolchain.Ref,
		BuildPlatform: len(s.native) == 0,
		Steps: []plan.Step{
			{Op: plan.OpWorkdir, Args: []string{workDir}},
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
		add(copyDir(s.codegen.in))
		add(plan.Step{Op: plan.OpRun, Shell: s.run(s.generate), Comment: "Reads the protos and nothing else, so it runs before the sources are there."})
		sources = slices.DeleteFunc(slices.Clone(sources), func(n string) bool { return n == s.codegen.in })
	}
	files, dirs := copies(s.dir, sources)
	if len(s.rootRuns) > 0 {
		files = append(files, "package.json") // with its scripts again
	}
	if len(files) > 0 {
		add(plan.Step{Op: plan.OpCopy, Args: append(files, "./")})
	}
	for _, d := range dirs {
		add(copyDir(d))
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

func copyDir(name string) plan.Step {
	return plan.Step{Op: plan.OpCopy, Args: []string{name + "/", name + "/"}}
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
		return "cp -a --parents " + strings.Join(quoteAll(parts), " ") + " " + outApp + "/"
	}
	return "cp -a " + strings.Join(quoteAll(parts), " ") + " " + outApp + "/"
}

// quoteAll quotes the words that a shell would take apart.
func quoteAll(words []string) []string {
	out := make([]string, 0, len(words))
	for _, w := range words {
		if strings.ContainsAny(w, " \t'\"$`\\*?[]()&|;<>#~!{}") {
			w = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
		out = append(out, w)
	}
	return out
}

// runtimeTools holds what production needs besides the service: the probe and
// the names of its accounts. No step of it runs.
func (s *service) runtimeTools(b bases, u config.User) plan.Stage {
	st := plan.Stage{
		Name:    plan.StageRuntimeTools,
		Comment: "The health probe, and the accounts of the production image.",
		From:    b.probe.Ref,
		Steps: []plan.Step{
			{Op: plan.OpCopy, Args: []string{"/etc/passwd"}, Content: fmt.Sprintf("root:x:0:0:root:/root:/usr/sbin/nologin\n%s:x:%d:%d::%s:/usr/sbin/nologin\n", u.Name, u.UID, u.GID, workDir)},
			{Op: plan.OpCopy, Args: []string{"/etc/group"}, Content: fmt.Sprintf("root:x:0:\n%s:x:%d:\n", u.Name, u.GID)},
		},
	}
	if s.want.Shell && b.shellFrom != "" {
		st.Steps = append(st.Steps, plan.Step{Op: plan.OpCopy, From: b.shellFrom, Args: []string{"/usr/bin/dash", "/usr/bin/sh"},
			Comment: "A shell, because slipway.yaml asks for one."})
	}
	return st
}

// production is what ships. Layers go from what changes least to what changes
// most; what differs between two builds of the same sources stands last.
func (s *service) production(b bases, u config.User) plan.Stage {
	st := plan.Stage{
		Name:    plan.StageProduction,
		Comment: "What runs. No step runs here, so that no platform has to be emulated.",
		From:    b.runtime.Ref,
		Steps: []plan.Step{
			{Op: plan.OpWorkdir, Args: []string{workDir}}, // first: after the copies it would be a step of every build
			{Op: plan.OpCopy, Link: true, From: plan.StageRuntimeTools, Args: []string{"/", "/"}},
			{Op: plan.OpCopy, Link: true, From: plan.StageBuilder, Args: []string{outDeps + "/", workDir + "/"}},
			{Op: plan.OpCopy, Link: true, From: plan.StageBuilder, Args: []string{outApp + "/", workDir + "/"}},
			{Op: plan.OpEnv, Args: s.environment()},
			{Op: plan.OpUser, Args: []string{fmt.Sprintf("%d:%d", u.UID, u.GID)}},
		},
	}
	add := func(steps ...plan.Step) { st.Steps = append(st.Steps, steps...) }
	if s.want.Port > 0 {
		add(plan.Step{Op: plan.OpExpose, Args: []string{fmt.Sprint(s.want.Port)}})
	}
	if probe := s.probe(); probe != nil {
		add(plan.Step{Op: plan.OpHealthcheck, Args: probe, Health: timing(s.want.Health)})
	}
	add(plan.Step{Op: plan.OpStopSignal, Args: []string{"SIGTERM"}})
	if b.init != "" {
		add(plan.Step{Op: plan.OpEntrypoint, Args: []string{b.init, "--"}, Comment: "As process 1, node would get no default signal handlers."})
	}
	add(plan.Step{Op: plan.OpCmd, Args: s.start})
	return s.labels(st)
}

// environment is that of the running service.
func (s *service) environment() []string {
	all := map[string]string{"NODE_ENV": "production"}
	for _, pair := range s.startEnv {
		k, v, _ := strings.Cut(pair, "=")
		all[k] = v
	}
	maps.Copy(all, s.want.Env)
	out := make([]string, 0, len(all))
	for _, k := range slices.Sorted(maps.Keys(all)) {
		out = append(out, k+"="+all[k])
	}
	return out
}

// probe is the command that asks for readiness inside the container.
func (s *service) probe() []string {
	const bin = "/usr/local/bin/"
	h, at := s.want.Health, fmt.Sprintf("localhost:%d", s.want.Port)
	switch {
	case h.GRPC != "":
		return []string{bin + "grpc_health_probe", "-addr=" + at, "-service=" + h.GRPC}
	case h.HTTP != "":
		return []string{bin + "slipway-probe", "http://" + at + h.HTTP}
	case h.TCP:
		return []string{bin + "slipway-probe", "tcp://" + at}
	}
	return h.Command
}

// labels end the production stage: they and the arguments that they take change
// no layer.
func (s *service) labels(st plan.Stage) plan.Stage {
	version := or(s.pkg.Version, "0.0.0")
	labels := []string{"org.opencontainers.image.title=" + s.want.Name}
	if d := strings.Join(strings.Fields(s.pkg.Description), " "); d != "" {
		labels = append(labels, "org.opencontainers.image.description="+d)
	}
	if l, ok := s.pkg.License.(string); ok && l != "" && l != "UNLICENSED" {
		labels = append(labels, "org.opencontainers.image.licenses="+l)
	}
	labels = append(labels,
		"org.opencontainers.image.version=$VERSION",
		"org.opencontainers.image.revision=$REVISION",
		"service.name="+s.want.Name,
		"service.version=$VERSION",
	)
	if s.want.Port > 0 {
		labels = append(labels, fmt.Sprintf("service.port=%d", s.want.Port))
	}
	st.Steps = append(st.Steps,
		plan.Step{Op: plan.OpArg, Args: []string{"VERSION=" + version}, Comment: "Labels last: a new version or revision changes no layer."},
		plan.Step{Op: plan.OpArg, Args: []string{"REVISION="}},
		plan.Step{Op: plan.OpLabel, Args: labels},
	)
	return st
}
