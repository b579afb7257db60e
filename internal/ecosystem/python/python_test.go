package python

import (
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/config"
)

func TestChoose(t *testing.T) {
	all := (&service{family: "official"}).versions()
	for text, want := range map[string]string{
		"3.13": "3.13", "3.13.2": "3.13", "python-3.13.1": "3.13", "cpython-3.12": "3.12", "3.11.9": "3.11", "3": "3.13", "*": "3.13",
		">=3.9": "3.13", ">=3.9,<4": "3.13", ">= 3.10, < 3.13": "3.12", "~=3.11": "3.13", "~=3.11.2": "3.11", "==3.12.*": "3.12",
		"^3.11": "3.13", "~3.12 || ^3.13": "3.13", "!=3.13.*,>=3.12": "3.14", ">3.13": "3.13", ">=3.14": "3.14", "<=3.12": "3.12", ">=3.13.1": "3.13",
		"<=3.13": "3.13", "3.13t": "3.13",
		"2.7": "", "pypy3.10": "", "latest": "", "": "3.13", "==3.8.*": "",
	} {
		got, err := choices(text, all)
		if strings.Join(got[:min(len(got), 1)], "") != want || (err != nil) != (want == "") {
			t.Errorf("choices(%q) = %q, %v; want %q first", text, got, err, want)
		}
	}
}

// TestNearest: what no base has is the next newer one within Python 3, and an exact
// patch release is not what Debian has.
func TestNearest(t *testing.T) {
	for text, want := range map[string]string{
		"3.8": "3.9", "python-3.8.10": "3.9", "~=3.6.1": "3.9", ">=3.6,<3.8": "3.9", "3.6 || 3.7": "3.9",
		"3.16": "", "2.7": "", "pypy3.10": "", "latest": "",
	} {
		if got := nearest(text, (&service{}).versions()); got != want {
			t.Errorf("nearest(%q) = %q, want %q", text, got, want)
		}
	}
	for text, want := range map[string]bool{"3.13.2": true, "==3.11.4": true, "python-3.9.1": true, "3.13": false, ">=3.13.2": false, "~=3.11.2": false, "^3.11.2": false, "==3.12.*": false} {
		if exact(text) != want {
			t.Errorf("exact(%q) is %v", text, !want)
		}
	}
}

func TestParseRequirement(t *testing.T) {
	for text, want := range map[string]dep{
		"flask":                                  {name: "flask"},
		"FastAPI[standard] >= 0.115, < 1":        {name: "fastapi", extras: []string{"standard"}, spec: ">=0.115,<1"},
		`zope.interface==7.2; sys_platform=="x"`: {name: "zope-interface", spec: "==7.2", pinned: true},
		"x @ https://mirror.example/x.zip":       {name: "x", spec: "@https://mirror.example/x.zip", pinned: true},
		"a==1.*":                                 {name: "a", spec: "==1.*"},
	} {
		got, ok := parseRequirement(text)
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(dep{})); diff != "" || !ok {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
}

func TestRequirements(t *testing.T) {
	dir := fstest.MapFS{
		"requirements.txt":      {Data: []byte("-r base/all.txt\n-c pins.txt\n--index-url https://mirror.example/simple\nflask # the web\ngunicorn==23.0.0 \\\n  ; python_version > '3'\n-e .\nlib @ git+https://git.example/lib\n")},
		"base/all.txt":          {Data: []byte("-r ../requirements.txt\nredis>=5\n")},
		"pins.txt":              {Data: []byte("flask==3.1.2\nother==1\n")},
		"climbs/requirements.x": {Data: []byte("-r ../../etc/passwd\n")},
	}
	load := func(name string) ([]byte, error) { return fs.ReadFile(dir, name) }
	var r requirements
	if err := r.read(dir, "requirements.txt", load); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, l := range r.lines {
		got = append(got, strings.TrimSpace(l.name+" "+l.spec+" "+l.local))
	}
	want := []string{"redis >=5", "flask", "gunicorn ==23.0.0", ".", "lib @ git+https://git.example/lib"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"requirements.txt", "base/all.txt", "pins.txt"}, r.files); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if open := r.unpinned(); len(open) != 2 || open[0].name != "redis" || open[1].local == "" {
		t.Errorf("unpinned: %v", open)
	}
	if err := new(requirements).read(dir, "climbs/requirements.x", load); err == nil {
		t.Error("a path that leaves the tree was read")
	}
}

func TestUVDifference(t *testing.T) {
	const lock = "[[package]]\nname = \"a\"\nsource = { editable = \".\" }\n[package.metadata]\nrequires-dist = [{ name = \"flask\", specifier = \"<4,>=3\" }]\n"
	for project, want := range map[string]string{
		`dependencies = ["flask>=3, <4"]`:           "",
		`dependencies = ["flask>=3.1"]`:             "flask",
		`dependencies = ["Flask[async] <4, >=3"]`:   "",
		`dependencies = ["flask @ https://x.test"]`: "",
	} {
		p, _, err := parsePyproject([]byte("[project]\nname = \"a\"\n" + project))
		if err != nil {
			t.Fatal(err)
		}
		var l uvLock
		if err := unmarshalTOML([]byte(lock), &l); err != nil {
			t.Fatal(err)
		}
		if name, _, _ := uvDifference(p, l, "."); name != want {
			t.Errorf("%s: got %q, want %q", project, name, want)
		}
	}
}

// TestStart is what starts which sources.
func TestStart(t *testing.T) {
	const flask = "from flask import Flask\napp = Flask(__name__)\n"
	for name, c := range map[string]struct {
		files map[string]string
		want  string // the command, or the code of the first error
	}{
		"FastAPI in a package":     {map[string]string{"requirements.txt": "fastapi[standard]==1", "shop/main.py": "from fastapi import FastAPI\napi = FastAPI()"}, "uvicorn shop.main:api --host 0.0.0.0 --port 8000"},
		"FastAPI by a factory":     {map[string]string{"requirements.txt": "fastapi\nuvicorn", "main.py": "from fastapi import FastAPI\ndef create_app():\n    return FastAPI()"}, "uvicorn main:create_app --host 0.0.0.0 --port 8000 --factory"},
		"its own port":             {map[string]string{"requirements.txt": "fastapi\nuvicorn", "main.py": "from fastapi import FastAPI\napp = FastAPI()\nuvicorn.run(app, port=9090)"}, "uvicorn main:app --host 0.0.0.0 --port 9090"},
		"a database's port":        {map[string]string{"requirements.txt": "flask\nwaitress", "app.py": flask + "connect(port=5432)"}, "waitress-serve --listen=0.0.0.0:8000 app:app"},
		"Flask by a factory":       {map[string]string{"requirements.txt": "flask\ngunicorn", "web/__init__.py": "from flask import Flask\ndef create_app():\n    return Flask('x')"}, "gunicorn web:create_app() --bind 0.0.0.0:8000 --threads 4 --access-logfile -"},
		"wsgi.py wins":             {map[string]string{"requirements.txt": "flask\ngunicorn", "app.py": flask, "wsgi.py": "from app import app\n", "run.py": flask}, "gunicorn app:app --bind 0.0.0.0:8000 --threads 4 --access-logfile -"},
		"without a server":         {map[string]string{"requirements.txt": "flask", "app.py": flask}, "gunicorn app:app --bind 0.0.0.0:8000 --threads 4 --access-logfile -"},
		"without any packages":     {map[string]string{"manage.py": "os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'a.settings')", "a/wsgi.py": ""}, codeNoServer},
		"Procfile":                 {map[string]string{"requirements.txt": "flask\ngunicorn", "app.py": flask, "Procfile": "release: x\nweb: gunicorn app:app -b 0.0.0.0:$PORT -w 2\n"}, "gunicorn app:app -b 0.0.0.0:8000 -w 2"},
		"Procfile with a shell":    {map[string]string{"requirements.txt": "flask", "app.py": flask, "Procfile": "web: a | b"}, codeShell},
		"Celery":                   {map[string]string{"requirements.txt": "celery==5", "tasks/celery.py": "app = Celery('x')"}, "celery -A tasks.celery worker --loglevel=info"},
		"Streamlit":                {map[string]string{"requirements.txt": "streamlit==1", "app.py": "import streamlit as st"}, "streamlit run app.py --server.port=8501 --server.address=0.0.0.0 --server.headless=true --browser.gatherUsageStats=false"},
		"Bottle":                   {map[string]string{"requirements.txt": "bottle==0.13", "app.py": "from bottle import route, run\nrun(host='0.0.0.0', port=8081)\n"}, "python app.py"},
		"a server of its own":      {map[string]string{"requirements.txt": "", "serve.py": "from http.server import HTTPServer\nHTTPServer(('', 8010), H).serve_forever()\n", "lib.py": "x = 1\n"}, "python serve.py"},
		"a block without spaces":   {map[string]string{"requirements.txt": "grpcio==1", "svc/mail.py": "s = grpc.server(x)\ns.add_insecure_port('[::]:50071')\nif __name__=='__main__':\n    serve()\n", "svc/client.py": "if __name__ == '__main__':\n    x()\n"}, "python -m svc.mail"},
		"an entry point":           {map[string]string{"pyproject.toml": "[project]\nname = \"a\"\n[project.scripts]\nrun = \"a.cli:main\"", "src/a/cli.py": "x"}, "python -c from a.cli import main; raise SystemExit(main())"},
		"a package":                {map[string]string{"requirements.txt": "", "job/__main__.py": "print()"}, "python -m job"},
		"a program":                {map[string]string{"worker.py": "print()", "main.py": "print()"}, "python main.py"},
		"nothing":                  {map[string]string{"requirements.txt": "", "a.py": "", "b.py": ""}, codeNoStart},
		"poetry without its lock":  {map[string]string{"pyproject.toml": "[tool.poetry.dependencies]\npython = \"^3.11\"\nflask = \"*\"", "app.py": flask}, "gunicorn app:app --bind 0.0.0.0:8000 --threads 4 --access-logfile -"},
		"psycopg with its extra":   {map[string]string{"requirements.txt": "psycopg[binary]==3", "main.py": ""}, "python main.py"},
		"psycopg without":          {map[string]string{"requirements.txt": "psycopg==3", "main.py": ""}, "python main.py"},
		"a library that is absent": {map[string]string{"requirements.txt": "playwright==1.40", "main.py": ""}, codeSystem},
		"a local package":          {map[string]string{"requirements.txt": "-e ./lib", "main.py": ""}, codeLocal},
		"another Python":           {map[string]string{".python-version": "3.16", "main.py": ""}, codeVersion},
		"absent in the lock":       {map[string]string{"pyproject.toml": "[project]\nname = \"a\"\ndependencies = [\"x\"]", "uv.lock": "", "main.py": ""}, "python main.py"},
		"broken TOML":              {map[string]string{"pyproject.toml": "[project", "main.py": ""}, codeManifest},
	} {
		t.Run(name, func(t *testing.T) {
			dir := fstest.MapFS{}
			for f, text := range c.files {
				dir[f] = &fstest.MapFile{Data: []byte(text)}
			}
			s := Ecosystem{}.inspect(dir, config.Service{Path: "."}, nil)
			got := strings.Join(s.start, " ")
			for _, f := range s.Findings {
				if f.Severity == 0 {
					got = f.Code
					break
				}
			}
			if got != c.want {
				t.Errorf("got %q, want %q; findings %v", got, c.want, s.Findings)
			}
		})
	}
}

// TestLibrariesAreNoServices looks at packages that only others import.
func TestLibrariesAreNoServices(t *testing.T) {
	library := fstest.MapFS{
		"pyproject.toml":   {Data: []byte("[project]\nname = \"lib\"\n[build-system]\nrequires = [\"hatchling\"]\n")},
		"src/lib/tools.py": {Data: []byte("def f(): pass\n")},
	}
	if got := (Ecosystem{}).Services(library); got != nil {
		t.Errorf("got %v", got)
	}
	library["src/lib/__main__.py"] = &fstest.MapFile{}
	if got := (Ecosystem{}).Services(library); !slices.Equal(got, []string{"."}) {
		t.Errorf("got %v", got)
	}
}

// TestADjangoProjectBelowItsRequirements is no service beside them.
func TestADjangoProjectBelowItsRequirements(t *testing.T) {
	files := map[string]string{"requirements.txt": "", "backend/manage.py": "", "other/manage.py": "", "other/requirements.txt": "", "plain/main.py": ""}
	e := Ecosystem{}.In(repository(files)).(Ecosystem)
	for at, want := range map[string]bool{"backend": true, "other": false, "plain": false, ".": false} {
		if got := e.IsLibrary(at); got != want {
			t.Errorf("%s: %v", at, got)
		}
	}
	delete(files, "requirements.txt")
	if (Ecosystem{}.In(repository(files)).(Ecosystem)).IsLibrary("backend") {
		t.Error("alone it is a service")
	}
}

// TestModelsGetTheirOwnLayer keeps a large model out of the layer of sources.
func TestModelsGetTheirOwnLayer(t *testing.T) {
	dir := fstest.MapFS{
		"main.py": {}, "model.onnx": {}, "weights/a.pt": {}, "weights/README.md": {}, "code/model.pkl": {}, "code/x.py": {},
	}
	s := Ecosystem{}.inspect(dir, config.Service{Path: "."}, nil)
	if diff := cmp.Diff([]string{"model.onnx", "weights"}, s.models); diff != "" {
		t.Errorf("models (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"code", "main.py"}, s.sources); diff != "" {
		t.Errorf("sources (-want +got):\n%s", diff)
	}
}

func TestNeedsHaveSources(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(needs("3.13"))) {
		if n := needs("3.13")[name]; n.Why == "" || (n.instead == "") == (len(n.Runtime) == 0) || !strings.HasPrefix(n.Source, "https://") || name != normalised(name) {
			t.Errorf("%s: %+v", name, n)
		}
	}
}

func TestToolVersions(t *testing.T) {
	dir := fstest.MapFS{"main.py": {}, ".tool-versions": {Data: []byte("nodejs 22.1.0\npython 3.13.2 # of asdf\n")}}
	s := Ecosystem{}.inspect(dir, config.Service{Path: "."}, nil)
	if got := s.versionStatements(); len(got) != 1 || got[0] != (stated{".tool-versions", 2, "3.13.2"}) {
		t.Errorf("says %+v", got)
	}
}

func TestPlaceholders(t *testing.T) {
	text := `A = os.environ["SECRET_KEY"]
B = os.environ["PATH"]; C = os.environ.get("NOT_NEEDED")
DATABASES = {"default": env.db("DATABASE_URL")}
D = env("REDIS_URL", default="redis://x"); E = env.int("MAIL_PORT"); F = config("DEBUG_WORD", cast=bool); G = env("SENTRY_DSN")
H = os.environ["$(rm)"]
`
	want := []string{"SECRET_KEY=only-for-this-step", "DATABASE_URL=sqlite:///:memory:", "MAIL_PORT=1", "DEBUG_WORD=False", "SENTRY_DSN=http://localhost"}
	if diff := cmp.Diff(want, placeholders([]byte(text))); diff != "" {
		t.Errorf("placeholders (-want +got):\n%s", diff)
	}
}

// TestDebugged cuts debugging information where a package has some, and leaves
// other Dockerfiles as short as they are.
func TestDebugged(t *testing.T) {
	for _, c := range []struct {
		file, text string
		want       bool
	}{
		{"requirements.txt", "fastapi==1\nuvicorn==1\n", false},
		{"requirements.txt", "fastapi[standard]==1\n", true},
		{"requirements.txt", "uvicorn[standard]==1\n", true},
		{"requirements.txt", "flask==1\nPyYAML==6.0\n", true},
		{"requirements.txt", "flask-sqlalchemy==3\n", true},
		{"uv.lock", "[[package]]\nname = \"uvloop\"\n", true},
		{"uv.lock", "[[package]]\nname = \"flask\"\n", false},
	} {
		dir := fstest.MapFS{"pyproject.toml": {Data: []byte("[project]\nname = \"a\"\n")}, "main.py": {}, c.file: {Data: []byte(c.text)}}
		if s := (Ecosystem{}).inspect(dir, config.Service{Path: "."}, nil); s.debugged() != c.want || strings.Contains(s.trim(), cutFile) != c.want {
			t.Errorf("%s with %q: %v", c.file, c.text, !c.want)
		}
	}
}

func FuzzInspect(f *testing.F) {
	f.Add("fastapi==1\n-r requirements.txt", "[project]\nname = \"a\"\ndependencies = [\"x>1\"]", "web: gunicorn a:b", ">=3.9", "app = FastAPI()")
	f.Add("-c ../x", "[tool.poetry.dependencies]\npython = \"^3\"", "", "3.13", "from flask import Flask\napp = Flask(1)")
	f.Add("-e .\n-e ../x[a]\ng @ git+https://x\nnumpy==1.26.4", "[tool.uv.sources]\nx = { path = \"../x\" }\n[[package]]\nname = \"x\"\nversion = \"1\"\nfiles = [{ file = \"x-1-cp311-cp311-manylinux.whl\" }]\n[tools]\npython = [\"3.16\", \"3.11\"]", "", "3.16\n3.12.4 env", "import cgi")
	f.Fuzz(func(t *testing.T, requirements, project, procfile, version, source string) {
		dir := fstest.MapFS{
			"requirements.txt": {Data: []byte(requirements)}, "pyproject.toml": {Data: []byte(project)}, "uv.lock": {Data: []byte(project)},
			"Procfile": {Data: []byte(procfile)}, ".python-version": {Data: []byte(version)}, "main.py": {Data: []byte(source)}, "manage.py": {Data: []byte(source)},
		}
		Ecosystem{}.Plan(dir, config.Service{Name: "a", Path: "."}, nil)
		delete(dir, "uv.lock")
		for _, name := range []string{"poetry.lock", "pdm.lock", "mise.toml", ".tool-versions", "environment.yml"} {
			dir[name] = &fstest.MapFile{Data: []byte(project)}
			Ecosystem{}.Plan(dir, config.Service{Name: "a", Path: "."}, nil)
			delete(dir, name)
		}
		Ecosystem{}.Plan(dir, config.Service{Name: "a", Path: "."}, nil)
		delete(dir, "pyproject.toml")
		Ecosystem{}.Plan(dir, config.Service{Name: "a", Path: "."}, nil)
	})
}
