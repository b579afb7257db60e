package detect

import (
	"testing"
)

// TestEnclosing: a member of a workspace knows the directory that it is planned
// from.
func TestEnclosing(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		at    string
		want  string
	}{
		"npm":                          {map[string]string{"package.json": `{"workspaces": ["frontend"]}`}, "frontend", "."},
		"npm, a pattern":               {map[string]string{"r/package.json": `{"workspaces": {"packages": ["apps/*", "!apps/old"]}}`}, "r/apps/web", "r"},
		"npm, excluded":                {map[string]string{"package.json": `{"workspaces": ["apps/*", "!apps/old"]}`}, "apps/old", ""},
		"npm, deeper":                  {map[string]string{"package.json": `{"workspaces": ["apps/*"]}`}, "apps/a/b", ""},
		"pnpm":                         {map[string]string{"pnpm-workspace.yaml": "packages:\n  - 'apps/**'\n"}, "apps/a/b", "."},
		"uv":                           {map[string]string{"pyproject.toml": "[project]\nname = \"x\"\n[tool.uv.workspace] # here\nmembers = [\n  \"backend\",\n  'libs/*',\n]\n[tool.x]\nmembers = [\"no\"]\n"}, "backend", "."},
		"uv, another section's":        {map[string]string{"pyproject.toml": "[tool.x]\nmembers = [\"no\"]\n"}, "no", ""},
		"Cargo":                        {map[string]string{"Cargo.toml": "[workspace]\nmembers = [\"crates/*\"]\n"}, "crates/api", "."},
		"go.work":                      {map[string]string{"go.work": "go 1.26\n\nuse (\n\t./api // the API\n\t./lib\n)\n"}, "api", "."},
		"go.work, a line":              {map[string]string{"go.work": "go 1.26\nuse ./api\n"}, "api/cmd/x", "."},
		"a program of a module":        {map[string]string{"go.mod": "module a\n", "cmd/x/main.go": "package main\n"}, "cmd/x", "."},
		"a package of a module":        {map[string]string{"go.mod": "module a\n", "lib/x.go": "package lib\n"}, "lib", ""},
		"a module in another":          {map[string]string{"go.mod": "module a\n", "x/go.mod": "module b\n", "x/main.go": "package main\n"}, "x", ""},
		"Maven":                        {map[string]string{"pom.xml": "<project><modules><module>web</module></modules></project>"}, "web", "."},
		"Maven, two levels":            {map[string]string{"pom.xml": "<project><modules><module>a</module></modules></project>", "a/pom.xml": "<project><modules><module>b</module></modules></project>"}, "a/b", "."},
		"Gradle":                       {map[string]string{"settings.gradle.kts": "include(\"app\",\n  \":libs:x\")\n"}, "libs/x", "."},
		"no workspace":                 {map[string]string{"package.json": `{"name": "a"}`}, "b", ""},
		"something else in JSON":       {map[string]string{"package.json": `{"workspaces": 3}`}, "b", ""},
		"Go, a module beside it":       {map[string]string{"go.mod": "module a\n", "examples/go.mod": "module b\n\nreplace a => ../\n", "examples/x/main.go": "package main\n"}, "examples/x", "."},
		"Go, outside of the tree":      {map[string]string{"go.mod": "module b\n\nreplace a => ../\n", "x/main.go": "package main\n"}, "x", "."},
		"Cargo, a package beside it":   {map[string]string{"libs/http/Cargo.toml": "[package]\n", "examples/Cargo.toml": "[workspace]\nmembers = [\"*\"]\n", "examples/hello/Cargo.toml": "[package]\nname = \"hello\"\n[dependencies]\nhttp = { path = \"../../libs/http\" }\n"}, "examples/hello", "."},
		"Cargo, a package of the same": {map[string]string{"Cargo.toml": "[workspace]\nmembers = [\"*\"]\n", "lib/Cargo.toml": "[package]\n", "a/Cargo.toml": "[dependencies]\nlib = { path = \"../lib\" }\n"}, "a", "."},
		"npm, a package beside it":     {map[string]string{"libs/x/package.json": "{}", "services/api/package.json": `{"dependencies": {"x": "file:../../libs/x"}}`}, "services/api", "."},
		"npm, an archive of nobody":    {map[string]string{"services/api/package.json": `{"dependencies": {"x": "file:../../libs/x"}}`}, "services/api", ""},
		"Cargo, no workspace":          {map[string]string{"p/lib/Cargo.toml": "[package]\n", "p/a/Cargo.toml": "[dependencies]\nlib = { path = \"../lib\" }\n"}, "p/a", "p"},
		"the root":                     {map[string]string{"package.json": `{"workspaces": ["*"]}`}, ".", ""},
		"npm, braces":                  {map[string]string{"package.json": `{"workspaces": ["{apps,libs}/*"]}`}, "libs/a", "."},
		"pnpm wins":                    {map[string]string{"package.json": `{"workspaces": ["apps/*"]}`, "pnpm-workspace.yaml": "packages: [\n  libs/*,\n]\n"}, "apps/a", ""},
		"pnpm, over lines":             {map[string]string{"package.json": `{"workspaces": ["apps/*"]}`, "pnpm-workspace.yaml": "packages: [\n  libs/*,\n]\n"}, "libs/a", "."},
	} {
		if got := Enclosing(repo(c.files), c.at); got != c.want {
			t.Errorf("%s: %q belongs to %q, want %q", name, c.at, got, c.want)
		}
	}
}
