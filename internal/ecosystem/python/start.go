package python

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/pattern"
)

// The ports of servers that nothing tells another one: that of uvicorn, gunicorn
// and Django, and Streamlit's.
const (
	webPort       = "8000"
	streamlitPort = "8501"
)

// network completes type, port and health.
func (s *service) network() {
	e := s.scan.evidence
	given := "" // who is told the port that nothing names
	switch s.app.kind {
	case kindASGI, kindWSGI, kindDjango:
		e.HTTP = ecosystem.Hit{Text: string(s.app.kind), File: s.app.file, Line: s.app.line}
		given = webPort
	case kindStreamlit:
		e.HTTP = ecosystem.Hit{Text: "Streamlit", File: s.app.file, Line: s.app.line}
		e.Route = ecosystem.Hit{Text: "/_stcore/health", File: s.app.file, Line: s.app.line}
		e.Port, given = ecosystem.Hit{}, streamlitPort
	case kindCelery:
		e = ecosystem.Evidence{}
	}
	if p, ok := s.Process(); ok && p.Name == "web" {
		e.HTTP.Keep(ecosystem.Hit{Text: "web", File: "Procfile", Line: p.Line})
		if m := portFlag().FindStringSubmatch(p.WithPort(s.givenPort())); m != nil {
			e.Port = ecosystem.Hit{Text: m[1], File: "Procfile", Line: p.Line}
		} else if p.WantsPort() {
			given = webPort
		}
	} else if ok {
		e = ecosystem.Evidence{} // a process that is not called web serves nobody
	}
	if !e.Port.Found() && given != "" {
		e.Port = ecosystem.Hit{Text: given}
	}
	s.Network(e, s.manifest())
	for i, f := range s.Facts {
		if f.Name == "port" && f.File == "" && f.Evidence == "in the sources" {
			s.Facts[i].Evidence = "default: the server is told so"
		}
	}
}

// manifest is the file that a finding about the whole service stands at.
func (s *service) manifest() string {
	if len(s.manager.manifests) > 0 {
		return s.manager.manifests[0]
	}
	return ecosystem.Or(s.app.file, "main.py")
}

var portFlag = pattern.Lazy(`(?:--port|--bind|--http|-b|-p)[ =](?:[\w.\[\]:]*:)?(\d{2,5})\b`)

// startCommand decides on the exec form that starts the service.
func (s *service) startCommand() {
	if len(s.Want.Command) > 0 {
		s.start = s.Want.Command
		s.Configured("start", strings.Join(s.start, " "))
		return
	}
	if p, ok := s.Process(); ok {
		s.fromProcfile(p)
		return
	}
	if s.Want.Type == "worker" && s.app.kind != kindCelery {
		s.startProgram()
		return
	}
	switch s.app.kind {
	case kindASGI:
		s.startServer(s.asgi(s.app.target(), s.app.factory), "uvicorn")
	case kindWSGI:
		s.startServer(s.wsgi(s.app.target(), s.app.factory), "gunicorn")
	case kindDjango:
		s.startDjango()
	case kindStreamlit:
		s.started([]string{"streamlit", "run", s.app.file, "--server.port=" + s.port(), "--server.address=0.0.0.0", "--server.headless=true", "--browser.gatherUsageStats=false"})
	case kindCelery:
		s.started([]string{"celery", "-A", s.app.module, "worker", "--loglevel=info"})
	default:
		s.startProgram()
	}
}

func (s *service) fromProcfile(p ecosystem.Process) {
	s.OtherProcesses(p)
	argv, err := config.Words(p.WithPort(s.givenPort()))
	if err != nil {
		s.Report(diag.Error, codeShell, "Procfile", p.Line, `write command: ["python", "…"] for the service in slipway.yaml`, "the %s process cannot run without a shell: %v", p.Name, err)
		return
	}
	s.start = argv
	s.Fact("start", strings.Join(argv, " "), p.Name+" process", "Procfile", p.Line)
}

// givenPort is the port that a process is told.
func (s *service) givenPort() int {
	if s.Want.Port > 0 {
		return s.Want.Port
	}
	n, _ := strconv.Atoi(webPort)
	return n
}

func (s *service) port() string { return strconv.Itoa(s.Want.Port) }

// started notes a start command that follows from the application.
func (s *service) started(argv []string) {
	s.start = argv
	s.Fact("start", strings.Join(argv, " "), string(s.app.kind), s.app.file, s.app.line)
}

// startServer starts the application under a server, or asks for one.
func (s *service) startServer(argv []string, missing string) {
	if argv == nil {
		s.Report(diag.Error, codeNoServer, s.app.file, s.app.line, s.add(missing)+"; or write command: for the service in slipway.yaml",
			"the %s has no server to run it among the dependencies", s.app.kind)
		return
	}
	s.started(argv)
}

// asgi returns the command of the first ASGI server among the dependencies.
func (s *service) asgi(target string, factory bool) []string {
	var argv []string
	switch {
	case s.has("uvicorn"):
		argv = []string{"uvicorn", target, "--host", "0.0.0.0", "--port", s.port()}
		if factory {
			argv = append(argv, "--factory")
		}
	case s.has("hypercorn"):
		argv = []string{"hypercorn", target, "--bind", "0.0.0.0:" + s.port()}
		if factory {
			argv[1] += "()"
		}
	case s.has("granian"):
		argv = []string{"granian", "--interface", "asgi", "--host", "0.0.0.0", "--port", s.port(), target}
		if factory {
			argv = append(argv, "--factory")
		}
	case s.has("daphne") && !factory:
		argv = []string{"daphne", "--bind", "0.0.0.0", "--port", s.port(), target}
	}
	return argv
}

// wsgi returns the command of the first WSGI server among the dependencies.
// Threads keep a slow request from delaying the health check; WEB_CONCURRENCY
// adds processes.
func (s *service) wsgi(target string, factory bool) []string {
	call := target
	if factory {
		call += "()"
	}
	switch {
	case s.has("gunicorn"):
		return []string{"gunicorn", call, "--bind", "0.0.0.0:" + s.port(), "--threads", "4", "--access-logfile", "-"}
	case s.has("waitress") && factory:
		return []string{"waitress-serve", "--listen=0.0.0.0:" + s.port(), "--call", target}
	case s.has("waitress"):
		return []string{"waitress-serve", "--listen=0.0.0.0:" + s.port(), target}
	case s.has("granian") && !factory:
		return []string{"granian", "--interface", "wsgi", "--host", "0.0.0.0", "--port", s.port(), target}
	}
	return nil
}

// startDjango prefers WSGI, unless the project speaks over channels.
func (s *service) startDjango() {
	var argv []string
	if ecosystem.Exists(s.Dir, s.app.module+"/wsgi.py") && !s.has("channels") {
		argv = s.wsgi(s.app.module+".wsgi:application", false)
	}
	if argv == nil && ecosystem.Exists(s.Dir, s.app.module+"/asgi.py") {
		argv = s.asgi(s.app.module+".asgi:application", false)
	}
	s.startServer(argv, "gunicorn")
}

// startProgram starts an entry point of the project or a program of a usual
// name.
func (s *service) startProgram() {
	if s.startScript() {
		return
	}
	for _, f := range s.scan.files {
		module := s.module(f)
		if pkg, ok := strings.CutSuffix(module, ".__main__"); ok && !strings.Contains(pkg, ".") {
			s.start = []string{"python", "-m", pkg}
			s.Fact("start", strings.Join(s.start, " "), "the package has a main module", f, 0)
			return
		}
	}
	for _, name := range []string{"main.py", "server.py", "worker.py", "run.py", "app.py", "service.py", "bot.py", "src/main.py", "src/worker.py", "src/app.py"} {
		if slices.Contains(s.scan.files, name) {
			s.start = []string{"python", name}
			s.Fact("start", "python "+name, "the file exists", name, 0)
			return
		}
	}
	for _, name := range []string{"app/main.py", "app/worker.py"} {
		if slices.Contains(s.scan.files, name) {
			s.start = []string{"python", "-m", s.module(name)}
			s.Fact("start", strings.Join(s.start, " "), "the file exists", name, 0)
			return
		}
	}
	if len(s.scan.mains) == 1 {
		h := s.scan.mains[0]
		s.start = []string{"python", "-m", s.module(h.File)}
		s.Fact("start", strings.Join(s.start, " "), "the only program", h.File, h.Line)
		return
	}
	s.Report(diag.Error, codeNoStart, s.manifest(), 0, `write command: ["python", "…"] for the service in slipway.yaml, or a Procfile`, "nothing says how the service starts")
}

// startScript starts an entry point of pyproject.toml: the only one, or the one
// with the project's name.
func (s *service) startScript() bool {
	if s.project == nil {
		return false
	}
	scripts := s.project.scripts()
	name := s.project.name()
	if len(scripts) == 1 {
		name = slices.Collect(maps.Keys(scripts))[0]
	}
	module, function, ok := strings.Cut(scripts[name], ":")
	if !ok || !entryForm().MatchString(scripts[name]) {
		return false
	}
	object, _, _ := strings.Cut(function, ".")
	s.start = []string{"python", "-c", fmt.Sprintf("from %s import %s; raise SystemExit(%s())", module, object, function)}
	s.Fact("start", name+" = "+scripts[name], "entry point of the project", "pyproject.toml", s.project.line(scripts[name]))
	return true
}

var entryForm = pattern.Lazy(`^[A-Za-z_][\w.]*:[A-Za-z_][\w.]*$`)
