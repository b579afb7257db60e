package python

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/pattern"
)

// The ports of servers that nothing tells another one: that of uvicorn, gunicorn
// and Django, and Streamlit's.
const (
	webPort       = "8000"
	streamlitPort = "8501"
	gradioPort    = "7860"
	dashPort      = "8050"
	flaskPort     = "5000"
	grpcPort      = "50051"
)

// findStart decides on the program, on what it says of the network, and on the
// command that starts it.
func (s *service) findStart() {
	process, fromProcfile := s.Process()
	switch {
	case len(s.Want.Command) > 0:
		s.start = s.Want.Command
		s.Configured("start", strings.Join(s.start, " "))
		s.entryOf(s.start)
		s.network()
		s.checkStart("", 0)
		s.developing("", 0)
		return
	case fromProcfile:
		s.OtherProcesses(process)
		s.commandFrom(process.WithPort(s.givenPort()), "the "+process.Name+" process", "Procfile", process.Line)
		s.network()
		s.checkStart("Procfile", process.Line)
		s.developing("Procfile", process.Line)
		return
	case s.app.kind == kindNone || s.Want.Type == "worker" && s.app.kind != kindCelery:
		s.findProgram()
	}
	if s.bootScript() {
		s.network()
		return
	}
	s.network()
	s.startCommand()
}

// bootScript takes the server of a script of a usual name, when nothing else says
// what starts.
func (s *service) bootScript() bool {
	if s.app.kind != kindNone || s.script() != "" || s.program.Found() {
		return false
	}
	for _, name := range []string{"boot.sh", "start.sh", "entrypoint.sh", "docker-entrypoint.sh", "run.sh", "start"} {
		if data, err := ecosystem.Read(s.Dir, name); err == nil {
			if c, err := parseScript(string(data), s.givenPort()); err == nil && isServer(c.argv) {
				s.fromScript(name, "the script exists")
				return true
			}
		}
	}
	return false
}

// isServer reports a command of a server or of Python itself.
func isServer(argv []string) bool {
	return isWebServer(argv) || slices.Contains([]string{"celery", "streamlit", "fastapi", "flask", "python", "python3"}, path.Base(argv[0]))
}

func isWebServer(argv []string) bool {
	return slices.Contains([]string{"gunicorn", "uvicorn", "hypercorn", "granian", "daphne", "waitress-serve"}, path.Base(argv[0]))
}

// network completes type, port and health.
func (s *service) network() {
	e := s.decide()
	given := s.usualPort(e)
	switch s.app.kind {
	case kindASGI, kindWSGI, kindDjango:
		e.HTTP, e.GRPC = ecosystem.Hit{Text: string(s.app.kind), File: s.app.file, Line: s.app.line}, ecosystem.Hit{}
		if s.app.kind == kindDjango { // whose sources do not say where it listens
			e.Port, e.Route = ecosystem.Hit{}, s.djangoRoute()
		}
	case kindStreamlit:
		e.HTTP = ecosystem.Hit{Text: "Streamlit", File: s.app.file, Line: s.app.line}
		e.Route = ecosystem.Hit{Text: "/_stcore/health", File: s.app.file, Line: s.app.line}
		e.Port = ecosystem.Hit{}
	case kindCelery:
		e = ecosystem.Evidence{}
	}
	if p, ok := s.Process(); ok && p.Name == "web" && len(s.Want.Command) == 0 {
		e.HTTP.Keep(ecosystem.Hit{Text: "web", File: "Procfile", Line: p.Line})
		if p.WantsPort() {
			given = webPort
		}
	} else if ok && len(s.Want.Command) == 0 {
		e = ecosystem.Evidence{} // a process that is not called web serves nobody
	}
	if at := s.startPlace(); len(s.start) > 0 && isWebServer(s.start) && at.Found() {
		e.HTTP.Keep(at)
		given = ecosystem.Or(given, webPort)
	}
	if m := portFlag().FindStringSubmatch(strings.Join(s.start, " ")); m != nil && e.HTTP.Found() {
		e.Port = e.HTTP
		if at := s.startPlace(); at.Found() {
			e.Port = at
		}
		e.Port.Text, e.Port.Why = m[1], "in the start command"
	}
	if !e.Port.Found() && given != "" {
		e.Port = ecosystem.Hit{Text: given}
	}
	s.Network(e, s.manifest())
	s.warnLoopback()
	for i, f := range s.Facts {
		if f.Name == "port" && f.File == "" && f.Evidence == "in the sources" {
			s.Facts[i].Evidence = "default: passed to the server"
		}
	}
}

// usualPort is the port of a server that no file names one for, "" when nothing
// is known to serve.
func (s *service) usualPort(e ecosystem.Evidence) string {
	words := commandWords(s.start)
	switch reads := s.scan.readsPort.Found(); {
	case s.app.kind == kindStreamlit:
		return streamlitPort
	case s.app.kind == kindCelery:
		return ""
	case !reads && (len(words) > 0 && s.runsFlask(words[0]).Found() || len(words) == 0 && s.itself().Found()):
		return flaskPort
	case s.app.kind != kindNone:
		return webPort
	case reads && e.GRPC.Found():
		return grpcPort
	case reads:
		return webPort
	case s.gradio():
		return gradioPort
	case s.has("dash"):
		return dashPort
	}
	return ""
}

// startPlace is where a file of the service says how it starts.
func (s *service) startPlace() ecosystem.Hit {
	for _, f := range s.Facts {
		if f.Name == "start" && f.File != "" && f.Evidence != "configured" {
			return ecosystem.Hit{Text: f.Value, File: strings.TrimPrefix(f.File, s.At("")+"/"), Line: f.Line}
		}
	}
	return ecosystem.Hit{}
}

// manifest is the place of a finding about the whole service.
func (s *service) manifest() string {
	if len(s.manager.manifests) > 0 && (s.member == "" || s.own) {
		return ecosystem.Below(ecosystem.Or(s.member, "."), s.manager.manifests[0])
	}
	if s.member != "" {
		return "pyproject.toml"
	}
	return ecosystem.Or(s.app.file, "main.py")
}

var portFlag = pattern.Lazy(`(?:--port|--bind|--http|-b|-p|\brunserver)[ =](?:[\w.\[\]:]*:)?(\d{2,5})\b`)

// startCommand decides on the exec form that starts the service.
func (s *service) startCommand() {
	if s.Want.Type == "worker" && s.app.kind != kindCelery {
		s.startProgram()
		return
	}
	switch s.app.kind {
	case kindASGI:
		s.startServer(func() []string { return s.asgi(s.app.target(), s.app.factory) }, "uvicorn")
	case kindWSGI:
		s.startServer(func() []string { return s.wsgi(s.app.target(), s.app.factory) }, "gunicorn")
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

// gradio reports a program that serves an interface of Gradio.
func (s *service) gradio() bool {
	return slices.ContainsFunc(s.scan.gradio, func(h ecosystem.Hit) bool { return s.reached[h.File] || h.File == s.program.File })
}

// givenPort is the port that a process gets.
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

// startServer starts the application under a server of its dependencies, else
// under one that the build adds.
func (s *service) startServer(command func() []string, missing string) {
	if s.startSockets() {
		return
	}
	argv := command()
	if argv == nil && s.startItself(missing) {
		return
	}
	if argv == nil && s.addServer(missing) {
		argv = command()
	}
	if argv == nil {
		s.Report(diag.Error, codeNoServer, s.app.file, s.app.line, s.add(missing)+"; or write command: for the service in slipway.yaml",
			"the dependencies have no server that runs the %s", s.app.kind)
		return
	}
	s.started(argv)
}

// apart reports modules that the server finds neither where it runs nor by the
// environment.
func (s *service) apart() bool { return s.root != s.cwd && s.root != "src" }

// asgi returns the command of the first ASGI server among the dependencies.
func (s *service) asgi(target string, factory bool) []string {
	var argv []string
	switch {
	case s.has("uvicorn"):
		argv = []string{"uvicorn", target, "--host", "0.0.0.0", "--port", s.port()}
		if s.apart() {
			argv = slices.Insert(argv, 1, "--app-dir", s.root)
		}
		if factory {
			argv = append(argv, "--factory")
		}
	case s.has("sanic") && !s.has("fastapi") && !s.has("starlette") && !factory:
		argv = []string{"sanic", target, "--host=0.0.0.0", "--port=" + s.port(), "--single-process"}
	case s.has("hypercorn"), s.has("quart"): // which depends on it
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
		argv := []string{"gunicorn", call, "--bind", "0.0.0.0:" + s.port(), "--threads", "4", "--access-logfile", "-"}
		switch {
		case s.apart() && s.sure:
			argv = slices.Insert(argv, 1, "--pythonpath", s.root)
		case s.apart():
			argv = slices.Insert(argv, 1, "--chdir", s.root)
		}
		return argv
	case s.has("waitress") && factory:
		return []string{"waitress-serve", "--listen=0.0.0.0:" + s.port(), "--call", target}
	case s.has("waitress"):
		return []string{"waitress-serve", "--listen=0.0.0.0:" + s.port(), target}
	case s.has("granian") && !factory:
		return []string{"granian", "--interface", "wsgi", "--host", "0.0.0.0", "--port", s.port(), target}
	}
	return nil
}

// startDjango prefers WSGI, unless the project speaks over channels. A project
// without either module has only Django's own server.
func (s *service) startDjango() {
	wsgi, asgi := s.gateway("wsgi", s.django.wsgi), s.gateway("asgi", s.django.asgi)
	if wsgi == "" && asgi == "" {
		s.started([]string{"python", "manage.py", "runserver", "--noreload", "0.0.0.0:" + s.port()})
		s.warnDevelopment("Django", s.app.file, s.app.line, "add "+s.app.module+"/wsgi.py, as django-admin startproject writes it, and "+s.add("gunicorn"))
		return
	}
	command := func() []string {
		if wsgi != "" && !s.has("channels") {
			if argv := s.wsgi(wsgi, false); argv != nil {
				return argv
			}
		}
		if asgi != "" {
			return s.asgi(asgi, false)
		}
		return nil
	}
	missing := "gunicorn"
	if asgi != "" && (s.has("channels") || wsgi == "") {
		missing = "uvicorn"
	}
	s.startServer(command, missing)
}

// gateway is the application of a module of the project, or of the one that the
// settings name, as servers take it; "" without one.
func (s *service) gateway(name string, setting ecosystem.Hit) string {
	if ecosystem.Exists(s.Dir, path.Join(s.root, s.app.module, name+".py")) {
		return s.app.module + "." + name + ":application"
	}
	i := strings.LastIndexByte(setting.Text, '.')
	if i < 0 || !ecosystem.Exists(s.Dir, path.Join(s.root, strings.ReplaceAll(setting.Text[:i], ".", "/")+".py")) {
		return ""
	}
	return setting.Text[:i] + ":" + setting.Text[i+1:]
}
