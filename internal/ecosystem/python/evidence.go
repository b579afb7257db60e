package python

import (
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
)

// Evidence in sources.
var (
	asgiApp     = ecosystem.NewSign(`(?m)^(\w+)(?:\s*:\s*[\w.]+)?\s*=\s*(?:\w+\.)?(?:FastAPI|Starlette|Litestar|Quart|Sanic|falcon\.asgi\.App)\(`)
	wsgiApp     = ecosystem.NewSign(`(?m)^(\w+)(?:\s*:\s*[\w.]+)?\s*=\s*(?:(?:flask\.)?Flask|falcon\.(?:App|API)|\w+\.make_wsgi_app)\(`)
	flaskImport = ecosystem.NewSign(`(?m)^\s*(?:from flask import|import flask)`)
	fastImport  = ecosystem.NewSign(`(?m)^\s*(?:from fastapi import|import fastapi)`)
	factoryDef  = ecosystem.NewSign(`(?m)^def ((?:create|make|build|get|init)_(?:\w+_)?app(?:lication)?)\(\s*(?:\)|\w+\s*(?::[^,=)]*)?=)`)
	factoryUse  = ecosystem.NewSign(`(?m)^(\w+)\s*=\s*(?:\w+\.)?(?:create|make|build|get|init)_(?:\w+_)?app(?:lication)?\(`)
	celeryApp   = ecosystem.NewSign(`(?m)^(\w+)\s*=\s*(?:celery\.)?Celery\(`)
	streamlit   = ecosystem.NewSign(`(?m)^\s*(?:import streamlit|from streamlit)`)
	grpcServer  = ecosystem.NewSign(`\bgrpc\.(?:aio\.)?server\(`)
	httpServer  = ecosystem.NewSign(`\bHTTPServer\(|\brun_app\(|\buvicorn\.run\(|\bmake_server\(|\bserve_forever\(|\bapp\.run\(|(?m:^[ \t]*(?:bottle\.)?run\((?:\w+\s*,\s*)?[^)\n]*\b(?:host|port)\s*=)|\bHTTPServer\b.*\.listen\(|\bweb\.Application\(`)
	gradioUse   = ecosystem.NewSign(`(?m)^\s*(?:import gradio|from gradio)`)
	gradioRun   = ecosystem.NewSign(`(?m)^[ \t]*\w+\.launch\(()`)
	dashServer  = ecosystem.NewSign(`(?m)^(\w+)\s*=\s*\w+\.server[ \t]*$`)
	dashUse     = ecosystem.NewSign(`(?m)^\s*(?:import dash|from dash) `)
	healthRoute = ecosystem.NewSign(`['"](/(?:api/)?(?:healthz?|health/ready|readyz|ready|livez|ping)/?)['"]`)
	djangoRoute = ecosystem.NewSign(`\bpath\(\s*['"]((?:api/)?(?:healthz?|readyz|ready|livez|ping)/?)['"]\s*,\s*(?:[^i\s]|i[^n])`) // and no include()
	mainBlock   = ecosystem.NewSign(`(?m)^if[ \t(]+(?:__name__\s*==\s*['"]__main__['"]|['"]__main__['"]\s*==\s*__name__)`)

	portDefault = ecosystem.NewSign(`\b\w*PORT['"]?\s*,\s*(?:default\s*=\s*)?['"]?(\d{2,5})\b`)
	portRun     = ecosystem.NewSign(`(?:\brun|run_app|run_simple|\bserve|\blaunch)\([^)]*?\b(?:server_)?port\s*=\s*(\d{2,5})\b`)
	portServer  = ecosystem.NewSign(`(?:Server|make_server|\brun)\(\s*\(?\s*['"][^'"]*['"]\s*,\s*(\d{2,5})\b`)
	portAddress = ecosystem.NewSign(`['"](?:0\.0\.0\.0|\[::\]):(\d{2,5})['"]`)
	portNamed   = ecosystem.NewSign(`(?m)^(?:\w*_)?PORT\s*(?::\s*int\s*)?=\s*(\d{2,5})\b`)
	portFlagged = ecosystem.NewSign(`(?:\badd_argument|\boption|\bdefine)\(\s*['"](?:-\w['"]\s*,\s*['"])?(?:--)?(?:[a-z]+[-_])?port['"][^)\n]*?\bdefault\s*=\s*['"]?(\d{2,5})\b`)
	portListen  = ecosystem.NewSign(`\.listen\(\s*(?:port\s*=\s*)?(\d{2,5})\b`)
	loopback    = ecosystem.NewSign(`(?:\brun|\brun_app|\brun_simple|\bserve|\bmake_server|Server|\badd_(?:in)?secure_port)\(\s*[^)\n]*?['"](?:127\.0\.0\.1|localhost|\[?::1\]?)(?:['"]|:\d)()`)
	portRead    = ecosystem.NewSign(`\b(?:environ|getenv|env|config)\b[^\n]{0,20}['"]PORT['"]`)

	grpcHealth   = ecosystem.NewSign(`\badd_HealthServicer_to_server\(`)
	grpcStatus   = ecosystem.NewSign(`\.set\(\s*(?:service\s*=\s*)?['"]([\w.]*)['"]\s*,[^)\n]*(?:SERVING|HealthCheckResponse)`)
	grpcSecure   = ecosystem.NewSign(`\badd_secure_port\(`)
	grpcInsecure = ecosystem.NewSign(`\badd_insecure_port\(`)
	httpTLS      = ecosystem.NewSign(`\bssl_(?:certfile|keyfile|context)\s*=\s*[^N\s]|\.wrap_socket\(`)
)

// scan is what the sources say.
type scan struct {
	asgi, wsgi, factory, used, celery, streamlit []ecosystem.Hit // in the order of files
	fastapi, flask, mains                        []ecosystem.Hit
	files                                        []string
	imports                                      map[string][]imported
	literals                                     map[string][]literal
	ports                                        []ecosystem.Hit // by the strength of the pattern, then in the order of files
	routes, servers, grpc                        []ecosystem.Hit
	views                                        []ecosystem.Hit // of Django
	written                                      []written
	readsPort                                    ecosystem.Hit
	evidence                                     ecosystem.Evidence
	gradio                                       []ecosystem.Hit // calls that serve a Gradio interface
	local                                        []ecosystem.Hit // servers on the loopback address
	asked, fixed                                 ecosystem.Hit   // whether there is a GPU; a GPU in any case
	insecure                                     bool            // a gRPC server listens without TLS
}

// readSources looks for evidence in the service's programs.
func (s *service) readSources() {
	s.scan = scan{imports: map[string][]imported{}, literals: map[string][]literal{}}
	byPattern := make([][]ecosystem.Hit, 7)
	ecosystem.EachSource(s.Dir, s.isSource, func(name string, data []byte) {
		c := lex(data)
		s.scan.files = append(s.scan.files, name)
		s.scan.imports[name], s.scan.literals[name] = imports(c.text), c.literals
		s.ScanUses(name, c.signs, signs())
		s.settingsFields(name, c)
		s.scan.look(name, c.signs, byPattern)
		s.scan.seekWritten(name, c.signs)
	})
	s.scan.ports = slices.Concat(byPattern...)
	s.index = newIndex(s.tree.modules)
}

// look notes the evidence of one source.
func (c *scan) look(name string, data []byte, ports [][]ecosystem.Hit) {
	for _, look := range []struct {
		into *[]ecosystem.Hit
		re   *ecosystem.Sign
	}{{&c.asgi, asgiApp}, {&c.wsgi, wsgiApp}, {&c.factory, factoryDef}, {&c.used, factoryUse}, {&c.celery, celeryApp}, {&c.streamlit, streamlit},
		{&c.fastapi, fastImport}, {&c.flask, flaskImport}, {&c.mains, mainBlock}, {&c.grpc, grpcServer}, {&c.servers, httpServer}, {&c.routes, healthRoute}, {&c.local, loopback},
		{&ports[0], portDefault}, {&ports[1], portRun}, {&ports[2], portServer}, {&ports[3], portAddress}, {&ports[4], portListen}, {&ports[5], portFlagged}, {&ports[6], portNamed}} {
		if h := findOwn(look.re, name, data); h.Found() {
			*look.into = append(*look.into, h)
		}
	}
	if h := ecosystem.Find(gradioRun, name, data); h.Found() && gradioUse.Match(data) {
		c.servers, c.gradio = append(c.servers, h), append(c.gradio, h)
	}
	if h := ecosystem.Find(dashServer, name, data); h.Found() && dashUse.Match(data) {
		c.wsgi = append(c.wsgi, h)
	}
	if h := ecosystem.Find(djangoRoute, name, data); h.Found() {
		h.Text = "/" + h.Text
		c.views = append(c.views, h)
	}
	c.readsPort.Seek(portRead, name, data)
	c.asked.Seek(cudaAsked, name, data)
	c.fixed.Seek(cudaFixed, name, data)
	e := &c.evidence
	e.HealthServer.Seek(grpcHealth, name, data)
	if h := ecosystem.Find(grpcStatus, name, data); h.Found() && h.Text == "" {
		e.HealthWhole.Keep(h)
	} else {
		e.HealthName.Keep(h)
	}
	c.insecure = c.insecure || grpcInsecure.Match(data)
	e.TLS.Seek(grpcSecure, name, data)
}

// findOwn returns the first match that is not about a server that the program
// calls, such as MAIL_PORT.
func findOwn(re *ecosystem.Sign, name string, data []byte) ecosystem.Hit {
	for at := 0; at < len(data); {
		m := re.FindSubmatchIndex(data[at:])
		if m == nil {
			break
		}
		text := string(data[at+m[len(m)-2] : at+m[len(m)-1]])
		if !ecosystem.OfAnother(string(data[at+m[0]:at+m[1]])) && !ecosystem.IsCallee(text) {
			return ecosystem.Hit{Text: text, File: name, Line: ecosystem.LineAt(data, int64(at+m[0]))}
		}
		at += max(m[1], 1)
	}
	return ecosystem.Hit{}
}

// isSource tells whether to look for evidence in a path: what tests, documents
// and examples say of ports is not about the service.
func (s *service) isSource(name string, dir bool) bool {
	top, _, nested := strings.Cut(name, "/")
	if !slices.Contains(s.tree.sources, top) || slices.Contains(s.tree.nested, name) || s.Ignore.Own && !dir && s.Ignore.Excludes(s.inContext(name)) {
		return false
	}
	base := path.Base(name)
	if dir {
		if !nested && isAside(name) {
			return s.named[name] || ecosystem.Exists(s.Dir, name+"/__init__.py")
		}
		return base != "tests" && base != "migrations" && base != "__pycache__" && base != "node_modules" || s.named[name]
	}
	return path.Ext(name) == ".py" && !strings.HasPrefix(base, "test_") && !strings.HasSuffix(base, "_test.py")
}

// isAside knows directories of what is written about a service, and no part of it.
func isAside(name string) bool {
	return slices.Contains([]string{"docs", "doc", "examples", "example", "samples", "notebooks", "benchmarks", "k8s", "deploy", "helm"}, name)
}

// decide takes of the evidence what is about the program that starts, before
// what other files of the service say.
func (s *service) decide() ecosystem.Evidence {
	e := s.scan.evidence
	best := func(hits []ecosystem.Hit) ecosystem.Hit {
		for _, h := range hits {
			if s.reached[h.File] {
				return h
			}
		}
		if len(hits) > 0 {
			return hits[0]
		}
		return ecosystem.Hit{}
	}
	ports := slices.DeleteFunc(slices.Clone(s.scan.ports), func(h ecosystem.Hit) bool {
		other := slices.ContainsFunc(s.scan.grpc, func(g ecosystem.Hit) bool { return g.File == h.File })
		return other && s.app.kind != kindNone && !s.reached[h.File] // of another program
	})
	e.Port, e.Route = best(ports), best(s.scan.routes)
	e.GRPC, e.HTTP = best(s.scan.grpc), best(s.scan.servers)
	if e.GRPC.Found() && s.scan.insecure || !e.GRPC.Found() {
		e.TLS = ecosystem.Hit{}
	}
	if e.HTTP.Found() && !e.GRPC.Found() && s.app.kind == kindNone {
		if data, err := ecosystem.Read(s.Dir, e.HTTP.File); err == nil {
			e.TLS = ecosystem.Find(httpTLS, e.HTTP.File, lex(data).signs)
		}
	}
	if len(s.tree.models) > 0 {
		e.SlowStart = ecosystem.Hit{File: s.tree.models[0], Why: "loads a trained model"}
	}
	return e
}

// warnLoopback reports a program that serves on the loopback address. Servers of
// applications get their address from Slipway.
func (s *service) warnLoopback() {
	if s.app.kind != kindNone || len(s.Want.Command) > 0 || s.Want.Type != "http" && s.Want.Type != "grpc" {
		return
	}
	for _, h := range s.scan.local {
		if s.reached[h.File] || h.File == s.program.File {
			s.Report(diag.Warning, ecosystem.CodeLoopback, h.File, h.Line, `listen on "0.0.0.0"`, "the server listens on localhost only, so nothing outside its container reaches it")
			return
		}
	}
}
