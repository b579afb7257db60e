package detect

import (
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/ecosystem/static"
)

// pages are directories below the root that hold HTML and no program. They are
// services unless the root is one: then they are its pages.
type pages struct {
	paths  []string
	rooted bool // the root is a service
}

// add takes a directory. What templates, documentation and tests hold is no
// service; something else may lie below.
func (p *pages) add(dir string) error {
	ofGenerator := func(name string) bool {
		return slices.Contains([]string{"layouts", "_layouts", "_includes", "partials", "themes", "archetypes"}, name)
	}
	if slices.ContainsFunc(strings.Split(dir, "/"), ofGenerator) || slices.Contains([]string{"templates", "views", "docs", "doc", "test", "tests", "e2e", "examples", "fixtures", "resources", "src", "lib", "app"}, path.Base(dir)) {
		return nil
	}
	p.paths = append(p.paths, dir)
	return fs.SkipDir
}

func (p *pages) services() []string {
	if p.rooted {
		return nil
	}
	return p.paths
}

// onlyPages tells whether a directory that something recognises is a static site
// and nothing else.
func onlyPages(dir fs.FS) bool {
	for _, e := range Ecosystems() {
		if e.Recognise(dir) != "" {
			return e.Name() == static.Name && OwnDockerfile(dir) == ""
		}
	}
	return false
}
