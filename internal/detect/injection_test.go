package detect_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/detect"
	"github.com/slipway-build/slipway/internal/dockerfile"
)

// injections try to begin an instruction of their own.
func injections() []string {
	return []string{
		"1.0.0\"\nUSER 0:0\nENV INJECTED=\"yes\nLABEL x=\"", "1.2.3\nRUN INJECTED\n", "1.2.3\r\nUSER INJECTED", "1.2.3\rUSER INJECTED", "1.2.3\\\nUSER INJECTED",
		"1.2.3 $(INJECTED) `INJECTED` ${INJECTED} \"'\\", "1.2.3\x00\x1b]0;x\a\u202e\u2028USER INJECTED", "1.2.3\nEOF\nUSER INJECTED\n", strings.Repeat("1.2.3 long ", 20_000),
	}
}

// hostileManifests are services that can be planned, with a text as version, licence
// and description, and where it fits as name and start.
func hostileManifests(text string) map[string]map[string]string {
	q, err := json.Marshal(text)
	if err != nil {
		panic(err)
	}
	v := string(q)
	xml := strings.NewReplacer("&", "&amp;", "<", "&lt;", "\x00", "", "\x1b", "", "\a", "").Replace(text)
	const lock, server = `{"lockfileVersion": 3, "packages": {"": {}}}`, "require('http').createServer().listen(3000)"
	return map[string]map[string]string{
		"node": {"package.json": fmt.Sprintf(`{"name": %[1]s, "version": %[1]s, "license": %[1]s, "description": %[1]s, "main": "s.js"}`, v), "package-lock.json": lock, "s.js": server},
		"node, start": {"package.json": fmt.Sprintf(`{"name": "x", "version": "1.0.0", "scripts": {"start": %s}}`, strings.Replace(v, `"`, `"node s.js `, 1)),
			"package-lock.json": lock, "s.js": server},
		"node, Procfile": {"package.json": `{"name": "x"}`, "package-lock.json": lock, "s.js": server, "Procfile": "web: node s.js " + text},
		"python": {"pyproject.toml": fmt.Sprintf("[project]\nname = \"x\"\nversion = %[1]s\nlicense = %[1]s\ndescription = %[1]s\ndependencies = []\n", v),
			"requirements.txt": "flask==3.0.0\n", "app.py": "from flask import Flask\napp = Flask(__name__)\n"},
		"rust": {"Cargo.toml": fmt.Sprintf("[package]\nname = \"x\"\nversion = %[1]s\nedition = \"2021\"\nlicense = %[1]s\ndescription = %[1]s\n", v),
			"Cargo.lock": "version = 3\n[[package]]\nname = \"x\"\nversion = \"0.1.0\"\n", "src/main.rs": "fn main() {}\n"},
		"java": {"pom.xml": "<project><modelVersion>4.0.0</modelVersion><groupId>g</groupId><artifactId>x</artifactId><version>" + xml + "</version><description>" + xml +
			"</description><properties><maven.compiler.release>21</maven.compiler.release></properties><build><finalName>f" + xml + "</finalName><plugins><plugin><artifactId>maven-jar-plugin</artifactId><configuration><archive><manifest><mainClass>M</mainClass></manifest></archive></configuration></plugin></plugins></build></project>",
			"src/main/java/M.java": "public class M { public static void main(String[] a) {} }"},
		"deno":   {"deno.json": fmt.Sprintf(`{"version": %[1]s, "license": %[1]s, "tasks": {"start": "deno run --allow-net main.ts"}}`, v), "deno.lock": `{"version": "5"}`, "main.ts": "Deno.serve(() => new Response())"},
		"static": {"index.html": "<base href=\"" + text + "\"><title>" + text + "</title>"},
	}
}

// TestAManifestInjectsNoInstruction: whatever text a manifest has, the planned
// Dockerfile can be parsed, and has no instruction of the manifest's.
func TestAManifestInjectsNoInstruction(t *testing.T) {
	planned, warned := map[string]int{}, map[string]int{}
	for _, text := range injections() {
		for name, files := range hostileManifests(text) {
			tree := fstest.MapFS{}
			for file, content := range files {
				tree[file] = &fstest.MapFile{Data: []byte(content), Mode: 0o644}
			}
			fleet := config.Default("web")
			s, findings := detect.PlanOne(tree, config.Service{Name: "web", Path: "."}, fleet)
			if findings.Errors() != nil {
				continue // refused, which injects nothing
			}
			planned[name]++
			if strings.Contains(findings.Error(), "SLP520") {
				warned[name]++
			}
			checkNothingInjected(t, name, text, dockerfile.Render(s))
		}
	}
	for name := range hostileManifests("1.2.3") {
		if planned[name] == 0 {
			t.Errorf("%s was never planned: it tests nothing", name)
		}
	}
	for _, name := range []string{"node", "python", "rust", "java"} {
		if warned[name] < 4 {
			t.Errorf("%s: %d warnings of values that do not fit on one line", name, warned[name])
		}
	}
}

func checkNothingInjected(t *testing.T, name, text string, rendered []byte) {
	t.Helper()
	short := text[:min(len(text), 60)]
	tree, err := parser.Parse(bytes.NewReader(rendered))
	if err != nil {
		t.Errorf("%s, %q: %v", name, short, err)
		return
	}
	stages, _, err := instructions.Parse(tree.AST, nil)
	if err != nil {
		t.Errorf("%s, %q: %v", name, short, err)
		return
	}
	for _, s := range stages {
		for _, c := range s.Commands {
			switch c := c.(type) {
			case *instructions.UserCommand:
				if strings.Contains(c.User, "INJECTED") || c.User == "0:0" {
					t.Errorf("%s, %q: USER %s", name, short, c.User)
				}
			case *instructions.EnvCommand:
				for _, e := range c.Env {
					if e.Key == "INJECTED" {
						t.Errorf("%s, %q: ENV %s", name, short, e.String())
					}
				}
			case *instructions.RunCommand:
				if unquotedInjection(strings.Join(c.CmdLine, " ")) {
					t.Errorf("%s, %q: RUN %s", name, short, c.CmdLine)
				}
			}
		}
	}
}

// unquotedInjection reports the word outside of single quotes, where a shell would
// take it for a command.
func unquotedInjection(shell string) bool {
	for i, part := range strings.Split(strings.ReplaceAll(shell, `'\''`, ""), "'") {
		if i%2 == 0 && strings.Contains(part, "INJECTED") {
			return true
		}
	}
	return false
}
