package image

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Freed says what GC removed.
type Freed struct {
	Blobs     int
	SizeBytes int64
}

// GC removes the blobs that no name reaches, and what interrupted writers left
// behind. It keeps what was written or used within keepYounger, because a build
// that runs now may be about to name it, and what keep asks for (nil: nothing),
// such as blobs that the engine's cache refers to.
func (s *Store) GC(ctx context.Context, keepYounger time.Duration, keep func(v1.Hash) bool) (Freed, error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return Freed{}, err
	}
	defer unlock()
	entries, err := s.readIndex()
	if err != nil {
		return Freed{}, err // a damaged index.json says nothing about what may go
	}
	reached := map[v1.Hash]bool{}
	for _, e := range entries {
		s.mark(e.Descriptor, reached)
	}
	oldest := time.Now().Add(-keepYounger)
	if err := s.markBeside(reached, oldest); err != nil {
		return Freed{}, err
	}
	freed, err := s.sweep(ctx, oldest, func(h v1.Hash) bool { return reached[h] || keep != nil && keep(h) })
	return freed, errors.Join(err, removeOld(s.path("tmp"), oldest), removeOld(s.path("ingest"), oldest), s.pruneSizes(), s.pruneContents())
}

// mark adds all blobs of an image; a manifest that cannot be read has none.
func (s *Store) mark(desc v1.Descriptor, reached map[v1.Hash]bool) {
	if reached[desc.Digest] {
		return
	}
	reached[desc.Digest] = true
	children, err := s.children(desc)
	if err != nil {
		return
	}
	for _, child := range children {
		s.mark(child, reached)
	}
}

// sweep removes the old blobs that keep does not want.
func (s *Store) sweep(ctx context.Context, oldest time.Time, keep func(v1.Hash) bool) (Freed, error) {
	var freed Freed
	blobs, err := os.ReadDir(s.path("blobs", "sha256"))
	for _, blob := range blobs {
		if ctx.Err() != nil {
			return freed, ctx.Err()
		}
		info, err := blob.Info()
		if err != nil || info.ModTime().After(oldest) || keep(v1.Hash{Algorithm: "sha256", Hex: blob.Name()}) {
			continue
		}
		if err := os.Remove(s.path("blobs", "sha256", blob.Name())); err != nil {
			return freed, err
		}
		freed.Blobs++
		freed.SizeBytes += info.Size()
	}
	return freed, err
}

// removeOld removes the entries of a directory in which nothing changed since a time.
func removeOld(dir string, oldest time.Time) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if newest(path).Before(oldest) {
			err = errors.Join(err, os.RemoveAll(path))
		}
	}
	return err
}

// newest returns the latest modification time of a file or of what a directory holds.
func newest(path string) time.Time {
	var latest time.Time
	_ = filepath.WalkDir(path, func(_ string, e fs.DirEntry, err error) error {
		if err != nil {
			return nil
		}
		if info, err := e.Info(); err == nil && info.ModTime().After(latest) {
			latest = info.ModTime()
		}
		return nil
	})
	return latest
}
