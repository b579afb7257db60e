package deno

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/plan"
)

func tree(files map[string]string) fstest.MapFS {
	out := fstest.MapFS{}
	for name, text := range files {
		out[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return out
}

func codesOf(findings diag.Findings) []string {
	var out []string
	for _, f := range findings {
		out = append(out, f.Severity.String()+" "+f.Code)
	}
	return out
}

// last is the last step of an operation in the production stage.
func last(p plan.Service, op plan.Op) string {
	text := ""
	for _, step := range p.Stages[len(p.Stages)-1].Steps {
		if step.Op == op {
			text = strings.Join(step.Args, " ")
		}
	}
	return text
}

const listens = "Deno.serve(() => new Response(\"x\"));\n"

// TestStarts: what starts, with the permissions that its task has, on which port.
func TestStarts(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		want  config.Service
		start string
		port  int
	}{
		"task":            {map[string]string{"deno.json": `{"tasks": {"start": "deno run --allow-net=:8000 -E main.ts"}}`, "main.ts": listens}, config.Service{}, "deno run --cached-only --allow-net=:8000 -E main.ts", 8000},
		"all permissions": {map[string]string{"deno.jsonc": "{ // ours\n \"tasks\": {\"start\": \"deno run -A ./main.ts --verbose\",},\n}", "main.ts": listens}, config.Service{}, "deno run --cached-only -A ./main.ts --verbose", 8000},
		"object":          {map[string]string{"deno.json": `{"tasks": {"start": {"command": "deno run -N main.ts", "description": "x"}}}`, "main.ts": "Deno.serve({ port: 3000 }, f)"}, config.Service{}, "deno run --cached-only -N main.ts", 3000},
		"only dev":        {map[string]string{"deno.json": `{"tasks": {"dev": "deno run --watch --reload -A main.ts"}}`, "main.ts": listens}, config.Service{}, "deno run --cached-only -A main.ts", 8000},
		"start watches":   {map[string]string{"deno.json": `{"tasks": {"start": "deno run -A --watch=static/,routes/ dev.ts", "build": "deno run -A dev.ts build", "preview": "deno run -A main.ts"}}`, "dev.ts": "", "main.ts": listens}, config.Service{}, "deno run --cached-only -A main.ts", 8000},
		"through a task":  {map[string]string{"deno.json": `{"tasks": {"start": "deno task serve", "serve": "PORT=4000 deno run -A src/main.ts"}}`, "src/main.ts": `Deno.serve({ port: Number(Deno.env.get("PORT") ?? 4000) }, f)`}, config.Service{}, "deno run --cached-only -A src/main.ts", 4000},
		"after the build": {map[string]string{"deno.json": `{"tasks": {"start": "deno task build && deno serve -A _fresh/server.js", "build": "vite build"}}`, "main.ts": ""}, config.Service{}, "deno serve --cached-only -A _fresh/server.js", 8000},
		"deno serve":      {map[string]string{"deno.json": `{"tasks": {"start": "deno serve --port 9000 main.ts"}}`, "main.ts": "export default { fetch() {} }"}, config.Service{}, "deno serve --cached-only --port 9000 main.ts", 9000},
		"no task":         {map[string]string{"deno.json": `{}`, "main.ts": listens}, config.Service{}, "deno run --cached-only --allow-env --allow-net --allow-read main.ts", 8000},
		"exported":        {map[string]string{"deno.json": `{}`, "server.ts": "export default { fetch(r: Request) { return new Response() } }"}, config.Service{}, "deno serve --cached-only --allow-env --allow-net --allow-read server.ts", 8000},
		"lock alone":      {map[string]string{"deno.lock": `{"version": "5"}`, "main.ts": listens}, config.Service{}, "deno run --cached-only --allow-env --allow-net --allow-read main.ts", 8000},
		"package.json":    {map[string]string{"deno.json": `{}`, "deno.lock": `{"version": "5"}`, "package.json": `{"scripts": {"start": "deno run -A main.ts"}, "dependencies": {"express": "^5"}}`, "main.ts": "const app = express();\napp.listen(3001)"}, config.Service{}, "deno run --cached-only -A main.ts", 3001},
		"Procfile":        {map[string]string{"deno.json": `{}`, "Procfile": "web: deno run -A web.ts --port $PORT\n", "web.ts": "Deno.serve({ port: 8000 })"}, config.Service{}, "deno run --cached-only -A web.ts --port 8000", 8000},
		"command":         {map[string]string{"deno.json": `{}`, "web.ts": listens}, config.Service{Command: []string{"deno", "run", "-A", "web.ts"}}, "deno run -A web.ts", 8000},
		"task by command": {map[string]string{"deno.json": `{"tasks": {"web": "deno run -A web.ts"}}`, "web.ts": listens}, config.Service{Command: []string{"deno", "task", "web"}}, "deno run --cached-only -A web.ts", 8000},
		"oak":             {map[string]string{"deno.json": `{"tasks": {"start": "deno run -A main.ts"}}`, "main.ts": "const app = new Application();\nawait app.listen({ port: 8081 });"}, config.Service{}, "deno run --cached-only -A main.ts", 8081},
		"another port":    {map[string]string{"deno.json": `{"tasks": {"start": "deno serve -A main.ts"}}`, "main.ts": "export default { fetch }"}, config.Service{Port: 9000}, "deno serve --port=9000 --cached-only -A main.ts", 9000},
		"a worker":        {map[string]string{"deno.json": `{"tasks": {"start": "deno run main.ts"}}`, "main.ts": "setInterval(() => console.log(1), 1000)"}, config.Service{}, "deno run --cached-only main.ts", 0},
	} {
		t.Run(name, func(t *testing.T) {
			dir := tree(c.files)
			if (Ecosystem{}).Recognise(dir) == "" {
				t.Fatal("it is not recognised")
			}
			c.want.Name, c.want.Path = "a", "."
			p, findings := Ecosystem{}.Plan(dir, c.want, nil)
			if err := findings.Errors(); err != nil {
				t.Fatal(err)
			}
			if got := last(p, plan.OpCmd); got != c.start || p.Port != c.port {
				t.Errorf("%s on port %d; want %s on port %d", got, p.Port, c.start, c.port)
			}
			if p.Bases[0].Ref != "slipway/deno:2-trixie-toolchain" || p.Bases[1].Ref != "slipway/deno:2-trixie" {
				t.Errorf("bases %v", p.Bases)
			}
		})
	}
}

// TestRecognise: deno.json beside a Node.js service only configures Deno's tools.
func TestRecognise(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"nothing":                   {map[string]string{"main.ts": ""}, ""},
		"settings":                  {map[string]string{"deno.json": "{}"}, "deno.json"},
		"with comments":             {map[string]string{"deno.jsonc": "{}"}, "deno.jsonc"},
		"Node.js, formatted by it":  {map[string]string{"deno.json": `{"fmt": {}}`, "package.json": "{}", "package-lock.json": "{}"}, ""},
		"Node.js without lock":      {map[string]string{"deno.json": `{"fmt": {}}`, "package.json": "{}"}, ""},
		"package.json of Deno":      {map[string]string{"deno.json": `{}`, "package.json": "{}", "deno.lock": "{}"}, "deno.json"},
		"package.json and its task": {map[string]string{"deno.json": `{"tasks": {"start": "deno run -A a.ts"}}`, "package.json": "{}"}, "deno.json"},
		"both locks":                {map[string]string{"deno.json": `{"tasks": {"start": "deno run -A a.ts"}}`, "package.json": "{}", "deno.lock": "{}", "yarn.lock": ""}, "deno.json"},
	} {
		if got := (Ecosystem{}).Recognise(tree(c.files)); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	for name, c := range map[string]struct {
		files map[string]string
		want  []string
	}{
		"a service":         {map[string]string{"deno.json": "{}", "main.ts": listens}, []string{"."}},
		"not started":       {map[string]string{"deno.json": "{}"}, []string{"."}},
		"a package":         {map[string]string{"deno.json": `{"name": "@a/b", "exports": "./lib.ts"}`, "lib.ts": ""}, nil},
		"root of workspace": {map[string]string{"deno.json": `{"workspace": ["./a"]}`}, nil},
	} {
		if got := (Ecosystem{}).Services(tree(c.files)); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// TestFindings: what cannot be built is an error, what is unwise a warning; each has a
// next step.
func TestFindings(t *testing.T) {
	start := `{"tasks": {"start": "deno run -A main.ts"}}`
	for name, c := range map[string]struct {
		files map[string]string
		want  config.Service
		codes []string
	}{
		"broken":              {map[string]string{"deno.json": `{"tasks": `}, config.Service{}, []string{"error " + codeSettings}},
		"no start":            {map[string]string{"deno.json": `{}`}, config.Service{}, []string{"error " + codeNoStart}},
		"no start file":       {map[string]string{"deno.json": start}, config.Service{}, []string{"error " + codeNoStart}},
		"a shell":             {map[string]string{"deno.json": `{"tasks": {"start": "deno run -A main.ts | tee log"}}`, "main.ts": ""}, config.Service{}, []string{"error " + codeNoStart}},
		"another program":     {map[string]string{"deno.json": `{"tasks": {"start": "vite preview"}}`, "main.ts": ""}, config.Service{}, []string{"error " + codeNoStart}},
		"no lock":             {map[string]string{"deno.json": `{"tasks": {"start": "deno run -A main.ts"}, "imports": {"a": "npm:a@1"}}`, "main.ts": ""}, config.Service{}, []string{"warning " + codeNoLock}},
		"no lock, by address": {map[string]string{"deno.json": start, "main.ts": `import { a } from "jsr:@a/b@1";`}, config.Service{}, []string{"warning " + codeNoLock}},
		"nothing to lock":     {map[string]string{"deno.json": start, "main.ts": `import { a } from "./a.ts";`, "a.ts": ""}, config.Service{}, nil},
		"may not listen":      {map[string]string{"deno.json": `{"tasks": {"start": "deno run --allow-env main.ts"}}`, "main.ts": listens}, config.Service{}, []string{"warning " + codePermissions}},
		"Deno 1":              {map[string]string{"deno.json": start, "main.ts": "", ".tool-versions": "deno 1.46.3\n"}, config.Service{}, []string{"warning " + ecosystem.CodeNearest}},
		"Deno 3":              {map[string]string{"deno.json": start, "main.ts": "", "mise.toml": "[tools]\ndeno = \"3\"\n"}, config.Service{}, []string{"error " + ecosystem.CodeRuntime}},
		"Deno of the fleet":   {map[string]string{"deno.json": start, "main.ts": ""}, config.Service{Version: "3"}, []string{"error " + ecosystem.CodeRuntime}},
	} {
		c.want.Name, c.want.Path = "a", "svc"
		p, findings := Ecosystem{}.Plan(tree(c.files), c.want, nil)
		if got := codesOf(findings); !slices.Equal(got, c.codes) {
			t.Errorf("%s: %v, want %v", name, findings, c.codes)
		}
		if (findings.Errors() == nil) != (len(p.Stages) > 0) {
			t.Errorf("%s: %d stages", name, len(p.Stages))
		}
		for _, f := range findings {
			if f.Hint == "" && f.Code != codeSettings {
				t.Errorf("%s: %v has no hint", name, f)
			}
		}
	}
}

// TestStages: packages come from the manifests alone, frozen; what the sources import
// comes after; tests stay out.
func TestStages(t *testing.T) {
	p, findings := Ecosystem{}.Plan(tree(map[string]string{
		"deno.json": `{"version": "1.2.3", "tasks": {"build": "deno run -A build.ts", "start": "deno run -A src/main.ts"}, "imports": {"hono": "npm:hono@4"}}`, "deno.lock": `{"version": "5"}`,
		"src/main.ts": listens, "src/main_test.ts": "", "src/a.test.ts": "", "README.md": "", "build.ts": "", "node_modules/x/a.js": "", ".git/config": "", "static/a.css": "", ".tool-versions": "deno 2.1.4",
	}), config.Service{Name: "a", Path: "."}, nil)
	if findings != nil {
		t.Error(findings)
	}
	var text []string
	for _, st := range p.Stages {
		for _, step := range st.Steps {
			text = append(text, strings.TrimSpace(string(step.Op)+" "+strings.Join(step.Args, " ")+step.Shell))
		}
	}
	all := strings.Join(text, "\n")
	for _, want := range []string{"COPY deno.json deno.lock ./", "deno install --frozen", "deno task build && deno install --frozen --entrypoint src/main.ts", "COPY src/ src/", "COPY /deno-dir/ /deno-dir/", "DENO_DIR=/deno-dir", "VERSION=1.2.3"} {
		if !strings.Contains(all, want) {
			t.Errorf("no %q in\n%s", want, all)
		}
	}
	for _, no := range []string{"README", "node_modules/ ", ".git "} {
		if strings.Contains(all, no) {
			t.Errorf("%q in\n%s", no, all)
		}
	}
	if !slices.Contains(p.DockerIgnore, "src/a.test.ts") || p.Bases[1].Ref != "slipway/deno:2.1.4-trixie" {
		t.Errorf("ignored %v; bases %v", p.DockerIgnore, p.Bases)
	}
}

// FuzzPlan: whatever a repository's files hold, planning ends, and gives stages or an
// error with a code.
func FuzzPlan(f *testing.F) {
	f.Add(`{"tasks": {"start": "A=1 deno run -A main.ts && x"}, "imports": {}}`, `{"scripts": {"start": "deno serve main.ts"}}`, listens, "deno 2")
	f.Add("{// x\n\"tasks\": {\"dev\": {\"command\": \"deno task dev\"}}}", "", "import 'npm:a'", "")
	f.Fuzz(func(t *testing.T, settings, pkg, source, tools string) {
		p, findings := Ecosystem{}.Plan(tree(map[string]string{"deno.json": settings, "package.json": pkg, "main.ts": source, ".tool-versions": tools}), config.Service{Name: "a", Path: "a"}, nil)
		if (len(p.Stages) == 0) != (findings.Errors() != nil) {
			t.Fatalf("%d stages with findings %v", len(p.Stages), findings)
		}
	})
}
