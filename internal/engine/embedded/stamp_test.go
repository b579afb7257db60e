//go:build linux

package embedded

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
	"github.com/moby/buildkit/util/compression"
	"github.com/opencontainers/go-digest"

	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/proof/layer"
)

// layerTar is the tar of a layer with a time of now, an extended attribute and
// enough data for several blocks.
func layerTar(t *testing.T, size int) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	data := make([]byte, size)
	rand.New(rand.NewSource(1)).Read(data)
	now := time.Now()
	for _, h := range []*tar.Header{
		{Name: "d/", Typeflag: tar.TypeDir, Mode: 0o755, ModTime: now},
		{Name: "d/f", Typeflag: tar.TypeReg, Mode: 0o600, Size: int64(size), ModTime: now, AccessTime: now, ChangeTime: now, Format: tar.FormatPAX,
			PAXRecords: map[string]string{"SCHILY.xattr.user.a": "b"}},
		{Name: "d/l", Typeflag: tar.TypeSymlink, Linkname: "f", ModTime: time.Unix(5, 0)},
	} {
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if h.Size > 0 {
			if _, err := w.Write(data); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestStampedLayersHaveOneTimeAndTheirDigests(t *testing.T) {
	plain := layerTar(t, 5<<20)
	for _, kind := range []compression.Type{compression.Gzip, compression.Zstd} {
		var out [2]bytes.Buffer
		for i := range out {
			w, err := stamped{kind, time.Unix(7, 0), nil}.writer(&out[i])
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.Copy(w, bytes.NewReader(plain)); err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(w.Close(), w.Close()); err != nil {
				t.Fatal(err)
			}
			if got := w.packed.Digest(); got != digest.FromBytes(out[i].Bytes()) {
				t.Errorf("%s: the digest of the layer is not %s", kind, got)
			}
			unpacked := unpack(t, kind, out[i].Bytes())
			if got := w.plain.Digest(); got != digest.FromBytes(unpacked) {
				t.Errorf("%s: the digest of the tar is not %s", kind, got)
			}
			var times []string
			for r := tar.NewReader(bytes.NewReader(unpacked)); ; {
				h, err := r.Next()
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				times = append(times, fmt.Sprintf("%s %d %v %v", h.Name, h.ModTime.Unix(), h.AccessTime.IsZero(), h.PAXRecords))
			}
			want := []string{"d/ 7 true map[]", "d/f 7 true map[SCHILY.xattr.user.a:b]", "d/l 7 true map[]"}
			if diff := cmp.Diff(want, times); diff != "" {
				t.Errorf("%s (-want +got):\n%s", kind, diff)
			}
		}
		if !bytes.Equal(out[0].Bytes(), out[1].Bytes()) {
			t.Errorf("%s: equal layers are compressed differently", kind)
		}
	}
}

func unpack(t *testing.T, kind compression.Type, data []byte) []byte {
	t.Helper()
	var r io.Reader
	var err error
	if kind == compression.Gzip {
		r, err = gzip.NewReader(bytes.NewReader(data))
	} else {
		r, err = zstd.NewReader(bytes.NewReader(data))
	}
	if err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestALayerThatCannotBeStampedIsAnError(t *testing.T) {
	w, err := stamped{compression.Gzip, time.Unix(0, 0), nil}.writer(io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = w.Write([]byte("no tar"))
	if err := w.Close(); err == nil {
		t.Error("what is no tar is taken")
	}
	w, err = stamped{compression.Gzip, time.Unix(0, 0), nil}.writer(full{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.Copy(w, bytes.NewReader(layerTar(t, 5<<20)))
	if err = errors.Join(err, w.Close()); !errors.Is(err, errFull) {
		t.Errorf("a full disk: %v", err)
	}
}

var errFull = errors.New("full")

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }

// TestTheTimeOfAnImageDoesNotDependOnEarlierBuilds: whichever time and
// compression a step's layer was first written with, an image that is asked for
// with another one is the same as from an empty state.
func TestTheTimeOfAnImageDoesNotDependOnEarlierBuilds(t *testing.T) {
	needsReal(t)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a"), []byte("a"), 0o600); err != nil {
		t.Fatal(err)
	}
	build := func(e *Engine, seconds, kind string) string {
		t.Helper()
		req := engine.Request{Name: "web", Context: dir, Dockerfile: []byte("FROM scratch\nCOPY a /a\nCOPY a /b\n"), Compression: kind}
		if seconds != "" {
			req.Args = map[string]string{"SOURCE_DATE_EPOCH": seconds}
		}
		res, err := e.Build(context.Background(), req, event.Discard{})
		if err != nil {
			t.Fatal(err)
		}
		return res.Digest
	}
	type asked struct{ seconds, kind string }
	all := []asked{{"", "gzip"}, {"1000", "gzip"}, {"", "zstd"}, {"2000", "zstd"}}
	want := map[asked]string{}
	seen := map[string]bool{}
	for _, a := range all {
		t.Run("alone", func(t *testing.T) { want[a] = build(openReal(t, Options{}), a.seconds, a.kind) })
		seen[want[a]] = true
	}
	if len(seen) != len(all) {
		t.Errorf("the images %v are not all different", want)
	}
	got := map[asked]string{}
	t.Run("after each other", func(t *testing.T) {
		e := openReal(t, Options{})
		for _, a := range all {
			got[a] = build(e, a.seconds, a.kind)
		}
	})
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(asked{})); diff != "" {
		t.Errorf("from an empty state, after others (-want +got):\n%s", diff)
	}
}

// TestWhatALayerHoldsIsKnownWhenItIsWritten: nobody reads it again for that, and
// its bytes are the same.
func TestWhatALayerHoldsIsKnownWhenItIsWritten(t *testing.T) {
	plain := layerTar(t, 3<<20)
	for _, kind := range []compression.Type{compression.Gzip, compression.Zstd} {
		var alone, watched bytes.Buffer
		var got *layer.Index
		for out, keep := range map[*bytes.Buffer]*keeper{&alone: nil, &watched: {func(string, *layer.Index) {}}} {
			w, err := stamped{kind, time.Unix(7, 0), keep}.writer(out)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.Write(plain); err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			if keep != nil {
				got = w.contents
			}
		}
		if !bytes.Equal(alone.Bytes(), watched.Bytes()) {
			t.Errorf("%s: the layer depends on who looks", kind)
		}
		want, err := layer.Read(bytes.NewReader(plain))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" || got.Bytes != 3<<20 {
			t.Errorf("%s: the layer holds (-want +got)\n%s", kind, diff)
		}
	}
}
