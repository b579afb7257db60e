package node

import (
	"slices"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/plan"
)

// TestPackagesOfGit: the install has git, and takes HTTPS where an address says SSH.
func TestPackagesOfGit(t *testing.T) {
	yarn := func(pkg, lock string) map[string]string { return npmApp(pkg, "yarn.lock="+lock) }
	npm := func(version, resolved string) map[string]string {
		return npmApp(`"dependencies": {"x": "`+version+`"}`, `package-lock.json={"lockfileVersion": 3, "packages": {"": {"dependencies": {"x": "`+version+`"}}, "node_modules/x": {"version": "1.0.0", "resolved": "`+resolved+`"}}}`)
	}
	for name, c := range map[string]struct {
		files map[string]string
		hosts []string // whose SSH addresses are rewritten; nil for a service without git
		codes string
	}{
		"a registry":            {npm("1", "https://r.example/x-1.0.0.tgz"), nil, ""},
		"GitHub by its name":    {npm("team/x", "git+ssh://git@github.com/team/x.git#0123456"), []string{"github.com"}, codeGit + " info"},
		"HTTPS":                 {npm("git+https://git.example/team/x.git#v1", "git+https://git.example/team/x.git#0123456"), []string{"github.com"}, ""},
		"SSH of another host":   {npm("git+ssh://git@git.example/team/x.git", "git+ssh://git@git.example/team/x.git#0123456"), []string{"git.example"}, codeGit + " info"},
		"a form of scp":         {npm("git@git.example:team/x.git", "git+ssh://git@git.example/team/x.git#0123456"), []string{"git.example"}, codeGit + " info"},
		"what a package needs":  {npm("1", "git+ssh://git@git.example/team/x.git#0123456"), []string{"git.example"}, codeGit + " info"},
		"Yarn 1":                {yarn(`"dependencies": {"x": "git+ssh://git@git.example/x.git"}`, "\"x@git+ssh://git@git.example/x.git\":\n  version \"1.0.0\"\n  resolved \"git+ssh://git@git.example/x.git#0123\"\n"), []string{"git.example"}, codeGit + " info"},
		"Yarn 1 by HTTPS":       {yarn(`"dependencies": {"x": "https://git.example/x.git"}`, "\"x@https://git.example/x.git\":\n  version \"1.0.0\"\n"), []string{}, ""},
		"pnpm":                  {npmApp(`"dependencies": {"x": "gitlab:team/x"}`, "pnpm-lock.yaml=lockfileVersion: '9.0'\nimporters:\n  .:\n    dependencies:\n      x:\n        specifier: gitlab:team/x\n        version: https://gitlab.com/x\npackages:\n"), []string{}, ""},
		"npm 6":                 {npmApp(`"dependencies": {"x": "1"}`, `package-lock.json={"lockfileVersion": 1, "dependencies": {"x": {"version": "1.0.0", "dependencies": {"y": {"version": "git+ssh://git@git.example/y.git#01"}}}}}`), []string{"git.example"}, codeOldLock + " warning, " + codeGit + " info"},
		"a word that is no git": {yarn(`"dependencies": {"gitignore": "1"}`, "gitignore@1:\n  version \"1.0.0\"\n  resolved \"https://r.example/gitignore.tgz\"\n"), nil, ""},
	} {
		p, findings := Ecosystem{}.Plan(tree(c.files), config.Service{Name: "a", Path: "a", Type: "worker"}, nil)
		if got := strings.Join(codes(findings), ", "); got != c.codes {
			t.Errorf("%s: want %q, got %v", name, c.codes, findings)
			continue
		}
		deps := stage(p, plan.StageDependencies)
		if got := strings.Contains(deps.From, "/git:"); got != (c.hosts != nil) {
			t.Errorf("%s: installs on %s", name, deps.From)
		}
		var env []string
		for _, step := range deps.Steps {
			if step.Op == plan.OpEnv {
				env = step.Args
			}
		}
		for _, host := range c.hosts {
			for _, ssh := range []string{"ssh://git@" + host + "/", "git@" + host + ":"} {
				if !slices.ContainsFunc(env, func(e string) bool { return strings.HasPrefix(e, "GIT_CONFIG_VALUE_") && strings.HasSuffix(e, "="+ssh) }) {
					t.Errorf("%s: %s is not rewritten by %v", name, ssh, env)
				}
			}
			if !slices.Contains(env, "GIT_CONFIG_COUNT=2") || !slices.Contains(env, "GIT_CONFIG_KEY_1=url.https://"+host+"/.insteadOf") {
				t.Errorf("%s: the environment is %v", name, env)
			}
		}
	}
}
