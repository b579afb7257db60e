package golang

import (
	"io/fs"
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

const program = "package main\n\nfunc main() {}\n"

func tree(files map[string]string) fstest.MapFS {
	out := fstest.MapFS{}
	for name, text := range files {
		out[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return out
}

// inspected looks at a service of these files.
func inspected(t *testing.T, files map[string]string, want config.Service) *service {
	t.Helper()
	if _, ok := files["go.mod"]; !ok {
		files["go.mod"] = "module example.com/app\n\ngo 1.26\n"
	}
	if want.Path == "" {
		want.Path = "."
	}
	root := tree(files)
	dir, err := fs.Sub(root, want.Path)
	if err != nil {
		t.Fatal(err)
	}
	return Ecosystem{root: root}.inspect(dir, want, nil)
}

func TestVersion(t *testing.T) {
	for _, c := range []struct{ mod, written, want, near, refused string }{
		{mod: "go 1.26", want: "1.26"},
		{mod: "go 1.25.3", want: "1.25"},
		{mod: "go 1.24.0\n\ntoolchain go1.26.2", want: "1.26"},
		{mod: "toolchain default", want: "1.26"},
		{mod: "", want: "1.26"},
		{mod: "go 1.17", want: "1.26"},
		{mod: "go 1.27rc1", want: "1.27"},
		{mod: "go 1.99", refused: "no base has Go 1.99"},
		{mod: "go 1.99", written: "1.26", refused: "no base has Go 1.99"},
		{mod: "go 1.25\n\ntoolchain go1.99.1", want: "1.27", near: "as new as go1.99.1"},
		{mod: "go 1.25", written: "1.99", want: "1.27", near: "as new as 1.99"},
		{mod: "go 1.13", written: "1.19", want: "1.21", near: "as old as 1.19"},
		{mod: "go 1.25", written: "1.19", refused: "older than the 1.25"},
		{mod: "go 1.24\n\nreplace example.com/lib => ./lib\n\nrequire example.com/lib v0.0.0", want: "1.27"},
		{mod: "go 1.25", written: "1.27", want: "1.27"},
		{mod: "go 1.25", written: "1.26.4", want: "1.26"},
		{mod: "go 1.26", written: "1.25", refused: "older than the 1.26"},
		{mod: "go 1.26", written: "2", refused: `no base has Go "2"`},
		{mod: "go 1.26", written: "latest", refused: `no base has Go "latest"`},
	} {
		s := inspected(t, map[string]string{"main.go": program, "go.mod": "module example.com/app\n\n" + c.mod + "\n", "lib/go.mod": "module example.com/lib\n\ngo 1.27\n"}, config.Service{Version: c.written})
		if c.refused != "" {
			if err := s.Findings.Errors(); err == nil || !strings.Contains(err.Error(), c.refused) || !strings.Contains(err.Error(), codeVersion) {
				t.Errorf("%q, version %q: %v; want %q", c.mod, c.written, s.Findings, c.refused)
			}
			continue
		}
		if near := textOf(s.Findings, ecosystem.CodeNearest); s.minor != c.want || s.Findings.Errors() != nil || (near == "") != (c.near == "") || !strings.Contains(near, c.near) {
			t.Errorf("%q, version %q: %q, %v; want %q", c.mod, c.written, s.minor, s.Findings, c.want)
		}
	}
}

func TestPort(t *testing.T) {
	for source, want := range map[string]string{
		`http.ListenAndServe(":8080", nil)`:                                                   "8080",
		`http.ListenAndServe("0.0.0.0:8081", nil)`:                                            "8081",
		`addr := ":" + cmp.Or(os.Getenv("PORT"), "9000")`:                                     "9000",
		"port := os.Getenv(\"PORT\")\nif port == \"\" {\n\tport = \"3000\"\n}":                "3000",
		`port := getEnv("HTTP_PORT", "4000")`:                                                 "4000",
		`port := flag.Int("port", 50051, "the port")`:                                         "50051",
		`addr := flag.String("addr", ":7070", "address")`:                                     "7070",
		`addr := flag.String("listen", "localhost:7071", "address")`:                          "7071",
		`s := &http.Server{Addr: ":6000", ReadTimeout: 5}`:                                    "6000",
		`net.Listen("tcp", ":50052")`:                                                         "50052",
		`e.Logger.Fatal(e.Start(":1323"))`:                                                    "1323",
		`r.Run(":5000")`:                                                                      "5000",
		`const defaultPort = 5432`:                                                            "5432",
		"go http.ListenAndServe(\":6060\", nil) // debug\nport := getEnv(\"PORT\", \"8000\")": "8000",
		`fmt.Println("12:30")`:                                                                "",
	} {
		s := inspected(t, map[string]string{"main.go": "package main\n\nfunc main() {\n" + source + "\n}\n"}, config.Service{Type: "http"})
		if got := s.evidence.Port.Text; got != want {
			t.Errorf("%s: port %q, want %q", source, got, want)
		}
	}
}

func TestHealth(t *testing.T) {
	for source, want := range map[string]string{
		`mux.HandleFunc("GET /healthz", ok)`:                                 "/healthz",
		`r.GET("/api/health", ok)`:                                           "/api/health",
		`http.HandleFunc("/readyz", ok)`:                                     "/readyz",
		`http.HandleFunc("/healthy-food", ok)`:                               "",
		`client.Get("http://other/health")`:                                  "",
		`status.SetServingStatus("demo.Greeter", pb.HealthCheckResponse_OK)`: "grpc demo.Greeter",
		`status.SetServingStatus("", pb.HealthCheckResponse_OK)`:             "",
	} {
		s := &service{}
		s.look("main.go", []byte(source))
		got := s.evidence.Route.Text
		if s.evidence.HealthName.Found() {
			got = "grpc " + s.evidence.HealthName.Text
		}
		if got != want {
			t.Errorf("%s: health %q, want %q", source, got, want)
		}
	}
}

func TestPrograms(t *testing.T) {
	for _, c := range []struct {
		files []string
		want  []string
	}{
		{[]string{"main.go"}, []string{"."}},
		{[]string{"cmd/api/main.go", "cmd/worker/run.go"}, []string{"cmd/api", "cmd/worker"}},
		{[]string{"cmd/api/main.go", "tools/gen/main.go", "examples/x/main.go"}, []string{"."}},
		{[]string{"cmd/main.go"}, []string{"."}},
		{[]string{"main.go", "cmd/migrate/main.go"}, []string{".", "cmd/migrate"}},
		{[]string{"server/main.go", "scripts/main.go", "internal/x/x.go"}, []string{"."}},
		{[]string{"main_windows.go"}, nil},
		{[]string{"main_test.go"}, nil},
		{nil, nil},
	} {
		files := map[string]string{"go.mod": "module example.com/app\n", "lib.go": "package lib\n"}
		for _, f := range c.files {
			files[f] = program
			if f == "main.go" || f == "main_windows.go" || f == "main_test.go" {
				delete(files, "lib.go")
			}
		}
		if diff := cmp.Diff(c.want, Ecosystem{}.Services(tree(files))); diff != "" {
			t.Errorf("%v (-want +got):\n%s", c.files, diff)
		}
	}
}

func TestWhichProgram(t *testing.T) {
	files := func() map[string]string {
		return map[string]string{"cmd/api/main.go": program, "cmd/worker/main.go": program, "lib.go": "package app\n"}
	}
	for _, c := range []struct {
		want config.Service
		main string
		code string
	}{
		{want: config.Service{Name: "api"}, main: "cmd/api"},
		{want: config.Service{Name: "shop", Command: []string{"./worker", "-v"}}, main: "cmd/worker"},
		{want: config.Service{Name: "shop", Path: "cmd/worker"}, main: "cmd/worker"},
		{want: config.Service{Name: "shop"}, code: codeWhich},
		{want: config.Service{Name: "shop", Path: "cmd"}, code: codeNoMain},
	} {
		s := inspected(t, files(), c.want)
		if s.mainDir != c.main || (c.code == "") != (s.Findings.Errors() == nil) || !strings.Contains(s.Findings.Error(), c.code) {
			t.Errorf("%+v: program %q, findings %v", c.want, s.mainDir, s.Findings)
		}
	}
}

// TestInputsArePrecise: what the program does not import is no input.
func TestInputsArePrecise(t *testing.T) {
	s := inspected(t, map[string]string{
		"main.go":              "package main\n\nimport (\n\t_ \"embed\"\n\n\t\"example.com/app/internal/a\"\n)\n\n//go:embed page.html assets/*\nvar page string\n\nfunc main() { a.A() }\n",
		"page.html":            "page",
		"assets/x.css":         "x",
		"other.txt":            "no input",
		"internal/a/a.go":      "package a\n\nimport \"example.com/app/internal/a/deep\"\n\nfunc A() { deep.D() }\n",
		"internal/a/deep/d.go": "package deep\n\nfunc D() {}\n",
		"internal/b/b.go":      "package b\n",
		"internal/c/c.go":      "package c\n",
		"main_windows.go":      "package main\n\nimport _ \"example.com/app/internal/b\"\n",
		"extra.go":             "//go:build ignore\n\npackage main\n\nimport _ \"example.com/app/internal/c\"\n",
	}, config.Service{Name: "app"})
	var got []string
	for _, step := range s.copies() {
		got = append(got, strings.Join(step.Args, " "))
	}
	want := []string{"assets/ assets/", "internal/a/ internal/a/", "*.go ./", "page.html ./"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("copies (-want +got):\n%s", diff)
	}
}

func TestManyPackagesAreCopiedByTheDirectoriesAbove(t *testing.T) {
	files := map[string]string{}
	imports := ""
	for i := range 40 {
		name := "internal/p" + strings.Repeat("x", i)
		files[name+"/p.go"] = "package p\n"
		imports += "import _ \"example.com/app/" + name + "\"\n"
	}
	files["cmd/app/main.go"] = "package main\n\n" + imports + "\nfunc main() {}\n"
	s := inspected(t, files, config.Service{Name: "app"})
	var got []string
	for _, step := range s.copies() {
		got = append(got, step.Args[0])
	}
	if diff := cmp.Diff([]string{"internal/", "cmd/"}, got); diff != "" {
		t.Errorf("copies (-want +got):\n%s", diff)
	}
}

func TestRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		code  string
		says  string
	}{
		"broken go.mod":       {map[string]string{"main.go": program, "go.mod": "module example.com/app\n\nrequire (\n"}, codeModule, "go.mod is not valid"},
		"go.mod of nothing":   {map[string]string{"main.go": program, "go.mod": ""}, codeModule, "declares no module"},
		"replaced outside":    {map[string]string{"main.go": program, "go.mod": "module example.com/app\n\nrequire example.com/x v0.0.0\n\nreplace example.com/x => ../../x\n"}, codeOutside, "outside the repository"},
		"replaced by nothing": {map[string]string{"main.go": program, "go.mod": "module example.com/app\n\nrequire example.com/x v0.0.0\n\nreplace example.com/x => ./x\n"}, codeModule, "no go.mod in x"},
		"not Go":              {map[string]string{"main.go": "package main\n\nimport \"\n"}, codeSource, "not valid Go"},
		"missing package":     {map[string]string{"main.go": "package main\n\nimport _ \"example.com/app/gen\"\n\nfunc main() {}\n"}, codeSource, "gen"},
		"C library":           {map[string]string{"main.go": "package main\n\nimport _ \"gocv.io/x/gocv\"\n\nfunc main() {}\n", "go.sum": "x"}, codeCLibrary, "OpenCV"},
		"broken go.work":      {map[string]string{"main.go": program, "go.work": "use (\n"}, codeModule, "go.work is not valid"},
	} {
		s := inspected(t, c.files, config.Service{Name: "app"})
		err := s.Findings.Errors()
		if err == nil || !strings.Contains(err.Error(), c.code) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v; want %s, %q", name, err, c.code, c.says)
		}
	}
}

func TestKnownCModules(t *testing.T) {
	s := inspected(t, map[string]string{"go.sum": "x", "main.go": "package main\n\nimport _ \"github.com/mattn/go-sqlite3\"\n\nfunc main() {}\n"}, config.Service{Name: "app"})
	p := s.plan(nil)
	want := []plan.Base{
		{Ref: "slipway/go:1.26-trixie-cgo-toolchain", Role: plan.RoleToolchain, Ecosystem: "go", Version: "1.26", Assembled: true, OnTarget: true},
		{Ref: "slipway/libc:trixie", Role: plan.RoleRuntime, Ecosystem: "go", Version: "1.26", Assembled: true},
		{Ref: "slipway/probe:latest", Role: plan.RoleProbe, Assembled: true},
	}
	if diff := cmp.Diff(want, p.Bases); diff != "" {
		t.Errorf("bases (-want +got):\n%s", diff)
	}
}

func TestFamilies(t *testing.T) {
	for family, want := range map[string][]string{
		"debian":   {"slipway/go:1.26-trixie-toolchain", "slipway/static:trixie", "slipway/probe:latest"},
		"official": {"golang:1.26-trixie", "slipway/probe:latest"},
		"alpine":   {"golang:1.26-alpine", "slipway/probe:latest"},
	} {
		s := inspected(t, map[string]string{"main.go": program}, config.Service{Name: "app", Type: "worker"})
		p := s.plan(&config.Fleet{Bases: config.Bases{Family: family}, User: config.DefaultUser()})
		var got []string
		for _, b := range p.Bases {
			got = append(got, b.Ref)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", family, diff)
		}
	}
}

// FuzzInspect: no input makes it panic or run away, and what it refuses has a
// place and says why.
func FuzzInspect(f *testing.F) {
	f.Add("module example.com/app\n\ngo 1.26\n", "package main\n\nimport \"C\"\n\nfunc main() {}\n", "go 1.26\n\nuse .\n")
	f.Add("module x\n\nreplace a => ../b\n", "//go:build !linux\n\npackage main\n", "")
	f.Add("module \"a/..\"\n", "package main\n\n//go:embed ../x all:*\nimport \"a/../../b\"\n", "use ../..\n")
	f.Fuzz(func(t *testing.T, mod, main, work string) {
		files := map[string]string{"a/go.mod": mod, "a/main.go": main}
		if work != "" {
			files["go.work"] = work
		}
		root := tree(files)
		dir, err := fs.Sub(root, "a")
		if err != nil {
			t.Fatal(err)
		}
		_, findings := Ecosystem{}.In(root).Plan(dir, config.Service{Name: "a", Path: "a"}, nil)
		for _, f := range findings {
			if f.Severity == diag.Error && (f.Text == "" || f.Code == "") {
				t.Errorf("a finding without words: %+v", f)
			}
		}
	})
}

// TestUnusedReplacement: a replacement of what nothing requires need not exist.
func TestUnusedReplacement(t *testing.T) {
	const mod = "module example.com/app\n\ngo 1.26\n\nreplace example.com/lib => ./lib\n"
	if err := inspected(t, map[string]string{"main.go": program, "go.mod": mod}, config.Service{}).Findings.Errors(); err != nil {
		t.Errorf("nothing requires it: %v", err)
	}
	required := mod + "\nrequire example.com/lib v0.0.0\n"
	if err := inspected(t, map[string]string{"main.go": program, "go.mod": required}, config.Service{}).Findings.Errors(); err == nil || !strings.Contains(err.Error(), codeModule) {
		t.Errorf("it is required: %v", err)
	}
}

// TestEmbeddedKey: the compiler fails without a file that go:embed names, so the
// build has the key, and the plan warns of it.
func TestEmbeddedKey(t *testing.T) {
	dir := fstest.MapFS{}
	for name, text := range map[string]string{
		"go.mod": "module example.com/app\n\ngo 1.22\n", "certs/app.key": "", "certs/old.key": "", "auth/jwt.key": "",
		"main.go":      "package main\n\nimport (\n\t_ \"embed\"\n\n\t_ \"example.com/app/auth\"\n)\n\n//go:embed certs/app.key\nvar key []byte\n\nfunc main() {}\n",
		"auth/auth.go": "package auth\n\nimport _ \"embed\"\n\n//go:embed jwt.key\nvar key string\n",
	} {
		dir[name] = &fstest.MapFile{Data: []byte(text)}
	}
	p, findings := Ecosystem{}.Plan(dir, config.Service{Name: "app", Path: ".", Type: "worker"}, nil)
	if findings.Errors() != nil {
		t.Fatal(findings)
	}
	for name, want := range map[string]bool{"certs/app.key": true, "auth/jwt.key": true, "certs/old.key": false} {
		if slices.Contains(p.DockerIgnore, "!"+name) != want {
			t.Errorf("%s is in the build: %v", name, !want)
		}
		if slices.ContainsFunc(findings, func(f diag.Finding) bool {
			return f.Code == ecosystem.CodeKey && strings.Contains(f.Text, name) && f.Place.Line > 0
		}) != want {
			t.Errorf("%s is reported: %v, %v", name, !want, findings)
		}
	}
}

// TestProgramsOfALibrary: programs below the first level of a module are found, else
// its examples; other modules, tests and generators in internal are not its own.
func TestProgramsOfALibrary(t *testing.T) {
	const main = "package main\n\nimport \"net/http\"\n\nfunc main() { http.ListenAndServe(\":8080\", nil) }\n"
	for name, c := range map[string]struct {
		files map[string]string
		want  []string
	}{
		"deeper":                   {map[string]string{"shop/api/main.go": main, "shop/worker/main.go": main, "shop/shop.go": "package shop\n"}, []string{"shop/api", "shop/worker"}},
		"the only one":             {map[string]string{"lib.go": "package lib\n", "examples/base/main.go": main}, []string{"."}},
		"examples":                 {map[string]string{"lib.go": "package lib\n", "examples/a/main.go": main, "examples/b/main.go": main}, []string{"examples/a", "examples/b"}},
		"none beside programs":     {map[string]string{"cmd/api/main.go": main, "cmd/worker/main.go": main, "examples/a/main.go": main}, []string{"cmd/api", "cmd/worker"}},
		"another module's":         {map[string]string{"lib.go": "package lib\n", "examples/a/main.go": main, "examples/a/go.mod": "module a\n"}, []string{}},
		"a module's below cmd":     {map[string]string{"lib.go": "package lib\n", "cmd/tool/main.go": main, "cmd/tool/go.mod": "module a\n"}, []string{}},
		"a generator":              {map[string]string{"lib.go": "package lib\n", "plugins/js/internal/types/main.go": main}, []string{}},
		"tests of deeper packages": {map[string]string{"lib.go": "package lib\n", "a/testdata/x/main.go": main, "a/e2e/main.go": main}, []string{}},
	} {
		tree := fstest.MapFS{"go.mod": {Data: []byte("module example.com/a\n\ngo 1.26\n")}}
		for file, text := range c.files {
			tree[file] = &fstest.MapFile{Data: []byte(text)}
		}
		got := Ecosystem{}.Services(tree)
		if diff := cmp.Diff(c.want, append([]string{}, got...)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
