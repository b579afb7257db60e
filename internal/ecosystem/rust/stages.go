package rust

import (
	"bytes"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/plan"
)

// Directories of the build. What production copies lies under /out; cargo's home
// is where official images have it.
const (
	srcDir    = "/src"
	outApp    = "/out/app"
	cargoHome = "/usr/local/cargo"
	targetDir = "/target"
)

// images names the images of the service's version of Rust.
func (s *service) images() ecosystem.Images {
	const suite = ecosystem.Suite
	i := ecosystem.Images{
		Ecosystem: "rust", Version: s.version,
		Debian:   ecosystem.Pair{Toolchain: "slipway/rust:" + s.version + "-" + suite + suffix(s.natives) + "-toolchain", Runtime: "slipway/static:" + suite},
		Official: ecosystem.Pair{Toolchain: "rust:" + s.version + "-" + suite, Runtime: "scratch"},
		Alpine:   ecosystem.Pair{Toolchain: "rust:" + s.version + "-alpine", Runtime: "scratch"},
	}
	switch {
	case len(s.linked) > 0:
		i.Debian.Runtime = "slipway/rust:" + suite + suffix(s.linked)
	case s.dynamic():
		i.Debian.Runtime = "slipway/libc:" + suite
	}
	return i
}

// dynamic tells whether the program loads libraries while it runs.
func (s *service) dynamic() bool { return len(s.linked)+len(s.Want.Packages.Runtime) > 0 }

// plan puts the stages together.
func (s *service) plan(fleet *config.Fleet) plan.Service {
	family, user := ecosystem.Settings(fleet)
	b := s.Extend(ecosystem.BasesFor(family, s.images()))
	b.Toolchain.OnTarget = true // cargo compiles for the platform that it runs on
	tools := s.RuntimeTools(b, user)
	if b.Runtime.Ref == "scratch" {
		tools.Steps = append(tools.Steps, plan.Step{Op: plan.OpCopy, From: b.Toolchain.Ref, Args: []string{"/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/certs/"}, Comment: "Certificates, which the runtime image lacks."})
	}
	env := s.env(fmt.Sprint(s.Want.Port))
	more, files := ecosystem.CopyHeld(s.held, srcDir, fmt.Sprintf("%d:%d", user.UID, user.GID))
	builder := s.builder()
	builder.Steps = append(builder.Steps, more...)
	p := s.Service.Plan(b, user, s.dependencyStage(b), builder, tools, s.Production(ecosystem.Image{
		Bases: b, User: user, Env: env, Start: s.start, Writable: s.Writable(),
		Layers:      append(files, plan.Step{Op: plan.OpCopy, Link: true, From: plan.StageBuilder, Args: []string{outApp + "/", ecosystem.WorkDir + "/"}}),
		Manifest:    "Cargo.toml",
		Version:     word(s.crate.file.Package.Version, "version", s.rootFile),
		Description: word(s.crate.file.Package.Description, "description", s.rootFile),
		Licence:     word(s.crate.file.Package.Licence, "license", s.rootFile),
	}))
	s.prove(&p, b)
	return p
}

// caches keep downloaded crates between builds; they are no part of any layer.
func (s *service) caches() []plan.Mount {
	if !s.external() || s.vendored {
		return nil
	}
	out := []plan.Mount{{Type: "cache", Target: cargoHome + "/registry"}}
	if s.fromGit() {
		out = append(out, plan.Mount{Type: "cache", Target: cargoHome + "/git"})
	}
	if s.gitNeed().Package != "" { // the login of a private repository: --secret id=netrc,src=$HOME/.netrc
		out = append(out, plan.Mount{Type: "secret", ID: "netrc", Target: "/root/.netrc"})
	}
	return out
}

// program are the flags that name the program.
func (s *service) program() string {
	out := "--package " + s.crate.name + " --bin " + s.bin.Name
	if all := slices.Concat(s.bin.Requires, s.Want.Features); len(all) > 0 {
		out += " --features " + strings.Join(slices.Compact(slices.Sorted(slices.Values(all))), ",")
	}
	return out
}

// external reports a program with packages from outside of the repository.
func (s *service) external() bool { return s.lock != nil || s.resolves }

// fromGit reports a package that comes from a git repository.
func (s *service) fromGit() bool {
	return s.git.Found() || s.lock != nil && bytes.Contains(s.lock.data, []byte(`source = "git+`))
}

// locked forbids changes of Cargo.lock, where there is one that fits.
func (s *service) locked() string {
	if s.lock == nil || s.resolves {
		return ""
	}
	return " --locked"
}

// dependencyStage compiles what the program depends on: cargo gets the manifests
// with empty programs in place of the sources.
func (s *service) dependencyStage(b ecosystem.Bases) plan.Stage {
	st := plan.Stage{
		Name:    plan.StageDependencies,
		Comment: "All dependencies, recompiled only when a manifest changes.",
		From:    b.Toolchain.Ref,
		Steps: []plan.Step{
			{Op: plan.OpWorkdir, Args: []string{srcDir}},
			{Op: plan.OpEnv, Args: s.buildEnv()},
		},
	}
	add := func(steps ...plan.Step) { st.Steps = append(st.Steps, steps...) }
	add(s.manifests()...)
	if s.vendored {
		add(ecosystem.CopyDir(s.vendorDir))
	}
	if !s.external() {
		st.Comment = "The toolchain and the manifests. There are no dependencies to compile."
		if len(s.crates) == 1 {
			return st
		}
	}
	stand := s.standIns()
	if !s.external() {
		add(plan.Step{Op: plan.OpRun, Shell: stand})
		return st
	}
	var own []string
	for _, c := range s.crates {
		own = append(own, "--package "+c.name)
	}
	build := s.in("cargo build --release" + s.locked() + s.target() + " " + s.program())
	clean := "cargo clean --quiet --release" + s.locked() + s.target() + wrapped(own)
	if s.shares() {
		add(s.compileShared(b.Toolchain.Ref, stand, build, clean)...)
		return st
	}
	add(plan.Step{Op: plan.OpRun, Shell: stand + " && " + build + " && " + clean, Mounts: s.caches(),
		Comment: "Compile the dependencies with empty programs in place of the sources, then remove those programs."})
	return st
}

// hostTarget is the platform that rustc runs on, in place of a target that
// .cargo/config.toml names.
const hostTarget = ` --target "$(rustc -vV | sed -n 's/^host: //p')"`

func (s *service) target() string {
	if s.onHost {
		return hostTarget
	}
	return ""
}

// outDir is where cargo puts programs. With a target, it has a directory of its own.
func (s *service) outDir() string {
	if s.onHost {
		return targetDir + "/*/release/"
	}
	return targetDir + "/release/"
}

// buildEnv is what cargo reads.
func (s *service) buildEnv() []string {
	env := append([]string{"CARGO_HOME=" + cargoHome, "CARGO_TARGET_DIR=" + targetDir}, s.cargoEnv...)
	if s.gitNeed().Package == "" {
		return env
	}
	env = append(env, "CARGO_NET_GIT_FETCH_WITH_CLI=true")
	servers := s.sshServers()
	if len(servers) > 0 {
		env = append(env, fmt.Sprintf("GIT_CONFIG_COUNT=%d", len(servers)))
	}
	for i, server := range servers { // over HTTPS, which needs no key
		env = append(env, fmt.Sprintf("GIT_CONFIG_KEY_%d=url.https://%s/.insteadOf", i, server), fmt.Sprintf("GIT_CONFIG_VALUE_%d=ssh://git@%s/", i, server))
	}
	return env
}

// wrapped joins words to lines that continue.
func wrapped(words []string) string {
	out, length := "", 0
	for _, w := range words {
		if length += len(w) + 1; length > 90 {
			out, length = out+"\n"+w, len(w)
			continue
		}
		out += " " + w
	}
	return out
}

// in is a command line run in the workspace's directory.
func (s *service) in(command string) string {
	if s.top != "." {
		return "cd " + ecosystem.Quoted([]string{s.top})[0] + " && " + command
	}
	return command
}

// manifests copies what cargo reads before any source.
func (s *service) manifests() []plan.Step {
	top := []string{path.Join(s.top, "Cargo.toml")}
	if s.lock != nil {
		top = append(top, path.Join(s.top, "Cargo.lock"))
	}
	out := []plan.Step{{Op: plan.OpCopy, Args: append(top, into(s.top))}}
	if s.conf != "" {
		out = append(out, plan.Step{Op: plan.OpCopy, Args: []string{s.conf, into(path.Dir(s.conf))}})
	}
	for _, dir := range slices.Sorted(maps.Keys(s.roots)) { // what packages of other workspaces inherit from
		if s.roots[dir] != nil && !slices.ContainsFunc(s.crates, func(c *crate) bool { return c.dir == dir }) {
			out = append(out, plan.Step{Op: plan.OpCopy, Args: []string{path.Join(dir, "Cargo.toml"), into(dir)}})
		}
	}
	for _, c := range s.sorted() {
		if c.dir != s.top {
			out = append(out, plan.Step{Op: plan.OpCopy, Args: []string{c.manifestFile(), into(c.dir)}})
		}
	}
	return out
}

func (s *service) sorted() []*crate {
	return slices.SortedFunc(slices.Values(s.crates), func(a, b *crate) int { return strings.Compare(a.dir, b.dir) })
}

// standIns makes empty programs and libraries of all packages. Each has a comment,
// because lints of a manifest may deny a crate without one, and a library has no
// function, because they may deny one that nobody calls.
func (s *service) standIns() string {
	programs, libraries, dirs := s.placeholders()
	out := "mkdir -p" + wrapped(ecosystem.Quoted(dirs))
	for _, kind := range []struct {
		write string
		files []string
	}{{`printf '//! Empty.\nfn main() {}\n'`, programs}, {"echo '//! Empty.'", libraries}} {
		switch len(kind.files) {
		case 0:
		case 1:
			out += " && " + kind.write + " >" + wrapped(ecosystem.Quoted(kind.files))
		default:
			out += " && " + kind.write + " | tee" + wrapped(ecosystem.Quoted(kind.files)) + " > /dev/null"
		}
	}
	return out
}

// placeholders are the files that cargo wants to see of every package, and their
// directories.
func (s *service) placeholders() (programs, libraries, dirs []string) {
	main, lib, at := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, c := range s.crates {
		add := func(to map[string]bool, name string) {
			name = path.Join(c.dir, name)
			if name == c.dir || outside(name) {
				return
			}
			to[name], at[path.Dir(name)] = true, true
		}
		for _, b := range c.bins {
			add(main, b.Path)
		}
		add(main, c.buildRS)
		add(lib, c.lib)
		for dir, list := range map[string][]target{"tests": c.file.Tests, "benches": c.file.Benches, "examples": c.file.Examples} {
			for _, t := range list {
				if t.Path == "" {
					t.Path = dir + "/" + t.Name + ".rs"
				}
				add(main, path.Clean(t.Path))
			}
		}
	}
	maps.DeleteFunc(lib, func(name string, _ bool) bool { return main[name] })
	dirs = slices.DeleteFunc(slices.Sorted(maps.Keys(at)), func(d string) bool { // those that others make anyway
		for other := range at {
			if d == "." || other != d && below(d, other) {
				return true
			}
		}
		return false
	})
	return slices.Sorted(maps.Keys(main)), slices.Sorted(maps.Keys(lib)), dirs
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
		Comment: "Builds the program. Copies only the packages that it uses, so other changes rebuild nothing.",
		From:    plan.StageDependencies,
		Steps:   s.copies(),
	}
	command := "cargo rustc --release" + s.locked() + s.target() + " " + s.program() + " -- -C strip=symbols"
	comment := ""
	if !s.dynamic() {
		command += " -C target-feature=+crt-static"
		comment = "Link the C library statically: the runtime image needs no libraries."
	}
	command = s.in(command) + " && mkdir -p " + outApp + " && cp " + s.outDir() + s.bin.Name + " " + outApp + "/" + s.installedAs()
	st.Steps = append(st.Steps, plan.Step{Op: plan.OpRun, Shell: command, Mounts: s.caches(), Comment: comment})
	return st
}

// copies brings in the sources, those that many programs share before the
// program's own.
func (s *service) copies() []plan.Step {
	shared, own := map[string]bool{}, map[string]bool{}
	for _, c := range s.crates {
		if !c.needed {
			continue
		}
		into := shared
		if c == s.crate {
			into = own
		}
		if c.dir != "." && !s.holdsOthers(c) {
			into[c.dir] = true
			continue
		}
		for _, name := range s.sourcesOf(c) {
			into[path.Join(c.dir, name)] = true
		}
	}
	for at := range s.inputs {
		own[at] = true
	}
	var out []plan.Step
	covered := map[string]bool{}
	for _, set := range []map[string]bool{shared, own} {
		for _, at := range slices.Sorted(maps.Keys(set)) {
			if isBelow(covered, at) {
				continue
			}
			covered[at] = true
			if ecosystem.IsDir(s.Dir, at) {
				out = append(out, ecosystem.CopyDir(at))
			} else {
				out = append(out, plan.Step{Op: plan.OpCopy, Args: []string{at, into(path.Dir(at))}})
			}
		}
	}
	return out
}

func isBelow(dirs map[string]bool, at string) bool {
	for d := at; d != "."; d = path.Dir(d) {
		if dirs[d] {
			return true
		}
	}
	return false
}

// holdsOthers tells whether other packages lie below a crate.
func (s *service) holdsOthers(c *crate) bool {
	return slices.ContainsFunc(s.crates, func(o *crate) bool { return o != c && below(c.dir, o.dir) })
}
