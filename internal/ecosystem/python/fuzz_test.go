package python

import (
	"testing"
	"testing/fstest"

	"github.com/slipway-build/slipway/internal/config"
)

// FuzzLocks: whatever the lock files of uv, Poetry, PDM and Pipenv hold, planning
// ends, with stages or with an error.
func FuzzLocks(f *testing.F) {
	const project = "[project]\nname = \"a\"\ndependencies = [\"b>1\"]\n"
	f.Add(uint8(0), project, "[[package]]\nname = \"a\"\nsource = {virtual = \".\"}\n[package.metadata]\nrequires-dist = [{name = \"b\", specifier = \">1\"}]\n[[package]]\nname = \"b\"\n")
	f.Add(uint8(1), "[tool.poetry]\nname = \"a\"\n[tool.poetry.dependencies]\npython = \"^3.13\"\nb = {version = \"1\", extras = [\"x\"]}\n", "[[package]]\nname = \"b\"\n")
	f.Add(uint8(2), project, "[[package]]\nname = \"b\"\ngroups = [\"default\"]\n")
	f.Add(uint8(3), "[packages]\nb = \"*\"\n[requires]\npython_version = \"3.13\"\n", `{"default": {"b": {"version": "==1"}}}`)
	f.Fuzz(func(t *testing.T, kind uint8, manifest, lock string) {
		dir := fstest.MapFS{"main.py": {Data: []byte("import b\n")}}
		if kind%4 == 3 {
			dir["Pipfile"] = &fstest.MapFile{Data: []byte(manifest)}
		} else {
			dir["pyproject.toml"] = &fstest.MapFile{Data: []byte(manifest)}
		}
		dir[[]string{"uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock"}[kind%4]] = &fstest.MapFile{Data: []byte(lock)}
		p, findings := Ecosystem{}.Plan(dir, config.Service{Name: "a", Path: "."}, nil)
		if (len(p.Stages) == 0) != (findings.Errors() != nil) {
			t.Fatalf("%d stages with findings %v", len(p.Stages), findings)
		}
	})
}
