package image

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/plan"
)

// attestation marks the manifests of an index that are no images but say
// something about one (BuildKit, attestation storage).
const attestation = "vnd.docker.reference.type"

// Image opens an image for one platform such as "linux/arm64"; an empty platform
// is Linux on this machine's architecture, or the only one that the image has.
func (s *Store) Image(ctx context.Context, name, platform string) (v1.Image, error) {
	desc, err := s.Resolve(ctx, name)
	if err != nil {
		return nil, err
	}
	return s.image(name, desc, platform)
}

func (s *Store) image(name string, desc v1.Descriptor, platform string) (v1.Image, error) {
	if !desc.MediaType.IsIndex() {
		img, err := s.open(desc)
		if err == nil {
			err = checkPlatform(name, img, platform)
		}
		if err != nil {
			return nil, err
		}
		return img, nil
	}
	manifests, err := s.platforms(desc)
	if err != nil {
		return nil, err
	}
	found, err := choose(name, manifests, platform)
	if err != nil {
		return nil, err
	}
	if found.MediaType.IsIndex() {
		return s.image(name, found, platform)
	}
	return s.open(found)
}

// Images opens an image for each of its platforms, in the order of its index.
func (s *Store) Images(ctx context.Context, name string) ([]v1.Image, error) {
	desc, err := s.Resolve(ctx, name)
	if err != nil {
		return nil, err
	}
	return s.images(desc)
}

// ImagesOf is Images of an image that has no name yet.
func (s *Store) ImagesOf(desc v1.Descriptor) ([]v1.Image, error) { return s.images(desc) }

func (s *Store) images(desc v1.Descriptor) ([]v1.Image, error) {
	if !desc.MediaType.IsIndex() {
		img, err := s.open(desc)
		return []v1.Image{img}, err
	}
	manifests, err := s.platforms(desc)
	if err != nil {
		return nil, err
	}
	var out []v1.Image
	for _, m := range manifests {
		below, err := s.images(m)
		if err != nil {
			return nil, err
		}
		out = append(out, below...)
	}
	return out, nil
}

// Platforms returns the platforms of an image, in the order of its index.
func (s *Store) Platforms(ctx context.Context, name string) ([]string, error) {
	images, err := s.Images(ctx, name)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, img := range images {
		config, err := img.ConfigFile()
		if err != nil {
			return nil, err
		}
		out = append(out, platformOf(config).String())
	}
	return out, nil
}

// Index opens the image index of a name; the error is a usage error when the
// name is a single image.
func (s *Store) Index(ctx context.Context, name string) (v1.ImageIndex, error) {
	desc, err := s.Resolve(ctx, name)
	if err != nil {
		return nil, err
	}
	if !desc.MediaType.IsIndex() {
		return nil, diag.Fail(diag.ExitUsage, "image %q has one platform and no index", name)
	}
	return &storedIndex{storedManifest{store: s, desc: desc}}, nil
}

// Artifact opens what a name stands for, an image or an index.
func (s *Store) Artifact(ctx context.Context, name string) (Artifact, error) {
	desc, err := s.Resolve(ctx, name)
	if err != nil {
		return nil, err
	}
	if desc.MediaType.IsIndex() {
		return &storedIndex{storedManifest{store: s, desc: desc}}, nil
	}
	return s.open(desc)
}

// platforms returns the manifests of an index that are images.
func (s *Store) platforms(desc v1.Descriptor) ([]v1.Descriptor, error) {
	return platformsIn(&storedIndex{storedManifest{store: s, desc: desc}})
}

// PlatformsOf returns the images of an index, in its order, each with its platform; none
// of an image of one platform.
func (s *Store) PlatformsOf(desc v1.Descriptor) ([]v1.Descriptor, error) {
	if !desc.MediaType.IsIndex() {
		return nil, nil
	}
	return s.platforms(desc)
}

// platformsIn are the manifests of an index that are images, not words about one.
func platformsIn(list interface {
	IndexManifest() (*v1.IndexManifest, error)
}) ([]v1.Descriptor, error) {
	index, err := list.IndexManifest()
	if err != nil {
		return nil, err
	}
	var out []v1.Descriptor
	for _, m := range index.Manifests {
		if m.Annotations[attestation] != "" || !m.MediaType.IsImage() && !m.MediaType.IsIndex() {
			continue
		}
		if m.Platform == nil {
			m.Platform = &v1.Platform{}
		}
		out = append(out, m)
	}
	return out, nil
}

// choose picks the manifest of a platform.
func choose(name string, manifests []v1.Descriptor, platform string) (v1.Descriptor, error) {
	if platform == "" && len(manifests) == 1 {
		return manifests[0], nil
	}
	if platform == "" {
		platform = plan.Host()
	}
	want, err := v1.ParsePlatform(platform)
	if err != nil {
		return v1.Descriptor{}, diag.Fail(diag.ExitUsage, "%q is not a platform", platform).WithHint("write os/arch, such as linux/arm64")
	}
	var have []string
	for _, m := range manifests {
		if m.Platform.Satisfies(*want) {
			return m, nil
		}
		have = append(have, m.Platform.String())
	}
	return v1.Descriptor{}, noPlatform(name, platform, have)
}

func checkPlatform(name string, img v1.Image, platform string) error {
	if platform == "" {
		return nil
	}
	want, err := v1.ParsePlatform(platform)
	if err != nil {
		return diag.Fail(diag.ExitUsage, "%q is not a platform", platform).WithHint("write os/arch, such as linux/arm64")
	}
	config, err := img.ConfigFile()
	if err != nil {
		return err
	}
	if has := platformOf(config); !has.Satisfies(*want) {
		return noPlatform(name, platform, []string{has.String()})
	}
	return nil
}

func noPlatform(name, platform string, have []string) error {
	return diag.Fail(diag.ExitUsage, "image %q does not exist for %s, only for %v", name, platform, have).
		WithHint("slipway build --platform %s", platform)
}

func (s *Store) open(desc v1.Descriptor) (v1.Image, error) {
	stored := &storedImage{storedManifest{store: s, desc: desc}}
	img, err := partial.CompressedToImage(stored)
	return parsedImage{img, stored}, err
}

// Holds returns nil when every blob of an image is there and whole, and marks it as
// used. What somebody wrote to is read again, and removed when it is damaged.
func (s *Store) Holds(desc v1.Descriptor) error { return s.complete(desc) }

// complete checks that every blob of an image is whole and marks it as used.
func (s *Store) complete(desc v1.Descriptor) error {
	if !s.whole(desc.Digest, desc.Size) {
		return fmt.Errorf("blob %s is missing from the image store", desc.Digest)
	}
	children, err := s.children(desc)
	if err != nil {
		return err
	}
	var missing error
	for _, child := range children {
		missing = errors.Join(missing, s.complete(child))
	}
	return missing
}

// children returns the blobs that a blob refers to: manifests of an index,
// config and layers of an image; none for anything else.
func (s *Store) children(desc v1.Descriptor) ([]v1.Descriptor, error) {
	m := &storedManifest{store: s, desc: desc}
	switch {
	case desc.MediaType.IsIndex():
		index, err := (&storedIndex{*m}).IndexManifest()
		if err != nil {
			return nil, err
		}
		return index.Manifests, nil
	case desc.MediaType.IsImage():
		manifest, err := (&storedImage{*m}).Manifest()
		if err != nil {
			return nil, err
		}
		children := []v1.Descriptor{manifest.Config}
		for _, layer := range manifest.Layers {
			if layer.MediaType.IsDistributable() {
				children = append(children, layer)
			}
		}
		return children, nil
	}
	return nil, nil
}

// storedManifest is a manifest in the store, read when it is first asked for.
type storedManifest struct {
	store *Store
	desc  v1.Descriptor
}

func (m *storedManifest) MediaType() (types.MediaType, error) { return m.desc.MediaType, nil }
func (m *storedManifest) Digest() (v1.Hash, error)            { return m.desc.Digest, nil }
func (m *storedManifest) Size() (int64, error)                { return m.desc.Size, nil }
func (m *storedManifest) Descriptor() (*v1.Descriptor, error) { return &m.desc, nil }
func (m *storedManifest) RawManifest() ([]byte, error)        { return m.store.readBlob(m.desc.Digest) }

type storedImage struct{ storedManifest }

// Manifest parses the manifest once for all who ask: what has a digest stays.
func (i *storedImage) Manifest() (*v1.Manifest, error) {
	if m, ok := i.store.manifests.Load(i.desc.Digest); ok {
		return m.(*v1.Manifest), nil
	}
	m, err := partial.Manifest(i)
	if err == nil {
		i.store.manifests.Store(i.desc.Digest, m)
	}
	return m, err
}

func (i *storedImage) RawConfigFile() ([]byte, error) {
	m, err := i.Manifest()
	if err != nil {
		return nil, err
	}
	return i.store.readBlob(m.Config.Digest)
}

func (i *storedImage) LayerByDigest(h v1.Hash) (partial.CompressedLayer, error) {
	m, err := i.Manifest()
	if err != nil {
		return nil, err
	}
	if m.Config.Digest == h {
		return &storedBlob{i.store, m.Config}, nil
	}
	for _, desc := range m.Layers {
		if desc.Digest == h {
			return &storedBlob{i.store, desc}, nil
		}
	}
	return nil, fmt.Errorf("image %s has no layer %s", i.desc.Digest, h)
}

// parsedImage is a stored image whose manifest is not parsed at each question.
type parsedImage struct {
	v1.Image
	stored *storedImage
}

func (i parsedImage) Manifest() (*v1.Manifest, error) { return i.stored.Manifest() }

type storedIndex struct{ storedManifest }

func (x *storedIndex) IndexManifest() (*v1.IndexManifest, error) {
	raw, err := x.RawManifest()
	if err != nil {
		return nil, err
	}
	return v1.ParseIndexManifest(bytes.NewReader(raw))
}

func (x *storedIndex) find(h v1.Hash) (v1.Descriptor, error) {
	m, err := x.IndexManifest()
	if err != nil {
		return v1.Descriptor{}, err
	}
	for _, desc := range m.Manifests {
		if desc.Digest == h {
			return desc, nil
		}
	}
	return v1.Descriptor{}, fmt.Errorf("index %s has no manifest %s", x.desc.Digest, h)
}

func (x *storedIndex) Image(h v1.Hash) (v1.Image, error) {
	desc, err := x.find(h)
	if err != nil {
		return nil, err
	}
	return x.store.open(desc)
}

func (x *storedIndex) ImageIndex(h v1.Hash) (v1.ImageIndex, error) {
	desc, err := x.find(h)
	if err != nil {
		return nil, err
	}
	return &storedIndex{storedManifest{store: x.store, desc: desc}}, nil
}

// storedBlob is a config or layer in the store.
type storedBlob struct {
	store *Store
	desc  v1.Descriptor
}

func (b *storedBlob) Digest() (v1.Hash, error)            { return b.desc.Digest, nil }
func (b *storedBlob) Size() (int64, error)                { return b.desc.Size, nil }
func (b *storedBlob) MediaType() (types.MediaType, error) { return b.desc.MediaType, nil }
func (b *storedBlob) Descriptor() (*v1.Descriptor, error) { return &b.desc, nil }
func (b *storedBlob) Compressed() (io.ReadCloser, error) {
	f, err := b.store.OpenBlob(b.desc.Digest)
	if err != nil {
		return nil, err
	}
	return &verified{f, b.store, b.desc.Digest, sha256.New()}, nil
}
func (b *storedBlob) Exists() (bool, error) {
	_, err := os.Stat(b.store.blobPath(b.desc.Digest))
	return err == nil, nil
}
