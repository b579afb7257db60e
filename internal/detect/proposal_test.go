package detect

import (
	"slices"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/plan"
)

// goEmbedding is a Go server in its repository's root that embeds a directory.
func goEmbedding(file, pattern string) map[string]string {
	text := strings.Replace(embedding, "//go:embed static", "//go:embed "+pattern, 1)
	return map[string]string{"go.mod": goMod, file: text}
}

// TestInitProposesTheFrontEndsOutput: a directory that is embedded and that only the
// build of a front end writes comes from that front end, and the service compiles.
func TestInitProposesTheFrontEndsOutput(t *testing.T) {
	released := `{"name": "web", "scripts": {"build": "vite build", "release": "vite build --outDir=../server/pages/assets-of-web --emptyOutDir"}, "devDependencies": {"vite": "7"}}`
	with := func(files map[string]string, more ...string) map[string]string {
		for i := 0; i < len(more); i += 2 {
			files[more[i]] = more[i+1]
		}
		return frontEnd(files)
	}
	rust := `[package]
name = "api"
version = "0.1.0"
edition = "2021"
`
	for name, c := range map[string]struct {
		files map[string]string
		want  string // in slipway.yaml
	}{
		"missing, the output itself":   {with(goEmbedding("main.go", "web/dist/*")), "files: [{from: web, to: web/dist}]"},
		"beside the front end":         {with(goEmbedding("main.go", "all:web/dist")), "files: [{from: web, to: web/dist}]"},
		"missing, elsewhere":           {with(goEmbedding("main.go", "internal/public")), "files: [{from: web, to: internal/public}]"},
		"a hidden file holds it":       {with(goEmbedding("main.go", "web/dist/*"), "web/dist/.gitkeep", ""), "files: [{from: web, to: web/dist}]"},
		"a page holds it":              {with(goEmbedding("main.go", "dist"), "dist/index.html", "<p>no front end</p>"), "files: [{from: web, to: dist}]"},
		"a script writes it":           {with(goEmbedding("server/pages/pages.go", "assets-of-web"), "web/package.json", released, "main.go", "package main\n\nimport _ \"example.com/api/server/pages\"\n\nfunc main() {}\n"), "files: [{from: web, to: server/pages/assets-of-web}]"},
		"Rust embeds it":               {with(map[string]string{"Cargo.toml": rust, "src/main.rs": "#[derive(RustEmbed)]\n#[folder = \"web/dist\"]\nstruct Pages;\nfn main() {}\n"}), "files: [{from: web, to: web/dist}]"},
		"of a program that keeps data": {with(map[string]string{"go.mod": goMod, "main.go": strings.Replace(strings.Replace(embedding, "//go:embed static", "//go:embed web/dist", 1), "func main() {\n", "func main() {\n\tos.MkdirAll(\"data\", 0o755)\n", 1)}), "files: [{from: web, to: web/dist}]"},
		"committed output stays":       {with(goEmbedding("main.go", "web/dist"), "web/dist/index.html", "<p>", "web/dist/app.js", "start()"), ""},
		"templates are no output":      {with(goEmbedding("main.go", "templates"), "templates/index.html", strings.Repeat("<p>", 1000)), ""},
		"an unknown name is no output": {with(goEmbedding("main.go", "migrations")), ""},
	} {
		if name == "a script writes it" {
			c.files["server/pages/pages.go"] = strings.Replace(c.files["server/pages/pages.go"], "package main", "package pages", 1)
		}
		found, _ := Survey(repo(c.files), nil)
		text := string(FleetFile("shop", found, nil))
		if c.want == "" {
			if strings.Contains(text, "from:") {
				t.Errorf("%s: unexpected proposal:\n%s", name, text)
			}
			continue
		}
		if !strings.Contains(text, "    "+c.want) || strings.Contains(text, "error:") {
			t.Errorf("%s: want %s in\n%s", name, c.want, text)
			continue
		}
		fleet, bad := config.Parse(config.FileName, []byte(text))
		if fleet == nil || bad.Errors() != nil {
			t.Fatalf("%s: %v\n%s", name, bad, text)
		}
		if strings.Contains(name, "Rust") { // whose lock file is not the subject
			continue
		}
		plans, findings := Plan(repo(c.files), fleet)
		if findings.Errors() != nil || len(plans) != 2 {
			t.Errorf("%s: %v", name, findings)
			continue
		}
		for _, p := range plans {
			earlier := map[string]bool{}
			for _, st := range p.Stages {
				for _, s := range st.Steps {
					if strings.HasPrefix(s.From, "web-") && !earlier[s.From] {
						t.Errorf("%s: %s comes before %s, from which it copies", name, st.Name, s.From)
					}
				}
				if strings.HasPrefix(st.From, "web-") && !earlier[st.From] {
					t.Errorf("%s: %s comes before %s, from which it starts", name, st.Name, st.From)
				}
				earlier[st.Name] = true
			}
		}
		to := "/src/" + strings.TrimSuffix(strings.SplitAfter(c.want, "to: ")[1], "}]")
		if got := stepsOf(plans[0], plan.StageBuilder, plan.OpCopy); !slices.Contains(got, "web-builder: /app/dist "+to) {
			t.Errorf("%s: no copy to %s among %q", name, to, got)
		}
	}
}
