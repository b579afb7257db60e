package dockerfile

import (
	"path"
	"slices"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
)

// Workdirs are the absolute directories that WORKDIR names in any stage, sorted: where
// steps have the sources.
func (f File) Workdirs() []string {
	var out []string
	for _, s := range f.parsed {
		for _, c := range s.Commands {
			if w, ok := c.(*instructions.WorkdirCommand); ok && path.IsAbs(w.Path) && path.Clean(w.Path) != "/" {
				out = append(out, path.Clean(w.Path))
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
