// Package evidence joins images, in the store or a registry, with what is said and signed
// about them: it finds evidence, adds to it, signs it and decides whether it suffices. It
// makes no signatures itself (gate/attest) and speaks to no registry itself (image).
//
//	subject, err := evidence.Stored(ctx, store, "shop/web:latest")
//	if err != nil {
//		return err
//	}
//	signed, err := subject.Sign(ctx, signer)
package evidence

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/internal/gate/attest"
	"github.com/slipway-build/slipway/internal/image"
)

// Labels of manifests beside an image, by which those are found that something replaces.
const (
	labelPredicate = "build.slipway.predicate"
	labelKey       = "build.slipway.key" // none: unsigned
)

// Subject is an image and its evidence. It is not safe for concurrent use.
type Subject struct {
	Name     string
	Platform string // of an image that an index has for a platform; empty: it is no part of one
	Image    v1.Descriptor
	Items    []attest.Item
	Problems []error // evidence that cannot be read

	store    *image.Store
	registry *image.Pusher // nil: it is in the store
}

// Stored finds an image of the store.
func Stored(ctx context.Context, store *image.Store, name string) (*Subject, error) {
	desc, err := store.Resolve(ctx, name)
	if err != nil {
		return nil, err
	}
	switch _, err := store.Resolve(ctx, desc.Digest.String()); { // its manifest: nothing is signed unseen
	case errors.Is(err, image.ErrNotFound):
		return nil, image.Unreadable(name, fmt.Errorf("its manifest %s: %w", desc.Digest, fs.ErrNotExist))
	case err != nil:
		return nil, image.Unreadable(name, err)
	}
	return OfStored(store, name, desc)
}

// OfStored is Stored of an image that may have no name yet.
func OfStored(store *image.Store, name string, desc v1.Descriptor) (*Subject, error) {
	desc = v1.Descriptor{MediaType: desc.MediaType, Digest: desc.Digest, Size: desc.Size}
	s := &Subject{Name: name, Image: desc, store: store}
	beside, err := store.Beside(desc.Digest)
	if err != nil {
		return nil, err
	}
	s.read(beside)
	return s, nil
}

// InRegistry finds an image where its name says.
func InRegistry(ctx context.Context, registry *image.Pusher, name string) (*Subject, error) {
	desc, beside, err := registry.Remote(ctx, name, attest.Wanted)
	if err != nil {
		return nil, err
	}
	s := &Subject{Name: name, Image: desc, registry: registry}
	s.read(beside)
	return s, nil
}

// Platforms are the images of an index, each with its own evidence; an image of one
// platform has none.
func (s *Subject) Platforms(ctx context.Context) (out []*Subject, err error) {
	var images []v1.Descriptor
	if s.registry == nil {
		images, err = s.store.PlatformsOf(s.Image)
	} else {
		images, err = s.registry.PlatformsOf(ctx, s.Name, s.Image)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the platforms of %s: %w", s.Name, err)
	}
	for _, i := range images {
		var one *Subject
		if s.registry == nil {
			one, err = OfStored(s.store, s.Name, i)
		} else if one, err = InRegistry(ctx, s.registry, s.repository()+"@"+i.Digest.String()); err == nil {
			one.Name = s.Name
		}
		if err != nil {
			return nil, err
		}
		one.Platform = i.Platform.String()
		out = append(out, one)
	}
	return out, nil
}

// Called is the name of the image, with the platform that it is for.
func (s *Subject) Called() string { return called(s.Name, s.Platform) }

func called(name, platform string) string {
	if platform == "" {
		return name
	}
	return name + " for " + platform
}

// Digest is that of the image, "sha256:…".
func (s *Subject) Digest() string { return s.Image.Digest.String() }

// read opens what lies beside the image. One thing may be there twice, under a tag and as
// a manifest that refers to the image.
func (s *Subject) read(beside []image.Beside) {
	seen := map[string]bool{}
	for _, b := range beside {
		if b.Image == nil {
			s.Problems = append(s.Problems, fmt.Errorf("a piece of evidence of %s is missing from the store", s.Name))
			continue
		}
		items, err := attest.Read(b.Image)
		if err != nil {
			s.Problems = append(s.Problems, err)
		}
		for _, item := range items {
			if key := item.Key(); !seen[key] {
				seen[key] = true
				s.Items = append(s.Items, item)
			}
		}
	}
}

// repository is what a signature says that the image is called.
func (s *Subject) repository() string { return image.Name(s.Name).Repository() }

// add keeps artifacts beside the image; stale picks those that they replace.
func (s *Subject) add(ctx context.Context, artifacts []attest.Artifact, key string, stale func(image.Beside) bool) error {
	var beside []image.Beside
	for _, a := range artifacts {
		labels := map[string]string{labelPredicate: a.Predicate}
		if a.Signed {
			labels[labelKey] = key
		}
		beside = append(beside, image.Beside{Image: a.Image, Tag: a.Tag, Labels: labels})
	}
	if s.registry != nil {
		return s.registry.PushBeside(ctx, s.Name, s.Image.Digest, beside)
	}
	return s.store.Attach(ctx, s.Image.Digest, beside, stale)
}

// Keep says something of the image, unsigned until somebody signs it. It replaces what
// was said with the same predicate type before.
func (s *Subject) Keep(ctx context.Context, predicate string, content any) error {
	statement, err := attest.NewStatement(s.repository(), s.Image.Digest.Hex, predicate, content)
	if err != nil {
		return err
	}
	artifact, err := attest.Unsigned(statement, s.Image)
	if err != nil {
		return err
	}
	err = s.add(ctx, []attest.Artifact{artifact}, "", func(b image.Beside) bool { return b.Labels[labelPredicate] == predicate })
	if err != nil {
		return err
	}
	return s.reload()
}

// Has tells whether something was said with a predicate type.
func (s *Subject) Has(predicate string) bool {
	for _, item := range s.Items {
		if item.Predicate == predicate {
			return true
		}
	}
	return false
}

// Signer makes signatures: with a key (*attest.Signer) or an identity (*Keyless).
type Signer interface {
	// Seal signs the image and the statements about it with what it has not signed yet.
	Seal(ctx context.Context, e attest.Evidence) (attest.Sealed, error)
}

// Sign signs the image, and every statement about it, with what the signer has not signed
// yet. The images of an index come first: they are what a machine runs.
func (s *Subject) Sign(ctx context.Context, signer Signer) (attest.Sealed, error) {
	platforms, err := s.Platforms(ctx)
	if err != nil {
		return attest.Sealed{}, err
	}
	var all attest.Sealed
	for _, one := range append(platforms, s) {
		done, err := one.sign(ctx, signer)
		all.By, all.Image = done.By, all.Image || done.Image
		for _, p := range done.Statements {
			if !slices.Contains(all.Statements, p) {
				all.Statements = append(all.Statements, p)
			}
		}
		all.Artifacts = append(all.Artifacts, done.Artifacts...)
		if err != nil {
			return all, err
		}
	}
	return all, nil
}

func (s *Subject) sign(ctx context.Context, signer Signer) (attest.Sealed, error) {
	done, err := signer.Seal(ctx, attest.Evidence{Repository: s.repository(), Image: s.Image, Items: s.Items, Registry: s.registry != nil})
	if err != nil || len(done.Artifacts) == 0 {
		return done, err
	}
	err = s.add(ctx, done.Artifacts, done.By, func(b image.Beside) bool {
		return b.Labels[labelPredicate] != "" && b.Labels[labelKey] == "" // unsigned before, signed now
	})
	if err != nil {
		return done, err
	}
	return done, s.reload()
}

// reload reads the evidence of an image of the store again.
func (s *Subject) reload() error {
	if s.registry != nil {
		return nil
	}
	beside, err := s.store.Beside(s.Image.Digest)
	if err != nil {
		return err
	}
	s.Items, s.Problems = nil, nil
	s.read(beside)
	return nil
}
