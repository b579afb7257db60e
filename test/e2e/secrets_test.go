package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// plant is a secret that a quality run meets: where a person keeps it, and the variable or
// file that hands it over.
type plant struct{ name, variable, file, text string }

// TestNoSecretOfAQualityRunStays: a stage is given secrets of every kind and prints them,
// in its output and its JUnit file. Nothing that Slipway writes, keeps or sends has one:
// reports, kept runs, SBOMs, statements, logs, JSON, traces, the registry, crash reports.
func TestNoSecretOfAQualityRunStays(t *testing.T) {
	real(t)
	plants := []plant{
		{name: "build secret", variable: "TOKEN", text: "%s<&\"'"},
		{name: "file of a build secret", file: "npmrc", text: "//npm.example/:_authToken=%s\n"},
		{name: "registry password", variable: "SLIPWAY_REGISTRY_PASSWORD", text: "%s"},
		{name: "npm token", variable: "NPM_TOKEN", text: "%s"},
		{name: "Maven password", file: ".m2/settings.xml", text: "<settings><servers><server><id>x</id><username>me</username><password>%s</password></server></servers></settings>"},
		{name: "passed variable", variable: "DB_PASSWORD", text: "%s"},
		{name: "proxy password", variable: "HTTPS_PROXY", text: "http://me:%s@127.0.0.1:9"},
		{name: "key password", variable: "SLIPWAY_KEY_PASSWORD", text: "%s"},
		{name: "git token", file: "repo/.git/config", text: "[remote \"origin\"]\n\turl = https://me:%s@git.example/web.git\n"},
	}
	var names []string
	for _, p := range plants {
		names = append(names, p.name)
	}
	c := newCanaries(names...)
	home, repo := t.TempDir(), smallDir(t, "")
	env := []string{"SLIPWAY_STATE_DIR=" + t.TempDir(), "HOME=" + home, "SLIPWAY_REGISTRY_USER=ci", "NO_PROXY=localhost,127.0.0.1"}
	state := strings.TrimPrefix(env[0], "SLIPWAY_STATE_DIR=")
	for _, p := range plants {
		text := strings.ReplaceAll(p.text, "%s", c[p.name])
		if p.variable != "" {
			env = append(env, p.variable+"="+text)
			continue
		}
		at := filepath.Join(home, p.file)
		if rest, ok := strings.CutPrefix(p.file, "repo/"); ok {
			at = filepath.Join(repo, rest)
		}
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, at, text)
	}
	write(t, filepath.Join(repo, ".git", "HEAD"), strings.Repeat("a", 40)+"\n")
	write(t, filepath.Join(repo, "slipway.yaml"), "version: 1\nfleet: shop\nservices:\n  web: {path: ., type: worker, gates: {user: off, secrets: 0}}\n")
	write(t, filepath.Join(repo, "fail"), "yes\n")
	write(t, filepath.Join(repo, "Dockerfile"), read(t, filepath.Join(repo, "Dockerfile"))+`
RUN mkdir -p /reports/unit-tests
FROM work AS unit-tests
ARG DB_PASSWORD
COPY fail /fail
RUN --mount=type=secret,id=token --mount=type=secret,id=npmrc \
    cat /run/secrets/token /run/secrets/npmrc; env; : "$DB_PASSWORD"; \
    token=$(sed 's/&/\&amp;/g; s/</\&lt;/g; s/"/\&quot;/g' /run/secrets/token); \
    { echo "<testsuite name=\"sum\"><testcase name=\"reads $token\"/><testcase name=\"fails\">"; \
    if grep -q yes /fail; then echo "<failure message=\"got $token\">$(cat /run/secrets/npmrc)</failure>"; fi; \
    echo "<system-out>$token $(cat /run/secrets/npmrc)</system-out></testcase></testsuite>"; } > /reports/unit-tests/junit.xml; \
    cp /run/secrets/token /reports/unit-tests/token.txt; ! grep -q yes /fail
FROM work AS production
RUN touch /made
CMD ["/bin/sh"]
`)
	out := t.TempDir()
	calls := 0
	slipway := func(code int, args ...string) result {
		t.Helper()
		calls++
		args = append(args, "--trace", filepath.Join(out, fmt.Sprintf("%d-%s.trace.json", calls, args[0])))
		r := invocation{dir: repo, env: env, args: args}.run(t).must(t, code)
		for _, leak := range c.searchOutput(t, r) {
			t.Errorf("found: %s of slipway %s", leak, strings.Join(args[:2], " "))
		}
		return r
	}
	slipway(0, "sign", "--generate-key", filepath.Join(out, "release"))
	key, public := filepath.Join(out, "release.key"), filepath.Join(out, "release.pub")
	given := []string{"--secret", "id=token,env=TOKEN", "--secret", "id=npmrc,src=" + filepath.Join(home, "npmrc"), "--build-arg", "DB_PASSWORD"}
	search := func(dir string) {
		t.Helper()
		leaks, files := c.searchTree(t, dir)
		if files == 0 {
			t.Errorf("nothing was searched in %s", dir)
		}
		for _, leak := range leaks {
			// What the step itself wrote, in the engine's copy of its file system.
			if !strings.Contains(leak, "/fs/reports/") {
				t.Errorf("found: %s", leak)
			}
		}
	}
	test := func(code int, more ...string) result {
		r := slipway(code, slices.Concat([]string{"test"}, given, more)...)
		search(filepath.Join(repo, ".slipway")) // the next run takes its place
		return r
	}
	r := test(3, "--json", "--no-start")
	if shown := strings.Count(r.stdout, "[secret]"); shown < 2 {
		t.Errorf("the stage printed no secrets, so that this proves nothing:\n%s", r.stdout)
	}
	test(3, "--no-start", "--rerun-failed", "1")
	write(t, filepath.Join(repo, "fail"), "no\n")
	test(0, "--no-start", "--sign", "--key", key, "--sarif", filepath.Join(out, "gates.sarif"), "--junit", filepath.Join(out, "gates.xml"))
	registry := slipwayRegistry(t)
	for _, args := range [][]string{
		slices.Concat([]string{"build", "--attest", "--sign", "--key", key}, given),
		{"scan", "web", "--json", "--fail-on", "none", "--sarif", filepath.Join(out, "scan.sarif")},
		{"sbom", "web", "-o", filepath.Join(out, "cyclonedx.json")},
		{"sbom", "web", "--format", "spdx", "-o", filepath.Join(out, "spdx.json")},
		{"sbom", "web", "--format", "spdx3-json", "-o", filepath.Join(out, "spdx3.json")},
		{"gate", "web", "--json", "--no-start"}, {"stats", "--json"}, {"why", "web"}, {"runs", "--json"}, {"plan", "--json"},
		{"evidence", "web", "--export", filepath.Join(out, "evidence")},
		{"verify", "web", "--key", public, "--statement", "tests,provenance,cyclonedx", "--json"},
		{"push", "web", "--registry", registry, "--tag", "v1"},
		{"evidence", registry + "/shop/web:v1", "--remote", "--export", filepath.Join(out, "pushed")},
	} {
		slipway(0, args...)
	}
	if data := read(t, filepath.Join(repo, ".slipway", "reports", "web", "unit-tests", "junit.xml")); !strings.Contains(data, "reads [secret]") {
		t.Errorf("the report has %q", data)
	}
	search(state)
	search(out)
}
