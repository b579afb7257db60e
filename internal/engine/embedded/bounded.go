//go:build linux

package embedded

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/diff"
	"github.com/containerd/containerd/v2/core/diff/apply"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/mount"
	"github.com/containerd/containerd/v2/pkg/archive/compression"
	"github.com/moby/buildkit/util/winlayers"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/slipway-build/slipway/internal/quota"
)

// boundedApplier unpacks the layers of an image as long as all of them together stay
// within a limit. The layers below are known by the directories that they were
// unpacked into; those of earlier processes count as nothing.
type boundedApplier struct {
	content content.Provider
	limit   int64 // bytes; 0: none

	mu    sync.Mutex
	sizes map[string]int64 // by directory, with the layers below
}

func newBoundedApplier(from content.Provider, limit int64) *boundedApplier {
	return &boundedApplier{content: from, limit: limit, sizes: map[string]int64{}}
}

// Apply implements diff.Applier. Others decompress and unpack in one go, so they get
// the layer as if it had not been compressed.
func (b *boundedApplier) Apply(ctx context.Context, desc ocispecs.Descriptor, mounts []mount.Mount, opts ...diff.ApplyOpt) (ocispecs.Descriptor, error) {
	source := content.Provider(b.content)
	room := quota.New(b.limit)
	dir, below := directories(mounts)
	if _, err := images.DiffCompression(ctx, desc.MediaType); err == nil && b.limit > 0 {
		if err := room.Take(b.known(below)); err != nil {
			return ocispecs.Descriptor{}, err
		}
		source = plainLayer{b.content, desc, room}
		desc.MediaType = ocispecs.MediaTypeImageLayer
	}
	out, err := winlayers.NewFileSystemApplierWithWindows(source, apply.NewFileSystemApplier(source)).Apply(ctx, desc, mounts, opts...)
	if err == nil {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.sizes[dir] = room.Taken()
	}
	return out, err
}

func (b *boundedApplier) known(dir string) int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.sizes[dir]
}

// directories returns the one that the mounts of a snapshot write to, and the one
// right below it: an image's lowest layer is a bind mount, the others are overlays.
func directories(mounts []mount.Mount) (dir, below string) {
	if len(mounts) != 1 {
		return "", ""
	}
	dir = mounts[0].Source
	for _, o := range mounts[0].Options {
		if upper, ok := strings.CutPrefix(o, "upperdir="); ok {
			dir = upper
		} else if lower, ok := strings.CutPrefix(o, "lowerdir="); ok {
			below, _, _ = strings.Cut(lower, ":")
		}
	}
	return dir, below
}

// plainLayer provides a layer decompressed, as far as there is room for it.
type plainLayer struct {
	content.Provider
	desc ocispecs.Descriptor // as it is stored
	room *quota.Quota
}

// ReaderAt implements content.Provider.
func (p plainLayer) ReaderAt(ctx context.Context, _ ocispecs.Descriptor) (content.ReaderAt, error) {
	stored, err := p.Provider.ReaderAt(ctx, p.desc)
	if err != nil {
		return nil, err
	}
	stream := content.NewReader(stored)
	kind, err := images.DiffCompression(ctx, p.desc.MediaType)
	if err == nil && kind != "" {
		var plain io.ReadCloser
		if plain, err = compression.DecompressStream(stream); err == nil {
			return &plainReader{ReaderAt: stored, stream: p.room.Tar(plain), plain: plain}, nil
		}
	}
	if err != nil {
		return nil, errors.Join(err, stored.Close())
	}
	return &plainReader{ReaderAt: stored, stream: p.room.Tar(stream)}, nil
}

type plainReader struct {
	content.ReaderAt
	stream io.Reader
	plain  io.Closer // nil: it was not compressed
}

// Reader is what content.NewReader asks for.
func (r *plainReader) Reader() io.Reader { return r.stream }

// ReadAt implements io.ReaderAt.
func (r *plainReader) ReadAt([]byte, int64) (int, error) {
	return 0, errors.New("a decompressed layer is read from its beginning to its end")
}

// Close implements io.Closer.
func (r *plainReader) Close() error {
	err := r.ReaderAt.Close()
	if r.plain != nil {
		err = errors.Join(err, r.plain.Close())
	}
	return err
}
