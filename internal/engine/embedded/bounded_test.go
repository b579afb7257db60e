//go:build linux

package embedded

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"io/fs"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/mount"
	"github.com/containerd/containerd/v2/plugins/content/local"
	gcrname "github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/klauspost/compress/zstd"
	"github.com/moby/buildkit/solver/pb"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/quota"
)

// zeros is a tar of one file of zeros.
func zeros(t *testing.T, name string, size int64) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: size, Typeflag: tar.TypeReg, Uid: os.Getuid(), Gid: os.Getgid()}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(make([]byte, size)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func gzipped(t *testing.T, data []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func zstded(t *testing.T, data []byte) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return w.EncodeAll(data, nil)
}

// TestLayersOfAnImageHaveALimit: each alone, and all together.
func TestLayersOfAnImageHaveALimit(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("unpacking a layer needs root")
	}
	const limit = 4 << 20
	store, err := local.NewStore(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	keep := func(mediaType string, data []byte) ocispecs.Descriptor {
		desc := ocispecs.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(data), Size: int64(len(data))}
		if err := content.WriteBlob(t.Context(), store, desc.Digest.String(), bytes.NewReader(data), desc); err != nil {
			t.Fatal(err)
		}
		return desc
	}
	small := zeros(t, "small", 1<<20)
	half, large := zeros(t, "half", 3<<20), zeros(t, "large", 8<<20)
	for name, c := range map[string]struct {
		layers []ocispecs.Descriptor
		fits   int
	}{
		"small":          {[]ocispecs.Descriptor{keep(ocispecs.MediaTypeImageLayerGzip, gzipped(t, small))}, 1},
		"plain":          {[]ocispecs.Descriptor{keep(ocispecs.MediaTypeImageLayer, small)}, 1},
		"gzip bomb":      {[]ocispecs.Descriptor{keep(ocispecs.MediaTypeImageLayerGzip, gzipped(t, large))}, 0},
		"zstd bomb":      {[]ocispecs.Descriptor{keep(ocispecs.MediaTypeImageLayerZstd, zstded(t, large))}, 0},
		"plain, large":   {[]ocispecs.Descriptor{keep(ocispecs.MediaTypeImageLayer, large)}, 0},
		"unnamed gzip":   {[]ocispecs.Descriptor{keep("application/vnd.docker.image.rootfs.diff.tar", gzipped(t, large))}, 0},
		"halves":         {[]ocispecs.Descriptor{keep(ocispecs.MediaTypeImageLayerGzip, gzipped(t, half)), keep(ocispecs.MediaTypeImageLayer, half)}, 1},
		"small ones fit": {[]ocispecs.Descriptor{keep(ocispecs.MediaTypeImageLayer, small), keep(ocispecs.MediaTypeImageLayerGzip, gzipped(t, small))}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBoundedApplier(store, limit)
			dir, work := t.TempDir(), t.TempDir()
			var below []string
			for i, desc := range c.layers {
				upper := filepath.Join(dir, string(rune('a'+i)))
				if err := os.Mkdir(upper, 0o755); err != nil {
					t.Fatal(err)
				}
				m := mount.Mount{Type: "bind", Source: upper, Options: []string{"rbind", "rw"}}
				if i > 0 {
					m = mount.Mount{Type: "overlay", Source: "overlay", Options: []string{"workdir=" + work, "upperdir=" + upper, "lowerdir=" + strings.Join(below, ":")}}
				}
				got, err := b.Apply(t.Context(), desc, []mount.Mount{m})
				if (err == nil) != (i < c.fits) || err != nil && !errors.As(err, new(*quota.Exceeded)) {
					t.Fatalf("layer %d: %v", i, err)
				}
				if files, _ := os.ReadDir(upper); (len(files) > 0) != (i < c.fits) {
					t.Errorf("layer %d: files %v", i, files)
				}
				if i < c.fits && (got.MediaType != ocispecs.MediaTypeImageLayer || got.Digest == "") {
					t.Errorf("layer %d: %+v", i, got)
				}
				below = append([]string{upper}, below...)
			}
		})
	}
}

func TestArchivesOfAddAreWeighedTogether(t *testing.T) {
	dir := t.TempDir()
	for name, data := range map[string][]byte{
		"a.tar": zeros(t, "a", 1<<20), "b.tgz": gzipped(t, zeros(t, "b", 1<<20)), "c.tar.zst": zstded(t, zeros(t, "c", 1<<20)),
		"bomb.tgz": gzipped(t, zeros(t, "x", 16<<20)), "text": []byte("no archive"), "half.tgz": gzipped(t, zeros(t, "x", 1<<20))[:500],
		"large.bin": make([]byte, 8<<20),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("/bomb.tgz", filepath.Join(dir, "link.tgz")); err != nil {
		t.Fatal(err)
	}
	for src, fits := range map[string]bool{
		"/a.tar": true, "/b.tgz": true, "/[abc].t*": true, "/bomb.tgz": false, "/*.tgz": false, "/link.tgz": false,
		"/text": true, "/half.tgz": true, "/large.bin": true, "/none": true, "/none*": true, "/": true,
	} {
		err := weighIn(t.Context(), dir, &pb.FileActionCopy{Src: src, AllowWildcard: true}, quota.New(4<<20))
		if (err == nil) != fits || err != nil && !errors.As(err, new(*quota.Exceeded)) {
			t.Errorf("%s: %v", src, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := weighIn(ctx, dir, &pb.FileActionCopy{Src: "/bomb.tgz"}, quota.New(4<<20)); !errors.Is(err, context.Canceled) {
		t.Errorf("an interrupted build goes on: %v", err)
	}
}

// TestBombsOfADockerfileAreRefused: the error has the step and the flag, and nothing
// of the bomb is left.
func TestBombsOfADockerfileAreRefused(t *testing.T) {
	state := t.TempDir()
	e := openReal(t, Options{StateDir: state, MaxUnpacked: 4 << 20})
	dir := t.TempDir()
	for name, data := range map[string][]byte{"bomb.tar.gz": gzipped(t, zeros(t, "x", 64<<20)), "good.tar.gz": gzipped(t, zeros(t, "x", 1<<20))} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	req := engine.Request{Name: "web", Context: dir, Dockerfile: []byte("FROM scratch\nADD good.tar.gz /a/\n")}
	if _, err := e.Build(t.Context(), req, event.Discard{}); err != nil {
		t.Fatal(err)
	}
	for _, what := range []string{"ADD bomb.tar.gz /a/", "ADD *.tar.gz /b/", "ADD --chown=1:1 good.tar.gz bomb.tar.gz /c/"} {
		req.Dockerfile = []byte("FROM scratch\n" + what + "\n")
		_, err := e.Build(t.Context(), req, event.Discard{})
		if err == nil || !strings.Contains(err.Error(), "an archive is too large: "+what+": the archive bomb.tar.gz: it unpacks to more than 4.2 MB") {
			t.Errorf("%s: %v", what, err)
		}
		if !strings.Contains(diag.HintOf(err), "--max-unpacked") {
			t.Errorf("%s: hint %q", what, diag.HintOf(err))
		}
	}
	leftAlone(t, state)
}

// TestBombsOfRegistriesAreRefused: images whose layers unpack to too much, each alone
// or all together.
func TestBombsOfRegistriesAreRefused(t *testing.T) {
	state := t.TempDir()
	e := openReal(t, Options{StateDir: state, MaxUnpacked: 4 << 20})
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "http://")
	for name, c := range map[string]struct {
		layers [][]byte
		fits   bool
	}{
		"good":   {[][]byte{gzipped(t, zeros(t, "a", 1<<20)), gzipped(t, zeros(t, "b", 1<<20))}, true},
		"bomb":   {[][]byte{gzipped(t, zeros(t, "a", 64<<20))}, false},
		"halves": {[][]byte{gzipped(t, zeros(t, "a", 3<<20)), gzipped(t, zeros(t, "b", 3<<20))}, false},
	} {
		img, err := mutate.ConfigFile(empty.Image, &v1.ConfigFile{OS: "linux", Architecture: runtime.GOARCH})
		if err != nil {
			t.Fatal(err)
		}
		for _, data := range c.layers {
			l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil })
			if err == nil {
				img, err = mutate.AppendLayers(img, l)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		ref, err := gcrname.ParseReference(host + "/" + name + ":1")
		if err == nil {
			err = remote.Write(ref, img)
		}
		if err != nil {
			t.Fatal(err)
		}
		text := "FROM " + ref.Name() + "\nWORKDIR /made\n"
		_, err = e.Build(t.Context(), engine.Request{Name: "web", Context: t.TempDir(), Dockerfile: []byte(text)}, event.Discard{})
		if (err == nil) != c.fits || err != nil && (!strings.Contains(err.Error(), "the image that the step starts from is too large: WORKDIR /made: it unpacks to more than 4.2 MB") || !strings.Contains(diag.HintOf(err), "--max-unpacked")) {
			t.Errorf("%s: %v (%s)", name, err, diag.HintOf(err))
		}
	}
	leftAlone(t, state)
}

// leftAlone reports large files below a state directory.
func leftAlone(t *testing.T, state string) {
	t.Helper()
	_ = filepath.WalkDir(state, func(path string, d fs.DirEntry, err error) error {
		if info, infoErr := d.Info(); err == nil && infoErr == nil && info.Size() > 16<<20 && info.Mode().IsRegular() {
			t.Errorf("%s has %d bytes", path, info.Size())
		}
		return nil
	})
}
