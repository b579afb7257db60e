package python

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/plan"
)

func uses(all []plan.Use) string {
	var out []string
	for _, u := range all {
		out = append(out, fmt.Sprintf("%s:%d", u.Name, u.Line))
	}
	return strings.Join(out, " ")
}

// TestVariablesWithoutADefault are those that the program does not do without.
func TestVariablesWithoutADefault(t *testing.T) {
	for text, want := range map[string]string{
		"A = os.environ['DB_URL']":                    "DB_URL:1",
		"os.environ['DB_URL'] = 'x'":                  "",
		"if os.environ['DB_URL'] == 'x': pass":        "DB_URL:1",
		"A = os.environ.get('DB_URL')":                "DB_URL:1",
		"A = int(os.getenv(\"DB_URL\"))":              "DB_URL:1",
		"A = os.getenv('DB_URL', 'x')":                "",
		"A = os.getenv('DB_URL') or 'x'":              "",
		"if os.getenv('DB_URL'): pass":                "",
		"A = os.getenv('DB_URL') is None":             "",
		"A = env('DB_URL')":                           "DB_URL:1",
		"A = env.db('DB_URL')":                        "DB_URL:1",
		"A = env('DB_URL', default='x')":              "",
		"A = config('DB_URL', cast=bool)":             "DB_URL:1",
		"A = config('DB_URL', default='x')":           "",
		"# os.environ['DB_URL']":                      "",
		"A = os.environ['PATH'] + os.environ['PORT']": "",
		"A = os.environ['B']; C = os.environ['A']":    "A:1 B:1",
		"'''\nos.environ['DB_URL']\n'''":              "",
		"class S(BaseSettings):\n    url: str\n    n: int = 3\n    name: Annotated[\n        str\n    ] = 'x'\n\n    def f(self):\n        a: str\n\nother: str": "URL:2",
		"class S(BaseSettings):\n    model_config = SettingsConfigDict(env_prefix='SHOP_')\n    url: PostgresDsn | None\n    key: SecretStr":                     "SHOP_KEY:4 SHOP_URL:3",
	} {
		p, findings := planned(t, map[string]string{"requirements.txt": "", "main.py": text + "\n"}, config.Service{})
		if got := uses(p.Reads); got != want || findings.Errors() != nil {
			t.Errorf("%q reads %q, want %q; %v", text, got, want, findings)
		}
	}
}

func TestProgramsThatAreStarted(t *testing.T) {
	for text, want := range map[string]string{
		"subprocess.run(['ffmpeg', '-i', x])":               "ffmpeg:1",
		"subprocess.check_output(\n    [\"pg_dump\", url])": "pg_dump:1",
		"await asyncio.create_subprocess_exec('git', 'x')":  "git:1",
		"os.system('convert a b')":                          "convert:1 sh:1",
		"subprocess.run(command, shell=True)":               "sh:1",
		"subprocess.run([sys.executable, 'x.py'])":          "",
		"subprocess.run('ls')":                              "ls:1",
		"# os.system('convert a b')":                        "",
		"os.popen(command)":                                 "sh:1",
		"run(['ffmpeg'])":                                   "",
	} {
		p, _ := planned(t, map[string]string{"requirements.txt": "", "main.py": text + "\n"}, config.Service{})
		if got := uses(p.Calls); got != want {
			t.Errorf("%q calls %q, want %q", text, got, want)
		}
	}
}

// TestDirectoriesThatTheProgramMakes are the user's in the image.
func TestDirectoriesThatTheProgramMakes(t *testing.T) {
	for text, want := range map[string]string{
		"os.makedirs('uploads', exist_ok=True)":                                                                 "/app/uploads",
		"Path('data/cache').mkdir(parents=True)":                                                                "/app/data/cache",
		"OUT = Path(__file__).parent / 'out'\nOUT.mkdir()":                                                      "/app/web/out",
		"BASE = Path(__file__).resolve().parent.parent\n(BASE / 'media').mkdir()":                               "/app/media",
		"BASE = Path(__file__).resolve().parent.parent\nMEDIA_ROOT = BASE / 'media'":                            "/app/media",
		"BASE = os.path.dirname(os.path.abspath(__file__))\nUPLOAD_FOLDER = os.path.join(BASE, 'static', 'up')": "/app/web/static/up",
		"app.config['UPLOAD_FOLDER'] = 'up'\nos.makedirs(app.config['UPLOAD_FOLDER'])":                          "/app/up",
		"UP = os.environ.get('UP', 'up')\nos.makedirs(UP)":                                                      "/app/up",
		"os.makedirs(os.getenv('UP'))":                                                                          "",
		"open('data/x.json', 'w')":                                                                              "/app/data",
		"with open('x.json', mode='a') as f: pass":                                                              "/app",
		"open('data/x.json')":                                                                                   "",
		"open(name, 'w')":                                                                                       "",
		"logging.handlers.RotatingFileHandler('logs/a.log', maxBytes=1)":                                        "/app/logs",
		"create_engine('sqlite:///./data/a.db')":                                                                "/app/data",
		"create_engine('sqlite:////data/a.db')":                                                                 "/data",
		"create_engine('sqlite:///:memory:')":                                                                   "",
		"sqlite3.connect('a.db')":                                                                               "/app",
		"os.makedirs(app.instance_path, exist_ok=True)":                                                         "/app/instance",
		"os.makedirs('/tmp/x')\nos.makedirs('/usr/share/x')\nos.makedirs('../x')":                               "",
		"for d in ('uploads', 'tmp'):\n    os.makedirs(d, exist_ok=True)":                                       "/app/tmp /app/uploads",
		"for d in ['uploads',  # of users\n          \"tmp\",\n          ]:\n    Path(d).mkdir()":               "/app/tmp /app/uploads",
		"DIRS = ('a', 'b')\nfor d in DIRS:\n    os.makedirs(os.path.join('data', d))":                           "/app/data/a /app/data/b",
		"DIRS: list[str] = [\n    'a',\n    'b',\n]\nfor d in DIRS:\n    os.mkdir(f'data/{d}')":                 "/app/data/a /app/data/b",
		"BASE = Path(__file__).parent\nfor d in (BASE / 'up', BASE / 'out'):\n    d.mkdir()":                    "/app/web/out /app/web/up",
		"for d in 'uploads', 'tmp': os.makedirs(d)":                                                             "/app/tmp /app/uploads",
		"[os.makedirs(d, exist_ok=True) for d in ('uploads', 'tmp')]":                                           "/app/tmp /app/uploads",
		"for d in ('a',):\n    print(d)\nfor d in ('b',):\n    os.makedirs(d)":                                  "/app/b",
		"for name in ('a.txt', 'b.txt'):\n    open(os.path.join('out', name), 'w')":                             "/app/out",
		"for d in ('a', 'b'):\n    print(d)\n    os.listdir(d)":                                                 "",
		"for d in dirs():\n    os.makedirs(d)":                                                                  "",
		"for d in (first, 'b'):\n    os.makedirs(d)":                                                            "/app/b",
		"os.makedirs('/var/lib/shop')":                                                                          "/var/lib/shop",
		"DATABASES = {'default': {'NAME': 'shop', 'HOST': 'db'}}":                                               "",
	} {
		s := (Ecosystem{}).inspect(repository(map[string]string{"requirements.txt": "", "main.py": "from web import x\n", "web/x.py": text + "\n"}), config.Service{Name: "a", Path: "."}, nil)
		if got := strings.Join(s.Writable(), " "); got != want {
			t.Errorf("%q writes to %q, want %q", text, got, want)
		}
	}
}

// TestWhatTheProgramWritesToIsTheUsers, and a script beside it makes nothing.
func TestWhatTheProgramWritesToIsTheUsers(t *testing.T) {
	p, findings := planned(t, map[string]string{
		"requirements.txt": "", "main.py": "open('data/x.json', 'w')\n", "data/seed.json": "", "dump.py": "open('dump.json', 'w')\nif __name__ == '__main__':\n    x()\n",
	}, config.Service{})
	var names []string
	for _, st := range p.Stages {
		names = append(names, st.Name)
	}
	if diff := cmp.Diff([]string{"dependencies", "builder", "runtime-tools", "writable", "production"}, names); diff != "" {
		t.Errorf("stages (-want +got):\n%s\n%v", diff, findings)
	}
	if got := step(p, "writable", plan.OpWorkdir); got != "/app" || !strings.HasSuffix(shell(p, "builder"), " && chown -R 1001:1001 data") {
		t.Errorf("makes %s, builder runs %s", got, shell(p, "builder"))
	}
}
