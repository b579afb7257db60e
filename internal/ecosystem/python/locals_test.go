package python

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/plan"
)

// dependenciesOf are the copies and the commands of the stage that installs.
func dependenciesOf(p plan.Service) (copies []string, run string) {
	for _, st := range p.Stages {
		for _, s := range st.Steps {
			if st.Name == plan.StageDependencies && s.Op == plan.OpCopy && s.Content == "" {
				copies = append(copies, strings.Join(s.Args, " "))
			}
		}
	}
	return copies, shell(p, plan.StageDependencies)
}

const library = "[project]\nname = \"lib\"\nversion = \"1\"\n[build-system]\nrequires = [\"hatchling\"]\n"

// TestLocalProjects are installed from where they are, beside the service, below it
// or above it.
func TestLocalProjects(t *testing.T) {
	for name, c := range map[string]struct {
		files  map[string]string
		at     string
		copies []string
		run    []string
		say    string
	}{
		"-e . of pip": {map[string]string{"requirements.txt": "-e .\nflask==3.1.2\n", "setup.py": "", "main.py": ""}, ".",
			[]string{"requirements.txt ./", "./ ./"}, []string{`sed -i -E '/^[[:space:]]*((-e|--editable)`, "install --no-compile -r requirements.txt", "install --no-compile ./."}, ""},
		"an extra": {map[string]string{"requirements.txt": ".[prod]\n", "pyproject.toml": library, "main.py": ""}, ".",
			[]string{"requirements.txt ./", "./ ./"}, []string{"install --no-compile './.[prod]'"}, ""},
		"below": {map[string]string{"requirements.txt": "-e ./lib\n./vendor/x-1-py3-none-any.whl\n", "lib/setup.py": "", "vendor/x-1-py3-none-any.whl": "", "main.py": ""}, ".",
			[]string{"requirements.txt ./", "lib/ lib/", "vendor/x-1-py3-none-any.whl vendor/"}, []string{"install --no-compile ./lib ./vendor/x-1-py3-none-any.whl"}, ""},
		"above": {map[string]string{"services/api/requirements.txt": "-e ../../libs/lib\nlib2 @ file:../../libs/two\n", "services/api/main.py": "", "libs/lib/pyproject.toml": library, "libs/two/setup.cfg": ""}, "services/api",
			[]string{"services/api/requirements.txt services/api/", "libs/lib/ libs/lib/", "libs/two/ libs/two/"}, []string{"cd services/api && sed", "install --no-compile -r requirements.txt", "install --no-compile ./libs/lib ./libs/two"}, ""},
		"uv's path": {map[string]string{"api/pyproject.toml": "[project]\nname = \"api\"\ndependencies = [\"lib\"]\n[tool.uv.sources]\nlib = { path = \"../lib\", editable = true }\n",
			"api/uv.lock": "[[package]]\nname = \"api\"\nsource = { virtual = \".\" }\ndependencies = [{ name = \"lib\" }]\n[[package]]\nname = \"lib\"\nsource = { editable = \"../lib\" }\n",
			"api/main.py": "", "lib/pyproject.toml": library}, "api",
			[]string{"api/pyproject.toml api/uv.lock api/", "lib/ lib/"}, []string{"cd api && /opt/tools/bin/uv export --quiet --frozen --no-dev --no-emit-project --no-emit-local ", "--no-deps ./lib"}, ""},
		"Poetry's path": {map[string]string{"api/pyproject.toml": "[tool.poetry.dependencies]\nlib = { path = \"../lib\", develop = true }\n",
			"api/poetry.lock": "[[package]]\nname = \"lib\"\nversion = \"1\"\n[package.source]\ntype = \"directory\"\nurl = \"../lib\"\n", "api/main.py": "", "lib/pyproject.toml": library}, "api",
			[]string{"api/pyproject.toml api/poetry.lock api/", "lib/ lib/"}, []string{"cd api && /opt/tools/bin/poetry export --only main --output", `sed -i -E '/^(-e )?file:|@ file:/d; s/^-e //'`, "--no-deps ./lib"}, ""},
		"PDM's path": {map[string]string{"pyproject.toml": "[project]\nname = \"a\"\ndependencies = [\"lib @ file:///${PROJECT_ROOT}/lib\"]\n", "pdm.lock": "[[package]]\nname = \"lib\"\nversion = \"1\"\npath = \"./lib\"\n", "lib/pyproject.toml": library, "main.py": ""}, ".",
			[]string{"pyproject.toml pdm.lock ./", "lib/ lib/"}, []string{"--no-deps ./lib"}, ""},
		"Pipenv's path": {map[string]string{"Pipfile": "[packages]\nlib = { path = \"./lib\", editable = true }\n", "Pipfile.lock": `{"default": {"lib": {"editable": true, "path": "./lib"}}}`, "lib/setup.py": "", "main.py": ""}, ".",
			[]string{"Pipfile Pipfile.lock ./", "lib/ lib/"}, []string{"--no-deps ./lib"}, ""},
		"uv without a lock": {map[string]string{"api/pyproject.toml": "[project]\nname = \"api\"\ndependencies = [\"lib\"]\n[tool.uv.sources]\nlib = { path = \"../lib\" }\n", "api/main.py": "", "lib/pyproject.toml": library + "[tool.uv.sources]\ndeep = { path = \"../deep\" }\n", "deep/pyproject.toml": library}, "api",
			[]string{"api/pyproject.toml api/", "deep/ deep/", "lib/ lib/"}, []string{"uv export --quiet ${PIP_INDEX_URL:+--default-index \"$PIP_INDEX_URL\"} --no-dev --no-emit-project --no-emit-local ", "--no-deps ./deep ./lib"}, codeNoLock},
		"Poetry without a lock": {map[string]string{"pyproject.toml": "[tool.poetry.dependencies]\nflask = \"^3\"\nlib = { path = \"lib\" }\n", "lib/pyproject.toml": library, "main.py": ""}, ".",
			[]string{"pyproject.toml ./", "lib/ lib/"}, []string{scriptFile, "install --no-compile ./lib"}, codeNoLock},
		"PDM without a lock": {map[string]string{"pyproject.toml": "[project]\nname = \"a\"\ndependencies = [\"lib @ file:///${PROJECT_ROOT}/lib\"]\n[tool.pdm]\n", "lib/pyproject.toml": library, "main.py": ""}, ".",
			[]string{"pyproject.toml ./", "lib/ lib/"}, []string{scriptFile, "install --no-compile ./lib"}, codeNoLock},
		"Poetry's stale lock": {map[string]string{"api/pyproject.toml": "[tool.poetry.dependencies]\nflask = \"^3\"\nlib = { path = \"../lib\" }\n",
			"api/poetry.lock": "[[package]]\nname = \"lib\"\nversion = \"1\"\n[package.source]\ntype = \"directory\"\nurl = \"../lib\"\n", "api/main.py": "", "lib/pyproject.toml": library}, "api",
			[]string{"api/pyproject.toml api/", "lib/ lib/"}, []string{"cd api && python3 " + scriptFile, "install --no-compile ./lib"}, codeStale},
		"outside the repository": {map[string]string{"requirements.txt": "-e ../lib\n", "main.py": ""}, ".", nil, nil, codeLocal},
		"absent":                 {map[string]string{"requirements.txt": "-e ./lib\n", "main.py": ""}, ".", nil, nil, codeLocal},
		"no project":             {map[string]string{"requirements.txt": "-e ./lib\n", "lib/x.py": "", "main.py": ""}, ".", nil, nil, codeLocal},
		"of a machine":           {map[string]string{"requirements.txt": "file:///home/me/lib\n", "main.py": ""}, ".", nil, nil, codeLocal},
	} {
		t.Run(name, func(t *testing.T) {
			p, found := plannedIn(c.files, c.at)
			copies, run := dependenciesOf(p)
			if diff := cmp.Diff(c.copies, copies); diff != "" || found != c.say {
				t.Errorf("copies (-want +got):\n%s\nfindings %s, want %s", diff, found, c.say)
			}
			for _, want := range c.run {
				if !strings.Contains(run, want) {
					t.Errorf("%q is not in %s", want, run)
				}
			}
		})
	}
}

// TestGitDependencies have git in the toolchain, and only there.
func TestGitDependencies(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		run   string
		say   string
	}{
		"pip":           {map[string]string{"requirements.txt": "lib @ git+https://git.example/lib@v1\n"}, "-r requirements.txt", ""},
		"pip, of a day": {map[string]string{"requirements.txt": "flask==3.1.2\ngit+https://git.example/lib.git#egg=lib\n"}, "-r requirements.txt", codeUnpinned},
		"pip, by name":  {map[string]string{"requirements.txt": "-e git+https://git.example/lib.git@v1#egg=lib\n"}, `sed -i -E 's/^[[:space:]]*(-e|--editable)`, ""},
		"uv": {map[string]string{"pyproject.toml": "[project]\nname = \"a\"\ndependencies = [\"lib\"]\n", "uv.lock": "[[package]]\nname = \"a\"\nsource = { virtual = \".\" }\ndependencies = [{ name = \"lib\" }]\n" +
			"[[package]]\nname = \"lib\"\nsource = { git = \"https://git.example/lib?rev=v1#0123\" }\n"}, "uv sync --frozen --no-dev --no-install-project", ""},
		"Poetry": {map[string]string{"pyproject.toml": "[tool.poetry.dependencies]\nlib = { git = \"https://git.example/lib\", tag = \"v1\" }\n", "poetry.lock": "[[package]]\nname = \"lib\"\nversion = \"1\"\n[package.source]\ntype = \"git\"\nurl = \"https://git.example/lib\"\n"},
			"poetry export --only main --without-hashes", ""},
		"PDM":                 {map[string]string{"pyproject.toml": "[project]\nname = \"a\"\ndependencies = [\"lib @ git+https://git.example/lib\"]\n", "pdm.lock": "[[package]]\nname = \"lib\"\nversion = \"1\"\ngit = \"https://git.example/lib\"\nrevision = \"0123\"\n"}, scriptFile, ""},
		"Pipenv":              {map[string]string{"Pipfile": "[packages]\nlib = { git = \"https://git.example/lib\", ref = \"v1\" }\n", "Pipfile.lock": `{"default": {"lib": {"git": "https://git.example/lib", "ref": "0123"}}}`}, scriptFile, ""},
		"a project":           {map[string]string{"pyproject.toml": "[project]\nname = \"a\"\ndependencies = [\"lib @ git+https://git.example/lib@v1\"]\n"}, scriptFile, ""},
		"uv without a lock":   {map[string]string{"pyproject.toml": "[project]\nname = \"a\"\ndependencies = [\"lib\"]\n[tool.uv.sources]\nlib = { git = \"https://git.example/lib\" }\n"}, "uv sync ${PIP_INDEX_URL:+--default-index \"$PIP_INDEX_URL\"} --no-dev", codeNoLock},
		"over SSH":            {map[string]string{"requirements.txt": "lib @ git+ssh://git@git.example/lib\n"}, "", codePrivateGit},
		"over SSH, of Poetry": {map[string]string{"pyproject.toml": "[tool.poetry.dependencies]\nlib = { git = \"git@git.example:lib.git\" }\n", "poetry.lock": "[[package]]\nname = \"lib\"\nversion = \"1\"\n[package.source]\ntype = \"git\"\nurl = \"git@git.example:lib.git\"\n"}, "", codePrivateGit},
	} {
		t.Run(name, func(t *testing.T) {
			c.files["main.py"] = "print()"
			p, findings := planned(t, c.files, config.Service{})
			if codes(findings) != c.say {
				t.Fatalf("%v", findings)
			}
			if c.run == "" {
				return
			}
			if _, run := dependenciesOf(p); !strings.Contains(run, c.run) || p.Stages[0].From != "slipway/python/git:3.13-trixie-toolchain" {
				t.Errorf("on %s it runs %s", p.Stages[0].From, run)
			}
			if !slices.ContainsFunc(p.Stages, func(st plan.Stage) bool {
				return st.Name == plan.StageProduction && st.From == "slipway/python:3.13-trixie"
			}) {
				t.Errorf("production has git")
			}
		})
	}
}

// TestWithoutAFittingLock: the build installs from the manifest, and says so once.
func TestWithoutAFittingLock(t *testing.T) {
	lockOf := func(name string) string { return "[[package]]\nname = \"" + name + "\"\nversion = \"1\"\n" }
	workspace := workspaceOf()
	delete(workspace, "uv.lock")
	stale := workspaceOf()
	stale["services/api/pyproject.toml"] = strings.Replace(stale["services/api/pyproject.toml"], `"words"`, `"words", "flask", "redis"`, 1)
	for name, c := range map[string]struct {
		files     map[string]string
		at        string
		manager   string
		run, say  string
		withoutIt string // what the commands do not have
	}{
		"Pipenv":         {map[string]string{"Pipfile": "[packages]\nflask = \"*\"\n", "main.py": ""}, ".", "", scriptFile, codeNoLock, "lock"},
		"PDM":            {map[string]string{"pyproject.toml": "[project]\nname = \"a\"\ndependencies = [\"flask\"]\n[tool.pdm]\n", "main.py": ""}, ".", "", scriptFile, codeNoLock, "pdm"},
		"as wanted":      {map[string]string{"pyproject.toml": "[project]\nname = \"a\"\ndependencies = [\"flask\"]\n", "main.py": ""}, ".", "uv", "uv export --quiet ${PIP_INDEX_URL:+--default-index \"$PIP_INDEX_URL\"} --no-dev", codeNoLock, "--frozen"},
		"Poetry, wanted": {map[string]string{"pyproject.toml": "[project]\nname = \"a\"\ndependencies = [\"flask\"]\n", "main.py": ""}, ".", "poetry", scriptFile, codeNoLock, "poetry"},
		"uv's is stale":  {map[string]string{"pyproject.toml": "[project]\nname = \"a\"\ndependencies = [\"flask\", \"redis\"]\n", "uv.lock": lockOf("a"), "main.py": ""}, ".", "", "uv export --quiet ${PIP_INDEX_URL:+--default-index \"$PIP_INDEX_URL\"} --no-dev", codeStale, "--frozen"},
		"Poetry's":       {map[string]string{"pyproject.toml": "[tool.poetry.dependencies]\nflask = \"*\"\n", "poetry.lock": "", "main.py": ""}, ".", "", scriptFile, codeStale, "poetry"},
		"PDM's":          {map[string]string{"pyproject.toml": "[project]\nname = \"a\"\ndependencies = [\"flask\"]\n", "pdm.lock": "", "main.py": ""}, ".", "", scriptFile, codeStale, "pdm"},
		"Pipenv's":       {map[string]string{"Pipfile": "[packages]\nflask = \"*\"\n", "Pipfile.lock": `{"default": {}}`, "main.py": ""}, ".", "", scriptFile, codeStale, "lock"},
		"a workspace":    {workspace, "services/api", "", "uv export --quiet ${PIP_INDEX_URL:+--default-index \"$PIP_INDEX_URL\"} --no-dev --no-emit-workspace --package api", codeNoLock, "--frozen"},
		"a member":       {stale, "services/api", "", "uv export --quiet ${PIP_INDEX_URL:+--default-index \"$PIP_INDEX_URL\"} --no-dev --no-emit-workspace --package api", codeStale, "--frozen"},
		"no manifest":    {map[string]string{"requirements.txt": "flask==3.1.2\n", "poetry.lock": "", "main.py": ""}, ".", "", "-r requirements.txt", "", "poetry"},
	} {
		t.Run(name, func(t *testing.T) {
			root := repository(c.files)
			dir, _ := root.Sub(c.at)
			p, findings := Ecosystem{}.In(root).Plan(dir, config.Service{Name: "a", Path: c.at, PackageManager: c.manager}, nil)
			_, run := dependenciesOf(p)
			if codes(findings) != c.say || findings.Errors() != nil {
				t.Errorf("%v", findings)
			}
			if !strings.Contains(run, c.run) || strings.Contains(run, c.withoutIt) {
				t.Errorf("runs %s", run)
			}
			fleet := config.Default("x")
			fleet.Strict = true
			if _, findings := (Ecosystem{}).In(root).Plan(dir, config.Service{Name: "a", Path: c.at, PackageManager: c.manager}, fleet); (findings.Errors() != nil) != (c.say != "") {
				t.Errorf("under strict: %v", findings)
			}
		})
	}
}

// TestCondaAlone is refused, with the way on.
func TestCondaAlone(t *testing.T) {
	for _, name := range condaFiles() {
		dir := repository(map[string]string{name: "dependencies:\n  - python=3.11\n  - numpy\n", "main.py": "import numpy\n"})
		if got := (Ecosystem{}).Recognise(dir); got != name {
			t.Errorf("recognised by %q", got)
		}
		_, findings := Ecosystem{}.Plan(dir, config.Service{Name: "a", Path: "."}, nil)
		if codes(findings) != codeConda || findings[0].Place.File != name || !strings.Contains(findings[0].Hint, "requirements.txt") {
			t.Errorf("%v", findings)
		}
	}
}

// TestNoConda: such a file elsewhere makes no service of Python.
func TestNoConda(t *testing.T) {
	for name, files := range map[string]map[string]string{
		"no programs":       {"environment.yml": "dependencies:\n  - r-base\n"},
		"Node.js":           {"environment.yml": "dependencies:\n", "package.json": "{}", "tool.py": ""},
		"another tool's":    {"environment.yml": "name: test\ntype: Environment\n", "x.py": ""},
		"a directory of it": {"environment.yml/x": "", "x.py": ""},
	} {
		if got := (Ecosystem{}).Recognise(repository(files)); got != "" {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// TestScripts are run on what they read.
func TestScripts(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not installed")
	}
	for name, c := range map[string]struct{ script, file, text, want string }{
		"PDM": {pdmScript, "pdm.lock", "[[package]]\nname = \"a\"\nversion = \"1\"\ngroups = [\"default\"]\nmarker = \"python_version > '3'\"\nfiles = [{file = \"a.whl\", hash = \"sha256:0\"}]\n[[package]]\nname = \"b\"\nversion = \"1\"\ngroups = [\"dev\"]\nfiles = []\n",
			"a==1 ; python_version > '3' --hash=sha256:0\n"},
		"PDM with git": {pdmScript, "pdm.lock", "[[package]]\nname = \"a\"\nversion = \"1\"\nextras = [\"x\"]\nfiles = [{file = \"a.whl\", hash = \"sha256:0\"}]\n[[package]]\nname = \"g\"\nversion = \"1\"\ngit = \"https://git.example/g\"\nrevision = \"0123\"\n[[package]]\nname = \"l\"\nversion = \"1\"\npath = \"./l\"\n",
			"a[x]==1\ng @ git+https://git.example/g@0123\n"},
		"Pipenv": {pipenvScript, "Pipfile.lock", `{"default": {"a": {"version": "==1", "hashes": ["sha256:0"], "extras": ["x"], "markers": "python_version > '3'"}, "l": {"path": "./l"}}}`,
			"a[x]==1 ; python_version > '3' --hash=sha256:0\n"},
		"Pipenv with git": {pipenvScript, "Pipfile.lock", `{"default": {"a": {"version": "==1", "hashes": ["sha256:0"]}, "g": {"git": "https://git.example/g", "ref": "0123"}}}`,
			"a==1\ng @ git+https://git.example/g@0123\n"},
		"Pipfile": {pipfileScript, "Pipfile", "[packages]\na = \"*\"\nb = \"~=1.2\"\nc = {version = \">=1\", extras = [\"x\"], markers = \"os_name == 'posix'\"}\ng = {git = \"https://git.example/g\"}\nl = {path = \".\", editable = true}\n",
			"a\nb~=1.2\nc[x]>=1 ; os_name == 'posix'\ng @ git+https://git.example/g@HEAD\n"},
		"Poetry": {poetryScript, "pyproject.toml", `[project]
dependencies = ["redis>=5"]
[tool.poetry.dependencies]
python = "^3.9"
Redis = "^5"
a = "^1.2"
b = "^0.2.3"
c = "~1.2.3"
d = "~=1.2"
e = "1.2.*"
f = "1.2.3"
g = ">=1, <2 || >=3,<4"
h = { version = "*", extras = ["x"], markers = "os_name == 'posix'" }
i = [{ version = "<2", python = "~3.9" }, { version = ">=2", python = ">=3.10" }]
j = { git = "https://git.example/j", tag = "v1" }
k = { path = "../k" }
l = { version = "1", optional = true }
m = "^0.0"
`, `redis>=5
a>=1.2,<2
b>=0.2.3,<0.3
c>=1.2.3,<1.3
d~=1.2
e==1.2.*
f==1.2.3
g>=3,<4
h[x] ; (os_name == 'posix')
i<2 ; python_full_version >= "3.9" and python_full_version < "3.10"
i>=2 ; python_full_version >= "3.10"
j @ git+https://git.example/j@v1
m>=0.0,<0.1
`},
		"a project": {projectScript, "pyproject.toml", "[project]\nname = \"a\"\ndependencies = [\"a>1\", \"b\"]\n", "a>1\nb\n"},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, c.file), []byte(c.text), 0o644); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(python, "-c", c.script)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if diff := cmp.Diff(c.want, string(out)); diff != "" || err != nil {
			t.Errorf("%s (-want +got):\n%s%v", name, diff, err)
		}
	}
}

// TestEdit is run on the lines that pip would take.
func TestEdit(t *testing.T) {
	r := requirements{lines: []requirement{{local: "git+https://git.example/g", editable: true}}}
	edit := r.edit(true)
	text := "-e .\n  -e ./lib[x]\n--editable=../y\n./z.whl\nlib @ file:./lib\nfile:lib\n-e git+https://git.example/g#egg=g\nflask==3\n--extra-index-url https://x.example\n# . not\n"
	cmd := exec.Command("sed", "-E", strings.Trim(strings.TrimPrefix(edit, "sed -i -E "), "' "))
	cmd.Stdin = strings.NewReader(text)
	out, err := cmd.CombinedOutput()
	want := "git+https://git.example/g#egg=g\nflask==3\n--extra-index-url https://x.example\n# . not\n"
	if diff := cmp.Diff(want, string(out)); diff != "" || err != nil {
		t.Errorf("(-want +got):\n%s%v", diff, err)
	}
}
