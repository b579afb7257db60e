package detect_test

import (
	"testing"
	"testing/fstest"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/detect"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/dockerfile"
)

// FuzzInit: whatever a repository is made of, the slipway.yaml that init writes
// for it can be read, its Dockerfiles too, and what is said of it is safe for a
// terminal.
func FuzzInit(f *testing.F) {
	f.Add("a", "package.json", `{"scripts": {"start": "node s.js"}}`, "s.js", "listen(3000)")
	f.Add("a b/ü", "go.mod", "module x.example/y", "main.go", "package main\n")
	f.Add("$(x)", "requirements.txt", "flask==1\ngunicorn==2", "app.py", "from flask import Flask\napp = Flask(__name__)\n")
	f.Add("-x", "index.html", "", "index.html", "")
	f.Add("a\nb: c", "Procfile", "web: x $PORT", "package.json", "{\"name\": \"\x1b[2J\"}")
	f.Fuzz(func(t *testing.T, dir, first, text, second, more string) {
		tree := fstest.MapFS{}
		tree[dir+"/"+first] = &fstest.MapFile{Data: []byte(text)}
		tree[dir+"/"+second] = &fstest.MapFile{Data: []byte(more)}
		found, findings := detect.Survey(tree, nil)
		if out := findings.Error(); out != diag.PrintableLines(out) {
			t.Errorf("findings %q", out)
		}
		if len(found) == 0 {
			return
		}
		file := detect.FleetFile("f", found, nil)
		fleet, findings := config.Parse(config.FileName, file)
		if findings.Errors() != nil {
			t.Fatalf("%v\n%s", findings, file)
		}
		plans, _ := detect.Plan(tree, fleet)
		for _, p := range plans {
			if p.Dockerfile != "" {
				continue
			}
			if _, err := dockerfile.Read("Dockerfile", dockerfile.Render(p)); err != nil {
				t.Errorf("%v\n%s", err, dockerfile.Render(p))
			}
		}
	})
}
