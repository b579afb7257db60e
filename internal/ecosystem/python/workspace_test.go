package python

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/plan"
)

// workspaceOf is a workspace with an API that needs a package beside it, and a
// worker that does not.
func workspaceOf() map[string]string {
	return map[string]string{
		"pyproject.toml": "[tool.uv.workspace]\nmembers = [\"services/*\", \"libs/*\"]\nexclude = [\"services/old\"]\n",
		"uv.lock": `[[package]]
name = "api"
source = { virtual = "services/api" }
dependencies = [{ name = "fastapi" }, { name = "uvicorn" }, { name = "words" }]
[[package]]
name = "words"
source = { editable = "libs/words" }
dependencies = [{ name = "letters" }]
[[package]]
name = "letters"
source = { editable = "libs/letters" }
[[package]]
name = "fastapi"
source = { registry = "https://index.example/simple" }
[[package]]
name = "uvicorn"
source = { registry = "https://index.example/simple" }
`,
		".dockerignore": "notes\n", ".python-version": "3.13\n",
		"services/api/pyproject.toml": "[project]\nname = \"api\"\ndependencies = [\"fastapi\", \"uvicorn\", \"words\"]\n[tool.uv.sources]\nwords = { workspace = true }\n",
		"services/api/app/main.py":    "from fastapi import FastAPI\nimport words\napp = FastAPI()\n",
		"services/api/tests/a.py":     "", "services/api/run.py": "",
		"services/old/pyproject.toml": "[project]\nname = \"old\"\n", "services/old/main.py": "",
		"libs/words/pyproject.toml": "[project]\nname = \"words\"\n[build-system]\nrequires = [\"hatchling\"]\n", "libs/words/src/words/__init__.py": "",
		"libs/letters/pyproject.toml": "[project]\nname = \"letters\"\n[build-system]\nrequires = [\"hatchling\"]\n",
	}
}

func plannedIn(files map[string]string, at string) (plan.Service, string) {
	root := repository(files)
	dir, _ := root.Sub(at)
	p, findings := Ecosystem{}.In(root).Plan(dir, config.Service{Name: "a", Path: at}, nil)
	return p, codes(findings)
}

// TestAMemberOfAWorkspace is installed from the workspace's lock file.
func TestAMemberOfAWorkspace(t *testing.T) {
	p, found := plannedIn(workspaceOf(), "services/api")
	if found != "" || p.Dir != "." {
		t.Fatalf("findings %s, context %q", found, p.Dir)
	}
	var copies []string
	for _, st := range p.Stages {
		for _, s := range st.Steps {
			if s.Op == plan.OpCopy && s.Content == "" && s.From == "" {
				copies = append(copies, strings.Join(s.Args, " "))
			}
		}
	}
	want := []string{"pyproject.toml uv.lock ./", "services/api/pyproject.toml services/api/", "libs/letters/ libs/letters/", "libs/words/ libs/words/",
		"services/api/pyproject.toml services/api/run.py ./", "services/api/app/ app/"}
	if diff := cmp.Diff(want, copies); diff != "" {
		t.Errorf("copies (-want +got):\n%s", diff)
	}
	run := shell(p, "dependencies")
	if !strings.Contains(run, "uv export --quiet --frozen --no-dev --no-emit-workspace --package api ") || !strings.Contains(run, "--no-deps ./libs/letters ./libs/words") {
		t.Errorf("runs %s", run)
	}
	if got := step(p, "production", plan.OpCmd); !strings.HasPrefix(got, "uvicorn app.main:app ") {
		t.Errorf("starts %s", got)
	}
	if diff := cmp.Diff([]plan.LeftOut{{Path: "services/api/tests", Why: "tests"}}, p.LeftOut); diff != "" || !slices.Equal(p.DockerIgnore, []string{"notes"}) {
		t.Errorf("left out (-want +got):\n%s\npatterns %v", diff, p.DockerIgnore)
	}
	if i := slices.IndexFunc(p.Facts, func(f plan.Fact) bool { return f.Name == "runtime" }); p.Facts[i].File != ".python-version" {
		t.Errorf("runtime %+v", p.Facts[i])
	}
}

// TestAMembersDockerignore keeps out of production what it names, although no
// builder reads it.
func TestAMembersDockerignore(t *testing.T) {
	files := workspaceOf()
	files["services/api/.dockerignore"], files["services/api/private/a.txt"], files["services/api/app/notes.txt"] = "private\napp/*.txt\n", "", ""
	p, found := plannedIn(files, "services/api")
	want := []string{"services/api/.dockerignore: container build file", "services/api/app/notes.txt: " + whyIgnoredHere, "services/api/private: " + whyIgnoredHere, "services/api/tests: tests"}
	if diff := cmp.Diff(want, leftOut(p)); diff != "" || !strings.HasPrefix(shell(p, "builder"), "rm -rf app/notes.txt;") {
		t.Errorf("left out (-want +got):\n%s\n%s %s", diff, found, shell(p, "builder"))
	}
}

func TestWhatIsWrongWithAMember(t *testing.T) {
	for name, c := range map[string]struct {
		change func(map[string]string)
		at     string
		want   string
	}{
		"absent in the lock": {func(f map[string]string) { f["uv.lock"] = "" }, "services/api", codeStale},
		"a dependency is": {func(f map[string]string) {
			f["services/api/pyproject.toml"] = "[project]\nname = \"api\"\ndependencies = [\"flask\"]\n"
		}, "services/api", codeStale + " " + codeServer},
		"a broken lock":        {func(f map[string]string) { f["uv.lock"] = "[[" }, "services/api", codeManifest},
		"excluded":             {func(f map[string]string) {}, "services/old", ""},
		"outside of the whole": {func(f map[string]string) { f["uv.lock"] = strings.Replace(f["uv.lock"], "libs/words", "../words", 1) }, "services/api", codeLocal},
	} {
		files := workspaceOf()
		c.change(files)
		if _, got := plannedIn(files, c.at); !strings.HasPrefix(got, c.want) || c.want == "" && got != "" {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// TestTheRootOfAWorkspace is a service of its own only when it starts, without
// its members.
func TestTheRootOfAWorkspace(t *testing.T) {
	files := workspaceOf()
	if got := (Ecosystem{}).Services(repository(files)); got != nil {
		t.Errorf("services %v", got)
	}
	files["pyproject.toml"] = "[project]\nname = \"whole\"\ndependencies = [\"words\"]\n" + files["pyproject.toml"] + "[tool.uv.sources]\nwords = { workspace = true }\n"
	if got := (Ecosystem{}).Services(repository(files)); got != nil {
		t.Errorf("services %v of a root with a name", got)
	}
	files["main.py"] = "import words\n"
	files["uv.lock"] += "[[package]]\nname = \"whole\"\nsource = { virtual = \".\" }\ndependencies = [{ name = \"words\" }]\n"
	p, found := plannedIn(files, ".")
	if found != "" || step(p, "production", plan.OpCmd) != "python main.py" || !strings.Contains(shell(p, "dependencies"), "--no-deps ./libs/letters ./libs/words") {
		t.Errorf("findings %s, starts %q, runs %s", found, step(p, "production", plan.OpCmd), shell(p, "dependencies"))
	}
	if got := copied(p); slices.Contains(got, "services/") && !slices.ContainsFunc(p.LeftOut, func(l plan.LeftOut) bool { return l.Path == "services/api" }) {
		t.Errorf("copies %v, left out %v", got, p.LeftOut)
	}
}
