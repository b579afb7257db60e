package ecosystem

import (
	"testing"
	"testing/fstest"

	"github.com/slipway-build/slipway/internal/config"
)

// TestExceptionsBringDirectoriesIn: a list of what is allowed names files, and
// the directories that hold them take part.
func TestExceptionsBringDirectoriesIn(t *testing.T) {
	tree := []string{"package.json", "src/server.ts", "src/deep/a/b.ts", "cmd/api/main.go", "app/main.py", "app/data.bin", "docs/manual.md", "node_modules/x/index.ts", "empty/.keep"}
	for ignore, want := range map[string]map[string]bool{
		"*\n!package.json\n!src/**\n":       {"src": false, "src/deep": false, "src/server.ts": false, "docs": true, "package.json": false},
		"*\n!**/*.py\n!requirements.txt\n":  {"app": false, "app/main.py": false, "app/data.bin": true, "src": true},
		"*\n!go.*\n!**/*.go\n":              {"cmd": false, "cmd/api": false, "docs": true},
		"**\n!src/deep/a/b.ts\n":            {"src": false, "src/deep": false, "src/server.ts": true, "app": true},
		"*\n!**/*.ts\n":                     {"node_modules": true, "src": false},
		"src\ndocs\n!docs/manual.md\n":      {"src": true, "docs": false, "docs/manual.md": false, "app": false},
		"*\n!src\nsrc/deep\n":               {"src": false, "src/deep": true, "cmd": true},
		"*\n!package.json\n!missing/**\n":   {"missing": true, "src": true},
		"docs/\n":                           {"docs": true, "src": false},
		"*\n!empty/.keep\n!node_modules/**": {"empty": false},
	} {
		files := fstest.MapFS{".dockerignore": {Data: []byte(ignore)}}
		for _, name := range tree {
			files[name] = &fstest.MapFile{}
		}
		s := Open(files, config.Service{Name: "a"}, nil)
		s.ReadIgnore()
		for name, out := range want {
			if s.Ignore.Excludes(name) != out {
				t.Errorf("%q excludes %s: %v", ignore, name, !out)
			}
		}
	}
}
