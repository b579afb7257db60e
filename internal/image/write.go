package image

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/stream"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/sync/errgroup"
)

// Artifact is a v1.Image or a v1.ImageIndex.
type Artifact interface {
	MediaType() (types.MediaType, error)
	Digest() (v1.Hash, error)
	Size() (int64, error)
	RawManifest() ([]byte, error)
}

// Write stores an image or an index under a name and returns its descriptor.
// Blobs that are there are not read again.
func (s *Store) Write(ctx context.Context, name string, a Artifact) (v1.Descriptor, error) {
	desc, err := s.writeArtifact(ctx, a)
	if err != nil {
		return v1.Descriptor{}, fmt.Errorf("storing image %s: %w", name, err)
	}
	return desc, s.Tag(ctx, name, desc)
}

func (s *Store) writeArtifact(ctx context.Context, a Artifact) (v1.Descriptor, error) {
	var err error
	switch a := a.(type) {
	case v1.ImageIndex:
		err = s.writeChildren(ctx, a)
	case v1.Image:
		err = s.writeLayers(ctx, a)
	default:
		err = fmt.Errorf("%T is neither an image nor an index", a)
	}
	if err != nil {
		return v1.Descriptor{}, err
	}
	raw, err := a.RawManifest()
	if err != nil {
		return v1.Descriptor{}, err
	}
	desc := v1.Descriptor{Size: int64(len(raw))}
	if desc.MediaType, err = a.MediaType(); err != nil {
		return v1.Descriptor{}, err
	}
	if desc.Digest, err = a.Digest(); err != nil {
		return v1.Descriptor{}, err
	}
	if there, err := s.reuse(ctx, desc.Digest); there || err != nil {
		return desc, err
	}
	return desc, s.putBlob(ctx, desc.Digest, bytes.NewReader(raw))
}

func (s *Store) writeChildren(ctx context.Context, index v1.ImageIndex) error {
	children, err := partial.Manifests(index)
	if err != nil {
		return err
	}
	for _, child := range children {
		switch child := child.(type) {
		case v1.ImageIndex:
			_, err = s.writeArtifact(ctx, child)
		case v1.Image:
			_, err = s.writeArtifact(ctx, child)
		case v1.Layer:
			err = s.writeLayer(ctx, child)
		default:
			err = fmt.Errorf("unexpected %T in an image index", child)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// writeLayers stores the layers of an image, some at a time, and then its config.
func (s *Store) writeLayers(ctx context.Context, img v1.Image) error {
	layers, err := img.Layers()
	if err != nil {
		return err
	}
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(4)
	for _, layer := range layers {
		group.Go(func() error { return s.writeLayer(groupCtx, layer) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	config, err := partial.ConfigLayer(img)
	if err != nil {
		return err
	}
	return s.writeLayer(ctx, config)
}

func (s *Store) writeLayer(ctx context.Context, layer v1.Layer) error {
	mediaType, err := layer.MediaType()
	if err != nil {
		return err
	}
	if !mediaType.IsDistributable() {
		return nil
	}
	digest, err := layer.Digest()
	if err != nil && !errors.Is(err, stream.ErrNotComputed) {
		return err
	}
	if err == nil {
		if there, err := s.reuse(ctx, digest); there || err != nil {
			return err
		}
	}
	content, err := layer.Compressed()
	if err != nil {
		return err
	}
	defer content.Close()
	return s.putBlob(ctx, digest, content)
}
