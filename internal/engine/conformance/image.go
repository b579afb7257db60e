package conformance

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// manifest is an image manifest or an index of them.
type manifest struct {
	Config    descriptor
	Layers    []descriptor
	Manifests []descriptor
}

type descriptor struct {
	MediaType string
	Digest    string
	Size      int64
	Platform  *struct{ OS, Architecture string }
}

// settings are what an image says of itself.
type settings struct {
	Architecture string
	Created      string
	Config       struct {
		Env, Cmd []string
		Labels   map[string]string
	}
}

// stored reads one image of the store: its settings and its files, the later
// layers over the earlier ones.
func (s Subject) stored(t *testing.T, digest string) (settings, map[string]string) {
	t.Helper()
	var m manifest
	s.decode(t, digest, &m)
	if len(m.Manifests) == 1 {
		s.decode(t, m.Manifests[0].Digest, &m)
	}
	var c settings
	s.decode(t, m.Config.Digest, &c)
	files := map[string]string{}
	for _, l := range m.Layers {
		unpack(t, s.blob(t, l.Digest), files)
	}
	return c, files
}

func (s Subject) blob(t *testing.T, digest string) []byte {
	t.Helper()
	algorithm, hex, _ := strings.Cut(digest, ":")
	data, err := os.ReadFile(filepath.Join(s.ImageDir, "blobs", algorithm, hex))
	if err != nil {
		t.Fatalf("the store lacks a blob of the image: %v", err)
	}
	return data
}

func (s Subject) decode(t *testing.T, digest string, to any) {
	t.Helper()
	if err := json.Unmarshal(s.blob(t, digest), to); err != nil {
		t.Fatal(err)
	}
}

// unpack adds the files of a layer.
func unpack(t *testing.T, layer []byte, files map[string]string) {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(layer))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range archive(t, z, true) {
		files[name] = text
	}
}

// archive reads the files of a tar. Those of a layer have the image's time.
func archive(t *testing.T, r io.Reader, layer bool) map[string]string {
	t.Helper()
	files := map[string]string{}
	for tr := tar.NewReader(r); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if layer && h.ModTime.Unix() != 0 {
			t.Errorf("%s has the time %v, want the image's", h.Name, h.ModTime)
		}
		data, err := io.ReadAll(tr)
		if err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeReg {
			files[strings.TrimPrefix(h.Name, "/")] = string(data)
		}
	}
}
