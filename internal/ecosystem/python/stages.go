package python

import (
	"bytes"
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

// Directories of the build. The virtual environment is made where it will lie in
// production, because its programs name their interpreter by path.
const (
	venv  = "/opt/venv"
	tools = "/opt/tools" // the package manager; stays behind
	work  = "/build"     // manifests

	bytecode = "/out/bytecode" // of the standard library
)

// plan puts the stages together.
func (s *service) plan(fleet *config.Fleet) plan.Service {
	family, user := ecosystem.Settings(fleet)
	b := s.Extend(ecosystem.BasesFor(family, s.images()))
	b.Toolchain.OnTarget = true // wheels are made for one platform
	if s.member != "" {
		s.Context = path.Join(".", s.at) // the build context is the workspace
	}
	p := s.Service.Plan(b, user, s.dependencies(b), s.builder(user), s.RuntimeTools(b, user), s.Production(s.image(b, user)))
	s.prove(&p)
	return p
}

// cache keeps downloads between builds; it is no part of any layer.
func cache(target string) []plan.Mount { return []plan.Mount{{Type: "cache", Target: target}} }

// dependencies installs every package from the manifests alone.
func (s *service) dependencies(b ecosystem.Bases) plan.Stage {
	st := plan.Stage{
		Name:    plan.StageDependencies,
		Comment: "All packages, reinstalled only when a manifest changes.",
		From:    b.Toolchain.Ref,
	}
	add := func(steps ...plan.Step) { st.Steps = append(st.Steps, steps...) }
	env := []string{"PATH=" + binPath(), "PIP_DISABLE_PIP_VERSION_CHECK=1", "PIP_NO_INPUT=1", "PIP_ROOT_USER_ACTION=ignore"}
	if s.manager.cache == "/root/.cache/uv" {
		env = append(env, "UV_LINK_MODE=copy", "UV_PROJECT_ENVIRONMENT="+venv, "UV_PYTHON_DOWNLOADS=never")
	}
	if len(s.Want.Packages.Build) > 0 || s.native {
		env = append(env, "CFLAGS=-g0") // what debuggers read would name temporary directories
	}
	if s.native && s.standalone {
		env = append(env, "CC=gcc", "CXX=g++") // sysconfig may name the compilers that this Python was built with
	}
	add(plan.Step{Op: plan.OpWorkdir, Args: []string{work}}, plan.Step{Op: plan.OpEnv, Args: env})
	if s.assembled() {
		add(plan.Step{Op: plan.OpRun, Shell: s.compileLibrary(),
			Comment: "Compile the standard library, as Debian's package scripts would: it halves the start time. Hash-based bytecode keeps the image reproducible."})
	}
	add(plan.Step{Op: plan.OpRun, Shell: "python3 -m venv --without-pip " + venv})
	if s.manager.cache != "" {
		script, why := s.hook()
		add(plan.Step{Op: plan.OpCopy, Args: []string{hooks + "/sitecustomize.py"}, Content: script, Comment: why})
	}
	add(s.installTools()...)
	for _, args := range s.manager.copyArgs() {
		add(plan.Step{Op: plan.OpCopy, Args: args})
	}
	if s.manager.script != "" {
		add(plan.Step{Op: plan.OpCopy, Args: []string{scriptFile}, Content: s.manager.script})
	}
	add(s.markers()...)
	if s.manager.first {
		add(s.copyLocals()...)
	}
	if s.debugged() {
		add(plan.Step{Op: plan.OpCopy, Args: []string{cutFile}, Content: cutScript, Comment: "Strips debugging information from packages that ship it."})
	}
	if len(s.manager.install) > 0 {
		steps := slices.Concat(s.recoded(), s.withoutCUDA(s.commands()), s.server.install())
		if s.cpuOnly {
			add(plan.Step{Op: plan.OpCopy, Args: []string{cpuFile}, Content: cpuScript, Comment: "Makes PyTorch work without the libraries of CUDA, and proves it."})
			steps = append(steps, onCPU)
		}
		add(plan.Step{Op: plan.OpRun, Mounts: cache(s.manager.cache), Shell: strings.Join(append(steps, s.trim()), " && "),
			Comment: "Install, and remove files that nothing reads at run time."}, s.compileVenv())
	} else {
		st.Comment = "Python and its virtual environment. There are no packages to install."
	}
	add(s.installLocals()...)
	return st
}

// installTools are what installs packages beside pip, and what compiles them.
func (s *service) installTools() (out []plan.Step) {
	if tool := s.tool(); tool != "" {
		out = append(out, plan.Step{
			Op: plan.OpRun, Mounts: cache(pipCache), Comment: s.manager.name + " itself, used only in the build.",
			Shell: "python3 -m venv --without-pip " + tools + " && " + pip + tools + "/bin/python install " + tool,
		})
	}
	if s.keepsBytecode() && len(s.manager.install)+len(s.locals) > 0 {
		out = append(out, plan.Step{Op: plan.OpCopy, Args: []string{compileFile}, Content: compileScript, Comment: "Compiles packages, and keeps their bytecode for later builds."})
	}
	return out
}

// recode writes a manifest as UTF-8 without a byte-order mark, which is all that
// the tools that read TOML and JSON take. It is one line, because a Dockerfile
// joins the lines of a step.
const recode = `python3 -c 'import pathlib, sys; ` +
	`[p.write_bytes((b := p.read_bytes()).decode("utf-16" if b[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig").encode()) for p in map(pathlib.Path, sys.argv[1:])]' `

// recoded are the commands that make manifests readable, which few need. pip
// itself heeds byte-order marks.
func (s *service) recoded() []string {
	var files []string
	for _, name := range s.manager.manifests {
		data, err := fs.ReadFile(s.contextDir(), name)
		marked := bytes.HasPrefix(data, []byte("\xef\xbb\xbf")) || bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff"))
		if err == nil && marked && path.Ext(name) != ".txt" {
			files = append(files, name)
		}
	}
	if files == nil {
		return nil
	}
	return []string{recode + strings.Join(ecosystem.Quoted(files), " ")}
}

// compileLibrary puts the standard library's bytecode, about 10 MB, where
// production copies it from. Importing FastAPI and uvicorn takes 0.5 s of
// processor time with it and 1.4 s without, measured 2026-11-21.
func (s *service) compileLibrary() string {
	library := s.library()
	return strings.Join([]string{
		strings.Replace(compile, "-m", "-B -m", 1) + "-x '/(test|idlelib|tkinter|turtledemo|ensurepip|pydoc_data|curses)/' " + library,
		"mkdir -p " + bytecode + library,
		"cd " + library,
		"find . -name __pycache__ -exec cp -a --parents {} " + bytecode + library + " ';'",
	}, " && ")
}

func binPath() string {
	return venv + "/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
}

// builder lays out what production copies: sources, static files, bytecode.
func (s *service) builder(u config.User) plan.Stage {
	st := plan.Stage{
		Name:    plan.StageBuilder,
		Comment: "The sources" + s.work() + ".",
		From:    plan.StageDependencies,
		Steps:   []plan.Step{{Op: plan.OpWorkdir, Args: []string{ecosystem.WorkDir}}},
	}
	add := func(steps ...plan.Step) { st.Steps = append(st.Steps, steps...) }
	files, dirs := s.copies()
	if len(files) > 0 {
		args := make([]string, 0, len(files)+1)
		for _, f := range files {
			args = append(args, s.inContext(f))
		}
		add(plan.Step{Op: plan.OpCopy, Args: append(args, "./")})
	}
	for _, d := range dirs {
		add(plan.Step{Op: plan.OpCopy, Args: []string{s.inContext(d) + "/", d + "/"}})
	}
	if removed := s.removed(); len(removed) > 0 {
		add(plan.Step{Op: plan.OpRun, Shell: "rm -rf " + strings.Join(ecosystem.Quoted(removed), " "),
			Comment: "Remove files that production does not need and .dockerignore does not exclude."})
	}
	add(plan.Step{Op: plan.OpRun, Shell: s.finish(u)})
	return st
}

// finish collects Django's static files, compiles, and gives the user the files
// in the directories that the program writes to.
func (s *service) finish(u config.User) string {
	commands := []string{s.compileSources()}
	if d := s.django; d.statics != "" {
		env := slices.Compact(slices.Sorted(slices.Values(append(slices.Clone(d.insists), "SECRET_KEY=only-for-this-step"))))
		manage := "manage.py"
		if s.root != "." {
			manage = s.root + "/manage.py"
		}
		collect := []string{strings.Join(env, " ") + " DJANGO_SETTINGS_MODULE=" + d.settings + " PYTHONDONTWRITEBYTECODE=1 python " + manage + " collectstatic --noinput"}
		if dirs := strings.Join(ecosystem.Quoted(s.absent()), " "); dirs != "" { // for settings that open a database there; what is collected there stays
			collect = []string{"mkdir -p " + dirs, collect[0], "find " + dirs + ` -type f \( -name '*.sqlite*' -o -name '*.db*' \) -delete`, "find " + dirs + " -type d -empty -delete"}
		}
		commands = slices.Insert(commands, 0, collect...)
	}
	if owned := s.owned(); len(owned) > 0 {
		commands = append(commands, fmt.Sprintf("chown -R %d:%d %s", u.UID, u.GID, strings.Join(ecosystem.Quoted(owned), " ")))
	}
	return strings.Join(commands, " && ")
}

// compileSources stops at a module that is not valid where the program may import
// it. Documents and examples may be of another Python, or templates of modules.
func (s *service) compileSources() string {
	var strict, loose []string
	for _, name := range s.tree.sources {
		in := func(file string) bool { return file == name || strings.HasPrefix(file, name+"/") }
		if !slices.ContainsFunc(s.tree.modules, in) {
			continue
		}
		imported := s.django.settings != "" || len(s.reached) == 0 || path.Ext(name) == ".py"
		for file := range s.reached {
			imported = imported || in(file)
		}
		if imported && !isAside(name) {
			strict = append(strict, name)
		} else {
			loose = append(loose, name)
		}
	}
	if len(loose) == 0 || len(strict) == 0 {
		return compile + "."
	}
	return compile + strings.Join(ecosystem.Quoted(strict), " ") + " && { " + compile + strings.Join(ecosystem.Quoted(loose), " ") + " || true; }"
}

func (s *service) work() string {
	if s.django.statics != "" {
		return ", the static files and the bytecode"
	}
	return " and their bytecode"
}

// image is what production needs.
func (s *service) image(b ecosystem.Bases, u config.User) ecosystem.Image {
	env := map[string]string{"PATH": binPath(), "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"}
	if at := s.pythonPath(); len(at) > 0 {
		env["PYTHONPATH"] = strings.Join(at, ":")
	}
	if s.django.settings != "" {
		env["DJANGO_SETTINGS_MODULE"] = s.django.settings
	}
	maps.Copy(env, s.reachable())
	maps.Copy(env, s.env)
	i := ecosystem.Image{
		Bases: b, User: u, Env: env, Start: s.start, Dir: s.cwd, Writable: s.Writable(), InitWhy: "As PID 1, python would ignore signals that the program does not handle.",
	}
	if s.assembled() {
		i.Layers = append(i.Layers, plan.Step{Op: plan.OpCopy, Link: true, From: plan.StageDependencies, Args: []string{bytecode + "/", "/"}})
	}
	i.Layers = append(i.Layers, plan.Step{Op: plan.OpCopy, Link: true, From: plan.StageDependencies, Args: []string{venv + "/", venv + "/"}})
	for _, m := range s.tree.models {
		args := []string{s.inContext(m), ecosystem.WorkDir + "/" + m}
		if ecosystem.IsDir(s.Dir, m) {
			args = []string{s.inContext(m) + "/", ecosystem.WorkDir + "/" + m + "/"}
		}
		i.Layers = append(i.Layers, plan.Step{Op: plan.OpCopy, Link: true, Args: args})
	}
	i.Layers = append(i.Layers, plan.Step{Op: plan.OpCopy, Link: true, From: plan.StageBuilder, Args: []string{ecosystem.WorkDir + "/", ecosystem.WorkDir + "/"}})
	if s.project != nil {
		i.Manifest, i.Version, i.Description, i.Licence = "pyproject.toml", s.project.version(), s.project.description(), s.project.licence()
	}
	return i
}

// reachable are the variables that make the program listen on the image's port,
// and not on the loopback address alone: gunicorn without an address takes PORT,
// uvicorn has a variable for each of its flags.
func (s *service) reachable() map[string]string {
	if s.Want.Port == 0 {
		return nil
	}
	port, server := strconv.Itoa(s.Want.Port), ""
	if len(s.start) > 0 {
		server = path.Base(s.start[0])
	}
	says := func(flags ...string) bool {
		return slices.ContainsFunc(s.start, func(w string) bool {
			flag, _, _ := strings.Cut(w, "=")
			return slices.Contains(flags, flag) || slices.ContainsFunc(flags, func(f string) bool { return len(f) == 2 && strings.HasPrefix(w, f) })
		})
	}
	env := map[string]string{}
	if s.scan.readsPort.Found() || server == "gunicorn" && !says("-b", "--bind") {
		env["PORT"] = port
	}
	if s.development(s.start) == "Flask" && !says("--host", "-h") {
		env["FLASK_RUN_HOST"] = "0.0.0.0"
	}
	if s.development(s.start) == "Flask" && !says("--port", "-p") {
		env["FLASK_RUN_PORT"] = port
	}
	switch {
	case s.app.kind != kindNone:
	case s.gradio():
		env["GRADIO_SERVER_NAME"], env["GRADIO_SERVER_PORT"] = "0.0.0.0", port
	case s.has("dash"):
		env["HOST"], env["PORT"] = "0.0.0.0", port
	}
	if server == "uvicorn" && !says("--host", "--uds", "--fd") {
		env["UVICORN_HOST"] = "0.0.0.0"
	}
	if server == "uvicorn" && !says("--port", "--uds", "--fd") {
		env["UVICORN_PORT"] = port
	}
	return env
}

// pythonPath are the directories from which modules are imported beside the one
// in which the program runs.
func (s *service) pythonPath() []string {
	var out []string
	add := func(dir string) {
		if at := path.Join(ecosystem.WorkDir, dir); !slices.Contains(out, at) {
			out = append(out, at)
		}
	}
	if s.src {
		add("src")
	}
	itself := len(s.start) > 1 && (slices.Contains([]string{"uvicorn", "gunicorn"}, s.start[0]) ||
		path.Ext(s.start[1]) == ".py" && path.Join(s.cwd, path.Dir(s.start[1])) == s.root) // finds its modules
	if s.root != s.cwd && !itself && !(s.root == "src" && s.src) {
		add(s.root)
	}
	for _, dir := range s.more {
		add(dir)
	}
	return out
}

// copies returns the COPY operands of the sources: one list for the files of the
// directory, then one a directory, those that change least first.
func (s *service) copies() (files, dirs []string) {
	for _, name := range s.tree.sources {
		if ecosystem.IsDir(s.Dir, name) {
			dirs = append(dirs, name)
		} else {
			files = append(files, name)
		}
	}
	weight := func(name string) int {
		if slices.Contains([]string{"static", "templates", "public", "assets", "data", "docs", "proto", "protos", "migrations", "locale"}, name) {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(dirs, func(a, b string) int { return weight(a) - weight(b) })
	return files, dirs
}

// noteTree says what production does not hold, and why.
func (s *service) noteTree() {
	noted := 0
	for _, l := range s.tree.left {
		if strings.Contains(l.name, "/") {
			if noted++; noted > maxNested || l.why == ecosystem.WhyIgnored {
				continue
			}
		}
		s.LeaveOut(l.why, s.inContext(l.name))
	}
	if len(s.tree.models) > 0 {
		s.Fact("models", strings.Join(s.tree.models, ", "), "trained models, copied in a separate layer", "", 0)
	}
}
