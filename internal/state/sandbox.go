package state

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/engine/embedded"
	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/image"
	"github.com/slipway-build/slipway/internal/localrun"
	"github.com/slipway-build/slipway/internal/localrun/oci"
)

// Sandbox is a state directory of its own for one side of one run of `slipway
// bench`: an engine with empty caches and an image store with the blobs that the
// real one has. It is a bench.Lab.
type Sandbox struct {
	dir     string
	eng     *embedded.Engine
	store   *image.Store
	rt      *oci.Runtime
	spec    localrun.Spec
	timeout time.Duration
}

// Sandbox makes one beside a directory of images with the blobs that it begins
// with; spec says how images are started, and timeout how long one may take.
func (d Dir) Sandbox(ctx context.Context, images string, spec localrun.Spec, timeout time.Duration) (_ *Sandbox, err error) {
	dir, err := os.MkdirTemp(filepath.Dir(images), "lab-")
	if err != nil {
		return nil, err
	}
	l := &Sandbox{dir: dir, spec: spec, timeout: timeout}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.Close())
		}
	}()
	if err := LinkTree(filepath.Join(dir, "images"), images); err != nil {
		return nil, fmt.Errorf("linking the bases into an empty store: %w", err)
	}
	inside := d
	inside.Path = dir
	if l.store, err = inside.Images(event.Discard{}); err != nil {
		return nil, err
	}
	if l.eng, err = inside.openEngine(ctx, "slipway bench", StepRights{}, event.Discard{}); err != nil {
		return nil, err
	}
	runc, err := inside.Runc()
	if err != nil {
		return nil, err
	}
	l.rt = &oci.Runtime{StateDir: dir, Runc: runc, Grace: 5 * time.Second, Images: func(ctx context.Context, name, platform string) (oci.Image, error) {
		return l.store.Image(ctx, name, platform)
	}}
	return l, nil
}

// LinkTree makes hard links of the files of a tree.
func LinkTree(to, from string) error {
	return filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		switch {
		case e.IsDir() && rel == "tmp":
			return filepath.SkipDir
		case e.IsDir():
			return os.MkdirAll(filepath.Join(to, rel), 0o700)
		case e.Type().IsRegular() && rel != ".lock": // a lock of its own
			err := os.Link(path, filepath.Join(to, rel))
			if errors.Is(err, fs.ErrNotExist) {
				return nil // collected meanwhile
			}
			return err
		}
		return nil
	})
}

// Build implements bench.Lab.
func (l *Sandbox) Build(ctx context.Context, req engine.Request) (engine.Result, error) {
	return l.eng.Build(ctx, req, event.Discard{})
}

// Size implements bench.Lab.
func (l *Sandbox) Size(ctx context.Context, built engine.Result) (int64, int, error) {
	img, err := l.store.Image(ctx, built.Digest, "")
	if err != nil {
		return 0, 0, err
	}
	info, err := l.store.Describe(ctx, img)
	return info.UnpackedBytes, len(info.Layers), err
}

// Start implements bench.Lab.
func (l *Sandbox) Start(ctx context.Context, built engine.Result) (ready time.Duration, memoryBytes int64, err error) {
	spec := l.spec
	spec.Image = built.Digest
	return started(ctx, l.rt, localrun.Group{Name: "bench", Services: []localrun.Spec{spec}}, l.timeout)
}

// Started starts a group of this machine, waits until it is healthy and has settled,
// and stops it: how long that took, 0 without a health check, and the memory in use.
func (d Dir) Started(ctx context.Context, g localrun.Group, timeout time.Duration) (ready time.Duration, memoryBytes int64, err error) {
	rt, err := d.Containers("")
	if err != nil {
		return 0, 0, err
	}
	rt.Grace = 5 * time.Second
	return started(ctx, rt, g, timeout)
}

func started(ctx context.Context, rt *oci.Runtime, g localrun.Group, timeout time.Duration) (ready time.Duration, memoryBytes int64, err error) {
	running, err := rt.Start(ctx, g, false, silent{})
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, running.Stop()) }()
	if err := running.WaitReady(ctx, timeout); err != nil {
		return 0, 0, err
	}
	ready = time.Duration(running.Statuses()[0].ReadyMillis) * time.Millisecond
	memoryBytes, err = settled(ctx, rt.StateDir, g.Name)
	return ready, memoryBytes, err
}

// settled reads the memory in use by a group until it changes by less than one percent in
// half a second, for five seconds at most.
func settled(ctx context.Context, stateDir, group string) (int64, error) {
	last := int64(0)
	for range 10 {
		groups, err := oci.List(stateDir)
		if err != nil {
			return 0, err
		}
		now := int64(0)
		for _, g := range groups {
			if g.Name != group {
				continue
			}
			for _, s := range g.Services {
				now += s.MemoryBytes
			}
		}
		if d := now - last; last > 0 && d*100 < last && -d*100 < last {
			return now, nil
		}
		last = now
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(500 * time.Millisecond):
		}
	}
	return last, nil
}

// Close implements bench.Lab.
func (l *Sandbox) Close() error {
	var err error
	if l.eng != nil {
		err = l.eng.Close()
	}
	return errors.Join(err, os.RemoveAll(l.dir))
}

// silent watches a group and says nothing.
type silent struct{}

func (silent) Changed(localrun.Status) {}
func (silent) Log(string, []byte)      {}
func (silent) Note(string)             {}
