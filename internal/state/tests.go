package state

import (
	"path/filepath"

	"github.com/slipway-build/slipway/internal/testrun"
)

// Tests is where runs of quality stages are kept.
func (d Dir) Tests() testrun.Shelf { return testrun.Shelf{Dir: filepath.Join(d.Path, "tests")} }
