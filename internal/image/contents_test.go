package image

import (
	"os"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/slipway-build/slipway/internal/proof/layer"
)

// TestContentsOfLayersAreReadOnce: the blob of a layer may then be anything.
func TestContentsOfLayersAreReadOnce(t *testing.T) {
	content := archive(t, map[string]string{"app/run": "#!/bin/sh\n"}, "app/run")
	for _, mediaType := range []types.MediaType{types.OCILayer, types.OCILayerZStd, types.OCIUncompressedLayer} {
		s := newStore(t)
		write(t, s, "a", imageOf(t, layerOf(t, content, mediaType)))
		digest := contentsOf(t, s)
		blob, err := os.ReadFile(s.blobPath(digest))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(s.blobPath(digest), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(s.blobPath(digest), []byte("torn"), 0o644); err != nil {
			t.Fatal(err)
		}
		again, err := Open(s.Dir())
		if err != nil {
			t.Fatal(err)
		}
		contentsOf(t, again)
		if err := os.WriteFile(s.contentPath(digest), []byte("of another slipway"), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(s.blobPath(digest), blob, 0o644); err != nil {
			t.Fatal(err)
		}
		third, err := Open(s.Dir())
		if err != nil {
			t.Fatal(err)
		}
		contentsOf(t, third)
	}
}

// contentsOf checks the contents of the image "a" and returns its layer's digest.
func contentsOf(t *testing.T, s *Store) v1.Hash {
	t.Helper()
	img, err := s.Image(t.Context(), "a", "")
	if err != nil {
		t.Fatal(err)
	}
	layers, err := s.Contents(t.Context(), img)
	if err != nil {
		t.Fatal(err)
	}
	if f, ok := layer.Merge(layers).Lookup("/app/link"); !ok || f.Shebang != "/bin/sh" || len(layers) != 1 || layers[0].Bytes != 10 {
		t.Errorf("the layer holds %+v", layers)
	}
	manifest, err := img.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	digest := manifest.Layers[0].Digest
	if s.readSizes()[digest.String()] != 10 {
		t.Errorf("the layer was not measured: %v", s.readSizes())
	}
	return digest
}

func TestATornLayerHasNoContents(t *testing.T) {
	s := newStore(t)
	write(t, s, "a", imageOf(t, layerOf(t, []byte(strings.Repeat("no tar", 200)), types.OCILayer)))
	img, err := s.Image(t.Context(), "a", "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Contents(t.Context(), img); err == nil || !strings.Contains(err.Error(), "reading layer sha256:") {
		t.Errorf("the error is %v", err)
	}
}

func TestGCForgetsTheContentsOfLayersThatAreGone(t *testing.T) {
	s := newStore(t)
	write(t, s, "a", imageOf(t, layerOf(t, archive(t, map[string]string{"app/run": "#!/bin/sh\n"}, "app/run"), types.OCILayer)))
	digest := contentsOf(t, s)
	if _, err := s.GC(t.Context(), 0, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(s.contentPath(digest)); err != nil {
		t.Errorf("the contents of a named image are gone: %v", err)
	}
	if err := s.Remove(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	then := time.Now().Add(-time.Hour)
	if err := os.Chtimes(s.blobPath(digest), then, then); err != nil {
		t.Fatal(err)
	}
	if _, err := s.GC(t.Context(), 0, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(s.contentPath(digest)); !os.IsNotExist(err) {
		t.Errorf("the contents of a layer that is gone are kept: %v", err)
	}
}
