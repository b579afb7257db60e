package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/slipway-build/slipway/internal/assets"
	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/engine/embedded"
	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/image"
	"github.com/slipway-build/slipway/internal/localrun"
	"github.com/slipway-build/slipway/internal/localrun/oci"
)

// lab is a state directory of its own for one side of one run of `slipway bench`:
// an engine with empty caches and an image store with the blobs that the real one
// has. It is a bench.Lab.
type lab struct {
	dir     string
	eng     *embedded.Engine
	store   *image.Store
	rt      *oci.Runtime
	spec    localrun.Spec
	timeout time.Duration
}

// openLab makes a lab beside a directory with the blobs that it begins with.
func (a *app) openLab(ctx context.Context, images string, spec localrun.Spec, timeout time.Duration) (_ *lab, err error) {
	dir, err := os.MkdirTemp(filepath.Dir(images), "lab-")
	if err != nil {
		return nil, err
	}
	l := &lab{dir: dir, spec: spec, timeout: timeout}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.Close())
		}
	}()
	if err := linkTree(filepath.Join(dir, "images"), images); err != nil {
		return nil, fmt.Errorf("giving the bases to an empty store: %w", err)
	}
	inside := *a
	inside.stateDir = dir
	if l.store, err = inside.openImages(event.Discard{}); err != nil {
		return nil, err
	}
	if l.eng, err = inside.openEngine(ctx, "slipway bench", nil, event.Discard{}); err != nil {
		return nil, err
	}
	runc, err := assets.InstallRunc(filepath.Join(dir, "bin"))
	if err != nil {
		return nil, err
	}
	l.rt = &oci.Runtime{StateDir: dir, Runc: runc, Grace: 5 * time.Second, Images: func(ctx context.Context, name, platform string) (oci.Image, error) {
		return l.store.Image(ctx, name, platform)
	}}
	return l, nil
}

// linkTree makes hard links of the files of a tree.
func linkTree(to, from string) error {
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
			return os.MkdirAll(filepath.Join(to, rel), 0o755)
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
func (l *lab) Build(ctx context.Context, req engine.Request) (engine.Result, error) {
	return l.eng.Build(ctx, req, event.Discard{})
}

// Size implements bench.Lab.
func (l *lab) Size(ctx context.Context, built engine.Result) (int64, int, error) {
	img, err := l.store.Image(ctx, built.Digest, "")
	if err != nil {
		return 0, 0, err
	}
	info, err := l.store.Describe(ctx, img)
	return info.UnpackedBytes, len(info.Layers), err
}

// Start implements bench.Lab.
func (l *lab) Start(ctx context.Context, built engine.Result) (ready time.Duration, memoryBytes int64, err error) {
	spec := l.spec
	spec.Image = built.Digest
	running, err := l.rt.Start(ctx, localrun.Group{Name: "bench", Services: []localrun.Spec{spec}}, false, silent{})
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, running.Stop()) }()
	if err := running.WaitReady(ctx, l.timeout); err != nil {
		return 0, 0, err
	}
	ready = time.Duration(running.Statuses()[0].ReadyMillis) * time.Millisecond
	memoryBytes, err = l.settled(ctx)
	return ready, memoryBytes, err
}

// settled reads the memory in use until it changes by less than one percent in
// half a second, for five seconds at most.
func (l *lab) settled(ctx context.Context) (int64, error) {
	last := int64(0)
	for range 10 {
		groups, err := oci.List(l.dir)
		if err != nil {
			return 0, err
		}
		now := int64(0)
		for _, g := range groups {
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
func (l *lab) Close() error {
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

// benchBases brings in the bases of both sides before any clock runs.
func (a *app) benchBases(ctx context.Context, dir string, refs []string) (map[string]string, error) {
	screen := a.newScreen(nil)
	defer screen.Close()
	store, err := a.openImages(screen)
	if err != nil {
		return nil, err
	}
	assembler, err := a.assembler(dir, store, screen, "gzip")
	if err != nil {
		return nil, err
	}
	return bases{Assembler: assembler}.Ensure(ctx, refs, []string{"linux/" + runtime.GOARCH})
}

// showStep prints what a failed step printed, before the failure itself.
func (a *app) showStep(err error) error {
	if step := (*engine.StepError)(nil); errors.As(err, &step) {
		_, _ = a.Stderr.Write(step.Log)
	}
	return err
}
