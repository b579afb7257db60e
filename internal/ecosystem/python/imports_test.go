package python

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/plan"
)

// repository makes a repository of texts.
func repository(files map[string]string) fstest.MapFS {
	dir := fstest.MapFS{}
	for name, text := range files {
		dir[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return dir
}

// planned is the plan of a repository's only service, and its findings.
func planned(t *testing.T, files map[string]string, want config.Service) (plan.Service, diag.Findings) {
	t.Helper()
	return plannedOn(Ecosystem{}, files, want)
}

func plannedOn(e ecosystem.Language, files map[string]string, want config.Service) (plan.Service, diag.Findings) {
	if want.Name == "" {
		want.Name = "a"
	}
	if want.Path == "" {
		want.Path = "."
	}
	return e.Plan(repository(files), want, nil)
}

// step returns the words of the first step of a stage with an instruction.
func step(p plan.Service, stage string, op plan.Op) string {
	for _, st := range p.Stages {
		for _, s := range st.Steps {
			if st.Name == stage && s.Op == op {
				return strings.Join(s.Args, " ")
			}
		}
	}
	return ""
}

func codes(f diag.Findings) string {
	var out []string
	for _, x := range f {
		out = append(out, x.Code)
	}
	return strings.Join(out, " ")
}

// TestImportsDecideHowAProgramStarts holds the imports of the program, and of
// what it imports, against the tree.
func TestImportsDecideHowAProgramStarts(t *testing.T) {
	const (
		fast  = "from fastapi import FastAPI\n"
		app   = "app = FastAPI()\n"
		flask = "from flask import Flask\n"
		wsgi  = "app = Flask(__name__)\n"
	)
	for name, c := range map[string]struct {
		files map[string]string
		want  string // command, then PYTHONPATH and the working directory where they are not usual
	}{
		"modules beside the program": {map[string]string{"requirements.txt": "fastapi\nuvicorn", "app/main.py": fast + "from routers import items\nfrom settings import NAME\n" + app, "app/routers/__init__.py": "", "app/routers/items.py": "from settings import NAME", "app/settings.py": "NAME = 1"},
			"uvicorn --app-dir app main:app --host 0.0.0.0 --port 8000"},
		"the package's own name": {map[string]string{"requirements.txt": "fastapi\nuvicorn", "app/main.py": fast + "from app.settings import NAME\n" + app, "app/settings.py": ""},
			"uvicorn app.main:app --host 0.0.0.0 --port 8000"},
		"one that is imported does": {map[string]string{"requirements.txt": "fastapi\nuvicorn", "app/main.py": fast + "import db\n" + app, "app/db.py": "import settings", "app/settings.py": ""},
			"uvicorn --app-dir app main:app --host 0.0.0.0 --port 8000"},
		"only deeper does": {map[string]string{"requirements.txt": "fastapi\nuvicorn", "services/shop/app/main.py": fast + "from app.db import x\n" + app, "services/shop/app/db.py": "x = 1"},
			"uvicorn --app-dir services/shop app.main:app --host 0.0.0.0 --port 8000"},
		"relative ones": {map[string]string{"requirements.txt": "fastapi\nuvicorn", "app/main.py": fast + "from .db import x\n" + app, "app/db.py": "x = 1"},
			"uvicorn app.main:app --host 0.0.0.0 --port 8000"},
		"a namespace package": {map[string]string{"requirements.txt": "fastapi\nuvicorn", "acme/shop/web.py": fast + "from acme.shop import db\n" + app, "acme/shop/db.py": ""},
			"uvicorn acme.shop.web:app --host 0.0.0.0 --port 8000"},
		"src": {map[string]string{"requirements.txt": "fastapi\nuvicorn", "src/shop/main.py": fast + "from shop.db import x\n" + app, "src/shop/db.py": "x = 1", "src/shop/__init__.py": ""},
			"uvicorn shop.main:app --host 0.0.0.0 --port 8000 PYTHONPATH=/app/src"},
		"src with its name": {map[string]string{"requirements.txt": "fastapi\nuvicorn", "src/main.py": fast + "from src.db import x\n" + app, "src/db.py": "x = 1"},
			"uvicorn src.main:app --host 0.0.0.0 --port 8000"},
		"gunicorn": {map[string]string{"requirements.txt": "flask\ngunicorn", "web/app.py": flask + "from models import User\n" + wsgi, "web/models.py": "class User: pass"},
			"gunicorn --chdir web app:app --bind 0.0.0.0:8000 --threads 4 --access-logfile -"},
		"gunicorn with files of the top": {map[string]string{"requirements.txt": "flask\ngunicorn", "web/app.py": flask + "from models import User\nopen('data/words.txt')\n" + wsgi, "web/models.py": "", "data/words.txt": ""},
			"gunicorn --pythonpath web app:app --bind 0.0.0.0:8000 --threads 4 --access-logfile -"},
		"uvicorn with files beside it": {map[string]string{"requirements.txt": "fastapi\nuvicorn", "app/main.py": fast + "import db\nopen('data/words.txt')\n" + app, "app/db.py": "", "app/data/words.txt": ""},
			"uvicorn main:app --host 0.0.0.0 --port 8000 in /app/app"},
		"another server": {map[string]string{"requirements.txt": "fastapi\nhypercorn", "app/main.py": fast + "import db\n" + app, "app/db.py": ""},
			"hypercorn main:app --bind 0.0.0.0:8000 PYTHONPATH=/app/app"},
		"a program": {map[string]string{"requirements.txt": "", "worker/worker.py": "import jobs\nif __name__ == '__main__':\n    jobs.run()\n", "worker/jobs.py": ""},
			"python worker/worker.py"},
		"a program of a package": {map[string]string{"requirements.txt": "", "worker/run.py": "from worker.jobs import run\nif __name__ == '__main__':\n    run()\n", "worker/jobs.py": ""},
			"python -m worker.run"},
		"two directories": {map[string]string{"requirements.txt": "fastapi\nuvicorn", "api/main.py": fast + "import common_words\n" + app, "libs/common_words.py": ""},
			"uvicorn api.main:app --host 0.0.0.0 --port 8000 PYTHONPATH=/app/libs"},
		"what may fail": {map[string]string{"requirements.txt": "fastapi\nuvicorn", "app/main.py": fast + "try:\n    from app import db\nexcept ImportError:\n    import db\n" + app, "app/db.py": ""},
			"uvicorn app.main:app --host 0.0.0.0 --port 8000"},
		"for type checkers": {map[string]string{"requirements.txt": "fastapi\nuvicorn", "app/main.py": fast + "if TYPE_CHECKING:\n    from db import Session\n" + app, "app/db.py": ""},
			"uvicorn app.main:app --host 0.0.0.0 --port 8000"},
		"in a docstring": {map[string]string{"requirements.txt": "fastapi\nuvicorn", "app/main.py": fast + "\"\"\"Use it so:\n\nfrom db import x\n\"\"\"\n" + app, "app/db.py": ""},
			"uvicorn app.main:app --host 0.0.0.0 --port 8000"},
		"named as a dependency": {map[string]string{"requirements.txt": "fastapi\nuvicorn\nredis", "app/main.py": fast + "import redis\n" + app, "app/redis.py": ""},
			"uvicorn app.main:app --host 0.0.0.0 --port 8000"},
		"named as the standard library": {map[string]string{"requirements.txt": "fastapi\nuvicorn", "app/main.py": fast + "import logging\n" + app, "app/logging.py": ""},
			"uvicorn app.main:app --host 0.0.0.0 --port 8000"},
	} {
		t.Run(name, func(t *testing.T) {
			p, findings := planned(t, c.files, config.Service{})
			got := step(p, "production", plan.OpCmd)
			for _, kv := range strings.Fields(step(p, "production", plan.OpEnv)) {
				if strings.HasPrefix(kv, "PYTHONPATH=") {
					got += " " + kv
				}
			}
			if dir := step(p, "production", plan.OpWorkdir); dir != "/app" {
				got += " in " + dir
			}
			if got != c.want {
				t.Errorf("got  %q\nwant %q\nfindings %v", got, c.want, findings)
			}
		})
	}
}

func TestImports(t *testing.T) {
	text := `import os, shop.db as db
from . import views, forms
from ..core.base import (Base,
    Other)
def f():
    import json
try:
    import fast
except ImportError:
    fast = None
import last
`
	var got []string
	for _, im := range imports(lex([]byte(text)).text) {
		word := strings.Repeat(".", im.dots) + im.module
		if len(im.names) > 0 {
			word += "+" + strings.Join(im.names, "+")
		}
		if im.maybe {
			word += "?"
		}
		got = append(got, word)
	}
	want := []string{"os", "shop.db", ".+views+forms", "..core.base+Base", "json", "fast?", "last"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("imports (-want +got):\n%s", diff)
	}
}

func TestLex(t *testing.T) {
	src := "a = 'x # no' # 'comment'\nb = r\"\\\"\nc = '''long\nimport y\n'''\nd = 'open\ne = \"z\\\"q\"\n"
	c := lex([]byte(src))
	var got []string
	for _, l := range c.literals {
		got = append(got, l.text)
	}
	if diff := cmp.Diff([]string{"x # no", "long\nimport y\n", `z\"q`}, got); diff != "" {
		t.Errorf("strings (-want +got):\n%s", diff)
	}
	if len(c.text) != len(src) || strings.Count(string(c.text), "\n") != strings.Count(src, "\n") || strings.Contains(string(c.text), "comment") || strings.Contains(string(c.signs), "import y") {
		t.Errorf("code %q, signs %q", c.text, c.signs)
	}
}

// FuzzLex: nothing fails, lines and length stay.
func FuzzLex(f *testing.F) {
	f.Add("a = '''x\n'''\n# y\nb = r'\\'")
	f.Add("'")
	f.Add(`"""\`)
	f.Fuzz(func(t *testing.T, src string) {
		c := lex([]byte(src))
		if len(c.text) != len(src) || len(c.signs) != len(src) || strings.Count(string(c.text), "\n") != strings.Count(src, "\n") {
			t.Errorf("%q became %q", src, c.text)
		}
		imports(c.text)
		new(scan).seekWritten("a.py", c.signs)
	})
}

// of are the findings with one of some codes.
func of(f diag.Findings, codes ...string) diag.Findings {
	var out diag.Findings
	for _, x := range f {
		if slices.Contains(codes, x.Code) {
			out = append(out, x)
		}
	}
	return out
}
