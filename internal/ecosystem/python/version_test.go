package python

import (
	"slices"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/plan"
)

// mirrored is the ecosystem where standalone Pythons can be had.
func mirrored() ecosystem.Language { return Ecosystem{}.On(config.Bases{Pythons: true}) }

// runtimeOf is the base that production of a worker starts from, its first fact and
// the codes of its findings.
func runtimeOf(t *testing.T, e ecosystem.Language, files map[string]string, want config.Service) (base, fact, found string) {
	t.Helper()
	if files["main.py"] == "" {
		files["main.py"] = "print()\n"
	}
	p, findings := plannedOn(e, files, want)
	for _, st := range p.Stages {
		if st.Name == plan.StageProduction {
			base = strings.TrimPrefix(st.From, "slipway/python:")
		}
	}
	if i := slices.IndexFunc(p.Facts, func(f plan.Fact) bool { return f.Name == "runtime" }); i >= 0 {
		fact = p.Facts[i].Value + ": " + p.Facts[i].Evidence
	}
	return base, fact, codes(findings)
}

// TestVersionFiles: which Python each of the files that name one gives.
func TestVersionFiles(t *testing.T) {
	for name, c := range map[string]struct {
		files     map[string]string
		want      string
		base, say string
	}{
		"3.12":                       {map[string]string{".python-version": "3.12\n"}, "", "3.13-trixie", ecosystem.CodeNearest},
		"3.10":                       {map[string]string{".python-version": "3.10\n"}, "", "3.11-bookworm", ecosystem.CodeNearest},
		"an exact release of 3.12":   {map[string]string{".python-version": "3.12.4\n"}, "", "3.13-trixie", ecosystem.CodeNearest},
		"an exact one of Debian's":   {map[string]string{".python-version": "3.13.2\n"}, "", "3.13-trixie", ecosystem.CodeNearest},
		"which slipway.yaml wants":   {nil, "3.12", "3.13-trixie", ecosystem.CodeNearest},
		"slipway.yaml, not so":       {nil, "3.11.99", "3.11-bookworm", ecosystem.CodeNearest},
		"older than all":             {map[string]string{".python-version": "3.7.3"}, "", "3.9-bullseye", ecosystem.CodeNearest + " " + ecosystem.CodeEnded},
		"comments and a list":        {map[string]string{".python-version": "# ours\n3.16 # soon\n3.11\n3.13\n"}, "", "3.11-bookworm", ""},
		"several on a line":          {map[string]string{".python-version": "3.7.0 3.11.4 3.13\n"}, "", "3.11-bookworm", ecosystem.CodeNearest},
		"an environment of pyenv":    {map[string]string{".python-version": "shop-env\n", "pyproject.toml": "[project]\nname = \"a\"\nrequires-python = \">=3.14\"\n"}, "", "3.14-forky", codeUnknownVersion},
		"with its version":           {map[string]string{".python-version": "3.11.4/envs/shop\n"}, "", "3.11-bookworm", ecosystem.CodeNearest},
		"the system's":               {map[string]string{".python-version": "system\n3.11\n"}, "", "3.11-bookworm", ""},
		"a byte-order mark":          {map[string]string{".python-version": "\ufeff3.11\r\n"}, "", "3.11-bookworm", ""},
		"uv's words":                 {map[string]string{".python-version": "cpython-3.11\n"}, "", "3.11-bookworm", ""},
		"uv's range":                 {map[string]string{".python-version": ">=3.10, <3.12\n"}, "", "3.11-bookworm", ""},
		"PyPy":                       {map[string]string{".python-version": "pypy3.10\n"}, "", "", codeVersion},
		"runtime.txt":                {map[string]string{"runtime.txt": "python-3.14.x\n"}, "", "3.14-forky", ""},
		"asdf":                       {map[string]string{".tool-versions": "nodejs 22\npython 3.16 3.11 # two\n"}, "", "3.11-bookworm", ""},
		"mise":                       {map[string]string{"mise.toml": "[tools]\nnode = \"22\"\npython = \"3.14\"\n"}, "", "3.14-forky", ""},
		"mise, hidden, a list":       {map[string]string{".mise.toml": "[tools]\npython = [\"3.16\", \"3.14\"]\n"}, "", "3.14-forky", ""},
		"mise, a table":              {map[string]string{".config/mise/config.toml": "[tools]\npython = { version = \"3.11\", virtualenv = \".venv\" }\n"}, "", "3.11-bookworm", ""},
		"both of a project's":        {map[string]string{"pyproject.toml": "[project]\nname = \"a\"\nrequires-python = \">=3.9\"\n[tool.poetry.dependencies]\npython = \"<3.12\"\n"}, "", "3.11-bookworm", ""},
		"a range without Debian's":   {map[string]string{"pyproject.toml": "[project]\nname = \"a\"\nrequires-python = \">=3.12,<3.13\"\n"}, "", "3.13-trixie", ecosystem.CodeNearest},
		"Poetry's lock":              {map[string]string{"pyproject.toml": "[tool.poetry]\nname = \"a\"\n", "poetry.lock": "[metadata]\npython-versions = \"~3.11\"\n"}, "", "3.11-bookworm", ""},
		"uv's lock":                  {map[string]string{"pyproject.toml": "[project]\nname = \"a\"\n", "uv.lock": "version = 1\nrequires-python = \"==3.14.*\"\n"}, "", "3.14-forky", ""},
		"PDM's lock":                 {map[string]string{"pyproject.toml": "[project]\nname = \"a\"\n", "pdm.lock": "[metadata]\n[[metadata.targets]]\nrequires_python = \"==3.11.*\"\n"}, "", "3.11-bookworm", ""},
		"Pipfile":                    {map[string]string{"Pipfile": "[packages]\n[requires]\npython_version = \"3.11\"\n"}, "", "3.11-bookworm", codeNoLock},
		"conda beside requirements":  {map[string]string{"requirements.txt": "", "environment.yml": "dependencies:\n  - python=3.11\n  - pip\n"}, "", "3.11-bookworm", ""},
		"conda's range":              {map[string]string{"requirements.txt": "", "environment.yml": "dependencies:\n  - python>=3.9,<3.12\n"}, "", "3.11-bookworm", ""},
		"setup.cfg":                  {map[string]string{"requirements.txt": "", "setup.cfg": "[options]\npython_requires = >=3.8, <3.12\n"}, "", "3.11-bookworm", ""},
		"a lock is weaker than that": {map[string]string{"pyproject.toml": "[project]\nname = \"a\"\nrequires-python = \">=3.13\"\n", "uv.lock": "requires-python = \">=3.9\"\n"}, "", "3.13-trixie", ""},
	} {
		t.Run(name, func(t *testing.T) {
			if c.files == nil {
				c.files = map[string]string{}
			}
			base, _, found := runtimeOf(t, Ecosystem{}, c.files, config.Service{Version: c.want})
			if base != c.base || found != c.say {
				t.Errorf("runs on %q with %q, want %q with %q", base, found, c.base, c.say)
			}
		})
	}
}

// TestStandaloneVersions: with a mirror of standalone Pythons, what no Debian release
// has and every single release can be had.
func TestStandaloneVersions(t *testing.T) {
	for name, c := range map[string]struct {
		files     map[string]string
		want      string
		base, say string
	}{
		"3.12":                  {map[string]string{".python-version": "3.12\n"}, "", "3.12-standalone", ""},
		"3.10 has ended":        {map[string]string{".python-version": "3.10\n"}, "", "3.10-standalone", ecosystem.CodeEnded},
		"an exact release":      {map[string]string{".python-version": "3.12.4\n"}, "", "3.12.4-standalone", ""},
		"one of Debian's":       {map[string]string{".python-version": "3.13.2\n"}, "", "3.13.2-standalone", ""},
		"of slipway.yaml":       {map[string]string{".python-version": "3.12\n"}, "3.13.2", "3.13.2-standalone", ""},
		"of Debian":             {map[string]string{".python-version": "3.11\n"}, "", "3.11-bookworm", ""},
		"a release that is not": {map[string]string{".python-version": "3.12.99\n"}, "", "3.12-standalone", ecosystem.CodeNearest},
		"nor of Debian's":       {nil, "3.11.99", "3.11-bookworm", ecosystem.CodeNearest},
		"runtime.txt":           {map[string]string{"runtime.txt": "python-3.12.x\n"}, "", "3.12-standalone", ""},
		"a range":               {map[string]string{"pyproject.toml": "[project]\nname = \"a\"\nrequires-python = \">=3.12,<3.13\"\n"}, "", "3.12-standalone", ""},
		"packages in a range":   {map[string]string{".python-version": ">=3.12,<3.14", "requirements.txt": "numpy==1.26.4\n"}, "", "3.12-standalone", ""},
		"Pipfile":               {map[string]string{"Pipfile": "[packages]\n[requires]\npython_version = \"3.12\"\n"}, "", "3.12-standalone", codeNoLock},
		"nothing is said":       {map[string]string{}, "", "3.13-trixie", ""},
	} {
		t.Run(name, func(t *testing.T) {
			if c.files == nil {
				c.files = map[string]string{}
			}
			base, _, found := runtimeOf(t, mirrored(), c.files, config.Service{Version: c.want})
			if base != c.base || found != c.say {
				t.Errorf("runs on %q with %q, want %q with %q", base, found, c.base, c.say)
			}
		})
	}
}

// TestHintOfTheMirror names the setting where it would give what is asked for.
func TestHintOfTheMirror(t *testing.T) {
	for version, want := range map[string]bool{"3.12": true, "3.10.2": true, "3.13.2": true, "3.7": false, "3.13.999": false} {
		_, findings := planned(t, map[string]string{".python-version": version, "main.py": "print()\n"}, config.Service{})
		if len(findings) == 0 || findings[0].Code != ecosystem.CodeNearest || strings.Contains(findings[0].Hint, "SLIPWAY_PYTHON_MIRROR") != want {
			t.Errorf("%s: %v", version, findings)
		}
	}
}

// TestStrictVersion refuses what is merely near.
func TestStrictVersion(t *testing.T) {
	fleet := config.Default("x")
	fleet.Strict = true
	for _, version := range []string{"3.13.2", "3.12"} {
		_, findings := Ecosystem{}.Plan(repository(map[string]string{".python-version": version, "main.py": "print()"}), config.Service{Path: "."}, fleet)
		if findings.Errors() == nil || codes(findings) != ecosystem.CodeNearest {
			t.Errorf("%s: %v", version, findings)
		}
	}
}

// TestPinnedPackagesDecide between the versions that the files allow.
func TestPinnedPackagesDecide(t *testing.T) {
	for name, c := range map[string]struct {
		requirements, version string
		base, fact, say       string
	}{
		"nothing pinned":             {"numpy>=1\npandas\n", "", "3.13-trixie", "default", codeUnpinned},
		"numpy 1.26":                 {"numpy==1.26.4\n", "", "3.11-bookworm", "numpy 1.26.4 has wheels for Python 3.9 to 3.12", ""},
		"numpy 1.21":                 {"numpy==1.21.0\n", "", "3.9-bullseye", "has wheels for", ecosystem.CodeEnded},
		"two that meet":              {"numpy==1.24.0\npandas==1.5.3\n", "", "3.11-bookworm", "", ""},
		"newest":                     {"numpy==2.3.4\npandas==2.3.3\nPyYAML==6.0.3\n", "", "3.13-trixie", "default", ""},
		"of a stable ABI":            {"cryptography==42.0.0\n", "", "3.13-trixie", "default", ""},
		"a table's alias":            {"tensorflow-cpu==2.15.0\n", "", "3.11-bookworm", "tensorflow-cpu 2.15.0", ""},
		"Django 3.2":                 {"Django==3.2.25\n", "", "3.11-bookworm", "django 3.2.25 supports Python up to 3.11", ""},
		"Django below 4":             {"Django>=3.2,<4\n", "", "3.11-bookworm", "supports Python up to 3.11", codeUnpinned},
		"Django 5.2":                 {"Django==5.2.1\n", "", "3.13-trixie", "default", ""},
		"Flask 1":                    {"Flask==1.1.2\ngunicorn==23.0.0\n", "", "3.11-bookworm", "flask 1.1.2", ""},
		"pydantic 1":                 {"pydantic==1.10.2\n", "", "3.11-bookworm", "pydantic 1.10.2", ""},
		"SQLAlchemy 2.0.20":          {"SQLAlchemy==2.0.20\n", "", "3.11-bookworm", "sqlalchemy 2.0.20", ""},
		"SQLAlchemy 1.4":             {"SQLAlchemy==1.4.54\n", "", "3.13-trixie", "default", ""},
		"within a range":             {"numpy==1.26.4\n", ">=3.10,<3.14", "3.11-bookworm", "requires", ""},
		"beside what cannot be had":  {"numpy==1.26.4\n", "3.12", "3.11-bookworm", "requires", ecosystem.CodeNearest},
		"not below a minimum":        {"numpy==1.26.4\n", ">=3.12,<3.13", "3.13-trixie", "requires", ecosystem.CodeNearest + " " + codeMisfit},
		"against an exact wish":      {"numpy==1.26.4\n", "3.13", "3.13-trixie", `requires "3.13"`, codeMisfit},
		"that only one version suit": {"torch==1.13.1\nscipy==1.9.3\nnumpy==1.23.5\n", "", "3.11-bookworm", "", codeNoGPU},
		"none suits all":             {"numpy==1.19.5\npandas==2.3.3\n", "", "3.9-bullseye", "", ecosystem.CodeEnded},
		"lines by the Python":        {"numpy==1.19.5; python_version < '3.10'\nnumpy==2.3.4; python_version >= '3.10'\n", "", "3.13-trixie", "default", ""},
		"lines of an export":         {"numpy==1.26.4 ; python_version >= '3.9' and python_version < '3.13'\n", "", "3.11-bookworm", "", ""},
		"none suits":                 {"numpy==1.16.0\n", "", "3.13-trixie", "", codeMisfit},
	} {
		t.Run(name, func(t *testing.T) {
			files := map[string]string{"requirements.txt": c.requirements}
			if c.version != "" {
				files[".python-version"] = c.version
			}
			base, fact, found := runtimeOf(t, Ecosystem{}, files, config.Service{})
			base = base[strings.LastIndex(base, ":")+1:]
			if base != c.base || !strings.Contains(fact, c.fact) || found != c.say {
				t.Errorf("runs on %q (%s) with %q, want %q (%s) with %q", base, fact, found, c.base, c.fact, c.say)
			}
		})
	}
}

// TestRemovedModulesDecide: what the sources import is in older Pythons alone.
func TestRemovedModulesDecide(t *testing.T) {
	for name, c := range map[string]struct {
		files     map[string]string
		base, say string
	}{
		"cgi":                    {map[string]string{"main.py": "import cgi, os\n"}, "3.11-bookworm", ""},
		"from distutils":         {map[string]string{"main.py": "from distutils.util import strtobool\n"}, "3.11-bookworm", ""},
		"of an older one":        {map[string]string{"main.py": "import binhex\n"}, "3.9-bullseye", ecosystem.CodeEnded},
		"which is tried":         {map[string]string{"main.py": "try:\n    import cgi\nexcept ImportError:\n    cgi = None\n"}, "3.13-trixie", ""},
		"which a package brings": {map[string]string{"main.py": "import cgi\n", "requirements.txt": "legacy-cgi==2.6.3\n"}, "3.13-trixie", ""},
		"setuptools":             {map[string]string{"main.py": "import distutils\n", "requirements.txt": "setuptools==80.9.0\n"}, "3.13-trixie", ""},
		"the service's own":      {map[string]string{"main.py": "import parser\n", "parser.py": ""}, "3.13-trixie", ""},
		"a package of its own":   {map[string]string{"main.py": "from shop import imp\nimport imp.x\n", "imp/__init__.py": "", "imp/x.py": ""}, "3.13-trixie", ""},
		"only to install":        {map[string]string{"main.py": "", "setup.py": "from distutils.core import setup\n"}, "3.13-trixie", ""},
		"against a wish":         {map[string]string{"main.py": "import telnetlib\n", ".python-version": "3.14"}, "3.14-forky", codeMisfit},
	} {
		t.Run(name, func(t *testing.T) {
			if base, _, found := runtimeOf(t, Ecosystem{}, c.files, config.Service{}); base != c.base || found != c.say {
				t.Errorf("runs on %q with %q, want %q with %q", base, found, c.base, c.say)
			}
		})
	}
}

const wheel, forty = "-cp311-cp311-manylinux_2_17_x86_64.whl", "-cp314-cp314-manylinux_2_28_x86_64.whl"

// TestLockFilesDecide by the wheels that they list, of what production needs.
func TestLockFilesDecide(t *testing.T) {
	uv := func(packages string) map[string]string {
		return map[string]string{"pyproject.toml": "[project]\nname = \"a\"\ndependencies = [\"fast\"]\n", "uv.lock": packages +
			"[[package]]\nname = \"a\"\nsource = { virtual = \".\" }\ndependencies = [{ name = \"fast\" }]\n"}
	}
	entry := func(name, files string) string {
		return "[[package]]\nname = \"" + name + "\"\nversion = \"1\"\n" + files + "\n"
	}
	urls := func(files ...string) string {
		out := ""
		for _, f := range files {
			out += "{ url = \"https://index.example/" + f + "\" },"
		}
		return "sdist = { url = \"https://index.example/x-1.tar.gz\" }\nwheels = [" + out + "]"
	}
	poetry := func(packages string) map[string]string {
		return map[string]string{"pyproject.toml": "[tool.poetry.dependencies]\nfast = \"1\"\n", "poetry.lock": packages}
	}
	for name, c := range map[string]struct {
		files  map[string]string
		base   string
		native bool
	}{
		"uv":                         {uv(entry("fast", urls("fast-1"+wheel, "fast-1-cp310-cp310-manylinux_2_17_x86_64.whl"))), "3.11-bookworm", false},
		"uv, new only":               {uv(entry("fast", urls("fast-1"+forty))), "3.14-forky", false},
		"a pure wheel beside":        {uv(entry("fast", urls("fast-1"+wheel, "fast-1-py3-none-any.whl"))), "3.13-trixie", false},
		"the stable ABI":             {uv(entry("fast", urls("fast-1-cp39-abi3-manylinux_2_17_x86_64.whl"))), "3.13-trixie", false},
		"without threads' lock":      {uv(entry("fast", urls("fast-1-cp313-cp313t-manylinux_2_17_x86_64.whl", "fast-1"+wheel))), "3.11-bookworm", false},
		"for another system":         {uv(entry("fast", urls("fast-1-cp311-cp311-win_amd64.whl"))), "3.13-trixie", false},
		"for another libc":           {uv(entry("fast", urls("fast-1-cp313-cp313-musllinux_1_2_x86_64.whl", "fast-1"+wheel))), "3.11-bookworm", false},
		"two releases by Python":     {uv(entry("fast", urls("fast-1"+wheel)) + entry("fast", urls("fast-2-cp313-cp313-manylinux_2_17_x86_64.whl"))), "3.13-trixie", false},
		"what production needs not":  {uv(entry("fast", urls("fast-1-py3-none-any.whl")) + entry("linter", urls("linter-1"+wheel))), "3.13-trixie", false},
		"an archive":                 {uv(entry("fast", urls())), "3.13-trixie", true},
		"a pure archive":             {uv(strings.ReplaceAll(entry("fast", "dependencies = [{ name = \"docopt\" }]\n"+urls("fast-1-py3-none-any.whl")), "x", "x") + entry("docopt", urls())), "3.13-trixie", false},
		"Poetry":                     {poetry(entry("fast", `files = [{file = "fast-1`+wheel+`", hash = "sha256:0"}]`)), "3.11-bookworm", false},
		"Poetry's group":             {poetry(entry("fast", `files = [{file = "fast-1-py3-none-any.whl"}]`) + entry("x", "groups = [\"dev\"]\nfiles = [{file = \"x-1"+wheel+"\"}]")), "3.13-trixie", false},
		"an old lock of Poetry's":    {poetry(entry("fast", "category = \"main\"\n") + "[metadata.files]\nfast = [{file = \"fast-1" + wheel + "\"}]\n"), "3.11-bookworm", false},
		"PDM":                        {map[string]string{"pyproject.toml": "[project]\nname = \"a\"\ndependencies = [\"fast\"]\n", "pdm.lock": entry("fast", "groups = [\"default\"]\nfiles = [{url = \"https://index.example/fast-1"+wheel+"#sha\"}]")}, "3.11-bookworm", false},
		"Pipenv, which has no names": {map[string]string{"Pipfile": "[packages]\nnumpy = \"*\"\n", "Pipfile.lock": `{"default": {"numpy": {"version": "==1.26.4", "hashes": []}}}`}, "3.11-bookworm", false},
	} {
		t.Run(name, func(t *testing.T) {
			c.files["main.py"] = "print()"
			p, findings := planned(t, c.files, config.Service{})
			base, toolchain := "", ""
			for _, st := range p.Stages {
				switch st.Name {
				case plan.StageProduction:
					base = strings.TrimPrefix(st.From, "slipway/python:")
				case plan.StageDependencies:
					toolchain = st.From
				}
			}
			if base != c.base || strings.HasSuffix(toolchain, "-native-toolchain") != c.native || codes(findings) != "" {
				t.Errorf("runs on %q, built on %q, %v", base, toolchain, findings)
			}
		})
	}
}

// TestCompiledWhereNoWheelSuits has the compiler, and what the package links.
func TestCompiledWhereNoWheelSuits(t *testing.T) {
	p, findings := planned(t, map[string]string{"requirements.txt": "psycopg2-binary==2.9.3\n", ".python-version": "3.13", "main.py": "print()"}, config.Service{})
	if codes(findings) != codeMisfit || !strings.Contains(findings[0].Text, "psycopg2-binary 2.9.3 has wheels for Python 3.6 to 3.10") || findings[0].Place.Line != 1 || !strings.Contains(findings[0].Hint, "newer release") {
		t.Errorf("%v", findings)
	}
	var from []string
	for _, st := range p.Stages {
		from = append(from, st.From)
	}
	if !slices.Contains(from, "slipway/python/libpq-dev/perl-base:3.13-trixie-native-toolchain") || !slices.Contains(from, "slipway/python/libpq5:3.13-trixie") {
		t.Errorf("stages start from %v", from)
	}
}

// TestMisfitHints: the way on is a Python that suits more, if there is one.
func TestMisfitHints(t *testing.T) {
	for _, c := range []struct {
		files map[string]string
		want  string
	}{
		{map[string]string{".python-version": "3.14", "main.py": "import telnetlib\n"}, "such as standard-telnetlib, or write Python 3.11"},
		{map[string]string{".python-version": "3.14", "requirements.txt": "numpy==1.26.4\n"}, "newer release of numpy, or write Python 3.11"},
		{map[string]string{".python-version": "3.14", "requirements.txt": "numpy==1.16.0\n"}, "newer release of numpy"},
	} {
		if c.files["main.py"] == "" {
			c.files["main.py"] = "print()\n"
		}
		_, findings := planned(t, c.files, config.Service{})
		if codes(findings) != codeMisfit || !strings.HasSuffix(findings[0].Hint, c.want) {
			t.Errorf("%v: hint %q", findings, findings[0].Hint)
		}
	}
}

// TestStandaloneStages: its library is elsewhere, and its compilers have to be named.
func TestStandaloneStages(t *testing.T) {
	p, findings := plannedOn(mirrored(), map[string]string{"requirements.txt": "psycopg2==2.9.10\n", ".python-version": "3.12", "main.py": "print()"}, config.Service{})
	if findings != nil {
		t.Fatal(findings)
	}
	run := shell(p, plan.StageDependencies)
	if !strings.Contains(run, "/out/bytecode/usr/local/lib/python3.12") || strings.Contains(run, " /usr/lib/python3") {
		t.Errorf("compiles %s", run)
	}
	env := step(p, plan.StageDependencies, plan.OpEnv)
	if !strings.Contains(env, "CC=gcc") || !strings.Contains(env, "CFLAGS=-g0") {
		t.Errorf("environment %s", env)
	}
}

func TestNearestOfDebian(t *testing.T) {
	for version, want := range map[string]string{"3.12.15": "3.13", "3.10.2": "3.11", "3.13.2": "3.13", "3.15.9": "3.15", "3.9.1": "3.9"} {
		if got := NearestOfDebian(version); got != want {
			t.Errorf("%s: %s, want %s", version, got, want)
		}
	}
}

// TestTablesAreWhole: every line of the tables is read.
func TestTablesAreWhole(t *testing.T) {
	if n := len(standalones()); n < 90 || n != strings.Count(standaloneTable, "\n3.") {
		t.Errorf("%d releases", n)
	}
	spans := wheelSpans()
	for _, name := range []string{"numpy", "pandas", "scipy", "pydantic-core", "psycopg2-binary", "pillow", "lxml", "cffi", "cryptography", "greenlet", "grpcio", "aiohttp",
		"tensorflow", "torch", "scikit-learn", "matplotlib", "pyyaml", "ujson", "orjson", "uvloop", "httptools", "markupsafe", "regex"} {
		last := version{-1}
		for _, s := range spans[name] {
			if slices.Compare(s.from[:], last[:]) < 0 || !s.none && s.low > s.high {
				t.Errorf("%s: %+v after %v", name, s, last)
			}
			last = s.from
		}
		if len(spans[name]) == 0 {
			t.Errorf("%s is missing", name)
		}
	}
}
