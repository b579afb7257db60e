package download

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/slipway-build/slipway/internal/atomicfile"
	"github.com/slipway-build/slipway/internal/event"
)

const tempPrefix = ".tmp-"

// newTemp creates a file that gets its name when it is complete. It stays locked
// while it is open, so that another process can tell it from one whose writer was
// killed.
func newTemp(name string) (*atomicfile.File, error) {
	for {
		f, err := atomicfile.Create(name, atomicfile.Options{Prefix: tempPrefix})
		if err != nil {
			return nil, err
		}
		// A file system without locks has nobody who clears by them either.
		_ = tryLock(f.File)
		mine, err := f.Stat()
		if err == nil {
			if named, statErr := os.Stat(f.Name()); statErr == nil && os.SameFile(mine, named) {
				return f, nil
			}
		}
		f.Close() // it was cleared between its creation and its lock
		if err != nil {
			return nil, err
		}
	}
}

// WriteWhole makes a file, and its directory, so that it is there whole or not at
// all.
func WriteWhole(name string, write func(f *os.File) error) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	f, err := newTemp(name)
	if err != nil {
		return err
	}
	if err := write(f.File); err != nil {
		return errors.Join(err, f.Discard())
	}
	return f.Commit()
}

// ClearAbandoned removes files that killed processes had not finished, and says so.
func ClearAbandoned(events event.Sink, dirs ...string) {
	n := 0
	for _, dir := range dirs {
		_ = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
			if err == nil && e.Type().IsRegular() && strings.HasPrefix(e.Name(), tempPrefix) && removeAbandoned(path) {
				n++
			}
			return nil
		})
	}
	if n > 0 {
		events.Emit(event.Note{Text: fmt.Sprintf("clearing %d unfinished file(s) of base images that an interrupted run left behind", n)})
	}
}

// removeAbandoned removes a temporary file unless a process still writes it.
func removeAbandoned(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	return tryLock(f) == nil && os.Remove(path) == nil
}
