package oci

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/slipway-build/slipway/internal/quota"
)

// layered is an image with a layer of each archive.
func layered(t *testing.T, archives ...[]tar.Header) v1.Image {
	t.Helper()
	img := empty.Image
	for _, entries := range archives {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		for _, e := range entries {
			e.Mode, e.Uid, e.Gid = 0o755, os.Getuid(), os.Getgid()
			if e.Typeflag == tar.TypeReg {
				e.Size = int64(len("evil"))
			}
			if err := w.WriteHeader(&e); err != nil {
				t.Fatal(err)
			}
			if e.Typeflag == tar.TypeReg {
				if _, err := w.Write([]byte("evil")); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b.Bytes())), nil })
		if err != nil {
			t.Fatal(err)
		}
		if img, err = mutate.AppendLayers(img, layer); err != nil {
			t.Fatal(err)
		}
	}
	return img
}

// TestHostileLayersStayInTheirDirectory: whatever names and links the layers of an
// image have, unpacking writes, replaces and removes nothing outside of them.
func TestHostileLayersStayInTheirDirectory(t *testing.T) {
	victim := t.TempDir()
	up := strings.Repeat("../", 16) + strings.TrimPrefix(victim, "/")
	link := func(to string) []tar.Header {
		return []tar.Header{{Name: "out", Linkname: to, Typeflag: tar.TypeSymlink}}
	}
	file := func(name string) []tar.Header { return []tar.Header{{Name: name, Typeflag: tar.TypeReg}} }
	for name, layers := range map[string][][]tar.Header{
		"dots":                            {file(up + "/file")},
		"an absolute name":                {file(victim + "/file")},
		"through an absolute link":        {append(link(victim), file("out/file")...)},
		"through a relative link":         {append(link(up), file("out/file")...)},
		"through a link of another layer": {link(victim), file("out/file")},
		"over the target of a link":       {append(link(victim+"/there"), file("out")...)},
		"a hard link to a file outside":   {{{Name: "out", Linkname: up + "/there", Typeflag: tar.TypeLink}}, file("out")},
		"a hard link through a link":      {append(link(victim), tar.Header{Name: "in", Linkname: "out/there", Typeflag: tar.TypeLink}), file("in")},
		"a whiteout through a link":       {append(link(victim), file("out/.wh.there")...)},
		"an opaque directory of a link":   {append(link(victim), file("out/.wh..wh..opq")...)},
		"a whiteout of what is above":     {file(".wh..."), file(".wh..")},
		"a whiteout with dots":            {file(up + "/.wh.there")},
		"a directory in place of a link":  {append(link(victim), tar.Header{Name: "out/", Typeflag: tar.TypeDir}), file("out/file")},
	} {
		t.Run(name, func(t *testing.T) {
			if os.Getuid() != 0 && (strings.Contains(name, "whiteout") || strings.Contains(name, "opaque")) {
				t.Skip("whiteouts of overlay file systems are devices, which only root makes")
			}
			there, state := filepath.Join(victim, "there"), t.TempDir()
			if err := os.WriteFile(there, []byte("untouched"), 0o600); err != nil {
				t.Fatal(err)
			}
			img := layered(t, layers...)
			config, err := img.ConfigFile()
			if err != nil {
				t.Fatal(err)
			}
			_, err = unpack(t.Context(), filepath.Join(state, "layers"), img, config.RootFS.DiffIDs, quota.New(0))
			t.Log(err) // refused, or kept inside
			data, readErr := os.ReadFile(there)
			entries, _ := os.ReadDir(victim)
			info, statErr := os.Stat(there)
			if readErr != nil || statErr != nil || string(data) != "untouched" || len(entries) != 1 || info.Mode().Perm() != 0o600 {
				t.Errorf("%v %v: %q, %d entries in the directory outside", readErr, statErr, data, len(entries))
			}
			if left, _ := os.ReadDir(state); len(left) != 1 {
				t.Errorf("beside the layers: %v", left)
			}
		})
	}
}
