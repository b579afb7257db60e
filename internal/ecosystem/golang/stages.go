package golang

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/plan"
)

// Directories of the build. What production copies lies under /out; the caches
// are where official images have theirs.
const (
	srcDir   = "/src"
	outApp   = "/out/app"
	modCache = "/go/pkg/mod"
	cacheDir = "/go/cache"
)

// downloads keeps modules between builds; it is no part of any layer. Servers with
// a login get it from a secret.
func (s *service) downloads() []plan.Mount {
	out := []plan.Mount{{Type: "cache", Target: modCache}}
	if s.private.Found() {
		out = append(out, plan.Mount{Type: "secret", ID: "netrc", Target: "/root/.netrc"})
	}
	return out
}

// caches are those of downloads and of compiled packages.
func (s *service) caches() []plan.Mount {
	return append(s.downloads(), plan.Mount{Type: "cache", Target: cacheDir})
}

// buildEnv is what go reads. The flag -mod=mod lets it add what go.mod and go.sum
// lack.
func (s *service) buildEnv(cgo string) []string {
	flags := "GOFLAGS=-buildvcs=false"
	if s.modMod {
		flags += " -mod=mod"
	}
	out := []string{cgo, "GOTOOLCHAIN=local", flags, "GOMODCACHE=" + modCache, "GOCACHE=" + cacheDir}
	if s.private.Found() {
		out = append(out, "GOPRIVATE="+s.privacy)
	}
	return out
}

// images names the images of a minor of Go.
func images(minor string, cgo bool) ecosystem.Images {
	const suite = ecosystem.Suite
	i := ecosystem.Images{
		Ecosystem: "go", Version: minor,
		Debian:   ecosystem.Pair{Toolchain: "slipway/go:" + minor + "-" + suite + "-toolchain", Runtime: "slipway/static:" + suite},
		Official: ecosystem.Pair{Toolchain: "golang:" + minor + "-" + suite, Runtime: "scratch"},
		Alpine:   ecosystem.Pair{Toolchain: "golang:" + minor + "-alpine", Runtime: "scratch"},
	}
	if cgo {
		i.Debian = ecosystem.Pair{Toolchain: "slipway/go:" + minor + "-" + suite + "-cgo-toolchain", Runtime: "slipway/libc:" + suite}
		i.Official.Runtime = "debian:" + suite + "-slim"
	}
	return i
}

// plan puts the stages together.
func (s *service) plan(fleet *config.Fleet) plan.Service {
	family, user := ecosystem.Settings(fleet)
	b := ecosystem.BasesFor(family, images(s.minor, s.cgo.Found()))
	b.Toolchain.OnTarget = s.cgo.Found() || s.Want.Shell && b.ShellFrom != ""
	tools := s.RuntimeTools(b, user)
	if family.Family == "official" || family.Family == "alpine" {
		tools.Steps = append(tools.Steps, borrowed(b.Toolchain.Ref)...)
	}
	more, files := ecosystem.CopyHeld(s.held, srcDir, fmt.Sprintf("%d:%d", user.UID, user.GID))
	builder, image := s.builder(), s.image(b, user)
	builder.Steps = append(builder.Steps, more...)
	image.Layers = append(files, image.Layers...)
	p := s.Service.Plan(b, user, s.dependencyStage(b), builder, tools, s.Production(image))
	s.prove(&p)
	return p
}

// borrowed are the certificates and time zones that images without an operating
// system lack.
func borrowed(toolchain string) []plan.Step {
	return []plan.Step{
		{Op: plan.OpCopy, From: toolchain, Args: []string{"/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/certs/"}, Comment: "Certificates and time zones, which the runtime image lacks."},
		{Op: plan.OpCopy, From: toolchain, Args: []string{"/usr/local/go/lib/time/zoneinfo.zip", "/usr/share/zoneinfo.zip"}},
	}
}

// image is what production needs.
func (s *service) image(b ecosystem.Bases, u config.User) ecosystem.Image {
	env := map[string]string{}
	if !b.Runtime.Assembled && b.Runtime.Ref == "scratch" {
		env["ZONEINFO"] = "/usr/share/zoneinfo.zip"
	}
	if (s.readsPort || !s.evidence.Port.Found()) && s.Want.Port > 0 { // also when nothing shows that it reads none
		env["PORT"] = fmt.Sprint(s.Want.Port)
	}
	if s.gin {
		env["GIN_MODE"] = "release"
	}
	return ecosystem.Image{
		Bases: b, User: u, Env: env, Start: s.start, Writable: s.Writable(),
		Layers: []plan.Step{{Op: plan.OpCopy, Link: true, From: plan.StageBuilder, Args: []string{outApp + "/", ecosystem.WorkDir + "/"}}},
	}
}

// dependencyStage downloads modules from the manifests alone.
func (s *service) dependencyStage(b ecosystem.Bases) plan.Stage {
	cgo := "CGO_ENABLED=0"
	if s.cgo.Found() {
		cgo = "CGO_ENABLED=1"
	}
	st := plan.Stage{
		Name:          plan.StageDependencies,
		Comment:       "All modules, downloaded again only when a manifest changes.",
		From:          b.Toolchain.Ref,
		BuildPlatform: !s.cgo.Found(), // Go compiles for other platforms, its C compiler does not
		Steps: []plan.Step{
			{Op: plan.OpWorkdir, Args: []string{srcDir}},
			{Op: plan.OpEnv, Args: s.buildEnv(cgo)},
		},
	}
	add := func(steps ...plan.Step) { st.Steps = append(st.Steps, steps...) }
	if s.workspace != nil {
		add(s.copyFiles(s.workspace.dir, "go.work", "go.work.sum"))
	}
	for _, m := range s.modules {
		add(s.copyFiles(m.dir, "go.mod", "go.sum"))
	}
	if s.vendored {
		st.Comment = "Vendored modules, which change less often than the sources."
		add(ecosystem.CopyDir(path.Join(s.top(), "vendor")))
		add(s.compileImports()...)
		return st
	}
	if len(s.graph.imports) == 0 {
		st.Comment = "The toolchain and the manifests. There are no modules to download."
		return st
	}
	add(plan.Step{Op: plan.OpRun, Shell: s.in("go mod download"), Mounts: s.downloads()})
	add(s.compileImports()...)
	return st
}

// top is the directory that go's commands run in.
func (s *service) top() string {
	if s.workspace != nil {
		return s.workspace.dir
	}
	return s.module.dir
}

// in is a command line run in the module's or workspace's directory.
func (s *service) in(command string) string {
	if at := s.top(); at != "." {
		return "cd " + ecosystem.Quoted([]string{at})[0] + " && " + command
	}
	return command
}

// copyFiles copies those of the files that exist.
func (s *service) copyFiles(dir string, names ...string) plan.Step {
	var args []string
	for _, n := range names {
		if at := path.Join(dir, n); ecosystem.Exists(s.Dir, at) {
			args = append(args, at)
		}
	}
	return plan.Step{Op: plan.OpCopy, Args: append(args, into(dir))}
}

// into is a directory as the destination of a COPY.
func into(dir string) string {
	if dir == "." {
		return "./"
	}
	return dir + "/"
}

// builder compiles the program.
func (s *service) builder() plan.Stage {
	st := plan.Stage{
		Name:    plan.StageBuilder,
		Comment: "Builds the program. Copies only the packages that it imports, so other changes rebuild nothing.",
		From:    plan.StageDependencies,
	}
	add := func(steps ...plan.Step) { st.Steps = append(st.Steps, steps...) }
	add(s.copies()...)
	target := "."
	if rel := relative(s.top(), s.mainDir); rel != "." {
		target = "./" + rel
	}
	add(s.targetArgs()...) // again: not every builder takes them from the stage above
	command := s.in(s.goBuild() + `-ldflags "-s -w" -o ` + outApp + "/" + s.binary + " " + target)
	add(plan.Step{Op: plan.OpRun, Shell: command, Mounts: s.caches()})
	return st
}

// maxCopies is how many directories are copied one by one; of more, those above
// them are.
const maxCopies = 16

// copies brings in the program's packages, those that many programs share
// before its own.
func (s *service) copies() []plan.Step {
	var dirs []string
	var steps []plan.Step
	for _, dir := range s.graph.dirs {
		if s.isRoot(dir) {
			steps = append(steps, plan.Step{Op: plan.OpCopy, Pattern: true, Args: []string{path.Join(dir, "*.go"), into(dir)}})
			continue
		}
		dirs = append(dirs, dir)
	}
	for _, at := range s.graph.embeds {
		if ecosystem.IsDir(s.Dir, at) {
			dirs = append(dirs, at)
		} else {
			steps = append(steps, plan.Step{Op: plan.OpCopy, Pattern: !ecosystem.Exists(s.Dir, at), Args: []string{at, into(path.Dir(at))}})
		}
	}
	dirs = covering(dirs)
	for depth := 4; len(dirs) > maxCopies && depth > 0; depth-- {
		dirs = covering(s.shortened(dirs, depth))
	}
	slices.SortStableFunc(dirs, func(a, b string) int { return s.weight(a) - s.weight(b) })
	var out []plan.Step
	for _, d := range dirs {
		out = append(out, ecosystem.CopyDir(d))
	}
	return append(out, steps...)
}

// covering leaves out directories that lie in others.
func covering(dirs []string) []string {
	var out []string
	for _, d := range slices.Compact(slices.Sorted(slices.Values(dirs))) {
		if !slices.ContainsFunc(out, func(o string) bool { return strings.HasPrefix(d, o+"/") }) {
			out = append(out, d)
		}
	}
	return out
}

// shortened cuts paths to so many parts, never to the root of a module.
func (s *service) shortened(dirs []string, depth int) []string {
	out := make([]string, 0, len(dirs))
	for _, d := range dirs {
		parts := strings.Split(d, "/")
		short := strings.Join(parts[:min(depth, len(parts))], "/")
		if s.isRoot(short) || slices.ContainsFunc(s.modules, func(m *module) bool { return strings.HasPrefix(m.dir, short+"/") }) {
			short = d
		}
		out = append(out, short)
	}
	return out
}

// weight orders directories by how often they change.
func (s *service) weight(dir string) int {
	if dir == s.mainDir || strings.HasPrefix(s.mainDir, dir+"/") {
		return 1
	}
	return 0
}
