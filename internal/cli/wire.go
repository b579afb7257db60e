package cli

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"syscall"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/slipway-build/slipway/internal/assets"
	"github.com/slipway-build/slipway/internal/baseimage"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/image"
	"github.com/slipway-build/slipway/internal/pipeline"
)

// openImages opens the local image store.
func (a *app) openImages(sink event.Sink) (*image.Store, error) {
	store, err := image.Open(a.imageDir(), image.WithSink(sink))
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) || errors.Is(err, syscall.ENOTDIR) {
		return nil, diag.Fail(diag.ExitUsage, "the state directory %s cannot be used", a.stateDir).Because(err).
			WithHint("set SLIPWAY_STATE_DIR to a directory that you can write to")
	}
	return store, err
}

// tagger lets the pipeline name what the engine wrote into the store.
type tagger struct{ *image.Store }

// Tag implements pipeline.Images.
func (t tagger) Tag(ctx context.Context, name string, built engine.Result) error {
	digest, err := v1.NewHash(built.Digest)
	if err != nil {
		return err
	}
	if has, err := t.Resolve(ctx, name); err == nil && has.Digest == digest {
		return nil
	}
	return t.Store.Tag(ctx, name, v1.Descriptor{
		MediaType: types.MediaType(built.MediaType), Digest: digest, Size: built.SizeBytes,
	})
}

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
	return index, err
}

// assembler makes base images for the project in dir, pinned by its lock.
func (a *app) assembler(dir string, store *image.Store, sink event.Sink, compression string) (*baseimage.Assembler, error) {
	lock, err := baseimage.ReadLock(filepath.Join(dir, lockFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return baseimage.New(baseimage.Options{
		PackagesDir: filepath.Join(a.stateDir, "packages"),
		StateDir:    filepath.Join(a.stateDir, "bases"),
		Store:       baseStore{store},
		Lock:        lock,
		Mirrors: func(ctx context.Context) (baseimage.Mirrors, error) {
			return baseimage.FindMirrors(ctx, baseimage.Machine{Root: "/", Dir: dir, Getenv: a.Getenv})
		},
		Keyring:     a.Getenv("SLIPWAY_DEBIAN_KEYRING"),
		Probe:       assets.Probe,
		ProbeID:     assets.ProbeID,
		Events:      sink,
		Compression: baseimage.Compression(compression),
	})
}

// lockFile pins the bases of a repository.
const lockFile = "slipway.lock"

// bases lets the pipeline ask for base images.
type bases struct {
	*baseimage.Assembler
	eng       *lazyEngine // nil: the engine is open
	onlyReady bool        // nothing is assembled
}

// errNotReady says that a base would have to be assembled.
var errNotReady = errors.New("its bases are not assembled")

// Ensure implements pipeline.Bases. Where bases are missing a build will follow,
// so the engine is opened first: of two commands at once one assembles them.
func (b bases) Ensure(ctx context.Context, refs, platforms []string) (map[string]string, error) {
	built, ready := b.Ready(ctx, refs, platforms)
	if !ready {
		if b.onlyReady {
			return nil, errNotReady
		}
		if b.eng != nil {
			if _, err := b.eng.get(); err != nil {
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

// pusher pushes images under their own names.
func (a *app) pusher(store *image.Store, sink event.Sink, insecure bool) (pipeline.Pusher, error) {
	p, err := image.NewPusher(store, image.PushOptions{
		User: a.Getenv("SLIPWAY_REGISTRY_USER"), Password: a.Getenv("SLIPWAY_REGISTRY_PASSWORD"),
		Insecure: insecure, Sink: sink,
	})
	return pusher{p}, err
}

type pusher struct{ *image.Pusher }

// Push implements pipeline.Pusher.
func (p pusher) Push(ctx context.Context, name string) error { return p.Pusher.Push(ctx, name, name) }
