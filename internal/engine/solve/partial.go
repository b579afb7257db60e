package solve

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/slipway-build/slipway/internal/diag"
)

// partialFile is an output file that gets its name only when it is complete.
type partialFile struct {
	*os.File
	path string
}

func newPartialFile(path string) (*partialFile, error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return nil, diag.Fail(diag.ExitUsage, "the output %s cannot be written", path).Because(err)
	}
	return &partialFile{File: f, path: path}, nil
}

func (p *partialFile) finish(ok bool, err error) error {
	_ = p.File.Close() // BuildKit closes it on success
	if ok {
		if err := os.Chmod(p.Name(), 0o644); err != nil {
			return err
		}
		return os.Rename(p.Name(), p.path)
	}
	return errors.Join(err, os.Remove(p.Name()))
}
