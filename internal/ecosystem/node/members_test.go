package node

import (
	"strings"
	"testing"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/plan"
)

// TestRootsOfWorkspaces: a service that is the root of a workspace is the member that
// starts, or the root's own program; of several the error lists them to be pasted.
func TestRootsOfWorkspaces(t *testing.T) {
	const (
		lib   = `packages/lib/package.json={"name": "lib", "main": "index.js"}`
		first = `apps/api/package.json={"name": "@x/api", "scripts": {"start": "node a.js"}, "dependencies": {"lib": "*"}}`
		other = `apps/mail/package.json={"name": "@x/mail", "scripts": {"start": "node a.js"}}`
		lock  = `package-lock.json={"lockfileVersion": 3, "packages": {"": {"workspaces": ["apps/*", "packages/*"]}, "apps/api": {"dependencies": {"lib": "*"}}, "packages/lib": {}, "node_modules/lib": {"resolved": "packages/lib", "link": true}, "node_modules/@x/api": {"resolved": "apps/api", "link": true}}}`
	)
	root := func(pkg string, more ...string) map[string]string {
		return with(`{"workspaces": ["apps/*", "packages/*"]`+pkg+`}`, append([]string{lock, lib, "packages/lib/index.js", "apps/api/a.js", "apps/mail/a.js", "a.js"}, more...)...)
	}
	for name, c := range map[string]struct {
		files map[string]string
		dir   string // in the image
		codes string
		hint  string
	}{
		"one that starts":     {root("", first), "/app/apps/api", "", ""},
		"with start by npm":   {root(`, "scripts": {"start": "npm start --workspace=@x/api"}`, first, other), "/app/apps/api", "", ""},
		"with start by turbo": {root(`, "scripts": {"start": "turbo run start"}`, first), "/app/apps/api", "", ""},
		"pnpm": {with(`{}`, "pnpm-workspace.yaml=packages:\n  - apps/*\n", "pnpm-lock.yaml=lockfileVersion: '9.0'\nimporters:\n  .: {}\n  apps/api:\n    dependencies:\n      lib:\n        specifier: '*'\n        version: 1.0.0\n", "package-lock.json=-",
			first, "apps/api/a.js"), "/app/apps/api", "", ""},
		"several":            {root("", first, other), "", codeMembers + " error", "one of these lines"},
		"none":               {root(""), "", codeLocal + " error", "start script"},
		"its own program":    {root(`, "scripts": {"start": "node a.js"}`, first), "/app", "", ""},
		"a command":          {root(`, "description": "command"`, first), "/app", "", ""},
		"a main of its own":  {root(`, "main": "a.js"`, first), "/app", "", ""},
		"a main of no file":  {root(`, "main": "index.js"`, first), "/app/apps/api", "", ""},
		"a Procfile":         {root("", first, "Procfile=worker: node a.js\n"), "/app", "", ""},
		"no script, a start": {root(`, "scripts": {"start": "cd apps/api && node a.js"}`, first, other), "/app/apps/api", "", ""},
	} {
		want := config.Service{Name: "x", Path: ".", Type: "worker"}
		if name == "a command" {
			want.Command = []string{"node", "a.js"}
		}
		files := tree(c.files)
		p, findings := in(files).Plan(files, want, nil)
		if got := strings.Join(codes(findings), ", "); got != c.codes {
			t.Errorf("%s: want %q, got %v", name, c.codes, findings)
			continue
		}
		if c.codes != "" {
			if !strings.Contains(findings[0].Hint, c.hint) {
				t.Errorf("%s: the hint is %q", name, findings[0].Hint)
			}
			if choice := findings[0].Choice; name == "several" && (choice == nil || choice.Service != "x" || strings.Join(choice.Lines, ", ") != "path: apps/api, path: apps/mail") {
				t.Errorf("%s: the choice is %+v", name, choice)
			}
			continue
		}
		if got := stage(p, plan.StageProduction).Steps[0]; got.Op != plan.OpWorkdir || got.Args[0] != c.dir {
			t.Errorf("%s: production starts in %v, not %s", name, got.Args, c.dir)
		}
		if own := c.dir == "/app"; own != strings.Contains(strings.Join(copied(p, plan.StageDependencies), ", "), "packages/lib/ packages/lib/") {
			t.Errorf("%s: the install has %v", name, copied(p, plan.StageDependencies))
		}
	}
}
