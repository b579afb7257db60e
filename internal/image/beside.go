package image

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// annotationTag marks manifests that a registry keeps under a tag made of the digest of
// their image, as cosign does: "sha256-….sig". The others refer to it (OCI 1.1).
const annotationTag = "build.slipway.tag"

// Beside is a manifest that is kept with an image and goes where it goes: a signature, a
// statement. Its content is none of the store's business.
type Beside struct {
	v1.Image
	Tag    string            // suffix of its tag; empty: it refers to the image
	Labels map[string]string // by which Replace finds it
}

// Attach keeps manifests beside an image, named or not. Those that stale picks among
// the ones that are there are forgotten; nil: none. What is there already stays as it is.
func (s *Store) Attach(ctx context.Context, image v1.Hash, add []Beside, stale func(Beside) bool) error {
	var descs []v1.Descriptor
	for _, b := range add {
		desc, err := s.writeArtifact(ctx, b.Image)
		if err != nil {
			return fmt.Errorf("keeping evidence of %s: %w", image, err)
		}
		desc.Annotations = map[string]string{}
		for k, v := range b.Labels {
			desc.Annotations[k] = v
		}
		if b.Tag != "" {
			desc.Annotations[annotationTag] = b.Tag
		}
		descs = append(descs, desc)
	}
	unlock, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	kept, err := s.besideOf(image)
	if err != nil {
		return err
	}
	kept = slices.DeleteFunc(kept, func(d v1.Descriptor) bool { return stale != nil && stale(s.beside(d)) })
	for _, d := range descs {
		if !slices.ContainsFunc(kept, func(k v1.Descriptor) bool { return k.Digest == d.Digest }) {
			kept = append(kept, d)
		}
	}
	if err := os.MkdirAll(s.path("beside"), 0o700); err != nil {
		return s.explainWrite(err)
	}
	data, err := json.MarshalIndent(v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: kept}, "", "  ")
	if err != nil {
		return err
	}
	return s.replace(filepath.Join("beside", filepath.Base(image.Hex)), append(data, '\n'))
}

// Beside returns what is kept beside an image, in the order in which it came.
func (s *Store) Beside(image v1.Hash) ([]Beside, error) {
	descs, err := s.besideOf(image)
	if err != nil {
		return nil, err
	}
	var out []Beside
	for _, d := range descs {
		out = append(out, s.beside(d))
	}
	return out, nil
}

func (s *Store) beside(d v1.Descriptor) Beside {
	labels := d.Annotations
	d.Annotations = nil
	img, err := s.open(d)
	if err != nil {
		img = nil // a manifest that cannot be read has no parts; who reads it is told
	}
	return Beside{Image: img, Tag: labels[annotationTag], Labels: labels}
}

// besideOf reads the list of an image; an image without a list has nothing beside it.
func (s *Store) besideOf(image v1.Hash) ([]v1.Descriptor, error) {
	path := s.path("beside", filepath.Base(image.Hex))
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading evidence of %s: %w", image, err)
	}
	var index v1.IndexManifest
	if err := json.Unmarshal(data, &index); err != nil || index.SchemaVersion != 2 {
		return nil, fmt.Errorf("reading evidence of %s: %s is damaged; delete it, and sign the image again", image, path)
	}
	return index.Manifests, nil
}

// markBeside adds what lies beside images that are reached, and removes old lists of
// images that are not.
func (s *Store) markBeside(reached map[v1.Hash]bool, oldest time.Time) error {
	lists, err := os.ReadDir(s.path("beside"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, l := range lists {
		image := v1.Hash{Algorithm: "sha256", Hex: l.Name()}
		if !reached[image] {
			if info, gone := l.Info(); gone == nil && info.ModTime().Before(oldest) {
				err = errors.Join(err, os.Remove(s.path("beside", l.Name())))
			}
			continue
		}
		descs, broken := s.besideOf(image)
		if broken != nil {
			return broken // it does not say what may go
		}
		for _, d := range descs {
			s.mark(d, reached)
		}
	}
	return err
}
