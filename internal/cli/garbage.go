package cli

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

// collectGarbage keeps the cache within its limit and drops the blobs of images
// that have no name any more. Younger ones may belong to a build that runs now.
func (a *app) collectGarbage(ctx context.Context, eng builder, store *image.Store) error {
	limit, err := cacheLimit(a.Getenv("SLIPWAY_CACHE_SIZE"))
	if err != nil || ctx.Err() != nil || !a.mayHaveGarbage(limit) {
		return err
	}
	if err := eng.Collect(ctx); err != nil {
		return fmt.Errorf("collecting garbage in the build cache: %w", err)
	}
	if _, err := store.GC(ctx, time.Hour, nil); err != nil {
		return fmt.Errorf("collecting garbage in the image store: %w", err)
	}
	a.collected(limit)
	return nil
}

// mayHaveGarbage tells whether the last collection was too long ago, under
// another limit, or before too much was written to the disk.
func (a *app) mayHaveGarbage(limit int64) bool {
	info, err := os.Stat(a.collectedFile())
	if err != nil {
		return true
	}
	data, err := os.ReadFile(a.collectedFile())
	if err != nil {
		return true
	}
	var then, under int64
	if _, err := fmt.Sscan(string(data), &then, &under); err != nil || under != limit {
		return true
	}
	free, _, err := diskSpace(a.stateDir)
	age := time.Since(info.ModTime())
	return err != nil || age < 0 || age > collectEvery || then-free > cmp.Or(limit, embedded.DefaultCacheSize)/collectShare
}

// collected notes a collection; without the note there is one more.
func (a *app) collected(limit int64) {
	if free, _, err := diskSpace(a.stateDir); err == nil {
		_ = os.WriteFile(a.collectedFile(), fmt.Appendln(nil, free, limit), 0o600)
	}
}

func (a *app) collectedFile() string { return filepath.Join(a.stateDir, "collected") }
