package image

import (
	"context"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Reach returns an image and all that it refers to, each once, what refers after what it
// refers to: a store that gets them in this order never has a part without its parts.
func (s *Store) Reach(desc v1.Descriptor) ([]v1.Descriptor, error) {
	var out []v1.Descriptor
	seen := map[v1.Hash]bool{}
	var walk func(v1.Descriptor) error
	walk = func(d v1.Descriptor) error {
		if seen[d.Digest] {
			return nil
		}
		seen[d.Digest] = true
		children, err := s.children(d)
		if err != nil {
			return err
		}
		for _, c := range children {
			if err := walk(c); err != nil {
				return err
			}
		}
		out = append(out, d)
		return nil
	}
	return out, walk(desc)
}

// Missing returns which of some blobs the store has not. It marks the others as used, so
// that they stay until their image has a name.
func (s *Store) Missing(ctx context.Context, blobs []v1.Hash) ([]v1.Hash, error) {
	var out []v1.Hash
	for _, h := range blobs {
		has, err := s.reuse(ctx, h)
		if err != nil {
			return nil, err
		}
		if !has {
			out = append(out, h)
		}
	}
	return out, nil
}

// Receive writes a blob. One whose content has another digest is refused.
func (s *Store) Receive(ctx context.Context, want v1.Hash, r io.Reader) error {
	return s.putBlob(ctx, want, r)
}
