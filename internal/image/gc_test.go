package image

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"pgregory.net/rapid"
)

// age makes every blob look as if nobody had used it for a while.
func age(t rapid.TB, s *Store, by time.Duration) {
	blobs, err := filepath.Glob(s.path("blobs", "sha256", "*"))
	if err != nil {
		t.Fatal(err)
	}
	then := time.Now().Add(-by)
	for _, b := range blobs {
		if err := os.Chtimes(b, then, then); err != nil {
			t.Fatal(err)
		}
	}
}

// Whatever happened before, GC leaves every named image whole, and leaves
// nothing else that is old.
func TestGCKeepsExactlyWhatNamesReach(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "gc")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		s, err := Open(dir, func(s *Store) { s.volatile = true })
		if err != nil {
			t.Fatal(err)
		}
		ctx := context.Background()
		names := rapid.SampledFrom([]string{"a", "b", "c", "d"})
		t.Repeat(map[string]func(*rapid.T){
			"write": func(t *rapid.T) {
				if _, err := s.Write(ctx, names.Draw(t, "name"), drawArtifact(t)); err != nil {
					t.Fatal(err)
				}
			},
			"tag": func(t *rapid.T) {
				if desc, err := s.Resolve(ctx, names.Draw(t, "from")); err == nil {
					if err := s.Tag(ctx, names.Draw(t, "to"), desc); err != nil {
						t.Fatal(err)
					}
				}
			},
			"remove": func(t *rapid.T) { _ = s.Remove(ctx, names.Draw(t, "name")) },
			"gc": func(t *rapid.T) {
				age(t, s, 2*time.Hour)
				if _, err := s.GC(ctx, time.Hour, nil); err != nil {
					t.Fatal(err)
				}
				checkOnlyReachable(t, s)
			},
		})
	})
}

// drawArtifact makes images of a few layers that often have layers in common,
// or an index of two of them.
func drawArtifact(t *rapid.T) Artifact {
	if rapid.Bool().Draw(t, "index") {
		return mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: drawImage(t)}, mutate.IndexAddendum{Add: drawImage(t)})
	}
	return drawImage(t)
}

func drawImage(t *rapid.T) v1.Image {
	var layers []v1.Layer
	for _, n := range rapid.SliceOfN(rapid.IntRange(0, 5), 1, 3).Draw(t, "layers") {
		layers = append(layers, static.NewLayer([]byte(fmt.Sprintf("layer %d", n)), types.OCILayer))
	}
	img, err := mutate.AppendLayers(empty.Image, layers...)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func checkOnlyReachable(t *rapid.T, s *Store) {
	entries, err := s.List(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{}
	reached := map[v1.Hash]bool{}
	for _, e := range entries {
		s.mark(e.Descriptor, reached)
		if err := s.complete(e.Descriptor); err != nil {
			t.Fatalf("%s is not whole after GC: %v", e.Name, err)
		}
	}
	for h := range reached {
		want[h.Hex] = true
	}
	got := map[string]bool{}
	files, _ := os.ReadDir(s.path("blobs", "sha256"))
	for _, f := range files {
		got[f.Name()] = true
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("blobs after GC (-want +got):\n%s", diff)
	}
}

func TestGCLeavesWhatABuildIsWriting(t *testing.T) {
	s := newStore(t)
	desc := write(t, s, "a", randomImage(t, 2))
	if err := s.Remove(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	if freed, err := s.GC(t.Context(), time.Hour, nil); err != nil || freed.Blobs != 0 {
		t.Errorf("young blobs: freed %+v, %v", freed, err)
	}
	age(t, s, 2*time.Hour)
	keepManifest := func(h v1.Hash) bool { return h == desc.Digest }
	if freed, err := s.GC(t.Context(), time.Hour, keepManifest); err != nil || freed.Blobs != 3 {
		t.Errorf("freed %+v, %v, want the config and two layers", freed, err)
	}
}

func TestGCKeepsOldBlobsThatAWriterReuses(t *testing.T) {
	s := newStore(t)
	img := randomImage(t, 1)
	write(t, s, "a", img)
	if err := s.Remove(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	age(t, s, 2*time.Hour)
	desc, err := s.writeArtifact(t.Context(), img) // a build that has not named its image yet
	if err != nil {
		t.Fatal(err)
	}
	if freed, err := s.GC(t.Context(), time.Hour, nil); err != nil || freed.Blobs != 0 {
		t.Errorf("freed %+v, %v", freed, err)
	}
	if err := s.Tag(t.Context(), "a", desc); err != nil {
		t.Error(err)
	}
}

func TestGCRemovesWhatInterruptedWritersLeft(t *testing.T) {
	s := newStore(t)
	old, young := s.path("tmp", "blob-1"), s.path("tmp", "blob-2")
	ingest := s.path("ingest", "abc")
	if err := os.MkdirAll(ingest, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, f := range []string{old, young, filepath.Join(ingest, "data")} {
		if err := os.WriteFile(f, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	then := time.Now().Add(-2 * time.Hour)
	for _, f := range []string{old, filepath.Join(ingest, "data"), ingest} {
		if err := os.Chtimes(f, then, then); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.GC(t.Context(), time.Hour, nil); err != nil {
		t.Fatal(err)
	}
	for f, want := range map[string]bool{old: false, young: true, ingest: false} {
		if _, err := os.Stat(f); (err == nil) != want {
			t.Errorf("%s: %v, want there %v", f, err, want)
		}
	}
}

func TestGCRefusesADamagedIndex(t *testing.T) {
	s := newStore(t)
	write(t, s, "a", randomImage(t, 1))
	age(t, s, 2*time.Hour)
	if err := os.WriteFile(s.path("index.json"), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	if freed, err := s.GC(t.Context(), time.Hour, nil); err == nil || freed.Blobs != 0 {
		t.Errorf("freed %+v, %v", freed, err)
	}
}
