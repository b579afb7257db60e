package ecosystem

import (
	"path"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/plan"
)

// namerOf prepares a search over a tree of Go files; main is the directory of the
// main package.
func namerOf(files map[string]string, main string, want config.Service) *Namer {
	tree := fstest.MapFS{}
	for name, text := range files {
		tree[name] = &fstest.MapFile{Data: []byte(text)}
	}
	s := Open(tree, want, nil)
	s.Context = "."
	n := &Namer{
		Service: &s, Syntax: GoSyntax, Opens: NewSign(`\b(?:os\.(?:Open|ReadFile|DirFS)|http\.Dir|ParseFiles|ParseGlob|tls\.LoadX509KeyPair)\([^;{}]*$`),
		Source: func(name string) bool { return path.Ext(name) == ".go" || name == "go.mod" },
		Roots:  []Root{{Dir: ".", To: WorkDir}},
	}
	if main != "." {
		n.Roots = append(n.Roots, Root{Dir: main, To: WorkDir})
	}
	return n
}

// places are what an image holds: the place, and where it comes from if that is
// another path.
func places(held []Held) []string {
	var out []string
	for _, h := range held {
		to := strings.TrimPrefix(h.To, WorkDir+"/")
		if h.From != to {
			to += " = " + h.From
		}
		out = append(out, to)
	}
	return out
}

// TestNamed holds what sources name, in each of the ways that they do.
func TestNamed(t *testing.T) {
	for what, c := range map[string]struct {
		source string
		main   string
		files  []string
		want   []string
	}{
		"a file":                              {source: `os.ReadFile("products.json")`, files: []string{"products.json"}, want: []string{"products.json"}},
		"a file in no call":                   {source: `const seed = "seed.csv"`, files: []string{"seed.csv"}, want: []string{"seed.csv"}},
		"a directory":                         {source: `fs.String("ui-path", "./ui", "pages")`, files: []string{"ui/vue.html", "ui/app.js"}, want: []string{"ui"}},
		"a directory by its slash":            {source: `load("locales/")`, files: []string{"locales/de.json"}, want: []string{"locales"}},
		"a pattern":                           {source: `template.ParseGlob("views/*.html")`, files: []string{"views/a.html", "views/b.html"}, want: []string{"views"}},
		"a pattern at the top":                {source: `filepath.Glob("*.tmpl")`, files: []string{"a.tmpl", "b.tmpl", "c.txt"}, want: []string{"a.tmpl", "b.tmpl"}},
		"a pattern of any depth":              {source: `glob("pages/**/*.html")`, files: []string{"pages/a/b/c.html"}, want: []string{"pages"}},
		"joined":                              {source: `filepath.Join("data", "eu", "seed.json")`, files: []string{"data/eu/seed.json"}, want: []string{"data"}},
		"joined by a format":                  {source: `fmt.Sprintf("lang/%s.toml", name)`, files: []string{"lang/de.toml", "lang/en.toml"}, want: []string{"lang"}},
		"the beginning of a path":             {source: `open("data/seed_" + name)`, files: []string{"data/seed_eu.json", "data/seed_us.json"}, want: []string{"data"}},
		"settings without their extension":    {source: `viper.SetConfigName("settings")`, files: []string{"settings.yaml"}, want: []string{"settings.yaml"}},
		"a tag's default":                     {source: "type T struct { D string `env:\"DIR\" envDefault:\"rules\"` }", files: []string{"rules/a.rego"}, want: []string{"rules"}},
		"beside the main package":             {source: `os.Open("words.txt")`, main: "cmd/api", files: []string{"cmd/api/words.txt"}, want: []string{"words.txt = cmd/api/words.txt"}},
		"above the main package":              {source: `http.Dir("../../public")`, main: "cmd/api", files: []string{"public/x.png"}, want: []string{"/public = public"}},
		"the module before the main package":  {source: `os.Open("a.txt")`, main: "cmd/api", files: []string{"a.txt", "cmd/api/a.txt"}, want: []string{"a.txt"}},
		"as the image has it":                 {source: `os.Open("/app/rules.csv")`, files: []string{"rules.csv"}, want: []string{"rules.csv"}},
		"packed under another name":           {source: `add("./schema.sql:/schema.sql")`, files: []string{"schema.sql"}, want: []string{"schema.sql"}},
		"by a scheme":                         {source: `migrate.New("file://migrations", dsn)`, files: []string{"migrations/1.sql"}, want: []string{"migrations"}},
		"hidden":                              {source: `http.Dir(".well-known")`, files: []string{".well-known/security.txt"}, want: []string{".well-known"}},
		"in docs":                             {source: `http.Dir("docs")`, files: []string{"docs/openapi.yaml"}, want: []string{"docs"}},
		"test data, by its name":              {source: `os.ReadFile("testdata/rates.json")`, files: []string{"testdata/rates.json", "testdata/other.json"}, want: []string{"testdata/rates.json"}},
		"the working directory":               {source: `http.Dir(".")`, files: []string{"index.html", "main.go", "x_test.go"}, want: []string{"index.html"}},
		"no sources, of a single word":        {source: `log.Print("api")`, files: []string{"api/api.go", "api/v1.proto"}, want: []string{"api/v1.proto"}},
		"no directory of sources alone":       {source: `log.Print("server")`, files: []string{"server/server.go"}},
		"no tests":                            {source: `x := "web/"`, files: []string{"web/a.css", "web/a_test.go", "web/tests/b.css"}, want: []string{"web/a.css"}},
		"no project of its own":               {source: `log.Print("web")`, files: []string{"web/package.json", "web/src/a.ts"}},
		"a project's directory that is named": {source: `http.Dir("web/public")`, files: []string{"web/package.json", "web/public/a.png", "web/src/a.ts"}, want: []string{"web/public"}},
		"no secret beside it":                 {source: `x := "conf/app.ini"`, files: []string{"conf/app.ini", "conf/.env", "conf/id_rsa"}, want: []string{"conf/app.ini"}},
		"not what a comment names":            {source: "// see notes.txt and \"notes.txt\"", files: []string{"notes.txt"}},
		"not what no string has":              {source: `x := "go.mod"`, files: []string{"big.bin"}},
		"nor what leads out":                  {source: `os.Open("../secrets.txt")`, files: []string{"a.txt"}},
	} {
		files := map[string]string{"main.go": "package main\nfunc main() {\n" + c.source + "\n}\n"}
		for _, f := range c.files {
			if f != "main.go" {
				files[f] = "x"
			}
		}
		if c.main == "" {
			c.main = "."
		}
		n := namerOf(files, c.main, config.Service{Path: c.main})
		n.Look("main.go", []byte(files["main.go"]))
		got := places(n.Files())
		slices.Sort(got)
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s (-want +got):\n%s", what, c.source, diff)
		}
	}
}

// TestNamedByFiles follows settings and pages to what they name.
func TestNamedByFiles(t *testing.T) {
	files := map[string]string{
		"config.yaml":     "pages: ./site\nrules: [a.rego, other/b.rego]\ncert:\n  file: certs/ca.pem\n",
		"site/index.html": `<script src="app.js"></script><img src="../logo.svg">`,
		"site/app.js":     "", "logo.svg": "", "a.rego": "", "other/b.rego": "", "other/c.rego": "", "certs/ca.pem": "", "unnamed.txt": "",
	}
	n := namerOf(files, ".", config.Service{Path: "."})
	n.Look("main.go", []byte(`package main; func main() { os.ReadFile("config.yaml") }`))
	want := []string{"a.rego", "certs/ca.pem", "config.yaml", "logo.svg", "other/b.rego", "site"}
	if diff := cmp.Diff(want, places(n.Files())); diff != "" {
		t.Errorf("held (-want +got):\n%s", diff)
	}
	left := sortedLeftOut(n.Service.leftOut)
	if diff := cmp.Diff([]plan.LeftOut{{Path: "unnamed.txt", Why: WhyUnnamed}}, left); diff != "" {
		t.Errorf("left out (-want +got):\n%s", diff)
	}
}

// TestNamedKeys takes a key that a call opens, with a warning, and no .env.
func TestNamedKeys(t *testing.T) {
	n := namerOf(map[string]string{"certs/tls.crt": "", "certs/tls.key": "", "certs/old.key": "", ".env": ""}, ".", config.Service{Name: "web", Path: "."})
	n.Look("main.go", []byte("package main\nfunc main() {\n\ttls.LoadX509KeyPair(\"certs/tls.crt\", \"certs/tls.key\")\n\tos.Open(\".env\")\n}\n"))
	held := n.Files()
	if diff := cmp.Diff([]Held{{From: "certs/tls.crt", To: "/app/certs/tls.crt"}, {From: "certs/tls.key", To: "/app/certs/tls.key", Key: true}}, held); diff != "" {
		t.Errorf("held (-want +got):\n%s", diff)
	}
	if len(n.Service.Findings) != 1 || n.Service.Findings[0].Code != CodeKey || n.Service.Findings[0].Place.Line != 3 {
		t.Errorf("findings: %v", n.Service.Findings)
	}
	_, steps := CopyHeld(held, "/src", "1001:1001")
	if len(steps) != 2 || steps[1].Chown != "1001:1001" || steps[0].Chown != "" {
		t.Errorf("steps: %+v", steps)
	}
	patterns := Unhide(Supplied(), held)
	if last := patterns[len(patterns)-1]; last != "!certs/tls.key" {
		t.Errorf("the context lacks the key: %q", last)
	}
}

// TestHeldIsNotLeftOut: a key of a named directory is left out, unless a name of
// its own brings it in.
func TestHeldIsNotLeftOut(t *testing.T) {
	n := namerOf(map[string]string{"certs/tls.crt": "", "certs/tls.key": "", "certs/old.key": ""}, ".", config.Service{Name: "web", Path: "."})
	n.Look("main.go", []byte("package main\nfunc main() {\n\thttp.ListenAndServeTLS(\":8443\", \"certs/tls.crt\", \"certs/tls.key\", nil)\n\tos.ReadDir(\"certs\")\n}\n"))
	held := n.Files()
	if !slices.ContainsFunc(held, func(h Held) bool { return h.From == "certs/tls.key" }) {
		t.Errorf("held: %v", held)
	}
	if diff := cmp.Diff([]plan.LeftOut{{Path: "certs/old.key", Why: WhySecret}}, sortedLeftOut(n.Service.leftOut)); diff != "" {
		t.Errorf("left out (-want +got):\n%s", diff)
	}
}

// TestKeyByContent: a key that its name does not give away is one all the same.
func TestKeyByContent(t *testing.T) {
	const key = "-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----\n"
	for source, want := range map[string][]string{`tls.LoadX509KeyPair("tls/cert.pem", "tls/server.pem")`: {"tls/cert.pem", "tls/server.pem"}, `dir := "tls"`: {"tls/cert.pem"}} {
		n := namerOf(map[string]string{"tls/cert.pem": "-----BEGIN CERTIFICATE-----\n", "tls/server.pem": key}, ".", config.Service{Path: "."})
		n.Look("main.go", []byte("package main\nfunc main() { "+source+" }"))
		if diff := cmp.Diff(want, places(n.Files())); diff != "" {
			t.Errorf("%s (-want +got):\n%s", source, diff)
		}
		if warned := len(n.Service.Findings) == 1; warned != (len(want) == 2) {
			t.Errorf("%s: %v", source, n.Service.Findings)
		}
	}
}

// TestWantedFiles: files: wins over what is found, exclude: over what is named.
func TestWantedFiles(t *testing.T) {
	n := namerOf(map[string]string{"data/a.json": "", "data/b.json": "", "tests/golden.txt": "", "model.bin": "", "x/.env": "", "x/a": ""}, ".", config.Service{
		Name: "web", Path: ".", Exclude: []string{"data/b.json"}, Line: 4,
		Files: []config.File{{Path: "tests", To: "tests"}, {Path: "model.bin", To: "models/m.bin"}, {Path: "x", To: "x"}, {Path: "gone.txt", To: "gone.txt"}, {From: "other", Path: "dist", To: "static"}},
	})
	n.Service.FleetFile = "slipway.yaml"
	n.Look("main.go", []byte(`package main; const d = "data/"`))
	want := []string{"data/a.json", "models/m.bin = model.bin", "tests", "x/a"}
	if diff := cmp.Diff(want, places(n.Files())); diff != "" {
		t.Errorf("held (-want +got):\n%s", diff)
	}
	if err := n.Service.Findings.Errors(); err == nil || !strings.Contains(err.Error(), CodeNoFile) || !strings.Contains(err.Error(), "gone.txt") {
		t.Errorf("findings: %v", n.Service.Findings)
	}
}

// TestLargeDirectories: a word brings some megabytes, a path more.
func TestLargeDirectories(t *testing.T) {
	big := strings.Repeat("x", maxDoubt+1)
	for source, want := range map[string]int{`log.Print("media")`: 0, `os.DirFS("media")`: 1, `dir := "media"`: 1, `x("./media")`: 1} {
		n := namerOf(map[string]string{"media/film.bin": big}, ".", config.Service{Path: "."})
		n.Look("main.go", []byte("package main\nfunc main() { "+source+" }"))
		if got := len(n.Files()); got != want {
			t.Errorf("%s: %d entries, want %d", source, got, want)
		}
		if want == 0 && (len(n.Service.leftOut) == 0 || n.Service.leftOut[0].Why != WhyLarge) {
			t.Errorf("%s: left out %v", source, n.Service.leftOut)
		}
	}
}

// TestUnbuilt reports a front end that nothing has built.
func TestUnbuilt(t *testing.T) {
	n := namerOf(map[string]string{"web/package.json": "{}", "web/src/a.ts": ""}, ".", config.Service{Name: "api", Path: "."})
	n.Look("main.go", []byte(`package main; func main() { http.Dir("./web/dist") }`))
	n.Files()
	if len(n.Service.Findings) != 1 || n.Service.Findings[0].Code != CodeUnbuilt || !strings.Contains(n.Service.Findings[0].Hint, "files: [{from: web, to: web/dist}]") {
		t.Errorf("findings: %v", n.Service.Findings)
	}
}

// TestManyHeld goes by way of the builder when single copies were too many.
func TestManyHeld(t *testing.T) {
	var held []Held
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m"} {
		held = append(held, Held{From: "web/" + name + "/x.html", To: "/app/web/" + name + "/x.html"})
	}
	builder, production := CopyHeld(held, "/src", "1:1")
	if len(production) != 1 || production[0].From != plan.StageBuilder || len(builder) != 2 || !strings.Contains(builder[1].Shell, "cp -R /src/web/m/x.html /out/files/app/web/m/x.html") {
		t.Errorf("builder %+v\nproduction %+v", builder, production)
	}
	if builder, production = CopyHeld(held[:5], "/src", "1:1"); builder != nil || len(production) != 5 {
		t.Errorf("few: builder %+v\nproduction %+v", builder, production)
	}
}

// TestInstalled: a directory that has the program's name keeps it.
func TestInstalled(t *testing.T) {
	for to, want := range map[string]string{"/app/shop": "shop-service", "/app/shop/a.txt": "shop-service", "/app/shops": "shop", "/app/x/shop": "shop"} {
		if got := Installed("shop", []Held{{To: to}}); got != want {
			t.Errorf("%s: %s, want %s", to, got, want)
		}
	}
}

// TestLiterals reads strings as each language writes them.
func TestLiterals(t *testing.T) {
	for _, c := range []struct {
		syntax Syntax
		source string
		want   []string
	}{
		{GoSyntax, "a(\"x\", `y\nz`, '\"', \"q\\\"r\") // \"no\"\n/* \"no\" */ b(\"s\")", []string{"x", "y\nz", `q\"r`, "s"}},
		{GoSyntax, "\"open\nb(\"s\")", []string{"s"}},
		{RustSyntax, `fn a<'a>(x: &'a str) { b("x", r"y", r#"z"q"#, 'c', '\'', br"d"); for r in "e" {} } /* "no /* "no" */ */ "f"`, []string{"x", "y", `z"q`, "d", "e", "f"}},
		{RustSyntax, "var(\"a\") // it's \"no\"\n", []string{"a"}},
		{JavaSyntax, "a(\"x\", '\"', \"\"\"\n y \"z\" \"\"\"); // \"no\"", []string{"x", "\n y \"z\" "}},
	} {
		var got []string
		for _, l := range Literals(c.syntax, []byte(c.source)) {
			got = append(got, l.Text)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.source, diff)
		}
	}
}

// FuzzLiterals: whatever a file holds, its strings lie within it, in order.
func FuzzLiterals(f *testing.F) {
	for _, seed := range []string{`"a" 'b' /* c */ r#"d"#`, "`", `"""x"""`, `'\`, `/*/`, `r##"`} {
		f.Add(seed, 0)
		f.Add(seed, 1)
		f.Add(seed, 2)
	}
	f.Fuzz(func(t *testing.T, source string, syntax int) {
		last := 0
		for _, l := range Literals(Syntax(max(syntax, 0)%3), []byte(source)) {
			if l.At < last || l.End <= l.At || l.End > len(source) || !strings.Contains(source[l.At:l.End], l.Text) {
				t.Fatalf("%q: %+v", source, l)
			}
			last = l.End
		}
	})
}

// TestExpressionsAreNoPatterns: a class of characters in a string that no call opens
// is a regular expression, and names no files.
func TestExpressionsAreNoPatterns(t *testing.T) {
	for _, text := range []string{"[a-z0-9]{15}", "[A-Z]*", "^[a-z]+.md"} {
		if got := relativeName(text, rankWord); got != "" {
			t.Errorf("%s names %s", text, got)
		}
	}
	if got := relativeName("pages/[a-c]*.html", rankOpened); got != "pages/[a-c]*.html" {
		t.Errorf("an opened pattern is %q", got)
	}
}
