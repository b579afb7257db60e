package node

import (
	"strings"
	"testing"

	"github.com/slipway-build/slipway/internal/config"
)

// TestTheServerIsSuggested: a service without a start command gets the file that
// starts a server for a hint.
func TestTheServerIsSuggested(t *testing.T) {
	for source, want := range map[string]string{
		"greeter/server.js=s.bindAsync('0.0.0.0:50051')": `"node greeter/server.js", which starts a server,`,
		"run.js=require('http').createServer()":          `"node run.js", which starts a server,`,
		"run.ts=require('http').createServer()":          `"node …" to scripts`,
		"lib.js=module.exports = 1":                      `"node …" to scripts`,
	} {
		_, findings := Ecosystem{}.Plan(tree(with(`{"name": "a"}`, source)), config.Service{Name: "a", Path: "a", Type: "worker"}, nil)
		if len(findings) != 1 || findings[0].Code != codeNoStart || !strings.Contains(findings[0].Hint, want) {
			t.Errorf("%s: %+v", source, findings)
		}
	}
}

// TestCommandsThatRunScripts: command: may name a script, as a process of a Procfile
// does; the image has no package manager.
func TestCommandsThatRunScripts(t *testing.T) {
	files := with(`{"scripts": {"start": "node server.js"}}`, "server.js")
	for _, c := range [][2]string{{"yarn start --services=worker", "node server.js --services=worker"}, {"npm start", "node server.js"}, {"npm run start -- -v", "node server.js -v"}, {"node other.js", ""}} {
		p, findings := Ecosystem{}.Plan(tree(files), config.Service{Name: "a", Path: "a", Type: "worker", Command: strings.Fields(c[0])}, nil)
		if c[1] == "" && findings.Errors() != nil {
			continue
		}
		if findings != nil {
			t.Fatalf("%s: %v", c[0], findings)
		}
		if argv, _ := command(p); strings.Join(argv, " ") != c[1] {
			t.Errorf("%s: starts %q", c[0], argv)
		}
	}
}
