package python

import (
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/pattern"
)

func fsValid(name string) bool { return fs.ValidPath(path.Clean(name)) }

var targetWord = pattern.Lazy(`^([A-Za-z_][\w.]*):[A-Za-z_][\w.]*(?:\(.*\))?$`)

// entryOf finds the program of a written command, so that what it imports counts
// before what other files say. The command itself stays as it is.
func (s *service) entryOf(argv []string) {
	bases, module := []string{s.cwd, ".", "src"}, ""
	for i, w := range argv {
		next := ""
		if i+1 < len(argv) {
			next = argv[i+1]
		}
		flag, value, _ := strings.Cut(w, "=")
		value = ecosystem.Or(value, next)
		switch {
		case slices.Contains([]string{"--app-dir", "--chdir", "--pythonpath"}, flag):
			bases = slices.Insert(bases, 0, path.Join(s.cwd, value))
		case module == "" && (w == "-m" && path.Base(argv[0]) != "gunicorn" || w == "-A" || w == "--app"):
			module = strings.SplitN(next, ":", 2)[0]
		case module == "" && path.Ext(w) == ".py":
			module = strings.ReplaceAll(strings.TrimSuffix(path.Clean(w), ".py"), "/", ".")
		case module == "" && targetWord().MatchString(w):
			module = strings.SplitN(w, ":", 2)[0]
		}
	}
	for _, base := range bases {
		if found := s.index.find(path.Clean(base), module); module != "" && len(found) > 0 {
			s.root = path.Clean(base)
			_, s.reached = s.missing(found[len(found)-1], []string{s.root}, nil)
			for _, f := range found {
				_, more := s.missing(f, []string{s.root}, nil)
				maps.Copy(s.reached, more)
			}
			return
		}
	}
}

// findProgram decides on the program of a service that is no application of a
// framework: what serves, before a program of a usual name. It is "" when an
// entry point of the project starts, or nothing says how.
func (s *service) findProgram() {
	if s.script() != "" {
		return
	}
	if h, why := s.serving(); h.Found() {
		s.program, s.programWhy = h, why
	} else {
		s.program, s.programWhy = s.usual()
	}
	if s.program.Found() {
		s.chooseRoot(s.program.File)
	}
}

// serving returns the program that starts a server: the one in which the server
// is, else the only one that imports it.
func (s *service) serving() (ecosystem.Hit, string) {
	servers := slices.Concat(s.scan.grpc, s.scan.servers)
	if s.Want.Type == "worker" || s.Want.Type == "job" || len(servers) == 0 {
		return ecosystem.Hit{}, ""
	}
	for _, hits := range [][]ecosystem.Hit{s.scan.grpc, s.scan.servers} {
		var found []ecosystem.Hit
		for _, main := range s.scan.mains {
			if slices.ContainsFunc(hits, func(h ecosystem.Hit) bool { return h.File == main.File }) {
				found = append(found, main)
			}
		}
		if len(found) == 1 {
			return found[0], "the program that starts the server"
		}
		if len(found) > 1 {
			return ecosystem.Hit{}, ""
		}
	}
	var found []ecosystem.Hit
	for _, main := range s.scan.mains {
		s.chooseRootQuietly(main.File)
		if slices.ContainsFunc(servers, func(h ecosystem.Hit) bool { return s.reached[h.File] }) {
			found = append(found, main)
		}
	}
	s.root, s.reached, s.more = ".", nil, nil
	if len(found) != 1 {
		return ecosystem.Hit{}, ""
	}
	return found[0], "the program that starts the server, by its imports"
}

// usual returns a program of a usual name, else the only one.
func (s *service) usual() (ecosystem.Hit, string) {
	for _, f := range s.scan.files {
		if path.Base(f) == "__main__.py" && strings.Count(strings.TrimPrefix(f, "src/"), "/") == 1 {
			return ecosystem.Hit{File: f}, "the package has a __main__ module"
		}
	}
	for _, name := range []string{"main.py", "server.py", "worker.py", "run.py", "app.py", "service.py", "bot.py", "src/main.py", "src/worker.py", "src/app.py", "app/main.py", "app/worker.py"} {
		if slices.Contains(s.scan.files, name) {
			return ecosystem.Hit{File: name}, "the file exists"
		}
	}
	if len(s.scan.mains) == 1 {
		return s.scan.mains[0], "the only program"
	}
	if servers := slices.Concat(s.scan.grpc, s.scan.servers); len(s.scan.mains) == 0 && len(servers) == 1 {
		return servers[0], "the only file that starts a server"
	}
	return ecosystem.Hit{}, ""
}

// startProgram starts an entry point of the project, or the program.
func (s *service) startProgram() {
	if name := s.script(); name != "" {
		s.startScript(name)
		return
	}
	h := s.program
	if !h.Found() {
		hint := `write command: ["python", "…"] for the service in slipway.yaml, or a Procfile`
		if len(s.scan.mains) > 1 {
			hint = `write command: ["python", "` + s.scan.mains[0].File + `"] for the service in slipway.yaml, or a Procfile`
			s.Report(diag.Error, codeNoStart, s.scan.mains[0].File, s.scan.mains[0].Line, hint, "%d programs can start here, and no setting selects one", len(s.scan.mains))
			return
		}
		s.Report(diag.Error, codeNoStart, s.manifest(), 0, hint, "no start command found")
		return
	}
	s.start = s.python(h.File)
	s.Fact("start", strings.Join(s.start, " "), s.programWhy, h.File, h.Line)
	s.otherPrograms(h)
	if s.has("dash") && len(s.scan.mains) > 0 && s.Want.Type == "http" {
		s.warnDevelopment("Dash", h.File, h.Line, s.add("gunicorn")+", and write server = app.server below the application, which gunicorn then serves")
	}
}

// python is the command that starts a file: as a program when Python then finds
// what it imports, else as a module.
func (s *service) python(file string) []string {
	name := file
	if s.cwd != "." {
		name = strings.TrimPrefix(file, s.cwd+"/")
	}
	module := s.module(file)
	if pkg, ok := strings.CutSuffix(module, ".__main__"); ok {
		return []string{"python", "-m", pkg}
	}
	if path.Dir(file) == s.root {
		return []string{"python", name}
	}
	return []string{"python", "-m", module}
}

// otherPrograms names the programs beside the one that serves. Who has a
// slipway.yaml has decided.
func (s *service) otherPrograms(chosen ecosystem.Hit) {
	if s.FleetFile != "" || !strings.HasPrefix(s.programWhy, "the program that starts the server") {
		return
	}
	for _, h := range s.scan.mains {
		if h.File == chosen.File || s.reached[h.File] {
			continue
		}
		name := strings.ReplaceAll(strings.TrimSuffix(path.Base(h.File), ".py"), "_", "-")
		s.Report(diag.Info, codePrograms, h.File, h.Line,
			"if it is a service too, add it to slipway.yaml: "+name+": {path: "+ecosystem.Or(s.Want.Path, ".")+", type: job, command: "+strconv.Quote("python "+h.File)+"}",
			"the service starts %s, the server; %s is another program", chosen.File, h.File)
	}
}

// script is the entry point of pyproject.toml that starts the service: the only
// one, or the one with the project's name; "" without one.
func (s *service) script() string {
	if s.project == nil {
		return ""
	}
	scripts := s.project.scripts()
	name := s.project.name()
	if len(scripts) == 1 {
		name = slices.Collect(maps.Keys(scripts))[0]
	}
	if !entryForm().MatchString(scripts[name]) {
		return ""
	}
	return name
}

func (s *service) startScript(name string) {
	target := s.project.scripts()[name]
	module, function, _ := strings.Cut(target, ":")
	object, _, _ := strings.Cut(function, ".")
	s.start = []string{"python", "-c", fmt.Sprintf("from %s import %s; raise SystemExit(%s())", module, object, function)}
	s.Fact("start", name+" = "+target, "entry point of the project", "pyproject.toml", s.project.line(target))
}

var entryForm = pattern.Lazy(`^[A-Za-z_][\w.]*:[A-Za-z_][\w.]*$`)

// filesOf are the words of a command that name files of the service.
func filesOf(argv []string) []string {
	var out []string
	for i, w := range argv {
		flag, value, joined := strings.Cut(w, "=")
		if !joined && i+1 < len(argv) {
			value = argv[i+1]
		}
		known := slices.Contains([]string{"--env-file", "--log-config", "--config", "-c", "--certfile", "--keyfile", "--ssl-certfile", "--ssl-keyfile", "--ca-certs", "--ssl-ca-certs"}, flag)
		switch {
		case known && value != "" && !strings.HasPrefix(value, "python:") && strings.ContainsAny(value, "./") && !strings.ContainsAny(value, " ;()"):
			out = append(out, strings.TrimPrefix(value, "file:"))
		case i == 1 && path.Ext(w) == ".py" && strings.HasPrefix(path.Base(argv[0]), "python"):
			out = append(out, w)
		}
	}
	return out
}

// checkStart reports files of the start command that the image does not contain.
func (s *service) checkStart(file string, line int) {
	for _, name := range filesOf(s.start) {
		if path.IsAbs(name) || strings.HasPrefix(name, "..") {
			continue
		}
		full := path.Join(s.cwd, name)
		why := "it does not exist"
		if ecosystem.Exists(s.Dir, full) {
			if why = s.leftOut(full); why == "" {
				continue
			}
		}
		hint := "fix the command, or write files: [" + full + "] for the service in slipway.yaml"
		if strings.HasPrefix(path.Base(full), ".env") {
			hint = "delete it from the command, and write env_file: " + full + " for the service in slipway.yaml, which sets the variables at run time"
		}
		if file == "" {
			s.OnConfig(codeFile, hint, "the command names %s, which the image does not contain: %s", name, why)
		} else {
			s.Report(diag.Error, codeFile, file, line, hint, "the start command names %s, which the image does not contain: %s", name, why)
		}
	}
}

// leftOut is why production does not hold a path, "" when it does.
func (s *service) leftOut(name string) string {
	for _, l := range s.tree.left {
		if l.name == name || strings.HasPrefix(name, l.name+"/") {
			return l.why
		}
	}
	return ""
}
