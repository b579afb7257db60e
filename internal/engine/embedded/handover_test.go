//go:build linux

package embedded

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/engine/solve"
	"github.com/slipway-build/slipway/internal/event"
)

func TestLayersAreLinkedAndTheirSizesNoted(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	for _, dir := range []string{from, to} {
		if err := os.Mkdir(filepath.Join(dir, "sha256"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	held, elsewhere := digest.FromString("held"), digest.FromString("elsewhere")
	blob := filepath.Join("sha256", held.Encoded())
	long := time.Unix(1, 0)
	if err := os.WriteFile(filepath.Join(from, blob), []byte("held"), 0o444); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(filepath.Join(from, blob), long, long); err != nil {
		t.Fatal(err)
	}
	h := handover{from: from, to: to, unpacked: map[string]int64{}}
	began := time.Now().Add(-time.Minute)
	for range 2 { // the second time it is there
		h.take(content.Info{Digest: held, Labels: map[string]string{unpackedLabel: "7"}})
	}
	h.take(content.Info{Digest: elsewhere})
	h.take(content.Info{Digest: elsewhere, Labels: map[string]string{unpackedLabel: "many"}})
	info, err := os.Stat(filepath.Join(to, blob))
	if err != nil {
		t.Fatal(err)
	}
	if info.ModTime().Before(began) {
		t.Errorf("collecting garbage would take it for old: %v", info.ModTime())
	}
	entries, _ := os.ReadDir(filepath.Join(to, "sha256"))
	if len(entries) != 1 {
		t.Errorf("%d blobs were handed over", len(entries))
	}
	resp := map[string]string{}
	h.note(resp)
	if diff := cmp.Diff(map[string]string{solve.UnpackedKey: `{"` + held.String() + `":7}`}, resp); diff != "" {
		t.Errorf("noted (-want +got):\n%s", diff)
	}
}

// TestALayerIsOnDiskOnce: the image store has the engine's own file, and the
// build tells how large its content is.
func TestALayerIsOnDiskOnce(t *testing.T) {
	needsReal(t)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a"), []byte("four"), 0o600); err != nil {
		t.Fatal(err)
	}
	e := openReal(t, Options{})
	res, err := e.Build(context.Background(), engine.Request{Name: "web", Context: dir, Dockerfile: []byte("FROM scratch\nCOPY a /a\n")}, event.Discard{})
	if err != nil {
		t.Fatal(err)
	}
	layer := onlyLayer(t, e.opts.ImageDir, res.Digest)
	if diff := cmp.Diff(map[string]int64{layer.String(): 4}, res.Unpacked); diff != "" {
		t.Errorf("unpacked sizes (-want +got):\n%s", diff)
	}
	stored, err := os.Stat(blobOf(e.opts.ImageDir, layer))
	if err != nil {
		t.Fatal(err)
	}
	own, err := os.Stat(filepath.Join(e.opts.StateDir, "runc-"+snapshotter, "content", "blobs", "sha256", layer.Encoded()))
	if err != nil {
		t.Fatal(err)
	}
	if !os.SameFile(stored, own) {
		t.Error("the layer was copied")
	}
}

func blobOf(dir string, d digest.Digest) string {
	return filepath.Join(dir, "blobs", "sha256", d.Encoded())
}

// onlyLayer follows an index or manifest to the one layer of the image.
func onlyLayer(t *testing.T, dir, root string) digest.Digest {
	t.Helper()
	data, err := os.ReadFile(blobOf(dir, digest.Digest(root)))
	if err != nil {
		t.Fatal(err)
	}
	var doc struct{ Manifests, Layers []ocispecs.Descriptor }
	if err := json.Unmarshal(data, &doc); err != nil {
		t.Fatal(err)
	}
	if len(doc.Manifests) > 0 {
		return onlyLayer(t, dir, doc.Manifests[0].Digest.String())
	}
	if len(doc.Layers) != 1 {
		t.Fatalf("%d layers", len(doc.Layers))
	}
	return doc.Layers[0].Digest
}
