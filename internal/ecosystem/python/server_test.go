package python

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/plan"
)

const (
	manageShop = "os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'shop.settings')\n"
	uvLockOf   = "[[package]]\nname = \"a\"\nsource = { virtual = \".\" }\n[[package]]\nname = \"flask\"\nsource = { registry = \"https://pypi.org/simple\" }\n"
)

// TestTheBuildAddsAServer to an application whose dependencies have none: pinned,
// after the dependencies, whose versions it keeps.
func TestTheBuildAddsAServer(t *testing.T) {
	const click = "python -B -c 'import click' 2> /dev/null || "
	for name, c := range map[string]struct {
		files map[string]string
		start string // how it begins
		adds  string // in the step that installs, "" for nothing
		hint  string
	}{
		"Flask":             {map[string]string{"requirements.txt": "flask==3.1.2", "app.py": webApp}, "gunicorn app:app --bind 0.0.0.0:8000", "--no-deps gunicorn==27.0.1 && find", "add gunicorn to requirements.txt"},
		"a factory":         {map[string]string{"requirements.txt": "flask==3.1.2", "shop/__init__.py": "from flask import Flask\ndef create_app(test_config=None):\n    return Flask(1)\n"}, "gunicorn shop:create_app() --bind", "--no-deps gunicorn==27.0.1", "add gunicorn to requirements.txt"},
		"Flask of uv":       {map[string]string{"pyproject.toml": "[project]\nname = \"a\"\ndependencies = [\"flask\"]\n", "uv.lock": uvLockOf, "app.py": webApp}, "gunicorn app:app", "--no-deps gunicorn==27.0.1", "uv add gunicorn"},
		"Flask, has one":    {map[string]string{"requirements.txt": "flask==3.1.2\nwaitress==3.0.2", "app.py": webApp}, "waitress-serve", "", ""},
		"Django":            {map[string]string{"requirements.txt": "django==5.2", "manage.py": manageShop, "shop/wsgi.py": "", "shop/asgi.py": "", "shop/settings.py": ""}, "gunicorn shop.wsgi:application --bind", "--no-deps gunicorn==27.0.1", "add gunicorn to requirements.txt"},
		"Django, channels":  {map[string]string{"requirements.txt": "django==5.2\nchannels==4.3", "manage.py": manageShop, "shop/wsgi.py": "", "shop/asgi.py": "", "shop/settings.py": ""}, "uvicorn shop.asgi:application --host 0.0.0.0", "--no-deps uvicorn==0.54.0", "add uvicorn to requirements.txt"},
		"Django, ASGI only": {map[string]string{"requirements.txt": "django==5.2", "manage.py": manageShop, "shop/asgi.py": "", "shop/settings.py": ""}, "uvicorn shop.asgi:application", click, "add uvicorn to requirements.txt"},
		"Django, Daphne":    {map[string]string{"requirements.txt": "django==5.2\ndaphne==4.2", "manage.py": manageShop, "shop/wsgi.py": "", "shop/asgi.py": "", "shop/settings.py": ""}, "daphne --bind 0.0.0.0", "", ""},
		"FastAPI":           {map[string]string{"requirements.txt": "fastapi==0.118", "main.py": "from fastapi import FastAPI\napp = FastAPI()\n"}, "uvicorn main:app --host 0.0.0.0 --port 8000", click, "add uvicorn to requirements.txt"},
		"FastAPI, standard": {map[string]string{"requirements.txt": "fastapi[standard]==0.118", "main.py": "app = FastAPI()\n"}, "uvicorn main:app", "", ""},
		"Quart brings one":  {map[string]string{"requirements.txt": "quart==0.20", "main.py": "app = Quart(1)\n"}, "hypercorn main:app --bind 0.0.0.0:8000", "", ""},
		"Sanic is one":      {map[string]string{"requirements.txt": "sanic==25.3", "main.py": "app = Sanic('x')\n"}, "sanic main:app --host=0.0.0.0 --port=8000", "", ""},
		"Litestar":          {map[string]string{"requirements.txt": "litestar[standard]==2", "main.py": "app = Litestar([])\n"}, "uvicorn main:app", "", ""},
		"Falcon":            {map[string]string{"requirements.txt": "falcon==4", "main.py": "import falcon\napp = falcon.App()\n"}, "gunicorn main:app", "--no-deps gunicorn==27.0.1", "add gunicorn to requirements.txt"},
		"Flask on 3.9":      {map[string]string{"requirements.txt": "flask==3.1.2", "app.py": webApp, ".python-version": "3.9"}, "gunicorn app:app", "--no-deps gunicorn==23.0.0 && { /opt/venv/bin/python -B -c 'import packaging'", "add gunicorn to requirements.txt"},
		"FastAPI on 3.9":    {map[string]string{"requirements.txt": "fastapi==0.118", "main.py": "from fastapi import FastAPI\napp = FastAPI()\n", ".python-version": "3.9"}, "uvicorn main:app", "--no-deps uvicorn==0.39.0 && { /opt/venv/bin/python -B -c 'import click'", "add uvicorn to requirements.txt"},
		"Dash":              {map[string]string{"requirements.txt": "dash==3\ngunicorn==23", "main.py": "from dash import Dash\napp = Dash(1)\nserver = app.server\n"}, "gunicorn main:server", "", ""},
		"its own function":  {map[string]string{"requirements.txt": "fastapi==0.118\nuvicorn==0.37", "app/main.py": "from fastapi import FastAPI\ndef get_application() -> FastAPI:\n    return FastAPI()\napp = get_application()\n"}, "uvicorn app.main:app", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			p, findings := planned(t, c.files, config.Service{})
			if got := step(p, "production", plan.OpCmd); !strings.HasPrefix(got, c.start) || findings.Errors() != nil {
				t.Fatalf("starts %q, want %q; findings %v", got, c.start, findings)
			}
			installs := shell(p, "dependencies")
			if added := strings.Contains(installs, "--no-deps"); c.adds == "" && added || !strings.Contains(installs, c.adds) {
				t.Errorf("installs %s", installs)
			}
			hint := ""
			if f := of(findings, codeServer); len(f) == 1 && f[0].Severity == diag.Warning && f[0].Place.Line > 0 {
				hint = f[0].Hint
			}
			if hint != c.hint {
				t.Errorf("hint %q, want %q; findings %v", hint, c.hint, findings)
			}
		})
	}
}

// TestAMainBlockThatPrepares starts as it is, because a server that imports the
// application skips what the block does.
func TestAMainBlockThatPrepares(t *testing.T) {
	for name, c := range map[string]struct {
		block, server string
		want          string
	}{
		"tables":             {"    with app.app_context():\n        db.create_all()\n    app.run(host='0.0.0.0', port=5000)\n", "", "python app.py"},
		"a function":         {"    setup()\n    app.run(debug=True, host=\"0.0.0.0\", port=5000)\n", "", "python app.py"},
		"on the usual port":  {"    setup()\n    app.run(host='0.0.0.0')\n", "", "python app.py"},
		"only the server":    {"    print('hello')\n    app.run(host='0.0.0.0', port=5000)\n", "", "gunicorn app:app"},
		"a port":             {"    port = int(os.environ.get('PORT', 5000))\n    app.run(host='0.0.0.0', port=port)\n", "", "gunicorn app:app"},
		"on localhost alone": {"    setup()\n    app.run(port=5000)\n", "", "gunicorn app:app"},
		"a server is there":  {"    setup()\n    app.run(host='0.0.0.0', port=5000)\n", "\ngunicorn==23.0.0", "gunicorn app:app"},
	} {
		t.Run(name, func(t *testing.T) {
			p, findings := planned(t, map[string]string{"requirements.txt": "flask==3.1.2" + c.server, "app.py": webApp + "setup = print\nif __name__ == '__main__':\n" + c.block}, config.Service{})
			if got := step(p, "production", plan.OpCmd); !strings.HasPrefix(got, c.want) || findings.Errors() != nil || p.Port != 5000 {
				t.Errorf("starts %q on %d, want %q; findings %v", got, p.Port, c.want, findings)
			}
			f := of(findings, codeDevelopment)
			if warned := len(f) == 1 && f[0].Severity == diag.Warning && strings.Contains(f[0].Hint, "gunicorn") && f[0].Place.File == "app.py"; warned != (c.want == "python app.py") {
				t.Errorf("findings %v", findings)
			}
		})
	}
}

// TestADevelopmentServerThatIsWritten starts, reachable, with a warning.
func TestADevelopmentServerThatIsWritten(t *testing.T) {
	for command, c := range map[string]struct {
		start string
		env   string
		warns bool
	}{
		"flask run":                                        {"flask run", "FLASK_RUN_HOST=0.0.0.0 FLASK_RUN_PORT=8000", true},
		"flask --app app run --debug":                      {"flask --app app run --debug", "FLASK_RUN_HOST=0.0.0.0 FLASK_RUN_PORT=8000", true},
		"flask run --host=0.0.0.0 -p 9000":                 {"flask run --host=0.0.0.0 -p 9000", "", true},
		"python -m flask run -h 0.0.0.0 -p 9000":           {"python -m flask run -h 0.0.0.0 -p 9000", "", true},
		"python -m flask run":                              {"python -m flask run", "FLASK_RUN_HOST=0.0.0.0 FLASK_RUN_PORT=8000", true},
		"python manage.py runserver":                       {"python manage.py runserver 0.0.0.0:8000", "", true},
		"python -u manage.py runserver --noreload":         {"python -u manage.py runserver --noreload 0.0.0.0:8000", "", true},
		"python3 manage.py runserver 0.0.0.0:9000":         {"python3 manage.py runserver 0.0.0.0:9000", "", true},
		"python manage.py runserver 9001":                  {"python manage.py runserver 0.0.0.0:9001", "", true},
		"fastapi dev app.py":                               {"fastapi dev app.py --host 0.0.0.0", "", true},
		"./manage.py runserver":                            {"./manage.py runserver 0.0.0.0:8000", "", true},
		"flask db upgrade":                                 {"flask db upgrade", "", false},
		"gunicorn app:app -b 0.0.0.0:8000":                 {"gunicorn app:app -b 0.0.0.0:8000", "", false},
		"python app.py runserver":                          {"python app.py runserver", "", false},
		"python manage.py migrate":                         {"python manage.py migrate", "", false},
		"fastapi dev app.py --host 0.0.0.0 --port 8000":    {"fastapi dev app.py --host 0.0.0.0 --port 8000", "", true},
		"fastapi run app.py --port 8000 --host 0.0.0.0":    {"fastapi run app.py --port 8000 --host 0.0.0.0", "", false},
		"uvicorn app:app --host 0.0.0.0 --port 8000 --xxx": {"uvicorn app:app --host 0.0.0.0 --port 8000 --xxx", "", false},
	} {
		t.Run(command, func(t *testing.T) {
			files := map[string]string{"requirements.txt": "flask==3\ngunicorn==23\nuvicorn==1", "app.py": webApp, "manage.py": "", "Procfile": "web: " + command + "\n"}
			p, findings := planned(t, files, config.Service{})
			var env []string
			for _, kv := range strings.Fields(step(p, "production", plan.OpEnv)) {
				if strings.HasPrefix(kv, "FLASK_RUN") {
					env = append(env, kv)
				}
			}
			if got := step(p, "production", plan.OpCmd); got != c.start || strings.Join(env, " ") != c.env {
				t.Errorf("starts %q with %v; findings %v", got, env, findings)
			}
			if strings.Contains(c.start, "runserver 0.0.0.0:900") && !strings.HasSuffix(c.start, ":"+strconv.Itoa(p.Port)) {
				t.Errorf("port %d", p.Port)
			}
			if f := of(findings, codeDevelopment); len(f) == 1 && strings.Contains(f[0].Hint, "add ") {
				t.Errorf("the server is there: %s", f[0].Hint)
			}
			if f := of(findings, codeDevelopment); (len(f) == 1) != c.warns || c.warns && f[0].Place.String() != "Procfile:1" {
				t.Errorf("findings %v", findings)
			}
			delete(files, "Procfile")
			_, findings = planned(t, files, config.Service{Command: strings.Fields(command), Type: "http", Port: 8000})
			if got := len(of(findings, codeDevelopment)) == 1; got != c.warns {
				t.Errorf("as command: %v", findings)
			}
		})
	}
}

// TestPortsOfOthers are no evidence of the program's own.
func TestPortsOfOthers(t *testing.T) {
	for text, want := range map[string]int{
		"MAIL_PORT = int(os.environ.get('MAIL_PORT', '2525'))\n":                               8000,
		"MAIL_PORT = int(os.environ.get('MAIL_PORT', '2525'))\nos.environ.get('PORT', 9000)\n": 9000,
		"r = os.getenv('REDIS_PORT', 6380)\nx = os.getenv('APP_PORT', '9001')\n":               9001,
		"r = os.getenv('APP_DB_PORT', 5433)\n":                                                 8000,
		"p.add_argument('--port', default=25)\n":                                               8000,
		"p.add_argument('--redis-port', default=6380)\n":                                       8000,
	} {
		p, findings := planned(t, map[string]string{"requirements.txt": "flask==3\ngunicorn==23", "app.py": webApp + text}, config.Service{})
		if p.Port != want || findings.Errors() != nil {
			t.Errorf("%q: port %d, want %d; findings %v", text, p.Port, want, findings)
		}
	}
}

// TestInterfacesServe: Gradio and Dash listen on the loopback address unless the
// environment says otherwise.
func TestInterfacesServe(t *testing.T) {
	for name, c := range map[string]struct {
		needs, source string
		port          int
		env           []string
	}{
		"Gradio":             {"gradio==5", "import gradio as gr\ndemo = gr.Interface(f, 'text', 'text')\ndemo.launch()\n", 7860, []string{"GRADIO_SERVER_NAME=0.0.0.0", "GRADIO_SERVER_PORT=7860"}},
		"Gradio with a port": {"gradio==5", "import gradio as gr\nif __name__ == '__main__':\n    demo.launch(share=False, server_port=7900)\n", 7900, []string{"GRADIO_SERVER_NAME=0.0.0.0", "GRADIO_SERVER_PORT=7900"}},
		"Dash":               {"dash==3", "from dash import Dash\napp = Dash(1)\nif __name__ == '__main__':\n    app.run(debug=True)\n", 8050, []string{"HOST=0.0.0.0", "PORT=8050"}},
		"no interface":       {"requests==2", "browser.launch()\nHTTPServer(('', 9000), H)\n", 9000, nil},
	} {
		t.Run(name, func(t *testing.T) {
			p, findings := planned(t, map[string]string{"requirements.txt": c.needs, "app.py": c.source}, config.Service{})
			env := strings.Fields(step(p, "production", plan.OpEnv))
			if p.Type != "http" || p.Port != c.port || step(p, "production", plan.OpCmd) != "python app.py" || findings.Errors() != nil {
				t.Errorf("%s on %d, starts %q; findings %v", p.Type, p.Port, step(p, "production", plan.OpCmd), findings)
			}
			for _, want := range c.env {
				if !slices.Contains(env, want) {
					t.Errorf("%v lacks %s", env, want)
				}
			}
			if c.env == nil && slices.ContainsFunc(env, func(kv string) bool { return strings.HasPrefix(kv, "HOST=") || strings.HasPrefix(kv, "GRADIO") }) {
				t.Errorf("%v", env)
			}
		})
	}
}

// TestGatewaysOfDjango: the module beside the settings, or that they name; else
// only Django's own server is there.
func TestGatewaysOfDjango(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		start string
		warns bool
	}{
		"named by the settings": {map[string]string{"shop/settings.py": "WSGI_APPLICATION = 'deploy.web.app'\n", "deploy/web.py": "", "deploy/__init__.py": ""}, "gunicorn deploy.web:app --bind", false},
		"named, but absent":     {map[string]string{"shop/settings.py": "WSGI_APPLICATION = 'shop.wsgi.application'\n"}, "python manage.py runserver --noreload 0.0.0.0:8000", true},
		"ASGI, named":           {map[string]string{"shop/settings.py": "ASGI_APPLICATION = 'deploy.live.application'\n", "deploy/live.py": ""}, "uvicorn deploy.live:application", false},
		"nothing":               {map[string]string{"shop/settings.py": ""}, "python manage.py runserver --noreload 0.0.0.0:8000", true},
	} {
		c.files["requirements.txt"], c.files["manage.py"] = "django==5.2", manageShop
		p, findings := planned(t, c.files, config.Service{})
		if got := step(p, "production", plan.OpCmd); !strings.HasPrefix(got, c.start) || findings.Errors() != nil || (len(of(findings, codeDevelopment)) == 1) != c.warns || (len(of(findings, codeServer)) == 1) == c.warns {
			t.Errorf("%s: starts %q; findings %v", name, got, findings)
		}
	}
}

// TestHostsOfDjango: a health check asks localhost, which settings may refuse.
func TestHostsOfDjango(t *testing.T) {
	const check = "/usr/local/bin/slipway-probe http://localhost:8000/health/"
	for settings, c := range map[string]struct{ codes, health string }{
		"DEBUG = True\nALLOWED_HOSTS = []\n":                                                     {codeDebug, check},
		"DEBUG = False\nALLOWED_HOSTS = []\n":                                                    {codeHosts, "/usr/local/bin/slipway-probe tcp://localhost:8000"},
		"DEBUG = False\nALLOWED_HOSTS = ['shop.example', 'localhost']\n":                         {"", check},
		"DEBUG = False\nALLOWED_HOSTS = ['*']\n":                                                 {"", check},
		"DEBUG = False\nALLOWED_HOSTS: list[str] = [\n    'shop.example',\n]\n":                  {"", "/usr/local/bin/slipway-probe tcp://localhost:8000"},
		"DEBUG = env('DEBUG')\nALLOWED_HOSTS = env.list('ALLOWED_HOSTS')\n":                      {"", check},
		"# DEBUG = True\nALLOWED_HOSTS = os.environ.get('HOSTS', 'localhost').split(',')\n":      {"", check},
		"SECRET_KEY = 'django-insecure-abc'\nDEBUG = True\nALLOWED_HOSTS = []\n":                 {codeDebug + " " + codeDebug, check},
		"SECRET_KEY = os.environ.get('SECRET_KEY', 'x')\nDEBUG = False\nALLOWED_HOSTS = ['*']\n": {"", check},
	} {
		p, findings := planned(t, map[string]string{
			"requirements.txt": "django==5.2\ngunicorn==23.0.0", "manage.py": manageShop, "shop/wsgi.py": "", "shop/settings.py": settings, "shop/urls.py": "urlpatterns = [path('health/', view)]\n",
		}, config.Service{})
		if got := codes(of(findings, codeHosts, codeDebug)); got != c.codes {
			t.Errorf("%q: %v", settings, findings)
		}
		if got := step(p, "production", plan.OpHealthcheck); got != c.health {
			t.Errorf("%q: asks %q", settings, got)
		}
	}
}

// TestSettingsByAVariable: a manage.py that decides between settings gets those
// that hold without further variables.
func TestSettingsByAVariable(t *testing.T) {
	for name, c := range map[string]struct{ manage, want string }{
		"a condition":  {"s = 'shop.production' if 'SITE' in os.environ else 'shop.settings'\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', s)\n", "shop.settings"},
		"a default":    {"s = os.getenv('SHOP_SETTINGS', 'shop.settings')\nos.environ['DJANGO_SETTINGS_MODULE'] = s\n", "shop.settings"},
		"an item":      {"os.environ['DJANGO_SETTINGS_MODULE'] = 'shop.settings'\n", "shop.settings"},
		"no module":    {"os.environ['DJANGO_SETTINGS_MODULE'] = 'shop.absent'\n", ""},
		"not Django's": {"run('shop.settings')\n", ""},
	} {
		p, findings := planned(t, map[string]string{"requirements.txt": "django==5.2\ngunicorn==23.0.0", "manage.py": "if __name__ == '__main__':\n    pass\n" + c.manage, "shop/wsgi.py": "", "shop/settings.py": "", "shop/production.py": ""}, config.Service{})
		env := step(p, "production", plan.OpEnv) + " "
		if got := strings.Contains(env, "DJANGO_SETTINGS_MODULE="+c.want+" "); got != (c.want != "") || got != strings.HasPrefix(step(p, "production", plan.OpCmd), "gunicorn shop.wsgi:application") {
			t.Errorf("%s: starts %q with %s; findings %v", name, step(p, "production", plan.OpCmd), env, findings)
		}
	}
}

// TestHealthOfDjango is a view of the project's routes, not a path below which
// others are, and not one of a module that is included elsewhere.
func TestHealthOfDjango(t *testing.T) {
	for name, c := range map[string]struct{ urls, more, want string }{
		"a view":            {"urlpatterns = [path('healthz', views.health)]\n", "", "http://localhost:8000/healthz"},
		"a prefix":          {"urlpatterns = [path('ping/', include('web.urls'))]\n", "", "tcp://localhost:8000"},
		"included at top":   {"urlpatterns = [path('', include('web.urls'))]\n", "urlpatterns = [path('health/', views.health)]\n", "http://localhost:8000/health/"},
		"included below":    {"urlpatterns = [path('api/', include('web.urls'))]\n", "urlpatterns = [path('health/', views.health)]\n", "tcp://localhost:8000"},
		"a string":          {"urlpatterns = []\nPING = SITE + '/ping/'\n", "", "tcp://localhost:8000"},
		"in another module": {"urlpatterns = []\n", "urlpatterns = [path('health/', views.health)]\n", "tcp://localhost:8000"},
	} {
		p, findings := planned(t, map[string]string{
			"requirements.txt": "django==5.2\ngunicorn==23.0.0", "manage.py": manageShop, "shop/wsgi.py": "", "shop/urls.py": c.urls, "web/urls.py": c.more,
			"shop/settings.py": "ROOT_URLCONF = 'shop.urls'\n", "web/mail.py": "p.add_argument('--port', default=2525)\n",
		}, config.Service{})
		if got := step(p, "production", plan.OpHealthcheck); got != "/usr/local/bin/slipway-probe "+c.want || findings.Errors() != nil {
			t.Errorf("%s: asks %q; findings %v", name, got, findings)
		}
	}
}

// TestRunserverServedTheStaticFiles, and the server in its place does not.
func TestRunserverServedTheStaticFiles(t *testing.T) {
	for settings, want := range map[string]bool{"INSTALLED_APPS = ['django.contrib.staticfiles']\n": true, "INSTALLED_APPS = []\n": false} {
		_, findings := planned(t, map[string]string{"requirements.txt": "django==5.2", "manage.py": manageShop, "shop/wsgi.py": "", "shop/settings.py": settings}, config.Service{})
		if f := of(findings, codeServer); len(f) != 1 || strings.Contains(f[0].Hint, "whitenoise") != want {
			t.Errorf("%q: %v", settings, findings)
		}
	}
}

// TestFLASKAPP chooses among applications.
func TestFLASKAPP(t *testing.T) {
	for named, want := range map[string]string{
		"":                        "gunicorn app:app ",
		"FLASK_APP=shop.py":       "gunicorn shop:site ",
		"export FLASK_APP='shop'": "gunicorn shop:site ",
		"FLASK_APP=shop:site":     "gunicorn shop:site ",
		"FLASK_APP=shop:absent":   "gunicorn app:app ",
		"FLASK_APP=pkg:create_app('x')\nFLASK_DEBUG=1": "gunicorn pkg:create_app() ",
		"FLASK_APP=pkg":            "gunicorn pkg:create_app() ",
		"FLASK_APP=pkg/web.py":     "gunicorn pkg.web:inner ",
		"FLASK_APP=absent.py":      "gunicorn app:app ",
		"# FLASK_APP=shop.py\nA=1": "gunicorn app:app ",
	} {
		files := map[string]string{
			"requirements.txt": "flask==3\ngunicorn==23", "app.py": webApp, "shop.py": "from flask import Flask\nsite = Flask(1)\n",
			"pkg/__init__.py": "from flask import Flask\ndef create_app(name='y'):\n    return Flask(name)\n", "pkg/web.py": "from flask import Flask\ninner = Flask(1)\n",
		}
		if named != "" {
			files[".flaskenv"] = named + "\n"
		}
		p, findings := planned(t, files, config.Service{})
		if got := step(p, "production", plan.OpCmd); !strings.HasPrefix(got, want) || findings.Errors() != nil {
			t.Errorf("%q: starts %q; findings %v", named, got, findings)
		}
	}
	p, _ := planned(t, map[string]string{"requirements.txt": "flask==3\ngunicorn==23", "app.py": webApp, "shop.py": "from flask import Flask\nsite = Flask(1)\n"}, config.Service{Env: map[string]string{"FLASK_APP": "shop.py"}})
	if got := step(p, "production", plan.OpCmd); !strings.HasPrefix(got, "gunicorn shop:site ") {
		t.Errorf("by slipway.yaml: starts %q", got)
	}
}

// TestAWrittenProgramOfFlask starts its own server, by default for localhost and
// on 5000.
func TestAWrittenProgramOfFlask(t *testing.T) {
	for call, c := range map[string]struct {
		codes string
		port  int
	}{
		"app.run()":                                   {codeDevelopment + " " + ecosystem.CodeLoopback, 5000},
		"app.run(debug=True, port=5001)":              {codeDevelopment + " " + ecosystem.CodeLoopback, 5001},
		"app.run(host='0.0.0.0')":                     {codeDevelopment, 5000},
		"app.run(HOST, host=HOST, port=5002)":         {codeDevelopment, 5002},
		"app.run('0.0.0.0', 5003)":                    {codeDevelopment, 5003},
		"waitress.serve(app, host='0.0.0.0', port=1)": {"", 8000},
	} {
		p, findings := planned(t, map[string]string{"requirements.txt": "flask==3\nwaitress==3", "site.py": webApp + "if __name__ == '__main__':\n    " + call + "\n", "Procfile": "web: python site.py\n"}, config.Service{})
		if got := codes(of(findings, codeDevelopment, ecosystem.CodeLoopback)); got != c.codes || p.Port != c.port || step(p, "production", plan.OpCmd) != "python site.py" {
			t.Errorf("%s: port %d, %v", call, p.Port, findings)
		}
	}
}

// TestSocketsOfFlask: eventlet and gevent serve WebSocket where threads do not.
func TestSocketsOfFlask(t *testing.T) {
	const run = "from flask_socketio import SocketIO\nsocketio = SocketIO(app)\nif __name__ == '__main__':\n    socketio.run(app, %s)\n"
	for name, c := range map[string]struct{ needs, args, want string }{
		"eventlet":       {"eventlet==0.40\ngunicorn==23", "host='0.0.0.0', port=5050", "python app.py"},
		"gevent":         {"gevent==25", "host='0.0.0.0', port=5050", "python app.py"},
		"threads":        {"gunicorn==23", "host='0.0.0.0', port=5050", "gunicorn app:app"},
		"localhost only": {"gevent==25\ngunicorn==23", "port=5050", "gunicorn app:app"},
	} {
		p, findings := planned(t, map[string]string{"requirements.txt": "flask==3\nflask-socketio==5\n" + c.needs, "app.py": webApp + strings.Replace(run, "%s", c.args, 1)}, config.Service{})
		if got := step(p, "production", plan.OpCmd); !strings.HasPrefix(got, c.want) || p.Port != 5050 || findings.Errors() != nil {
			t.Errorf("%s: starts %q on %d; findings %v", name, got, p.Port, findings)
		}
	}
}
