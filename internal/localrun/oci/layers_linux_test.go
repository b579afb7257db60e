package oci

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/quota"
)

// layersOf makes n unpacked layers, each with a file of its own and one that all have.
func layersOf(t *testing.T, n int) []string {
	t.Helper()
	root := t.TempDir()
	dirs := make([]string, n)
	for i := range n {
		dirs[i] = filepath.Join(root, chainID("", fmt.Sprint(i)))
		if err := os.Mkdir(dirs[i], 0o755); err != nil {
			t.Fatal(err)
		}
		for name, text := range map[string]string{fmt.Sprintf("f%d", i): "x", "last": fmt.Sprint(i)} {
			if err := os.WriteFile(filepath.Join(dirs[i], name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	return dirs
}

func TestOptionsOfManyLayersFit(t *testing.T) {
	for _, n := range []int{1, 2, 20, 130, 300, 500} {
		dir := t.TempDir()
		option, err := lowerOption(dir, layersOf(t, n))
		if err != nil {
			t.Fatal(err)
		}
		names := strings.Split(strings.TrimPrefix(option, "lowerdir="), ":")
		if len(names) != n {
			t.Fatalf("%d layers: %d names", n, len(names))
		}
		if text, err := os.ReadFile(filepath.Join(names[0], "last")); err != nil || string(text) != fmt.Sprint(n-1) {
			t.Errorf("%d layers: the newest is %q, %v", n, text, err)
		}
		short := 0
		for _, name := range names {
			short += len(strings.TrimPrefix(name, filepath.Join(dir, linksDir)+"/")) + 1
		}
		if short > 3000 {
			t.Errorf("%d layers: %d bytes of options", n, short)
		}
	}
	_, err := lowerOption(t.TempDir(), make([]string, 501))
	if err == nil || diag.HintOf(err) == "" || !strings.Contains(err.Error(), "501 layers") {
		t.Errorf("501 layers: %v", err)
	}
}

func TestManyLayersAreMounted(t *testing.T) {
	if os.Getenv("SLIPWAY_E2E") != "1" {
		t.Skip("mounts: set SLIPWAY_E2E=1 (make test does)")
	}
	for _, n := range []int{1, 3, 128, 300, 500} {
		dir := t.TempDir()
		rootfs, err := mountRootfs(dir, layersOf(t, n))
		if err != nil {
			t.Fatalf("%d layers: %v", n, err)
		}
		for _, name := range []string{"f0", fmt.Sprintf("f%d", n-1), "last"} {
			if _, err := os.Stat(filepath.Join(rootfs, name)); err != nil {
				t.Errorf("%d layers: %v", n, err)
			}
		}
		if text, _ := os.ReadFile(filepath.Join(rootfs, "last")); string(text) != fmt.Sprint(n-1) {
			t.Errorf("%d layers: the newest is %q", n, text)
		}
		if err := removeRootfs(dir); err != nil {
			t.Error(err)
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
			t.Errorf("left: %v, %v", left, err)
		}
	}
}

// bomb is an image of one layer whose file has so many zeros.
func bomb(t *testing.T, size int64, files int) v1.Image {
	t.Helper()
	l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		r, w := io.Pipe()
		go func() {
			tw := tar.NewWriter(w)
			var err error
			for i := range files {
				h := &tar.Header{Name: fmt.Sprintf("zeros%d", i), Typeflag: tar.TypeReg, Mode: 0o644, Size: size, Uid: os.Getuid(), Gid: os.Getgid()}
				err = errors.Join(err, tw.WriteHeader(h))
				if err == nil {
					_, err = io.CopyN(tw, zeros{}, size)
				}
			}
			_ = w.CloseWithError(errors.Join(err, tw.Close()))
		}()
		return r, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	img, err := mutate.AppendLayers(empty.Image, l)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

func TestUnpackingHasALimit(t *testing.T) {
	for name, c := range map[string]struct {
		size  int64
		files int
		fits  bool
	}{
		"small": {1000, 3, true}, "one large file": {2 << 20, 1, false}, "many files": {100_000, 30, false}, "empty files": {0, 3000, false},
	} {
		dir, img := filepath.Join(t.TempDir(), "layers"), bomb(t, c.size, c.files)
		file, err := img.ConfigFile()
		if err != nil {
			t.Fatal(err)
		}
		_, err = unpack(t.Context(), dir, img, file.RootFS.DiffIDs, quota.New(1<<20))
		if (err == nil) != c.fits || err != nil && (!errors.As(err, new(*quota.Exceeded)) || diag.HintOf(err) != "if you trust the image, allow more: --max-unpacked 100GB") {
			t.Errorf("%s: %v, hint %q", name, err, diag.HintOf(err))
		}
		if left, _ := filepath.Glob(filepath.Join(dir, ".new-*")); len(left) > 0 {
			t.Errorf("%s: left %v", name, left)
		}
	}
}
