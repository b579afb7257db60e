package python

import (
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/ecosystem"
)

// kind is what an application is made with.
type kind string

const (
	kindNone      kind = ""
	kindASGI      kind = "ASGI application"
	kindWSGI      kind = "WSGI application"
	kindDjango    kind = "Django project"
	kindStreamlit kind = "Streamlit application"
	kindCelery    kind = "Celery application"
)

// app is the application object that a server runs.
type app struct {
	kind    kind
	module  string // "shop.main"
	object  string // "app"; of a factory, the function's name
	factory bool
	file    string
	line    int
}

func (a app) target() string { return a.module + ":" + a.object }

// findApp decides what kind of application the service is.
func (s *service) findApp() {
	c := s.scan
	switch {
	case s.isDjango():
	case s.has("streamlit") && len(c.streamlit) > 0:
		h := first(c.streamlit)
		s.app = app{kind: kindStreamlit, file: h.File, line: h.Line}
		s.chooseRootQuietly(h.File)
	case s.takeFlaskApp():
	case len(c.asgi) > 0:
		s.app = s.object(kindASGI, first(c.asgi), false)
	case len(c.fastapi) > 0 && len(c.used) > 0:
		s.app = s.object(kindASGI, first(c.used), false)
	case len(c.fastapi) > 0 && len(c.factory) > 0:
		s.app = s.object(kindASGI, first(c.factory), true)
	case len(c.wsgi) > 0:
		s.app = s.object(kindWSGI, first(c.wsgi), false)
	case len(c.flask) > 0 && len(c.used) > 0:
		s.app = s.object(kindWSGI, first(c.used), false)
	case len(c.flask) > 0 && len(c.factory) > 0:
		s.app = s.object(kindWSGI, first(c.factory), true)
	case s.has("celery") && len(c.celery) > 0:
		s.app = s.object(kindCelery, first(c.celery), false)
	}
	if s.app.kind != kindNone && s.startedByProgram() {
		s.app, s.root, s.more, s.reached = app{}, ".", nil, nil
	}
	if s.app.kind == kindNone {
		return
	}
	s.Fact("application", string(s.app.kind), "found in the sources", s.app.file, s.app.line)
	if s.app.kind != kindDjango {
		s.noteRoot(s.app.file, s.above(s.app.file)[0])
	}
}

// startedByProgram reports an application that a gRPC server starts beside
// itself, such as one for metrics: the program is the service.
func (s *service) startedByProgram() bool {
	if len(s.scan.grpc) == 0 || s.app.kind == kindDjango || s.app.kind == kindStreamlit || s.app.kind == kindCelery {
		return false
	}
	application := s.app.file
	root, more, reached := s.root, s.more, s.reached
	defer func() { s.root, s.more, s.reached = root, more, reached }()
	for _, main := range s.scan.mains {
		if !slices.ContainsFunc(s.scan.grpc, func(h ecosystem.Hit) bool { return h.File == main.File }) {
			continue
		}
		if s.chooseRootQuietly(main.File); s.reached[application] {
			return true
		}
	}
	return false
}

// has tells whether the service itself depends on a package.
func (s *service) has(name string) bool {
	if _, ok := s.deps[name]; ok || s.server.name == name {
		return true
	}
	fastapi := s.deps["fastapi"]
	return name == "uvicorn" && (fastapi.extra("standard") || fastapi.extra("all") || s.deps["litestar"].extra("standard"))
}

// object describes the application of a hit, as it is imported.
func (s *service) object(k kind, h ecosystem.Hit, factory bool) app {
	s.chooseRootQuietly(h.File)
	return app{kind: k, module: s.module(h.File), object: h.Text, factory: factory, file: h.File, line: h.Line}
}

// first returns the hit in the file whose name says most, then in the one
// nearest to the top.
func first(hits []ecosystem.Hit) ecosystem.Hit {
	names := []string{"wsgi.py", "asgi.py", "main.py", "streamlit_app.py", "app.py", "server.py", "application.py", "api.py", "home.py", "celery.py", "worker.py", "__init__.py"}
	rank := func(h ecosystem.Hit) int {
		i := slices.Index(names, strings.ToLower(path.Base(h.File)))
		if i < 0 {
			i = len(names)
		}
		return i
	}
	return slices.MinFunc(hits, func(a, b ecosystem.Hit) int {
		if r := rank(a) - rank(b); r != 0 {
			return r
		}
		return strings.Count(a.File, "/") - strings.Count(b.File, "/")
	})
}

// add is the line that adds a package to the service's dependencies.
func (s *service) add(name string) string {
	switch s.manager.name {
	case "uv":
		return s.inDir("uv add " + name)
	case "Poetry":
		return s.inDir("poetry add " + name)
	case "PDM":
		return s.inDir("pdm add " + name)
	case "Pipenv":
		return s.inDir("pipenv install " + name)
	case "pip":
		return "add " + name + " to " + s.manager.manifests[0]
	}
	return "write requirements.txt with " + name
}
