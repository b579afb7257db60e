package image

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// WriteLayout writes an image of one platform into a new directory as an OCI layout of
// its own, for programs that read one image. Blobs are copies: nothing that such a
// program does to them reaches the store.
func (s *Store) WriteLayout(ctx context.Context, img v1.Image, name, dir string) error {
	manifest, err := img.Manifest()
	if err != nil {
		return err
	}
	digest, err := img.Digest()
	if err != nil {
		return err
	}
	size, err := img.Size()
	if err != nil {
		return err
	}
	blobs := filepath.Join(dir, "blobs", "sha256")
	if err := os.MkdirAll(blobs, 0o700); err != nil {
		return err
	}
	hashes := []v1.Hash{digest, manifest.Config.Digest}
	for _, l := range manifest.Layers {
		hashes = append(hashes, l.Digest)
	}
	for _, h := range hashes {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := s.copyBlob(h, filepath.Join(blobs, h.Hex)); err != nil {
			return fmt.Errorf("copying %s: %w", h, err)
		}
	}
	index := v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: []v1.Descriptor{{
		MediaType: manifest.MediaType, Digest: digest, Size: size, Annotations: map[string]string{"org.opencontainers.image.ref.name": name},
	}}}
	data, err := json.Marshal(index)
	if err != nil {
		return err
	}
	return errors.Join(os.WriteFile(filepath.Join(dir, "index.json"), data, 0o600), os.WriteFile(filepath.Join(dir, "oci-layout"), []byte(layoutFile), 0o600))
}

// copyBlob copies a blob into a new file.
func (s *Store) copyBlob(h v1.Hash, to string) error {
	in, err := s.OpenBlob(h)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600) // a layer may come twice
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
