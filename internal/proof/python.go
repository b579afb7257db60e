package proof

import (
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/pattern"
	"github.com/slipway-build/slipway/internal/proof/layer"
)

// pythonWalk follows the imports of a Python program.
type pythonWalk struct {
	*check
	paths   []string // sys.path
	unknown bool     // something adds to it while the program runs
	walk
}

var (
	pythonBinary = pattern.Lazy(`^python(?:3(?:\.\d+)?)?$`)
	pythonTarget = pattern.Lazy(`^([A-Za-z_][\w.]*)(?::[A-Za-z_][\w.]*(?:\(.*\))?)?$`)
	withObject   = pattern.Lazy(`^([A-Za-z_][\w.]*):[A-Za-z_][\w.]*(?:\(.*\))?$`)
)

func pythonName(name string) bool { return pythonBinary().MatchString(name) }

// python checks the arguments of the interpreter.
func (c *check) python(argv []string, interpreter layer.File, args []string) {
	w := c.pythonWalk(argv[0], interpreter)
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		flag := args[0]
		args = args[1:]
		switch {
		case (flag == "-m" || strings.HasSuffix(flag, "m") && len(flag) < 5 && !strings.HasPrefix(flag, "--")) && len(args) > 0:
			w.module(args[0], args[1:])
			return
		case flag == "-c" && len(args) > 0:
			w.paths = append([]string{c.workDir()}, w.paths...)
			w.text(args[0])
			return
		case (flag == "-X" || flag == "-W") && len(args) > 0:
			args = args[1:]
		}
	}
	if len(args) == 0 || args[0] == "-" {
		return
	}
	w.file(args[0])
}

// pythonTool checks a program of a package, such as uvicorn, and the application
// that its arguments name.
func (c *check) pythonTool(argv []string, interpreter string) {
	f, ok := c.find(interpreter)
	if !ok {
		return
	}
	w := c.pythonWalk(interpreter, f)
	w.tool(path.Base(argv[0]), argv[1:])
}

// file starts with a source that the command names.
func (w *pythonWalk) file(name string) {
	f, ok := w.check.file(name, "the start command")
	if !ok {
		return
	}
	if f.Kind == layer.Directory {
		w.paths = append([]string{"/" + f.Path}, w.paths...)
		main, ok := w.tree.Lookup(path.Join("/", f.Path, "__main__.py"))
		if !ok {
			w.broken(CodeFile, w.startPlace(), "name the file, or the module with -m", "/%s is a directory without __main__.py, and the start command runs it", f.Path)
			return
		}
		w.enter(main, layer.Surely)
	} else {
		w.paths = append([]string{path.Dir("/" + f.Path)}, w.paths...)
		w.enter(f, layer.Surely)
	}
	w.follow()
}

// module starts with python -m.
func (w *pythonWalk) module(name string, args []string) {
	if slices.Contains([]string{"uvicorn", "gunicorn", "hypercorn", "celery", "flask", "daphne", "waitress", "streamlit", "fastapi", "granian", "arq", "dramatiq", "rq"}, name) {
		w.tool(name, args)
		return
	}
	w.paths = append([]string{w.workDir()}, w.paths...)
	w.named(name, w.startPlace())
}

// toolFlags are options of servers that take the next word and would look like an
// application.
func toolFlags() []string {
	return []string{"-b", "--bind", "--host", "--port", "-h", "-p", "-w", "--workers", "-k", "--worker-class", "--log-level", "--loglevel", "-l", "--threads", "--timeout", "-t", "--concurrency", "-c", "--queues", "-Q", "--interface", "--loop", "--http", "--ws", "--lifespan", "--name", "-n", "--listen", "--access-logfile", "--error-logfile", "--env-file", "--log-config", "--ssl-keyfile", "--ssl-certfile", "--config", "--forwarded-allow-ips", "--root-path", "--url-prefix"}
}

// tool checks the application that a server or worker is started with.
func (w *pythonWalk) tool(name string, args []string) {
	dir, target := w.workDir(), ""
	flags := toolFlags()
	for a := (arguments{rest: args}); a.next(); {
		switch flag := a.flag; {
		case flag == "--app-dir" || flag == "--chdir" || flag == "--working-directory" || flag == "--working-dir" || flag == "--workdir":
			dir = w.abs(a.operand())
		case flag == "-A" || flag == "--app" || flag == "--call":
			if v := a.operand(); target == "" {
				target = v
			}
		case slices.Contains(flags, flag) || strings.HasPrefix(flag, "--ssl"):
			a.operand()
		case strings.HasPrefix(flag, "-"):
		case target == "" && withObject().MatchString(a.word):
			target = a.word
		case (name == "streamlit" || name == "fastapi") && strings.HasSuffix(a.word, ".py"):
			w.file(a.word)
			return
		}
	}
	if name == "gunicorn" && (slices.Contains(args, "-c") || slices.Contains(args, "--config") || w.tree.Exists(w.abs("gunicorn.conf.py"))) {
		w.unknown = true // its settings may change directories and paths
	}
	m := pythonTarget().FindStringSubmatch(strings.TrimSuffix(target, ".py"))
	if m == nil {
		return
	}
	w.paths = append([]string{dir}, w.paths...)
	w.named(m[1], w.startPlace())
}

// named starts with a module that the start command names.
func (w *pythonWalk) named(name string, at diag.Place) {
	files, ok := w.find(name)
	if !ok {
		if !w.unknown {
			hint := w.setting("command:") + " with the right module"
			if where := w.elsewhere(name); where != "" {
				hint = "it is in " + where + "/: " + w.setting("command:") + " with --app-dir " + where
			}
			w.broken(CodeFile, at, hint, "the start command names the module %s, which is not in the image", name)
		}
		return
	}
	for _, f := range files {
		w.enter(f, layer.Surely)
	}
	if f, ok := w.tree.Lookup(path.Join("/", path.Dir(files[len(files)-1].Path), "__main__.py")); ok && path.Base(files[len(files)-1].Path) == "__init__.py" {
		w.enter(f, layer.Surely)
	}
	w.follow()
}

// text follows the imports of a command that is a program itself.
func (w *pythonWalk) text(code string) {
	source := layer.Python([]byte(strings.ReplaceAll(code, ";", "\n")))
	if source == nil {
		return
	}
	for _, imp := range source.Imports {
		if imp.When == layer.Surely {
			w.named(imp.Name, w.startPlace())
		}
	}
}

// follow goes through all imports.
func (w *pythonWalk) follow() {
	var problems []problem
	for at, ok := w.take(); ok; at, ok = w.take() {
		w.unknown = w.unknown || at.file.Source.Rewires
		for _, imp := range at.file.Source.Imports {
			when := max(at.when, imp.When)
			files, ok := w.imported(at.file, imp)
			for _, f := range files {
				w.enter(f, when)
			}
			if !ok && when != layer.Guarded {
				problems = append(problems, problem{from: at.file, imp: imp, when: when})
			}
		}
	}
	w.reach(w.walk)
	if w.unknown {
		return
	}
	slices.SortStableFunc(problems, func(a, b problem) int { return int(a.when) - int(b.when) })
	done := map[string]bool{}
	for _, p := range problems {
		if !done[p.imp.Name] {
			done[p.imp.Name] = true
			w.tell(p)
		}
	}
}

// imported finds the sources of one import statement.
func (w *pythonWalk) imported(from layer.File, imp layer.Import) ([]layer.File, bool) {
	if !strings.HasPrefix(imp.Name, ".") {
		files, ok := w.find(imp.Name)
		if ok && !pythonBuiltin(imp.Name) {
			for _, n := range imp.Names {
				if more, found := w.find(imp.Name + "." + n); found {
					files = append(files, more...)
				}
			}
		}
		return files, ok
	}
	rest := strings.TrimLeft(imp.Name, ".")
	dir := path.Dir("/" + from.Path)
	for range len(imp.Name) - len(rest) - 1 {
		dir = path.Dir(dir)
	}
	var files []layer.File
	if rest != "" {
		for part := range strings.SplitSeq(rest, ".") {
			more, ok := w.under(dir, part)
			if !ok {
				return files, false
			}
			files = append(files, more...)
			dir = path.Join(dir, part)
		}
	}
	for _, n := range imp.Names {
		if more, ok := w.under(dir, n); ok {
			files = append(files, more...)
		}
	}
	return files, true
}

// tell reports an import of which nothing is found.
func (w *pythonWalk) tell(p problem) {
	top, _, _ := strings.Cut(p.imp.Name, ".")
	at := w.place(p.from.Path, p.imp.Line, p.imp.Name)
	text := inImage(at, p.from.Path, p.imp.Line) + "imports " + p.imp.Name + ", which is not in the image"
	var hint string
	beside, _ := w.under(path.Dir("/"+p.from.Path), top)
	switch {
	case strings.HasPrefix(p.imp.Name, "."):
		hint = "check files:, exclude: and .dockerignore of the service"
	case beside != nil:
		dir := strings.TrimPrefix(path.Dir("/"+p.from.Path), w.workDir()+"/")
		hint = top + " is in " + dir + "/: start with --app-dir " + dir + ", or write from ." + p.imp.Name + " import …"
	case pythonStandard(top):
		hint = "this module of the standard library is in a separate package: " + w.setting("packages: {runtime: [python3-"+top+"]}")
	default:
		hint = "add the package that provides " + top + " to the dependencies of the service"
	}
	if p.when == layer.Surely {
		w.broken(CodeModule, at, hint, "%s", text)
	} else {
		w.warn(CodeModule, at, hint, "%s", text)
	}
}

// elsewhere looks for a module one directory below the working directory.
func (w *pythonWalk) elsewhere(name string) string {
	top, _, _ := strings.Cut(name, ".")
	for _, dir := range w.tree.Names(w.workDir()) {
		if _, ok := w.under(path.Join(w.workDir(), dir), top); ok && !strings.HasPrefix(dir, ".") {
			return dir
		}
	}
	return ""
}
