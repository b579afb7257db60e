package python

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/plan"
)

const (
	server = "import grpc\nserver = grpc.server(pool)\nserver.add_insecure_port('[::]:8080')\nif __name__ == '__main__':\n    serve()\n"
	client = "import grpc\nif __name__ == '__main__':\n    call()\n"
	webApp = "from flask import Flask\napp = Flask(1)\n"
)

// TestOfSeveralProgramsTheOneThatServesStarts, and the others are named.
func TestOfSeveralProgramsTheOneThatServesStarts(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		want  string
		codes string
	}{
		"gRPC server and client":         {map[string]string{"mail_server.py": server, "mail_client.py": client}, "python mail_server.py", codePrograms},
		"the client is called main":      {map[string]string{"mail_server.py": server, "main.py": client}, "python mail_server.py", codePrograms},
		"an HTTP server and a job":       {map[string]string{"serve.py": "HTTPServer(('', 8080), H).serve_forever()\nif __name__ == '__main__':\n    x()\n", "load.py": "if __name__ == '__main__':\n    x()\n"}, "python serve.py", codePrograms},
		"the server is imported":         {map[string]string{"rpc/core.py": "import grpc\ngrpc.server(p).add_insecure_port('[::]:8080')\n", "begin.py": "from rpc import core\nif __name__ == '__main__':\n    x()\n", "ask.py": client}, "python begin.py", codePrograms},
		"an application for metrics":     {map[string]string{"rpc.py": "from metrics import app\n" + server, "metrics.py": webApp, "ask.py": client}, "python rpc.py", codePrograms},
		"one in a package":               {map[string]string{"mail/server.py": "from mail.core import x\n" + server, "mail/core.py": "x = 1", "mail/client.py": client}, "python -m mail.server", codePrograms},
		"neither serves":                 {map[string]string{"a.py": "if __name__ == '__main__':\n    x()\n", "b.py": "if __name__ == '__main__':\n    x()\n"}, "", codeNoStart},
		"both serve":                     {map[string]string{"a.py": server, "b.py": server}, "", codeNoStart},
		"an application beside a server": {map[string]string{"requirements.txt": "flask\ngunicorn", "app.py": webApp, "rpc.py": server}, "gunicorn app:app --bind 0.0.0.0:8000 --threads 4 --access-logfile -", ""},
	} {
		t.Run(name, func(t *testing.T) {
			if c.files["requirements.txt"] == "" {
				c.files["requirements.txt"] = "grpcio\nflask"
			}
			p, findings := planned(t, c.files, config.Service{})
			findings = of(findings, codePrograms, codeNoStart, codeNoServer)
			if got := step(p, "production", plan.OpCmd); got != c.want || codes(findings) != c.codes {
				t.Errorf("starts %q, want %q; findings %v", got, c.want, findings)
			}
		})
	}
}

// TestGRPCHealthAndTLS come from the server's own calls.
func TestGRPCHealthAndTLS(t *testing.T) {
	base := "import grpc\nfrom grpc_health.v1 import health, health_pb2_grpc\nserver = grpc.server(p)\nPORT = 50051\n"
	for name, c := range map[string]struct{ text, want string }{
		"the health service":      {"health_pb2_grpc.add_HealthServicer_to_server(health.HealthServicer(), server)\nserver.add_insecure_port('[::]:50051')\n", "grpc_health_probe -addr=localhost:50051"},
		"with a name":             {"health_pb2_grpc.add_HealthServicer_to_server(h, server)\nh.set('shop.Cart', health_pb2.HealthCheckResponse.SERVING)\n", "grpc_health_probe -addr=localhost:50051 -service=shop.Cart"},
		"with the whole server":   {"health_pb2_grpc.add_HealthServicer_to_server(h, server)\nh.set('', SERVING)\nh.set('shop.Cart', SERVING)\n", "grpc_health_probe -addr=localhost:50051"},
		"over TLS":                {"health_pb2_grpc.add_HealthServicer_to_server(h, server)\nserver.add_secure_port('[::]:50051', creds)\n", "grpc_health_probe -addr=localhost:50051 -tls -tls-no-verify"},
		"with TLS as one of both": {"health_pb2_grpc.add_HealthServicer_to_server(h, server)\nif tls:\n    server.add_secure_port('[::]:50051', creds)\nelse:\n    server.add_insecure_port('[::]:50051')\n", "grpc_health_probe -addr=localhost:50051"},
		"none":                    {"server.add_insecure_port('[::]:50051')\n", "slipway-probe tcp://localhost:50051"},
	} {
		t.Run(name, func(t *testing.T) {
			p, findings := planned(t, map[string]string{"requirements.txt": "grpcio", "main.py": base + c.text}, config.Service{})
			if got := strings.TrimPrefix(step(p, "production", plan.OpHealthcheck), "/usr/local/bin/"); got != c.want {
				t.Errorf("asks %q, want %q; findings %v", got, c.want, findings)
			}
		})
	}
}

// TestProcessesOfAProcfile: of several commands the last one serves, and the
// others are jobs. A script is read for the server that it starts.
func TestProcessesOfAProcfile(t *testing.T) {
	for name, c := range map[string]struct {
		procfile, script string
		want             string
		hints            []string
	}{
		"after semicolons": {"web: flask db upgrade; flask translate compile; gunicorn app:app", "", "gunicorn app:app", []string{
			`add a job to slipway.yaml: migrate: {path: ., type: job, command: "flask db upgrade"}`, `add a job to slipway.yaml: prepare: {path: ., type: job, command: "flask translate compile"}`}},
		"after &&":          {"web: python manage.py migrate && exec gunicorn app:app -b :$PORT", "", "gunicorn app:app -b :8000", []string{`add a job to slipway.yaml: migrate: {path: ., type: job, command: "python manage.py migrate"}`}},
		"another directory": {"web: cd web && gunicorn app:app", "", "gunicorn app:app in /app/web", nil},
		"variables":         {"web: export A=1; B=2 gunicorn app:app", "", "gunicorn app:app A=1 B=2", nil},
		"a script": {"web: ./boot.sh", "#!/bin/sh\n# starts it\nwhile true; do\n    flask db upgrade\n    if [ $? = 0 ]; then\n        break\n    fi\n    sleep 5\ndone\nexec gunicorn -b :${PORT:-5000} \\\n  --workers ${WORKERS:-2} app:app\n",
			"gunicorn -b :8000 --workers 2 app:app", []string{`add a job to slipway.yaml: migrate: {path: ., type: job, command: "flask db upgrade"}`}},
		"a script with its shell":     {"web: bash boot.sh", "set -e\nHOST=0.0.0.0\nsource venv/bin/activate\ngunicorn -b $HOST:8000 app:app\n", "gunicorn -b 0.0.0.0:8000 app:app", nil},
		"a pipe":                      {"web: gunicorn app:app | tee log", "", codeShell, nil},
		"a script that needs a shell": {"web: sh boot.sh", "gunicorn app:app > log\n", codeShell, nil},
	} {
		t.Run(name, func(t *testing.T) {
			files := map[string]string{"requirements.txt": "flask\ngunicorn", "app.py": webApp, "web/app.py": webApp, "Procfile": c.procfile + "\n"}
			if c.script != "" {
				files["boot.sh"] = c.script
			}
			p, findings := planned(t, files, config.Service{})
			got := step(p, "production", plan.OpCmd)
			for _, kv := range strings.Fields(step(p, "production", plan.OpEnv)) {
				if len(kv) == len("A=1") {
					got += " " + kv
				}
			}
			if dir := step(p, "production", plan.OpWorkdir); dir != "/app" && got != "" {
				got += " in " + dir
			}
			if f := findings.Errors(); f != nil {
				got = of(findings, codeShell, codeNoStart)[0].Code
			}
			if got != c.want {
				t.Errorf("starts %q, want %q; findings %v", got, c.want, findings)
			}
			var hints []string
			for _, f := range of(findings, codeCommands) {
				hints = append(hints, f.Hint)
			}
			if diff := cmp.Diff(c.hints, hints); diff != "" {
				t.Errorf("hints (-want +got):\n%s", diff)
			}
		})
	}
}

// TestFilesOfTheStartCommand are in the image, or an error before any step runs.
func TestFilesOfTheStartCommand(t *testing.T) {
	for command, want := range map[string]string{
		"uvicorn app:app --env-file .env":        codeFile,
		"uvicorn app:app --env-file=.env":        codeFile,
		"gunicorn -c conf/gunicorn.py app:app":   "",
		"gunicorn -c tests/gunicorn.py app:app":  codeFile,
		"gunicorn -c python:conf.x app:app":      "",
		"uvicorn app:app --log-config logs.yaml": codeFile,
		"python absent.py":                       codeFile,
		"python app.py":                          "",
		"python -c print(1.5)":                   "",
	} {
		argv := strings.Fields(command)
		_, findings := planned(t, map[string]string{"requirements.txt": "flask", "app.py": webApp, ".env": "A=1", "conf/gunicorn.py": "", "tests/gunicorn.py": ""}, config.Service{Command: argv})
		if got := codes(of(findings, codeFile)); got != want {
			t.Errorf("%s: %v", command, findings)
		}
	}
	_, findings := planned(t, map[string]string{"requirements.txt": "flask", "app.py": webApp, ".env": "A=1", "Procfile": "web: uvicorn app:app --env-file .env\n"}, config.Service{})
	f := of(findings, codeFile)
	if len(f) != 1 || f[0].Place.String() != "Procfile:1" || f[0].Severity != diag.Error || !strings.Contains(f[0].Hint, "env_file: .env") {
		t.Errorf("findings %v", findings)
	}
}

// TestPORTReachesTheProgram when it reads it.
func TestPORTReachesTheProgram(t *testing.T) {
	for name, c := range map[string]struct {
		source string
		port   int
		want   string
	}{
		"a default":         {"HTTPServer(('', int(os.environ.get('PORT', 9000))), H)", 0, "PORT=9000"},
		"no default":        {"HTTPServer(('', int(os.environ['PORT'])), H)", 0, "PORT=8000"},
		"another is wanted": {"HTTPServer(('', int(os.getenv('PORT', 9000))), H)", 7000, "PORT=7000"},
		"it is not read":    {"HTTPServer(('', 9000), H)", 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			p, findings := planned(t, map[string]string{"requirements.txt": "", "main.py": c.source}, config.Service{Port: c.port})
			got := ""
			for _, kv := range strings.Fields(step(p, "production", plan.OpEnv)) {
				if strings.HasPrefix(kv, "PORT=") {
					got = kv
				}
			}
			if got != c.want {
				t.Errorf("%q, want %q; findings %v", got, c.want, findings)
			}
		})
	}
}

// TestAServerWithoutAnAddressIsReachable: by itself it would listen on the
// loopback address alone.
func TestAServerWithoutAnAddressIsReachable(t *testing.T) {
	for command, want := range map[string]string{
		"gunicorn app:app":                           "PORT=8000",
		"gunicorn -b 0.0.0.0:8000 app:app":           "",
		"gunicorn -b0.0.0.0:8000 app:app":            "",
		"gunicorn --bind=0.0.0.0:8000 app:app":       "",
		"uvicorn app:app":                            "UVICORN_HOST=0.0.0.0 UVICORN_PORT=8000",
		"uvicorn app:app --host 0.0.0.0 --port 9000": "",
		"uvicorn app:app --port=9000":                "UVICORN_HOST=0.0.0.0",
	} {
		p, findings := planned(t, map[string]string{"requirements.txt": "flask==3\ngunicorn==23\nuvicorn==1", "app.py": webApp, "Procfile": "web: " + command + "\n"}, config.Service{})
		var got []string
		for _, kv := range strings.Fields(step(p, "production", plan.OpEnv)) {
			if strings.HasPrefix(kv, "PORT=") || strings.HasPrefix(kv, "UVICORN") {
				got = append(got, kv)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s; findings %v", command, got, want, findings)
		}
	}
}

// TestThePortOfTheProgramWins over one of a file that it does not import.
func TestThePortOfTheProgramWins(t *testing.T) {
	p, _ := planned(t, map[string]string{
		"requirements.txt": "", "main.py": "from web import serve\nserve()\n", "web.py": "HTTPServer(('', 9000), H)\n", "aside/fake.py": "PORT = os.environ.get('FAKE_PORT', 1234)\n",
	}, config.Service{})
	if p.Port != 9000 {
		t.Errorf("port %d", p.Port)
	}
}

// TestDjangoBelowTheTop: manage.py says where the project lies.
func TestDjangoBelowTheTop(t *testing.T) {
	manage := "os.environ.setdefault('DJANGO_SETTINGS_MODULE', '%s')\n"
	for name, c := range map[string]struct {
		files                map[string]string
		start, settings, cwd string
	}{
		"one level": {map[string]string{"backend/manage.py": strings.Replace(manage, "%s", "shop.settings", 1), "backend/shop/wsgi.py": "", "backend/shop/settings.py": "STATIC_ROOT = BASE_DIR / 'out'\n"},
			"gunicorn shop.wsgi:application", "shop.settings", "/app/backend"},
		"at the top": {map[string]string{"manage.py": strings.Replace(manage, "%s", "shop.settings", 1), "shop/wsgi.py": "", "shop/settings.py": "STATIC_ROOT = BASE_DIR / 'out'\n"},
			"gunicorn shop.wsgi:application", "shop.settings", "/app"},
		"settings of a developer": {map[string]string{"manage.py": strings.Replace(manage, "%s", "shop.settings.local", 1), "shop/wsgi.py": "", "shop/settings/base.py": "STATIC_ROOT = BASE_DIR / 'out'\n", "shop/settings/local.py": "", "shop/settings/production.py": "", "shop/settings/__init__.py": ""},
			"gunicorn shop.wsgi:application", "shop.settings.production", "/app"},
		"settings that are a package": {map[string]string{"manage.py": strings.Replace(manage, "%s", "shop.settings", 1), "shop/wsgi.py": "", "shop/settings/base.py": "STATIC_ROOT = BASE_DIR / 'out'\n", "shop/settings/prod.py": "", "shop/settings/__init__.py": "\n"},
			"gunicorn shop.wsgi:application", "shop.settings.prod", "/app"},
		"settings that import the base": {map[string]string{"manage.py": strings.Replace(manage, "%s", "shop.settings", 1), "shop/wsgi.py": "", "shop/settings/base.py": "STATIC_ROOT = BASE_DIR / 'out'\n", "shop/settings/prod.py": "", "shop/settings/__init__.py": "from .base import *\n"},
			"gunicorn shop.wsgi:application", "shop.settings", "/app"},
	} {
		t.Run(name, func(t *testing.T) {
			c.files["requirements.txt"] = "django\ngunicorn\nwhitenoise"
			p, findings := planned(t, c.files, config.Service{})
			start, env := step(p, "production", plan.OpCmd), step(p, "production", plan.OpEnv)
			if !strings.HasPrefix(start, c.start+" ") || !strings.Contains(env+" ", "DJANGO_SETTINGS_MODULE="+c.settings+" ") || step(p, "production", plan.OpWorkdir) != c.cwd {
				t.Errorf("starts %q with %q in %s; findings %v", start, env, step(p, "production", plan.OpWorkdir), findings)
			}
			if !strings.Contains(shell(p, "builder"), "manage.py collectstatic") {
				t.Errorf("builder runs %s", shell(p, "builder"))
			}
		})
	}
}

// TestCollectedBesideADatabase: settings that open a database in a directory which the
// repository does not have find it in the step, and production gets an empty one.
func TestCollectedBesideADatabase(t *testing.T) {
	files := map[string]string{
		"requirements.txt": "django\ngunicorn\nwhitenoise", "manage.py": "os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'shop.settings')\n", "shop/wsgi.py": "",
		"shop/settings.py": "from pathlib import Path\nBASE_DIR = Path(__file__).resolve().parent.parent\nSTATIC_ROOT = BASE_DIR / 'out'\nDATABASES = {'default': {'ENGINE': 'django.db.backends.sqlite3', 'NAME': BASE_DIR / 'data' / 'db.sqlite3'}}\n",
	}
	p, findings := planned(t, files, config.Service{})
	if got := shell(p, "builder"); !strings.Contains(got, "mkdir -p data && SECRET_KEY=") || !strings.Contains(got, " collectstatic --noinput && find data -type f ") || !strings.Contains(got, " && find data -type d -empty -delete && ") {
		t.Errorf("builder runs %s; findings %v", got, findings)
	}
	files["data/keep.txt"] = ""
	if p, _ = planned(t, files, config.Service{}); strings.Contains(shell(p, "builder"), "find data") {
		t.Errorf("builder runs %s", shell(p, "builder"))
	}
}

// TestAScriptOfAUsualName says what starts when nothing else does.
func TestAScriptOfAUsualName(t *testing.T) {
	files := map[string]string{"requirements.txt": "gunicorn==23.0.0", "shop/wsgi.py": "application = make()\n", "boot.sh": "#!/bin/sh\nalembic upgrade head\nexec gunicorn --bind 0.0.0.0:9000 shop.wsgi\n"}
	p, findings := planned(t, files, config.Service{})
	if got := step(p, "production", plan.OpCmd); got != "gunicorn --bind 0.0.0.0:9000 shop.wsgi" || p.Port != 9000 || codes(findings) != codeCommands {
		t.Errorf("starts %q at %d; findings %v", got, p.Port, findings)
	}
	files["boot.sh"] = "#!/bin/sh\nmake all\n"
	if _, findings := planned(t, files, config.Service{}); codes(findings) != codeNoStart {
		t.Errorf("findings %v", findings)
	}
}

// TestPortOfAFlag: the default of an option is where the program listens.
func TestPortOfAFlag(t *testing.T) {
	const serve = "from aiohttp import web\nweb.run_app(web.Application(), port=args.port)\n"
	for name, c := range map[string]struct {
		text string
		want int
	}{
		"argparse":        {"p.add_argument('--port', type=int, default=8765)\n" + serve, 8765},
		"a short one too": {"p.add_argument(\"-p\", \"--http-port\", default=8766, type=int)\n" + serve, 8766},
		"click":           {"@click.option('--port', default=8767)\ndef f(): pass\n" + serve, 8767},
		"Tornado":         {"define('port', default=8768, help='x')\nHTTPServer(app).listen(options.port)\n", 8768},
		"Tornado's call":  {"app = tornado.web.Application([])\napp.listen(8769)\n", 8769},
		"Bottle":          {"from bottle import run\nrun(host='0.0.0.0', port=8770)\n", 8770},
		"a written one":   {"p.add_argument('--report', default=99)\nfrom aiohttp import web\nweb.run_app(a, port=8771)\n", 8771},
	} {
		dir := fstest.MapFS{"requirements.txt": {Data: []byte("aiohttp==3\n")}, "main.py": {Data: []byte(c.text)}}
		p, findings := Ecosystem{}.Plan(dir, config.Service{Name: "a", Path: "."}, nil)
		if findings.Errors() != nil || p.Port != c.want || p.Type != "http" {
			t.Errorf("%s: %s on port %d, want %d: %v", name, p.Type, p.Port, c.want, findings)
		}
	}
}

// TestLoopback: a program that nobody reaches from outside of its container.
func TestLoopback(t *testing.T) {
	for name, c := range map[string]struct {
		need, text string
		line       int // of the finding, 0 for none
	}{
		"aiohttp":          {"aiohttp==3", "from aiohttp import web\nweb.run_app(app, host='127.0.0.1', port=8780)\n", 2},
		"Bottle":           {"bottle==0.13", "from bottle import run\nrun(host='localhost', port=8781)\n", 2},
		"the library's":    {"requests==2", "from http.server import HTTPServer\nHTTPServer(('localhost', 8782), H).serve_forever()\n", 2},
		"gRPC":             {"grpcio==1", "s = grpc.server(x)\ns.add_insecure_port('localhost:50072')\nPORT = 50072\n", 2},
		"everywhere":       {"aiohttp==3", "from aiohttp import web\nweb.run_app(app, host='0.0.0.0', port=8783)\n", 0},
		"a client":         {"aiohttp==3", "from aiohttp import web\nconnect('localhost')\nweb.run_app(app, port=8784)\n", 0},
		"under a server":   {"flask==3\ngunicorn==23", "from flask import Flask\napp = Flask(__name__)\nif __name__ == '__main__':\n    app.run(host='127.0.0.1')\n", 0},
		"by the framework": {"fastapi==0.1\nuvicorn==0.3", "from fastapi import FastAPI\napp = FastAPI()\nuvicorn.run(app, host='127.0.0.1')\n", 0},
	} {
		dir := fstest.MapFS{"requirements.txt": {Data: []byte(c.need + "\n")}, "main.py": {Data: []byte(c.text)}}
		_, findings := Ecosystem{}.Plan(dir, config.Service{Name: "a", Path: "."}, nil)
		line := 0
		for _, f := range findings {
			if f.Code == ecosystem.CodeLoopback {
				line = f.Place.Line
			}
		}
		if line != c.line || findings.Errors() != nil {
			t.Errorf("%s: warns in line %d, want %d: %v", name, line, c.line, findings)
		}
	}
}
