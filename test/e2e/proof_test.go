package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestABrokenImageIsNotNamed builds an image of which the check finds that its
// program cannot start: the build fails with the line that fixes it, the store has
// no image of that name, and the repaired service builds without a finding.
func TestABrokenImageIsNotNamed(t *testing.T) {
	real(t)
	_, env := ownState(t)
	repo := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(repo, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("slipway.yaml", "version: 1\nfleet: proof\nservices:\n  web: {type: http, port: 3000}\n")
	write("web/package.json", `{"name":"web","version":"1.0.0","scripts":{"start":"node server.js"}}`)
	write("web/package-lock.json", `{"name":"web","version":"1.0.0","lockfileVersion":3,"requires":true,"packages":{"":{"name":"web","version":"1.0.0"}}}`)
	good := "const { execFile } = require('node:child_process');\nrequire('node:http').createServer((q, s) => execFile('ffmpeg', () => s.end('x'))).listen(3000);\n"
	write("web/server.js", "require('./lost');\n"+good)
	build := invocation{dir: repo, env: env, args: []string{"build"}}
	build.run(t).must(t, 3).says(t, "web/server.js:1: error: web: imports ./lost, which is not in the image [SLP368]", "\n  hint: ")
	if r := (invocation{dir: repo, env: env, args: []string{"stats"}}).run(t); r.code == 0 && strings.Contains(r.stdout, "web: Size=") {
		t.Errorf("the broken image has a name:\n%s", r.stdout)
	}
	write("web/server.js", good)
	build.args = []string{"build", "--json"}
	var stats struct {
		Services []struct {
			Findings []struct{ Code, Severity, Hint string }
		}
	}
	if err := json.Unmarshal([]byte(build.run(t).must(t, 0).stdout), &stats); err != nil {
		t.Fatal(err)
	}
	if len(stats.Services) != 1 || len(stats.Services[0].Findings) != 1 || stats.Services[0].Findings[0].Code != "SLP370" || !strings.Contains(stats.Services[0].Findings[0].Hint, "packages: {runtime: [ffmpeg]}") {
		t.Errorf("findings are %+v", stats.Services)
	}
}
