package scan_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/image"
	"github.com/slipway-build/slipway/internal/scan"
)

// An image that is none is an error with its name, the cause and the next command.
func TestImagesThatAreNone(t *testing.T) {
	for name, c := range map[string]struct {
		layer string
		gone  func(desc v1.Descriptor, m *v1.Manifest) v1.Hash
		want  string
	}{
		"a layer that is no tar": {layer: "no tar at all", want: "the image shop/web:v1 cannot be read: "},
		"no manifest":            {gone: func(d v1.Descriptor, _ *v1.Manifest) v1.Hash { return d.Digest }, want: "the image shop/web:v1 is not complete: "},
		"no configuration":       {gone: func(_ v1.Descriptor, m *v1.Manifest) v1.Hash { return m.Config.Digest }, want: "the image shop/web:v1 is not complete: "},
		"no layer":               {gone: func(_ v1.Descriptor, m *v1.Manifest) v1.Hash { return m.Layers[0].Digest }, want: "the image shop/web:v1 is not complete: "},
	} {
		img, err := mutate.AppendLayers(empty.Image, static.NewLayer([]byte(c.layer), types.OCIUncompressedLayer))
		if err != nil {
			t.Fatal(err)
		}
		store, err := image.Open(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		desc, err := store.Write(t.Context(), "shop/web:v1", img)
		if err != nil {
			t.Fatal(err)
		}
		manifest, err := img.Manifest()
		if err != nil {
			t.Fatal(err)
		}
		if c.gone != nil {
			digest := c.gone(desc, manifest)
			if err := os.Remove(filepath.Join(store.Dir(), "blobs", digest.Algorithm, digest.Hex)); err != nil {
				t.Fatal(err)
			}
		}
		_, err = scan.Open(t.Context(), store, "shop/web:v1", "")
		if err == nil || !strings.HasPrefix(err.Error(), c.want) || !strings.HasPrefix(diag.HintOf(err), "build it again: slipway build") {
			t.Errorf("%s: %v, %s", name, err, diag.HintOf(err))
		}
	}
}
