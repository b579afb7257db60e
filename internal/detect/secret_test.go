package detect_test

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/moby/patternmatcher"

	"github.com/slipway-build/slipway/internal/detect"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/plan"
)

// pemOf is a text in PEM form.
func pemOf(kind string) string {
	return "-----BEGIN " + kind + "-----\n" + strings.Repeat("MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7+/aB0c1D2e3F\n", 3) + "-----END " + kind + "-----\n"
}

// TestKeysByContent: in every language a key by another name stays out of the
// build, and a public key that is called like a private one is in it; what the
// sources name literally is in it too, with a warning.
func TestKeysByContent(t *testing.T) {
	const node = `{"name":"web","scripts":{"start":"node server.js"}}`
	lock := `{"name":"web","lockfileVersion":3,"packages":{"":{"name":"web"}}}`
	serve := "require('http').createServer().listen(3000);\n"
	for name, c := range map[string]struct {
		files map[string]string
		keeps bool
	}{
		"Node.js":              {map[string]string{"package.json": node, "package-lock.json": lock, "server.js": serve}, false},
		"Node.js, named":       {map[string]string{"package.json": node, "package-lock.json": lock, "server.js": serve + "require('fs').readFileSync('certs/server.private');\n"}, true},
		"Node.js, named below": {map[string]string{"package.json": node, "package-lock.json": lock, "server.js": serve + "const p = require('path').join(__dirname, 'certs', 'server.private');\n"}, true},
		"Python":               {map[string]string{"requirements.txt": "flask==3.0.3\ngunicorn==22.0.0\n", "app.py": "from flask import Flask\napp = Flask(__name__)\n"}, false},
		"Python, named":        {map[string]string{"requirements.txt": "flask==3.0.3\ngunicorn==22.0.0\n", "app.py": "from flask import Flask\napp = Flask(__name__)\nKEY = open('certs/server.private').read()\n"}, true},
		"a site":               {map[string]string{"index.html": "<!doctype html><title>x</title>"}, false},
		"Go":                   {map[string]string{"go.mod": "module example.com/web\n\ngo 1.25\n", "main.go": "package main\n\nimport (\n\t\"net/http\"\n\t\"os\"\n)\n\nfunc main() {\n\tos.ReadDir(\"certs\")\n\thttp.ListenAndServe(\":8080\", nil)\n}\n"}, false},
		"Go, named":            {map[string]string{"go.mod": "module example.com/web\n\ngo 1.25\n", "main.go": "package main\n\nimport (\n\t\"net/http\"\n\t\"os\"\n)\n\nfunc main() {\n\tos.ReadFile(\"certs/server.private\")\n\tos.ReadFile(\"certs/public-key.pem\")\n\thttp.ListenAndServe(\":8080\", nil)\n}\n"}, true},
	} {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			root := fstest.MapFS{"certs/server.private": {Data: []byte(pemOf("PRIVATE KEY"))}, "certs/public-key.pem": {Data: []byte(pemOf("PUBLIC KEY"))}, "certs/server.pem": {Data: []byte(pemOf("CERTIFICATE"))}}
			for file, text := range c.files {
				root[file] = &fstest.MapFile{Data: []byte(text)}
			}
			services, findings := detect.Plan(root, nil)
			if len(services) != 1 {
				t.Fatalf("%d services: %v", len(services), findings)
			}
			p := services[0]
			for file, out := range map[string]bool{"certs/server.private": !c.keeps, "certs/public-key.pem": false, "certs/server.pem": false} {
				if got := leaves(t, p, file); got != out {
					t.Errorf("%s is left out: %v; patterns %q, left out %v", file, got, p.DockerIgnore, p.LeftOut)
				}
			}
			warned := slices.ContainsFunc(findings, func(f diag.Finding) bool {
				return f.Severity == diag.Warning && strings.Contains(f.Text, "private key")
			})
			if warned != c.keeps || len(p.Said) > 0 != c.keeps {
				t.Errorf("findings: %v, said %v", findings, p.Said)
			}
		})
	}
}

// leaves reports a file that the build does not get, or that production leaves out.
func leaves(t *testing.T, p plan.Service, file string) bool {
	t.Helper()
	out, err := patternmatcher.MatchesOrParentMatches(file, p.DockerIgnore)
	if err != nil {
		t.Fatal(err)
	}
	return out || slices.Contains(p.LeftOut, plan.LeftOut{Path: file, Why: ecosystem.WhySecret})
}
