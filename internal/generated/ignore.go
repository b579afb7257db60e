package generated

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/repository"
)

// Ignored is what the files with ignore patterns beside a generated Dockerfile
// mean for it.
type Ignored int

// The answers of Ignores.
const (
	IgnoreFree  Ignored = iota // there is no .dockerignore, or it is Slipway's
	IgnoreFits                 // a person's, with the patterns that the Dockerfile needs
	IgnoreOther                // a person's, with other patterns
	IgnoreTaken                // there is a file that builders prefer to .dockerignore
)

// Ignores reads the .dockerignore of a directory for a Dockerfile that goes with
// these patterns, and the file at special, which builders prefer.
func Ignores(path, special string, patterns []string) Ignored {
	if _, err := os.Lstat(special); err == nil {
		if fits(special, patterns) {
			return IgnoreFits
		}
		return IgnoreTaken
	}
	data, err := repository.ReadFile(filepath.Split(path))
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && Is(data):
		return IgnoreFree
	case fits(path, patterns):
		return IgnoreFits
	}
	return IgnoreOther
}

// fits reports whether a person's file has these patterns, read as builders read
// it: in another encoding it has none of them.
func fits(path string, patterns []string) bool {
	data, err := repository.ReadFile(filepath.Split(path))
	if err != nil || Is(data) {
		return false
	}
	own, err := ecosystem.ParseIgnore(data)
	return err == nil && slices.Equal(own, patterns)
}
