package python

import (
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
)

// supplied are the patterns for services without a .dockerignore.
func (s *service) supplied() []string {
	return append(ecosystem.Supplied(),
		"**/__pycache__", "**/*.py[cod]", ".venv", "venv", ".tox", ".nox", ".pytest_cache", ".mypy_cache", ".ruff_cache",
		".coverage", "htmlcov", "**/*.egg-info", "**/*.sqlite3", "**/.ipynb_checkpoints")
}

// findSources decides which entries of the service's directory it reads while it
// runs. What is not known is copied: a missing input breaks the service, one too
// many only costs cache hits.
func (s *service) findSources() {
	entries, err := fs.ReadDir(s.Dir, ".")
	if err != nil {
		s.Report(diag.Error, codeManifest, ".", 0, "", "the directory cannot be read: %v", err)
		return
	}
	for _, e := range entries {
		name := e.Name()
		switch {
		case s.Ignore.Excludes(name):
		case e.IsDir() && s.holdsModels(name), !e.IsDir() && isModel(name):
			s.models = append(s.models, name)
		case e.IsDir() && !isIdleDir(s.Dir, name), !e.IsDir() && !isIdleFile(name):
			s.sources = append(s.sources, name)
		}
	}
	s.src = ecosystem.IsDir(s.Dir, "src") && !ecosystem.Exists(s.Dir, "src/__init__.py") && !ecosystem.Exists(s.Dir, "src/main.py")
	if len(s.models) > 0 {
		s.Fact("models", strings.Join(s.models, ", "), "files of trained models, which get a layer of their own", "", 0)
	}
}

// isModel knows the files of trained models.
func isModel(name string) bool {
	return slices.Contains([]string{".pkl", ".joblib", ".onnx", ".pt", ".pth", ".safetensors", ".h5", ".keras", ".npz", ".gguf", ".tflite", ".ubj"}, strings.ToLower(path.Ext(name)))
}

// holdsModels tells whether a directory has trained models and no program.
func (s *service) holdsModels(dir string) bool {
	found := false
	entries, _ := fs.ReadDir(s.Dir, dir)
	for _, e := range entries {
		if e.IsDir() || path.Ext(e.Name()) == ".py" {
			return false
		}
		found = found || isModel(e.Name())
	}
	return found
}

// isIdleDir knows directories that no service reads.
func isIdleDir(dir fs.FS, name string) bool {
	if strings.HasPrefix(name, ".") || strings.HasSuffix(name, ".egg-info") || ecosystem.Exists(dir, name+"/pyvenv.cfg") {
		return true
	}
	return slices.Contains([]string{
		"__pycache__", "venv", "env", "node_modules", "test", "tests", "docs", "doc", "examples", "notebooks", "k8s", "deploy", "helm", "htmlcov", "dist", "build", "requirements",
	}, name)
}

// isIdleFile knows files that no service reads.
func isIdleFile(name string) bool {
	lower := strings.ToLower(name)
	switch path.Ext(lower) {
	case ".md", ".rst", ".log", ".lock", ".ipynb", ".sqlite3", ".pyc":
		return true
	}
	for _, prefix := range []string{
		".", "license", "licence", "notice", "readme", "changelog", "dockerfile", "docker-compose", "compose.", "makefile", "justfile", "procfile", "requirements", "constraints",
		"pipfile", "runtime.txt", "tox.ini", "pytest.ini", "mypy.ini", "setup.cfg", "noxfile.", "conftest.", "test_", "slipway.", "tasks.py", "ruff.toml", "pdm.toml", "poetry.toml", "uv.toml",
	} {
		if strings.HasPrefix(lower, prefix) {
			return true
		}
	}
	return false
}

// copies returns the COPY operands of the sources: one list for the files of the
// directory, then one a directory, those that change least first.
func (s *service) copies() (files, dirs []string) {
	for _, name := range s.sources {
		if ecosystem.IsDir(s.Dir, name) {
			dirs = append(dirs, name)
		} else {
			files = append(files, name)
		}
	}
	weight := func(name string) int {
		if slices.Contains([]string{"static", "templates", "public", "assets", "data", "proto", "protos", "migrations", "locale"}, name) {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(dirs, func(a, b string) int { return weight(a) - weight(b) })
	return files, dirs
}

// Evidence in sources.
var (
	asgiApp     = ecosystem.NewSign(`(?m)^(\w+)(?:\s*:\s*[\w.]+)?\s*=\s*(?:\w+\.)?(?:FastAPI|Starlette|Litestar|Quart|Sanic)\(`)
	wsgiApp     = ecosystem.NewSign(`(?m)^(\w+)(?:\s*:\s*[\w.]+)?\s*=\s*(?:flask\.)?Flask\(`)
	flaskImport = ecosystem.NewSign(`(?m)^\s*(?:from flask import|import flask)`)
	fastImport  = ecosystem.NewSign(`(?m)^\s*(?:from fastapi import|import fastapi)`)
	factoryDef  = ecosystem.NewSign(`(?m)^def (create_app|make_app|build_app|get_app)\(\s*(?:\)|\w+\s*(?::[^,=)]*)?=)`)
	factoryUse  = ecosystem.NewSign(`(?m)^(\w+)\s*=\s*(?:\w+\.)?(?:create_app|make_app|build_app|get_app)\(`)
	celeryApp   = ecosystem.NewSign(`(?m)^(\w+)\s*=\s*(?:celery\.)?Celery\(`)
	streamlit   = ecosystem.NewSign(`(?m)^\s*(?:import streamlit|from streamlit)`)
	grpcServer  = ecosystem.NewSign(`\bgrpc\.(?:aio\.)?server\(`)
	httpServer  = ecosystem.NewSign(`\bHTTPServer\(|\brun_app\(|\buvicorn\.run\(|\bmake_server\(|\bserve_forever\(|\bapp\.run\(|\bHTTPServer\b.*\.listen\(|\bweb\.Application\(`)
	healthRoute = ecosystem.NewSign(`['"](/(?:api/)?(?:healthz?|health/ready|readyz|ready|livez|ping)/?)['"]`)
	djangoRoute = ecosystem.NewSign(`\bpath\(\s*['"]((?:api/)?(?:healthz?|readyz|ready|livez|ping)/?)['"]`)
	mainBlock   = ecosystem.NewSign(`(?m)^if __name__ == ['"]__main__['"]`)

	portDefault = ecosystem.NewSign(`PORT['"]?\s*,\s*(?:default\s*=\s*)?['"]?(\d{2,5})\b`)
	portRun     = ecosystem.NewSign(`(?:\.run|run_app|run_simple|\bserve)\([^)]*?\bport\s*=\s*(\d{2,5})\b`)
	portServer  = ecosystem.NewSign(`(?:Server|make_server)\(\s*\(?\s*['"][^'"]*['"]\s*,\s*(\d{2,5})\b`)
	portAddress = ecosystem.NewSign(`['"](?:0\.0\.0\.0|\[::\]):(\d{2,5})['"]`)
	portNamed   = ecosystem.NewSign(`(?m)^(?:\w*_)?PORT\s*(?::\s*int\s*)?=\s*(\d{2,5})\b`)
)

// scan is what the sources say.
type scan struct {
	asgi, wsgi, factory, used, celery, streamlit []ecosystem.Hit // in the order of files
	fastapi, flask, mains                        []ecosystem.Hit
	files                                        []string
	evidence                                     ecosystem.Evidence
}

// readSources looks for evidence in the service's programs.
func (s *service) readSources() {
	ports := []*ecosystem.Sign{portDefault, portRun, portServer, portAddress, portNamed}
	best := len(ports)
	c := &s.scan
	ecosystem.EachSource(s.Dir, s.isSource, func(name string, data []byte) {
		c.files = append(c.files, name)
		for _, look := range []struct {
			into *[]ecosystem.Hit
			re   *ecosystem.Sign
		}{{&c.asgi, asgiApp}, {&c.wsgi, wsgiApp}, {&c.factory, factoryDef}, {&c.used, factoryUse}, {&c.celery, celeryApp}, {&c.streamlit, streamlit},
			{&c.fastapi, fastImport}, {&c.flask, flaskImport}, {&c.mains, mainBlock}} {
			if h := ecosystem.Find(look.re, name, data); h.Found() {
				*look.into = append(*look.into, h)
			}
		}
		e := &c.evidence
		e.GRPC.Seek(grpcServer, name, data)
		e.HTTP.Seek(httpServer, name, data)
		e.Route.Seek(healthRoute, name, data)
		if h := ecosystem.Find(djangoRoute, name, data); h.Found() {
			h.Text = "/" + h.Text
			e.Route.Keep(h)
		}
		for i, re := range ports[:best] {
			if h := ecosystem.Find(re, name, data); h.Found() {
				e.Port, best = h, i
				break
			}
		}
	})
}

// isSource tells whether to look for evidence in a path.
func (s *service) isSource(name string, dir bool) bool {
	top, _, nested := strings.Cut(name, "/")
	if !slices.Contains(s.sources, top) {
		return false
	}
	base := path.Base(name)
	if dir {
		return !nested || base != "tests" && base != "migrations" && base != "__pycache__" && base != "node_modules"
	}
	return path.Ext(name) == ".py" && !strings.HasPrefix(base, "test_") && !strings.HasSuffix(base, "_test.py")
}
