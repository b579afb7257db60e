package node

import (
	"encoding/json"
	"testing"

	"github.com/slipway-build/slipway/internal/config"
)

// FuzzLocks: whatever the lock files and settings of pnpm, Yarn and Bun hold,
// planning ends, with stages or with an error.
func FuzzLocks(f *testing.F) {
	const pkg = `{"packageManager": "pnpm@9.1.0", "scripts": {"start": "node a.js"}, "dependencies": {"b": "1"}}`
	f.Add("pnpm-lock.yaml", "lockfileVersion: '9.0'\npackages:\n  '@esbuild/linux-x64@0.21.5': {}\n", pkg, "", "{}")
	f.Add("yarn.lock", "# yarn lockfile v1\n\nb@1:\n  version \"1.0.0\"\n", `{"scripts": {"start": "node a.js"}}`, "nodeLinker: pnp\nyarnPath: .yarn/releases/yarn-4.cjs\n", "{}")
	f.Add("yarn.lock", "__metadata:\n  version: 8\n", `{"packageManager": "yarn@4.5.0+sha224.1"}`, "yarnPath: ../x", "{}")
	f.Add("bun.lock", "{\"lockfileVersion\": 1, // x\n}", `{"packageManager": "bun@1.2"}`, "", "/* */{\"extends\": \"./tsconfig.json\"}")
	f.Fuzz(func(t *testing.T, name, lock, pkg, yarnrc, tsconfig string) {
		files := map[string]string{"package.json": pkg, ".yarnrc.yml": yarnrc, "tsconfig.json": tsconfig, "a.js": "", "Procfile": yarnrc, ".npmrc": yarnrc}
		for _, known := range []string{"pnpm-lock.yaml", "yarn.lock", "bun.lock"} {
			if known == name {
				files[name] = lock
			}
		}
		p, findings := Ecosystem{}.Plan(tree(files), config.Service{Name: "a", Path: "a"}, nil)
		if (len(p.Stages) == 0) != (findings.Errors() != nil) {
			t.Fatalf("%d stages with findings %v", len(p.Stages), findings)
		}
	})
}

// FuzzTestScripts: whatever a script of tests is made of, its stages are planned.
func FuzzTestScripts(f *testing.F) {
	for _, script := range []string{
		"yarn run jest", "pnpm run vitest", "dotenvx run -- jest", "vitest run --silent", "npx -w vitest -w run", "env --watch -w -w jest",
		"c8 --report-dir=a mocha", "nyc c8 --watch ava", "cypress open", "node --test", "tsx watch --test", "jest 'a", "run run run",
	} {
		f.Add(script)
	}
	f.Fuzz(func(t *testing.T, script string) {
		scripts, err := json.Marshal(map[string]string{"test": script, "test:e2e": script, "lint": "npm test", "start": "node a.js"})
		if err != nil {
			t.Fatal(err)
		}
		files := map[string]string{
			"package.json": `{"scripts": ` + string(scripts) + `, "devDependencies": {"cypress": "1"}}`, "a.js": "",
			"package-lock.json": `{"lockfileVersion": 3, "packages": {}}`, "test/a.test.js": "", "test/integration/b.test.js": "",
		}
		Ecosystem{}.Plan(tree(files), config.Service{Name: "a", Path: "a", Prove: true}, nil)
	})
}
