package image

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"runtime"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/sync/errgroup"
)

// Layer is one layer of an image. Sizes are bytes; UnpackedBytes is the sum of
// the regular files in the layer, hard links counted once.
type Layer struct {
	Digest          v1.Hash
	DiffID          v1.Hash
	CompressedBytes int64
	UnpackedBytes   int64
	CreatedBy       string // from the image's history
}

// Info is what there is to say about an image of one platform.
type Info struct {
	Digest          v1.Hash // of its manifest
	Platform        string
	Layers          []Layer
	UnpackedBytes   int64
	CompressedBytes int64
	Config          v1.Config // user, command, health check, labels …
}

// Describe measures an image. Layers that were measured before are not read
// again; the measures are kept beside the blobs and may be deleted at any time.
func (s *Store) Describe(ctx context.Context, img v1.Image) (Info, error) {
	infos, err := s.DescribeAll(ctx, []v1.Image{img})
	if err != nil {
		return Info{}, err
	}
	return infos[0], nil
}

// DescribeAll measures several images at once, and layers that they share once.
func (s *Store) DescribeAll(ctx context.Context, imgs []v1.Image) ([]Info, error) {
	infos := make([]Info, len(imgs))
	unmeasured := map[v1.Hash]v1.Layer{}
	sizes := s.readSizes()
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, img := range imgs {
		group.Go(func() (err error) {
			infos[i], err = describe(img)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	for i, img := range imgs {
		for _, l := range infos[i].Layers {
			if _, ok := sizes[l.Digest.String()]; ok {
				continue
			}
			var err error
			if unmeasured[l.Digest], err = img.LayerByDigest(l.Digest); err != nil {
				return nil, err
			}
		}
	}
	if err := s.measure(ctx, unmeasured, sizes); err != nil {
		return nil, err
	}
	for i := range infos {
		for j := range infos[i].Layers {
			l := &infos[i].Layers[j]
			l.UnpackedBytes = sizes[l.Digest.String()]
			infos[i].UnpackedBytes += l.UnpackedBytes
			infos[i].CompressedBytes += l.CompressedBytes
		}
	}
	return infos, nil
}

// describe reads what manifest and config say.
func describe(img v1.Image) (Info, error) {
	digest, err := img.Digest()
	if err != nil {
		return Info{}, err
	}
	manifest, err := img.Manifest()
	if err != nil {
		return Info{}, fmt.Errorf("reading image %s: %w", digest, err)
	}
	config, err := img.ConfigFile()
	if err != nil {
		return Info{}, fmt.Errorf("reading image %s: %w", digest, err)
	}
	if len(config.RootFS.DiffIDs) != len(manifest.Layers) {
		return Info{}, fmt.Errorf("reading image %s: %d layers but %d diff IDs", digest, len(manifest.Layers), len(config.RootFS.DiffIDs))
	}
	var createdBy []string
	for _, h := range config.History {
		if !h.EmptyLayer {
			createdBy = append(createdBy, h.CreatedBy)
		}
	}
	info := Info{Digest: digest, Platform: platformOf(config).String(), Config: config.Config}
	for i, l := range manifest.Layers {
		layer := Layer{Digest: l.Digest, DiffID: config.RootFS.DiffIDs[i], CompressedBytes: l.Size}
		if len(createdBy) == len(manifest.Layers) {
			layer.CreatedBy = createdBy[i]
		}
		info.Layers = append(info.Layers, layer)
	}
	return info, nil
}

// platformOf returns the platform that a config names, which may be empty.
func platformOf(config *v1.ConfigFile) v1.Platform {
	if p := config.Platform(); p != nil {
		return *p
	}
	return v1.Platform{}
}

// measure unpacks layers, as many at once as there are processors, and adds
// their sizes to sizes.
func (s *Store) measure(ctx context.Context, layers map[v1.Hash]v1.Layer, sizes map[string]int64) error {
	if len(layers) == 0 {
		return nil
	}
	type measured struct {
		digest string
		size   int64
	}
	results := make(chan measured, len(layers))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for digest, layer := range layers {
		group.Go(func() error {
			size, err := unpackedSize(ctx, layer)
			if err != nil {
				return fmt.Errorf("measuring layer %s: %w", digest, err)
			}
			results <- measured{digest.String(), size}
			return nil
		})
	}
	err := group.Wait()
	close(results)
	fresh := map[string]int64{}
	for r := range results {
		fresh[r.digest] = r.size
	}
	maps.Copy(sizes, fresh)
	return errors.Join(err, s.AddSizes(ctx, fresh))
}

// unpackedSize is the sum of the regular files of a layer.
func unpackedSize(ctx context.Context, layer v1.Layer) (int64, error) {
	compressed, err := layer.Compressed()
	if err != nil {
		return 0, err
	}
	defer compressed.Close()
	content, err := unpacked(&contextReader{ctx, compressed})
	if err != nil {
		return 0, err
	}
	defer content.Close()
	archive := tar.NewReader(content)
	var sum int64
	for {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return sum, nil
		}
		if err != nil {
			return 0, err
		}
		if h.Typeflag == tar.TypeReg {
			sum += h.Size
		}
	}
}

// unpacked returns the tar stream of a layer that is gzip, zstd or plain.
func unpacked(r io.Reader) (io.ReadCloser, error) {
	buffered := bufio.NewReaderSize(r, 1<<16)
	magic, _ := buffered.Peek(4)
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		return gzip.NewReader(buffered)
	case bytes.Equal(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		d, err := zstd.NewReader(buffered, zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, err
		}
		return d.IOReadCloser(), nil
	}
	return io.NopCloser(buffered), nil
}

const sizesFile = "sizes.json"

// readSizes reads the unpacked size of layers by digest. A file that is missing
// or damaged counts as empty: everything in it can be measured again.
func (s *Store) readSizes() map[string]int64 {
	sizes := map[string]int64{}
	data, err := os.ReadFile(s.path(sizesFile))
	if err != nil || json.Unmarshal(data, &sizes) != nil {
		return map[string]int64{}
	}
	return sizes
}

// AddSizes keeps the unpacked sizes of layers by their digests, in bytes, so that
// they need not be measured.
func (s *Store) AddSizes(ctx context.Context, fresh map[string]int64) error {
	if len(fresh) == 0 {
		return nil
	}
	unlock, err := s.lock(context.WithoutCancel(ctx))
	if err != nil {
		return err
	}
	defer unlock()
	sizes := s.readSizes()
	maps.Copy(sizes, fresh)
	return s.writeSizes(sizes)
}

// pruneSizes forgets the sizes of blobs that are gone; the lock is held.
func (s *Store) pruneSizes() error {
	sizes := s.readSizes()
	before := len(sizes)
	maps.DeleteFunc(sizes, func(digest string, _ int64) bool {
		h, err := v1.NewHash(digest)
		if err != nil {
			return true
		}
		_, err = os.Stat(s.blobPath(h))
		return err != nil
	})
	if len(sizes) == before {
		return nil
	}
	return s.writeSizes(sizes)
}

func (s *Store) writeSizes(sizes map[string]int64) error {
	data, err := json.Marshal(sizes)
	if err != nil {
		return err
	}
	return s.replace(sizesFile, data)
}
