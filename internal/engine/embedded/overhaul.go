//go:build linux

package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/slipway-build/slipway/internal/event"
)

// Overhaul looks at everything in the state directory of an engine that is not open:
// leftovers of a killed one, mounts, every page of its databases, every blob. What is
// damaged goes aside, with a note. It waits while another process has the engine, and
// returns what it looked at, in words.
func Overhaul(ctx context.Context, o Options, sink event.Sink) (found string, err error) {
	if _, err := os.Stat(o.StateDir); errors.Is(err, os.ErrNotExist) {
		return "no engine yet", nil
	}
	dir, err := filepath.EvalSymlinks(o.StateDir)
	if err != nil {
		return "", fmt.Errorf("finding the state directory: %w", err)
	}
	o.StateDir = dir
	lock, last, err := lockState(ctx, o, sink)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, unlockState(lock)) }()
	if err := repair(ctx, o, sink); err != nil {
		return "", err
	}
	blobs, err := overhaul(ctx, dir, last.ended)
	if damage(err) {
		return "its cache was damaged and is empty now", setAside(dir, err, sink)
	}
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d databases and %d blobs are whole", len(databases()), blobs), sealDatabases(dir)
}

// overhaul reads databases and blobs, whatever their seals say.
func overhaul(ctx context.Context, dir string, released time.Time) (blobs int, err error) {
	if err := unseal(dir, released); err != nil {
		return 0, err
	}
	for _, name := range databases() {
		if err := readDatabase(filepath.Join(dir, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return 0, &damagedError{name, err}
		}
	}
	entries, err := os.ReadDir(contentDir(dir))
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	for _, e := range entries {
		if ctx.Err() != nil {
			return blobs, ctx.Err()
		}
		if err := sealWhole(filepath.Join(contentDir(dir), e.Name())); err != nil {
			return blobs, &damagedError{filepath.Join("content", e.Name()[:min(12, len(e.Name()))]), err}
		}
		blobs++
	}
	return blobs, err
}
