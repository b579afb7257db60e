package image

import (
	"archive/tar"
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// archive makes a layer of files with a directory and a hard link beside them.
func archive(t testing.TB, files map[string]string, order ...string) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	add := func(h *tar.Header, content string) {
		h.ModTime = time.Unix(0, 0)
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	add(&tar.Header{Name: "app/", Typeflag: tar.TypeDir, Mode: 0o755}, "")
	for _, name := range order {
		add(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(files[name]))}, files[name])
	}
	add(&tar.Header{Name: "app/link", Typeflag: tar.TypeLink, Linkname: order[0]}, "")
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// packed is a compressed layer with the diff ID of its content.
type packed struct {
	v1.Layer
	diffID v1.Hash
}

func (p packed) DiffID() (v1.Hash, error) { return p.diffID, nil }

func layerOf(t testing.TB, content []byte, mediaType types.MediaType) v1.Layer {
	t.Helper()
	diffID, _, err := v1.SHA256(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	var buf bytes.Buffer
	switch mediaType {
	case types.OCILayerZStd:
		w, _ := zstd.NewWriter(&buf)
		_, _ = w.Write(content)
		_ = w.Close()
	case types.OCILayer:
		w := gzip.NewWriter(&buf)
		_, _ = w.Write(content)
		_ = w.Close()
	default:
		buf.Write(content)
	}
	return packed{static.NewLayer(buf.Bytes(), mediaType), diffID}
}

func imageOf(t testing.TB, layers ...v1.Layer) v1.Image {
	t.Helper()
	var adds []mutate.Addendum
	for _, l := range layers {
		adds = append(adds, mutate.Addendum{Layer: l, History: v1.History{CreatedBy: "COPY . /app"}})
	}
	img, err := mutate.Append(empty.Image, adds...)
	if err != nil {
		t.Fatal(err)
	}
	img, err = mutate.Config(img, v1.Config{User: "1001:1001", Cmd: []string{"node", "server.js"}})
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func TestDescribeSumsRegularFiles(t *testing.T) {
	files := map[string]string{"app/a": strings.Repeat("x", 1000), "app/b": strings.Repeat("y", 234)}
	content := archive(t, files, "app/a", "app/b")
	for _, mediaType := range []types.MediaType{types.OCILayer, types.OCILayerZStd, types.OCIUncompressedLayer} {
		s := newStore(t)
		write(t, s, "a", imageOf(t, layerOf(t, content, mediaType)))
		img, err := s.Image(t.Context(), "a", "")
		if err != nil {
			t.Fatal(err)
		}
		info, err := s.Describe(t.Context(), img)
		if err != nil {
			t.Fatalf("%s: %v", mediaType, err)
		}
		manifest, _ := img.Manifest()
		config, _ := img.ConfigFile()
		digest, _ := img.Digest()
		want := Info{
			Digest: digest, Platform: platformOf(config).String(),
			Layers: []Layer{{
				Digest: manifest.Layers[0].Digest, DiffID: config.RootFS.DiffIDs[0],
				CompressedBytes: manifest.Layers[0].Size, UnpackedBytes: 1234, CreatedBy: "COPY . /app",
			}},
			UnpackedBytes: 1234, CompressedBytes: manifest.Layers[0].Size,
			Config: v1.Config{User: "1001:1001", Cmd: []string{"node", "server.js"}},
		}
		if diff := cmp.Diff(want, info); diff != "" {
			t.Errorf("%s (-want +got):\n%s", mediaType, diff)
		}
	}
}

func TestDescribeRemembersSizes(t *testing.T) {
	s := newStore(t)
	write(t, s, "a", imageOf(t, layerOf(t, archive(t, map[string]string{"app/a": "hello"}, "app/a"), types.OCILayer)))
	img, err := s.Image(t.Context(), "a", "")
	if err != nil {
		t.Fatal(err)
	}
	first, err := s.Describe(t.Context(), img)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(s.blobPath(first.Layers[0].Digest)); err != nil {
		t.Fatal(err)
	}
	again, err := s.Describe(t.Context(), img) // would fail if it had to read the layer
	if diff := cmp.Diff(first, again); diff != "" || err != nil {
		t.Errorf("(-first +again):\n%s%v", diff, err)
	}
	if err := os.WriteFile(s.path(sizesFile), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	if sizes := s.readSizes(); len(sizes) != 0 {
		t.Errorf("a damaged size file gives %v", sizes)
	}
}

func TestSharing(t *testing.T) {
	hash := func(s string) v1.Hash { return v1.Hash{Algorithm: "sha256", Hex: s} }
	layer := func(name string, size int64) Layer {
		return Layer{Digest: hash("z" + name), DiffID: hash(name), UnpackedBytes: size, CompressedBytes: size / 2}
	}
	base, a, b := layer("base", 100), layer("a", 10), layer("b", 20)
	got := ShareOf([]Info{{Layers: []Layer{base, a, a}}, {Layers: []Layer{base, b}}})
	want := Sharing{
		Images:              []Share{{SharedBytes: 100, OwnBytes: 20}, {SharedBytes: 100, OwnBytes: 20}},
		UniqueUnpackedBytes: 130, UniqueCompressedBytes: 65,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestDiffNamesTheFirstDifference(t *testing.T) {
	one := archive(t, map[string]string{"app/a": "same", "app/b": "left"}, "app/a", "app/b")
	two := archive(t, map[string]string{"app/a": "same", "app/b": "right"}, "app/a", "app/b")
	more := archive(t, map[string]string{"app/a": "same", "app/c": "left"}, "app/a", "app/c")
	base := imageOf(t, layerOf(t, one, types.OCILayer))
	config, err := mutate.Config(base, v1.Config{User: "0"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		other v1.Image
		want  string
	}{
		{"same", base, ""},
		{"content", imageOf(t, layerOf(t, two, types.OCILayer)), "layer 1 (COPY . /app): app/b (mode 644"},
		{"name", imageOf(t, layerOf(t, more, types.OCILayer)), "app/c"},
		{"compression", imageOf(t, layerOf(t, one, types.OCILayerZStd)), "compressed differently"},
		{"config", config, `"User":"0"`},
		{"more layers", imageOf(t, layerOf(t, one, types.OCILayer), layerOf(t, two, types.OCILayer)), "1 layers, 2 layers"},
	} {
		got, err := Diff(base, c.other)
		if err != nil || !strings.Contains(got, c.want) || (c.want == "") != (got == "") {
			t.Errorf("%s: %q, %v; want %q", c.name, got, err, c.want)
		}
	}
}
