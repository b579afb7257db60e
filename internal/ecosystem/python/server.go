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

// addedServer is a production server that the build installs, because an application
// has none among its dependencies. The zero value installs nothing.
type addedServer struct {
	name, version string
	needs         [][2]string // module and pinned package of what the server itself imports
}

// The servers that the build installs, new on 2026-11-28, and for Python 3.9 the
// last ones that run on it. They need no other packages than these
// (https://pypi.org/project/gunicorn/27.0.1/).
func addedServers(python string) []addedServer {
	click, h11 := [2]string{"click", "click==8.5.1"}, [2]string{"h11", "h11==0.16.0"}
	typing := [2]string{"typing_extensions", "typing-extensions==4.16.0"}
	switch python {
	case "3.9":
		click[1] = "click==8.1.8"
		return []addedServer{
			{name: "gunicorn", version: "23.0.0", needs: [][2]string{{"packaging", "packaging==26.3"}}},
			{name: "uvicorn", version: "0.39.0", needs: [][2]string{click, h11, typing}},
		}
	case "3.10":
		return []addedServer{{name: "gunicorn", version: "27.0.1"}, {name: "uvicorn", version: "0.54.0", needs: [][2]string{click, h11, typing}}}
	}
	return []addedServer{{name: "gunicorn", version: "27.0.1"}, {name: "uvicorn", version: "0.54.0", needs: [][2]string{click, h11}}}
}

// addServer installs a server beside the dependencies and says so. It declines
// when no file names packages at all: then the framework is missing too.
func (s *service) addServer(name string) bool {
	if len(s.manager.install) == 0 {
		return false
	}
	all := addedServers(s.version)
	i := slices.IndexFunc(all, func(v addedServer) bool { return v.name == name })
	s.server = all[i]
	hint := s.add(name)
	if s.django.assets && s.django.statics == "" && !s.has("whitenoise") {
		hint += "; and whitenoise, which serves the static files as runserver does"
	}
	s.Report(diag.Warning, codeServer, s.app.file, s.app.line, hint,
		"the dependencies have no production server for the %s, so the build adds %s %s", s.app.kind, name, s.server.version)
	return true
}

// install are the commands that add the server: of what it needs, they keep the
// versions that the dependencies brought.
func (v addedServer) install() []string {
	if v.name == "" {
		return nil
	}
	add := func(what string) string {
		return pip + venv + "/bin/python install --no-compile --no-deps " + what
	}
	out := []string{add(v.name + "==" + v.version)}
	for _, n := range v.needs {
		out = append(out, "{ "+venv+"/bin/python -B -c 'import "+n[0]+"' 2> /dev/null || "+add(n[1])+"; }")
	}
	return out
}

// development is the server of a framework that a command starts, which its
// documentation does not recommend for production; "" for any other command.
func (s *service) development(argv []string) string {
	switch words := commandWords(argv); {
	case len(words) > 1 && words[0] == "flask" && slices.Contains(words, "run"):
		return "Flask"
	case len(words) > 1 && path.Base(words[0]) == "manage.py" && words[1] == "runserver", len(words) > 1 && words[0] == "django-admin" && words[1] == "runserver":
		return "Django"
	case len(words) > 1 && words[0] == "fastapi" && words[1] == "dev":
		return "FastAPI"
	case len(words) > 0 && s.runsFlask(words[0]).Found():
		return "Flask"
	}
	return ""
}

var flaskRun = ecosystem.NewSign(`\b(?:app|application|server)\.run\(()`)

// runsFlask returns the call by which a program starts Flask's own server.
func (s *service) runsFlask(program string) ecosystem.Hit {
	name := path.Join(s.cwd, program)
	if path.Ext(name) != ".py" || !fsValid(name) || !slices.ContainsFunc(s.scan.flask, func(h ecosystem.Hit) bool { return h.File == name }) {
		return ecosystem.Hit{}
	}
	data, err := ecosystem.Read(s.Dir, name)
	if err != nil {
		return ecosystem.Hit{}
	}
	return ecosystem.Find(flaskRun, name, lex(data).signs)
}

// commandWords are the words of a command without the Python that runs it.
func commandWords(argv []string) []string {
	if len(argv) > 0 && strings.HasPrefix(path.Base(argv[0]), "python") {
		argv = argv[1:]
		for len(argv) > 0 && strings.HasPrefix(argv[0], "-") {
			argv = argv[1:]
		}
	}
	if len(argv) > 0 {
		argv = append([]string{path.Base(argv[0])}, argv[1:]...)
	}
	return argv
}

// developing reports a written command that starts a framework's own server.
// Django's gets an address: by itself it listens on the loopback address alone.
func (s *service) developing(file string, line int) {
	kind := s.development(s.start)
	if kind == "" {
		return
	}
	server := s.serverOf(kind)
	hint := "delete the command: Slipway then starts " + server
	if !s.has(server) {
		hint = s.add(server) + ", and " + hint
	}
	s.warnDevelopment(kind, file, line, hint)
	switch {
	case kind == "Django":
		s.addressRunserver(file, line)
	case kind == "FastAPI" && !slices.ContainsFunc(s.start, func(w string) bool { return strings.HasPrefix(w, "--host") }):
		s.start = append(slices.Clone(s.start), "--host", "0.0.0.0")
		s.Fact("address", "0.0.0.0", "by itself, fastapi dev listens on localhost only", file, line)
	case kind == "Flask":
		at := s.runsFlask(commandWords(s.start)[0])
		if data, err := ecosystem.Read(s.Dir, at.File); at.Found() && err == nil && !hostGiven.Match(lex(data).signs) {
			s.Report(diag.Warning, ecosystem.CodeLoopback, at.File, at.Line, `write host="0.0.0.0" in the call`, "the server listens on localhost only, so nothing outside its container reaches it")
		}
	}
}

// addressRunserver gives Django's server an address, where the command has none
// or a port alone.
func (s *service) addressRunserver(file string, line int) {
	i := slices.Index(s.start, "runserver") + 1
	j := slices.IndexFunc(s.start[i:], func(w string) bool { return !strings.HasPrefix(w, "-") })
	port := strconv.Itoa(s.givenPort())
	if j >= 0 {
		if port = s.start[i+j]; strings.ContainsAny(port, ":.") {
			return
		}
		s.start = slices.Delete(slices.Clone(s.start), i+j, i+j+1)
	}
	s.start = append(slices.Clone(s.start), "0.0.0.0:"+port)
	s.Fact("address", "0.0.0.0:"+port, "by itself, runserver listens on localhost only", file, line)
}

// serverOf is the production server for a framework.
func (s *service) serverOf(framework string) string {
	if framework == "FastAPI" {
		return "uvicorn"
	}
	return "gunicorn"
}

// warnDevelopment reports a development server, at slipway.yaml where that has
// the command.
func (s *service) warnDevelopment(kind, file string, line int, hint string) {
	text := "the image starts the development server of " + kind + ", which is not made for production"
	if file != "" {
		s.Report(diag.Warning, codeDevelopment, file, line, hint, "%s", text)
		return
	}
	s.Findings = append(s.Findings, diag.Finding{Code: codeDevelopment, Severity: diag.Warning, Place: diag.Place{File: s.FleetFile, Line: s.Want.Line}, Text: s.Want.Name + ": " + text, Hint: hint})
}

var (
	everywhere = ecosystem.NewSign(`\brun\((?:\s*|[^)]*?\bhost\s*=\s*)['"](?:0\.0\.0\.0|::)['"]`)
	hostGiven  = ecosystem.NewSign(`\brun\((?:\s*['"](?:0\.0\.0\.0|::)['"]|[^)]*?\bhost\s*=\s*(?:['"](?:0\.0\.0\.0|::)['"]|[^'"\s]))`)
	callLine   = pattern.Lazy(`^\s+(?:await\s+)?[A-Za-z_][\w.]*\(`)
	harmless   = pattern.Lazy(`^\s+(?:[\w.]*\b(?:run|print|info|debug|basicConfig|parse_args|add_argument|ArgumentParser))\(`)
)

// prepares returns the first call of the main block of the application's file
// that does something besides starting the server, such as making tables: a
// server that imports the application skips it.
func (s *service) prepares() ecosystem.Hit {
	data, err := ecosystem.Read(s.Dir, s.app.file)
	if err != nil {
		return ecosystem.Hit{}
	}
	c, in := lex(data), false
	signs := strings.Split(string(c.signs), "\n")
	for i, l := range strings.Split(string(c.text), "\n") {
		switch {
		case i < len(signs) && mainBlock.Match([]byte(signs[i])):
			in = true
		case strings.TrimLeft(l, " \t") == l && l != "":
			in = false
		case in && callLine().MatchString(l) && !harmless().MatchString(l):
			return ecosystem.Hit{Text: strings.TrimSpace(l), File: s.app.file, Line: i + 1}
		}
	}
	return ecosystem.Hit{}
}

// itself is where the program of a WSGI application without a server prepares
// what the application needs, when its own server listens everywhere.
func (s *service) itself() ecosystem.Hit {
	if s.app.kind != kindWSGI || s.wsgi(s.app.target(), s.app.factory) != nil {
		return ecosystem.Hit{}
	}
	data, err := ecosystem.Read(s.Dir, s.app.file)
	if err != nil || !everywhere.Match(lex(data).signs) {
		return ecosystem.Hit{}
	}
	return s.prepares()
}

var socketRun = ecosystem.NewSign(`(?m)^\s+(?:\w*socket_?io|sio)\.run\(()`)

// startSockets starts a program of Flask-SocketIO as it is, when its own server is
// that of eventlet or gevent: it speaks WebSocket, as threads of gunicorn do not.
func (s *service) startSockets() bool {
	if s.app.kind != kindWSGI || !s.has("flask-socketio") || !s.has("eventlet") && !s.has("gevent") {
		return false
	}
	data, err := ecosystem.Read(s.Dir, s.app.file)
	if err != nil {
		return false
	}
	signs := lex(data).signs
	at := ecosystem.Find(socketRun, s.app.file, signs)
	if !at.Found() || !everywhere.Match(signs) {
		return false
	}
	s.start = s.python(s.app.file)
	s.Fact("start", strings.Join(s.start, " "), "its own server speaks WebSocket", at.File, at.Line)
	return true
}

// startItself starts a program that prepares as it is. The server is that of a developer,
// which a warning says.
func (s *service) startItself(instead string) bool {
	before := s.itself()
	if !before.Found() {
		return false
	}
	s.start = s.python(s.app.file)
	s.Fact("start", strings.Join(s.start, " "), "its main block prepares what the server needs", s.app.file, before.Line)
	s.warnDevelopment("Flask", s.app.file, before.Line, s.add(instead)+", and move "+strconv.Quote(before.Text)+" out of the main block, which a server skips")
	return true
}
