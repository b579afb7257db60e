package python

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/plan"
)

// copied are the sources that the builder copies, sorted.
func copied(p plan.Service) []string {
	var out []string
	for _, st := range p.Stages {
		for _, s := range st.Steps {
			if st.Name == plan.StageBuilder && s.Op == plan.OpCopy {
				out = append(out, s.Args[:len(s.Args)-1]...)
			}
		}
	}
	slices.Sort(out)
	return out
}

func leftOut(p plan.Service) []string {
	var out []string
	for _, l := range p.LeftOut {
		out = append(out, l.Path+": "+l.Why)
	}
	return out
}

// TestProductionHoldsTheTree: what is not known to be needless is in.
func TestProductionHoldsTheTree(t *testing.T) {
	files := map[string]string{
		"main.py": "import tasks\n", "tasks.py": "", "requirements.txt": "", "README.md": "", "terms.md": "", "words.json": "", ".streamlit/config.toml": "", ".well-known/security.txt": "",
		"docs/guide.html": "", "examples/a.json": "", "data/seed.csv": "", "notebooks/look.ipynb": "", "look.ipynb": "", "tests/test_a.py": "", "app/tests/test_b.py": "", "app/x.py": "",
		"app/__pycache__/x.pyc": "", ".git/HEAD": "", ".github/w.yml": "", ".venv/pyvenv.cfg": "", "env/pyvenv.cfg": "", "node_modules/a/package.json": "", "build/lib/a.py": "", "dist/a-1.whl": "",
		"Dockerfile.dev": "", ".env": "A=1", "config/.env": "A=1", "config/.env.example": "", "config/app.yaml": "", "certs/tls.key": "", "certs/tls.crt": "", "requirements/dev.txt": "", "test_a.py": "", "setup.cfg": "",
		"deploy/prod.ini": "", "k8s/a.yaml": "", "cache.sqlite3": "",
	}
	p, findings := planned(t, files, config.Service{})
	want := []string{".streamlit/", ".well-known/", "app/", "cache.sqlite3", "certs/", "config/", "data/", "deploy/", "docs/", "examples/", "k8s/", "main.py", "notebooks/", "requirements/", "tasks.py", "terms.md", "words.json"}
	if diff := cmp.Diff(want, copied(p)); diff != "" {
		t.Errorf("copied (-want +got):\n%s\n%v", diff, findings)
	}
	left := []string{
		".env: secret", ".git: version control", ".github: CI settings", ".venv: " + whyVenv, "Dockerfile.dev: container build file", "README.md: documentation", "app/__pycache__: cache", "app/tests: tests",
		"build: " + whySetup, "certs/tls.key: secret", "config/.env: secret", "dist: " + whySetup, "env: " + whyVenv, "look.ipynb: " + whyNotebook, "node_modules: " + whyNode, "notebooks/look.ipynb: " + whyNotebook,
		"requirements.txt: " + whyPackages, "setup.cfg: settings of development tools", "test_a.py: tests", "tests: tests",
	}
	if diff := cmp.Diff(left, leftOut(p)); diff != "" {
		t.Errorf("left out (-want +got):\n%s", diff)
	}
	for _, pattern := range []string{"app/tests", "**/.env", "notebooks/look.ipynb"} {
		if !slices.Contains(p.DockerIgnore, pattern) {
			t.Errorf("the patterns lack %s: %v", pattern, p.DockerIgnore)
		}
	}
}

// TestWhatTheSourcesNameIsIn, however needless its name.
func TestWhatTheSourcesNameIsIn(t *testing.T) {
	for name, c := range map[string]struct {
		source string
		path   string
		in     bool
	}{
		"a package that is imported":      {"from tests.factories import make", "tests/factories.py", true},
		"a module that is imported":       {"import test_words", "test_words.py", true},
		"by a relative import":            {"x", "test_words.py", false},
		"a file by its name":              {"open('README.md')", "README.md", true},
		"a file by its path":              {"open('app/testdata/a.json')", "app/testdata/a.json", true},
		"a directory of a path":           {"BASE / 'testdata' / 'a.json'", "testdata/a.json", true},
		"a word that is no path":          {"mode = 'test'", "test/a.json", false},
		"a route":                         {"route('/api/test')", "test/a.json", false},
		"requirements that are read":      {"open('requirements.txt')", "requirements.txt", true},
		"a comment":                       {"# see README.md", "README.md", false},
		"a log that is served":            {"open('seed.log')", "seed.log", true},
		"a notebook that is run":          {"papermill('report.ipynb')", "report.ipynb", true},
		"the .env of a developer":         {"load_dotenv('.env')", ".env", false},
		"a key that is read":              {"open('certs/tls.key')", "certs/tls.key", true},
		"a package named as an app":       {"APPS = ['insurance.coverage']", "insurance/coverage/models.py", true},
		"a virtual environment, anyway":   {"open('venv/pyvenv.cfg')", "venv/pyvenv.cfg", false},
		"settings of an editor, anyway":   {"open('.vscode/a.json')", ".vscode/a.json", false},
		"a script that only lists suites": {"x", "e2e/run.py", false},
	} {
		t.Run(name, func(t *testing.T) {
			p, findings := planned(t, map[string]string{"requirements.txt": "", "main.py": c.source + "\n", c.path: ""}, config.Service{})
			in := true
			for _, l := range p.LeftOut {
				in = in && l.Path != c.path && !strings.HasPrefix(c.path, l.Path+"/")
			}
			if in != c.in || findings.Errors() != nil {
				t.Errorf("%s is in: %v; left out %v, findings %v", c.path, in, p.LeftOut, findings)
			}
		})
	}
}

// TestAKeyInTheImageIsReported, and none that nothing reads.
func TestAKeyInTheImageIsReported(t *testing.T) {
	files := map[string]string{"requirements.txt": "", "main.py": "import ssl\ncontext.load_cert_chain('certs/tls.crt', 'certs/tls.key')\n", "certs/tls.key": "", "certs/other.key": ""}
	p, findings := planned(t, files, config.Service{})
	if len(findings) != 1 || findings[0].Code != codeKey || findings[0].Place.String() != "main.py:2" {
		t.Errorf("findings %v", findings)
	}
	if !slices.Contains(p.DockerIgnore, "!certs/tls.key") || slices.Contains(p.DockerIgnore, "!certs/other.key") {
		t.Errorf("patterns %v", p.DockerIgnore)
	}
}

// TestFilesAndExclude: exclude: wins over what was found, files: over both.
func TestFilesAndExclude(t *testing.T) {
	files := map[string]string{"requirements.txt": "", "main.py": "open('data/big.bin')\n", "data/big.bin": "", "data/a.csv": "", "tests/data/a.json": "", "tests/b.py": "", "config/.env": "", "secrets/.env": "", "README.md": "", "docs/a.md": ""}
	p, findings := planned(t, files, config.Service{
		Exclude: []string{"data/big.bin", "docs"},
		Files:   []config.File{{Path: "tests/data"}, {Path: "config/.env"}, {Path: "README.md"}, {From: "web", To: "static"}},
	})
	want := []string{"README.md", "config/", "data/", "main.py", "secrets/", "tests/"}
	if diff := cmp.Diff(want, copied(p)); diff != "" {
		t.Errorf("copied (-want +got):\n%s\n%v", diff, findings)
	}
	left := []string{"data/big.bin: exclude: in slipway.yaml", "docs: exclude: in slipway.yaml", "requirements.txt: " + whyPackages, "secrets/.env: secret", "tests/b.py: tests"}
	if diff := cmp.Diff(left, leftOut(p)); diff != "" {
		t.Errorf("left out (-want +got):\n%s", diff)
	}
	if !slices.Contains(p.DockerIgnore, "!config/.env") || !slices.Contains(p.DockerIgnore, "data/big.bin") {
		t.Errorf("patterns %v", p.DockerIgnore)
	}
}

// TestAnOwnDockerignore: what it lets in and production does not need, the
// builder deletes; what it keeps out is no evidence.
func TestAnOwnDockerignore(t *testing.T) {
	files := map[string]string{
		".dockerignore": "old\n", "requirements.txt": "flask\ngunicorn", "app.py": "from flask import Flask\napp = Flask(1)\n", "old/wsgi.py": "from flask import Flask\napp = Flask(1)\n",
		"shop/tests/a.py": "", "shop/.env": "", "shop/x.py": "",
	}
	p, findings := planned(t, files, config.Service{})
	if diff := cmp.Diff([]string{"app.py", "shop/"}, copied(p)); diff != "" {
		t.Errorf("copied (-want +got):\n%s\n%v", diff, findings)
	}
	if got := shell(p, "builder"); !strings.HasPrefix(got, "rm -rf shop/.env shop/tests;") {
		t.Errorf("builder runs %s", got)
	}
	if got := step(p, "production", plan.OpCmd); !strings.HasPrefix(got, "gunicorn app:app") {
		t.Errorf("starts %s", got)
	}
}

// shell are the commands of a stage.
func shell(p plan.Service, stage string) string {
	var out []string
	for _, st := range p.Stages {
		for _, s := range st.Steps {
			if st.Name == stage && s.Op == plan.OpRun {
				out = append(out, s.Shell)
			}
		}
	}
	return strings.Join(out, ";")
}

// TestAnAllowList of .dockerignore lets directories take part by what lies below.
func TestAnAllowList(t *testing.T) {
	for _, list := range []string{"*\n!**/*.py\n!requirements.txt\n", "**\n!app\n!requirements.txt\n", "*\n!requirements.txt\n!app/*.py\n"} {
		p, findings := planned(t, map[string]string{
			".dockerignore": list, "requirements.txt": "fastapi\nuvicorn", "app/__init__.py": "", "app/main.py": "from fastapi import FastAPI\nfrom app.words import w\napp = FastAPI()\n", "app/words.py": "", "data/x.json": "",
		}, config.Service{})
		if got := step(p, "production", plan.OpCmd); !strings.HasPrefix(got, "uvicorn app.main:app") || findings.Errors() != nil {
			t.Errorf("%q: starts %q, findings %v", list, got, findings)
		}
		if diff := cmp.Diff([]string{"app/"}, copied(p)); diff != "" {
			t.Errorf("%q: copied (-want +got):\n%s", list, diff)
		}
	}
}

// TestADevelopersDatabase stays out where the settings name it, and a database
// that is data does not.
func TestADevelopersDatabase(t *testing.T) {
	files := map[string]string{
		"requirements.txt": "django\ngunicorn", "manage.py": "os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'shop.settings')\n", "shop/wsgi.py": "",
		"shop/settings.py": "BASE_DIR = Path(__file__).resolve().parent.parent\nDATABASES = {'default': {'ENGINE': 'django.db.backends.sqlite3', 'NAME': BASE_DIR / 'db.sqlite3'}}\n",
		"db.sqlite3":       "", "geo.sqlite3": "",
	}
	p, findings := planned(t, files, config.Service{})
	if diff := cmp.Diff([]string{"geo.sqlite3", "manage.py", "shop/"}, copied(p)); diff != "" {
		t.Errorf("copied (-want +got):\n%s", diff)
	}
	if !strings.Contains(codes(findings), codeDatabase) || !slices.Contains(p.DockerIgnore, "db.sqlite3") {
		t.Errorf("findings %v, patterns %v", findings, p.DockerIgnore)
	}
	p, _ = planned(t, files, config.Service{Files: []config.File{{Path: "db.sqlite3"}}})
	if !slices.Contains(copied(p), "db.sqlite3") || !strings.Contains(shell(p, "builder"), "chown -R 1001:1001 db.sqlite3") {
		t.Errorf("copied %v, %s", copied(p), shell(p, "builder"))
	}
}

// TestOnlyWhatIsImportedHasToCompile: an example may be of another Python.
func TestOnlyWhatIsImportedHasToCompile(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"everything is imported": {map[string]string{"main.py": "import shop", "shop/__init__.py": "", "data/a.json": ""}, compile + "."},
		"examples": {map[string]string{"main.py": "import shop", "shop/__init__.py": "", "examples/old.py": "print 1", "scripts/x.py": ""},
			compile + "main.py shop && { " + compile + "examples scripts || true; }"},
		"settings name modules": {map[string]string{"manage.py": "s('DJANGO_SETTINGS_MODULE', 'shop.settings')", "shop/settings.py": "", "shop/wsgi.py": "", "pages/models.py": "", "docs/conf.py": ""},
			compile + "manage.py pages shop && { " + compile + "docs || true; }"},
	} {
		c.files["requirements.txt"] = "django\ngunicorn"
		p, findings := planned(t, c.files, config.Service{})
		if got := shell(p, "builder"); got != c.want {
			t.Errorf("%s: %s, want %s; findings %v", name, got, c.want, findings)
		}
	}
}
