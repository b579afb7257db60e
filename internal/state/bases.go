package state

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/internal/assets"
	"github.com/slipway-build/slipway/internal/baseimage"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/image"
	"github.com/slipway-build/slipway/internal/repository"
)

// baseStore keeps assembled bases in the image store.
type baseStore struct{ store *image.Store }

// Write implements baseimage.Store.
func (b baseStore) Write(ctx context.Context, name string, index v1.ImageIndex) (v1.Hash, error) {
	desc, err := b.store.Write(ctx, name, index)
	return desc.Digest, err
}

// Lookup implements baseimage.Store.
func (b baseStore) Lookup(ctx context.Context, name string) (v1.ImageIndex, error) {
	index, err := b.store.Index(ctx, name)
	if errors.Is(err, image.ErrNotFound) {
		return nil, errors.Join(err, fs.ErrNotExist)
	}
	if err != nil {
		return nil, err
	}
	// A base with a damaged layer is not there: it is assembled again.
	desc, err := b.store.Resolve(ctx, name)
	if err == nil && b.store.Holds(desc) != nil {
		return nil, fs.ErrNotExist
	}
	return index, err
}

// Assembler makes base images for the project in dir, pinned by its lock.
func (d Dir) Assembler(dir string, store *image.Store, sink event.Sink, compression string) (*baseimage.Assembler, error) {
	lock, err := readLock(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return baseimage.New(baseimage.Options{
		PackagesDir: filepath.Join(d.Path, "packages"),
		StateDir:    filepath.Join(d.Path, "bases"),
		Store:       baseStore{store},
		Lock:        lock,
		Mirrors: func(ctx context.Context) (baseimage.Mirrors, error) {
			return baseimage.FindMirrors(ctx, baseimage.Machine{Root: "/", Getenv: d.Getenv})
		},
		Keyring:     d.Getenv("SLIPWAY_DEBIAN_KEYRING"),
		Probe:       assets.Probe,
		ProbeID:     assets.ProbeID,
		Scanner:     assets.Scanner,
		ScannerID:   assets.ScannerID,
		Events:      sink,
		Compression: baseimage.Compression(compression),
	})
}

// LockFile pins the bases of a repository.
const LockFile = "slipway.lock"

// Bases lets the pipeline ask for base images.
type Bases struct {
	*baseimage.Assembler
	Engine    *LazyEngine // nil: the engine is open
	OnlyReady bool        // nothing is assembled
}

// errNotReady says that a base would have to be assembled.
var errNotReady = errors.New("its bases are not assembled yet")

// Ensure implements pipeline.Bases. Where bases are missing a build will follow,
// so the engine is opened first: of two commands at once one assembles them.
func (b Bases) Ensure(ctx context.Context, refs, platforms []string) (map[string]string, error) {
	built, ready := b.Ready(ctx, refs, platforms)
	if !ready {
		if b.OnlyReady {
			return nil, errNotReady
		}
		if b.Engine != nil {
			if _, err := b.Engine.Get(); err != nil {
				return nil, err
			}
		}
		var err error
		if built, err = b.Assembler.Ensure(ctx, refs, platforms); err != nil {
			return nil, err
		}
	}
	out := map[string]string{}
	for ref, base := range built {
		out[ref] = base.Index.String()
	}
	return out, nil
}

// readLock reads the lock file of a repository.
func readLock(dir string) (baseimage.Lock, error) {
	name := filepath.Join(dir, LockFile)
	text, err := repository.ReadFile(dir, LockFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return baseimage.Lock{}, err
	case err != nil:
		return baseimage.Lock{}, diag.Fail(diag.ExitUsage, "reading %s", name).Because(err).WithHint("slipway bases lock writes it again")
	}
	return baseimage.DecodeLock(name, text)
}
