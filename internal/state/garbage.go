package state

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/slipway-build/slipway/internal/engine/embedded"
	"github.com/slipway-build/slipway/internal/image"
)

// Looking for garbage means to look at every record of the cache and at every
// image, which is a tenth of the time of a small build. So it is not done after a
// build when it was done within an hour and little was written since: the cache
// may exceed its limit by the twentieth part, for that long.
const (
	collectEvery = time.Hour
	collectShare = 20
)

// CollectGarbage keeps the cache within its limit and drops the blobs of images
// that have no name any more. Younger ones may belong to a build that runs now.
func (d Dir) CollectGarbage(ctx context.Context, eng Engine, store *image.Store) error {
	limit, err := cacheLimit(d.Getenv("SLIPWAY_CACHE_SIZE"))
	if err != nil || ctx.Err() != nil || !d.mayHaveGarbage(limit) {
		return err
	}
	if err := eng.Collect(ctx); err != nil {
		return fmt.Errorf("collecting garbage in the build cache: %w", err)
	}
	if _, err := store.GC(ctx, time.Hour, nil); err != nil {
		return fmt.Errorf("collecting garbage in the image store: %w", err)
	}
	d.collected(limit)
	return nil
}

// mayHaveGarbage tells whether the last collection was too long ago, under
// another limit, or before too much was written to the disk.
func (d Dir) mayHaveGarbage(limit int64) bool {
	info, err := os.Stat(d.collectedFile())
	if err != nil {
		return true
	}
	data, err := os.ReadFile(d.collectedFile())
	if err != nil {
		return true
	}
	var then, under int64
	if _, err := fmt.Sscan(string(data), &then, &under); err != nil || under != limit {
		return true
	}
	free, _, err := DiskSpace(d.Path)
	age := time.Since(info.ModTime())
	return err != nil || age < 0 || age > collectEvery || then-free > cmp.Or(limit, embedded.DefaultCacheSize)/collectShare
}

// collected notes a collection; without the note there is one more.
func (d Dir) collected(limit int64) {
	if free, _, err := DiskSpace(d.Path); err == nil {
		_ = os.WriteFile(d.collectedFile(), fmt.Appendln(nil, free, limit), 0o600)
	}
}

func (d Dir) collectedFile() string { return filepath.Join(d.Path, "collected") }
