package image

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sync/errgroup"

	"github.com/slipway-build/slipway/internal/atomicfile"
	"github.com/slipway-build/slipway/internal/proof/layer"
)

// contentsDir has the indexes of layers: what is in them, by digest. It may be
// deleted; an index that is missing or that an older slipway wrote is made again.
const contentsDir = "contents"

// knownContents are the indexes of layers that this process read already.
type knownContents struct {
	mu      sync.Mutex
	loading map[v1.Hash]func() (*layer.Index, error)
}

// Contents returns the indexes of an image's layers, the lowest first. A layer is
// unpacked once ever.
func (s *Store) Contents(ctx context.Context, img v1.Image) ([]*layer.Index, error) {
	manifest, err := img.Manifest()
	if err != nil {
		return nil, err
	}
	out := make([]*layer.Index, len(manifest.Layers))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(max(2, runtime.GOMAXPROCS(0)))
	for i, desc := range manifest.Layers {
		group.Go(func() (err error) {
			out[i], err = s.content(ctx, img, desc.Digest)
			return err
		})
	}
	return out, group.Wait()
}

// content returns the index of one layer; who asks at the same time waits for the
// same reading.
func (s *Store) content(ctx context.Context, img v1.Image, digest v1.Hash) (*layer.Index, error) {
	s.contents.mu.Lock()
	load, ok := s.contents.loading[digest]
	if !ok {
		load = sync.OnceValues(func() (*layer.Index, error) { return s.readContent(ctx, img, digest) })
		if s.contents.loading == nil {
			s.contents.loading = map[v1.Hash]func() (*layer.Index, error){}
		}
		s.contents.loading[digest] = load
	}
	s.contents.mu.Unlock()
	x, err := load()
	if err != nil { // of that caller, such as its context
		s.contents.mu.Lock()
		delete(s.contents.loading, digest)
		s.contents.mu.Unlock()
	}
	return x, err
}

// readContent takes the kept index, or unpacks the layer and keeps one.
func (s *Store) readContent(ctx context.Context, img v1.Image, digest v1.Hash) (*layer.Index, error) {
	if data, err := os.ReadFile(s.contentPath(digest)); err == nil {
		if x, err := layer.Decode(data); err == nil {
			return x, nil
		}
	}
	l, err := img.LayerByDigest(digest)
	if err != nil {
		return nil, err
	}
	compressed, err := l.Compressed()
	if err != nil {
		return nil, err
	}
	defer compressed.Close()
	plain, err := unpacked(&contextReader{ctx, compressed})
	if err != nil {
		return nil, fmt.Errorf("reading layer %s: %w", digest, err)
	}
	defer plain.Close()
	x, err := layer.Read(plain)
	if err != nil {
		return nil, fmt.Errorf("reading layer %s: %w", digest, err)
	}
	return x, errors.Join(s.KeepContent(digest, x), s.AddSizes(ctx, map[string]int64{digest.String(): x.Bytes}))
}

// KeepContent keeps the index of a layer.
func (s *Store) KeepContent(digest v1.Hash, x *layer.Index) error {
	data, err := x.Encode()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(s.path(contentsDir), 0o700); err != nil {
		return s.explainWrite(err)
	}
	unlock, err := s.lock(context.Background()) // for milliseconds: what a killed process leaves is known to be nobody's
	if err != nil {
		return err
	}
	defer unlock()
	err = atomicfile.Write(s.contentPath(digest), data, atomicfile.Options{Dir: s.path("tmp"), Prefix: "contents-", Mode: 0o644})
	return s.explainWrite(err)
}

func (s *Store) contentPath(digest v1.Hash) string {
	return s.path(contentsDir, filepath.Base(digest.Hex))
}

// pruneContents removes the indexes of layers that are gone; the lock is held.
func (s *Store) pruneContents() error {
	entries, err := os.ReadDir(s.path(contentsDir))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		if strings.Contains(e.Name(), "-") { // being written
			continue
		}
		if _, gone := os.Stat(s.blobPath(v1.Hash{Algorithm: "sha256", Hex: e.Name()})); errors.Is(gone, os.ErrNotExist) {
			err = errors.Join(err, os.Remove(s.contentPath(v1.Hash{Hex: e.Name()})))
		}
	}
	return err
}
