package inventory

import (
	"io/fs"
	"path"
)

// NotOwn tells whether a directory of a source tree holds what others wrote or a tool made:
// installed packages, build output, version control. A name alone does not say so where
// projects use it too: "vendor" and "target" lie beside the manifest of the tool that makes
// them, and an environment of Python has pyvenv.cfg.
func NotOwn(tree fs.FS, dir string) bool {
	has := func(in string, names ...string) bool {
		for _, name := range names {
			if _, err := fs.Stat(tree, path.Join(in, name)); err == nil {
				return true
			}
		}
		return false
	}
	switch path.Base(dir) {
	case ".git", ".slipway", "node_modules":
		return true
	case ".venv", "venv":
		return has(dir, "pyvenv.cfg")
	case "vendor":
		return has(path.Dir(dir), "go.mod", "go.work", "composer.json", "Cargo.toml", "Gemfile")
	case "target":
		return has(path.Dir(dir), "Cargo.toml", "pom.xml", "build.sbt")
	}
	return false
}
