package python

import (
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/plan"
)

// Directories of the build. The virtual environment is made where it will lie in
// production, because its programs name their interpreter by path.
const (
	venv  = "/opt/venv"
	tools = "/opt/tools" // the package manager; stays behind
	work  = "/build"     // manifests

	bytecode = "/out/bytecode" // of the standard library
)

// compile writes bytecode that holds the digest of its source in place of the
// time, and that is not checked again: equal sources give equal bytes.
const compile = "python3 -m compileall -q --invalidation-mode unchecked-hash "

// plan puts the stages together.
func (s *service) plan(fleet *config.Fleet) plan.Service {
	family, user := ecosystem.Settings(fleet)
	b := s.Extend(ecosystem.BasesFor(family, images(s.version)))
	b.Toolchain.OnTarget = true // wheels are made for one platform
	return s.Service.Plan(b, user, s.dependencies(b), s.builder(), s.RuntimeTools(b, user), s.Production(s.image(b, user)))
}

// cache keeps downloads between builds; it is no part of any layer.
func cache(target string) []plan.Mount { return []plan.Mount{{Type: "cache", Target: target}} }

// dependencies installs every package from the manifests alone.
func (s *service) dependencies(b ecosystem.Bases) plan.Stage {
	st := plan.Stage{
		Name:    plan.StageDependencies,
		Comment: "All packages, from the manifests alone: runs again only when those change.",
		From:    b.Toolchain.Ref,
	}
	add := func(steps ...plan.Step) { st.Steps = append(st.Steps, steps...) }
	env := []string{"PATH=" + binPath(), "PIP_DISABLE_PIP_VERSION_CHECK=1", "PIP_NO_INPUT=1", "PIP_ROOT_USER_ACTION=ignore"}
	if s.manager.cache == "/root/.cache/uv" {
		env = append(env, "UV_LINK_MODE=copy", "UV_PROJECT_ENVIRONMENT="+venv, "UV_PYTHON_DOWNLOADS=never")
	}
	if len(s.Want.Packages.Build) > 0 {
		env = append(env, "CFLAGS=-g0") // what debuggers read would name temporary directories
	}
	add(plan.Step{Op: plan.OpWorkdir, Args: []string{work}}, plan.Step{Op: plan.OpEnv, Args: env})
	if s.assembled() {
		add(plan.Step{Op: plan.OpRun, Shell: s.compileLibrary(),
			Comment: "Bytecode of the standard library, which Debian compiles at installation: it halves the time to start. It holds the digest of its source, not the time."})
	}
	add(plan.Step{Op: plan.OpRun, Shell: "python3 -m venv --without-pip " + venv})
	if s.manager.cache != "" {
		add(plan.Step{Op: plan.OpCopy, Args: []string{hooks + "/sitecustomize.py"}, Content: keepScript,
			Comment: "pip keeps packages in the cache mount whatever the index says of caching: a file of a release never changes."})
	}
	if s.manager.tool != "" {
		add(plan.Step{
			Op: plan.OpRun, Mounts: cache(pipCache), Comment: s.manager.name + " itself, which stays behind.",
			Shell: "python3 -m venv --without-pip " + tools + " && " + pip + tools + "/bin/python install " + s.manager.tool,
		})
	}
	for _, args := range s.manager.copyArgs() {
		add(plan.Step{Op: plan.OpCopy, Args: args})
	}
	if s.manager.script != "" {
		add(plan.Step{Op: plan.OpCopy, Args: []string{scriptFile}, Content: s.manager.script})
	}
	if s.debugged() {
		add(plan.Step{Op: plan.OpCopy, Args: []string{cutFile}, Content: cutScript, Comment: "Wheels of some packages hold what only debuggers read."})
	}
	if len(s.manager.install) > 0 {
		add(plan.Step{Op: plan.OpRun, Mounts: cache(s.manager.cache), Shell: strings.Join(append(slices.Clone(s.manager.install), s.trim(), compileVenv), " && "),
			Comment: "Without what nothing reads at run time, and with bytecode."})
	}
	return st
}

// compileLibrary puts the standard library's bytecode, about 10 MB, where
// production copies it from. Importing FastAPI and uvicorn takes 0.5 s of
// processor time with it and 1.4 s without, measured 2026-11-21.
func (s *service) compileLibrary() string {
	library := "/usr/lib/python" + s.version
	return strings.Join([]string{
		strings.Replace(compile, "-m", "-B -m", 1) + "-x '/(test|idlelib|tkinter|turtledemo|ensurepip|pydoc_data|curses)/' " + library,
		"mkdir -p " + bytecode + library,
		"cd " + library,
		"find . -name __pycache__ -exec cp -a --parents {} " + bytecode + library + " ';'",
	}, " && ")
}

// compileVenv tolerates packages that carry examples for other versions.
const compileVenv = "{ " + compile + venv + " || true; }"

func binPath() string {
	return venv + "/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
}

// builder lays out what production copies: sources, static files, bytecode.
func (s *service) builder() plan.Stage {
	st := plan.Stage{
		Name:    plan.StageBuilder,
		Comment: "The sources, " + s.work() + ".",
		From:    plan.StageDependencies,
		Steps:   []plan.Step{{Op: plan.OpWorkdir, Args: []string{ecosystem.WorkDir}}},
	}
	add := func(steps ...plan.Step) { st.Steps = append(st.Steps, steps...) }
	files, dirs := s.copies()
	if len(files) > 0 {
		add(plan.Step{Op: plan.OpCopy, Args: append(files, "./")})
	}
	for _, d := range dirs {
		add(ecosystem.CopyDir(d))
	}
	command := compile + "."
	if s.statics != "" {
		env := slices.Compact(slices.Sorted(slices.Values(append(s.insists, "SECRET_KEY=only-for-this-step"))))
		command = strings.Join(env, " ") + " DJANGO_SETTINGS_MODULE=" + s.settings + " PYTHONDONTWRITEBYTECODE=1 python manage.py collectstatic --noinput && " + command
	}
	add(plan.Step{Op: plan.OpRun, Shell: command})
	return st
}

func (s *service) work() string {
	if s.statics != "" {
		return "the static files and the bytecode"
	}
	return "and their bytecode"
}

// image is what production needs.
func (s *service) image(b ecosystem.Bases, u config.User) ecosystem.Image {
	env := map[string]string{"PATH": binPath(), "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"}
	if s.src {
		env["PYTHONPATH"] = ecosystem.WorkDir + "/src"
	}
	if s.settings != "" {
		env["DJANGO_SETTINGS_MODULE"] = s.settings
	}
	i := ecosystem.Image{
		Bases: b, User: u, Env: env, Start: s.start, InitWhy: "As process 1, python would not react to signals that it does not handle.",
	}
	if s.assembled() {
		i.Layers = append(i.Layers, plan.Step{Op: plan.OpCopy, Link: true, From: plan.StageDependencies, Args: []string{bytecode + "/", "/"}})
	}
	i.Layers = append(i.Layers, plan.Step{Op: plan.OpCopy, Link: true, From: plan.StageDependencies, Args: []string{venv + "/", venv + "/"}})
	for _, m := range s.models {
		args := []string{m, ecosystem.WorkDir + "/" + m}
		if ecosystem.IsDir(s.Dir, m) {
			args = []string{m + "/", ecosystem.WorkDir + "/" + m + "/"}
		}
		i.Layers = append(i.Layers, plan.Step{Op: plan.OpCopy, Link: true, Args: args})
	}
	i.Layers = append(i.Layers, plan.Step{Op: plan.OpCopy, Link: true, From: plan.StageBuilder, Args: []string{ecosystem.WorkDir + "/", ecosystem.WorkDir + "/"}})
	if s.project != nil {
		i.Version, i.Description, i.Licence = s.project.version(), s.project.description(), s.project.licence()
	}
	return i
}
