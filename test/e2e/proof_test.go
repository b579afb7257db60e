package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
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
	broken := build.run(t).must(t, 3)
	broken.says(t, "web/server.js:1: error: web: imports ./lost, which is not in the image [SLP368]", "\n  hint: ")
	if r := (invocation{dir: repo, env: env, args: []string{"stats"}}).run(t); r.code == 0 && strings.Contains(r.stdout, "web: Size=") {
		t.Errorf("the broken image has a name:\n%s", r.stdout)
	}
	// The line of the hint, with a reason, lets the image pass; without it, the
	// unchanged service is checked again.
	waiver := regexp.MustCompile(`waivers: \[\{.*\}\]`).FindString(broken.stderr)
	if !strings.Contains(waiver, `reason: "…"`) {
		t.Fatalf("the hint has no waiver: %s", broken.stderr)
	}
	write("slipway.yaml", "version: 1\nfleet: proof\nservices:\n  web: {type: http, port: 3000, "+waiver+"}\n")
	build.run(t).must(t, 2).says(t, "slipway.yaml:4:", "the waiver of SLP368 has no reason [SLP440]")
	waived := "version: 1\nfleet: proof\nservices:\n  web: {type: http, port: 3000, " + strings.Replace(waiver, "…", "a volume brings it", 1) + "}\n"
	write("slipway.yaml", waived)
	build.run(t).must(t, 0).says(t, "web/server.js:1: info: web: imports ./lost, which is not in the image (waived: a volume brings it) [SLP368]")
	write("slipway.yaml", "version: 1\nfleet: proof\nservices:\n  web: {type: http, port: 3000}\n")
	build.run(t).must(t, 3).says(t, "[SLP368]")
	write("slipway.yaml", strings.Replace(waived, "}]}", ", until: 2026-01-31}]}", 1))
	build.run(t).must(t, 3).says(t, "the waiver of SLP368 at web/server.js ended on 2026-01-31 (a volume brings it) [SLP442]")
	write("slipway.yaml", strings.Replace(waived, "web/server.js", "web/other.js", 1))
	build.run(t).must(t, 3).says(t, "[SLP368]", "[SLP441]", "correct at: the finding is at web/server.js")
	write("slipway.yaml", "version: 1\nfleet: proof\nservices:\n  web: {type: http, port: 3000}\n")
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
