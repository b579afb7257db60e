package node

import (
	"io/fs"
	"slices"

	"github.com/slipway-build/slipway/internal/ecosystem"
)

// copies returns the COPY operands of the sources: one list for the files of the
// directory, then one a directory, those that change least first.
func copies(dir fs.FS, names []string) (files []string, dirs []string) {
	for _, name := range names {
		if ecosystem.IsDir(dir, name) {
			dirs = append(dirs, name)
		} else {
			files = append(files, name)
		}
	}
	slices.SortStableFunc(dirs, func(a, b string) int { return weight(a) - weight(b) })
	return files, dirs
}

// weight orders directories by how often they change.
func weight(name string) int {
	switch name {
	case "proto", "protos":
		return 0
	case "src", "lib", "app":
		return 2
	}
	return 1
}
