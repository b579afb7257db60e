package state

import (
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/random"

	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/image"
)

// TestNamesOfImagesSayWhoChoseThem: a person's name stays a person's as long as it
// means the same image, and a repository's becomes one when a person gives it.
func TestNamesOfImagesSayWhoChoseThem(t *testing.T) {
	d := Dir{Path: t.TempDir(), Getenv: func(string) string { return "" }}
	store, err := d.Images(event.Discard{})
	if err != nil {
		t.Fatal(err)
	}
	var built [2]engine.Result
	for i, name := range []string{"one", "two"} {
		img, err := random.Image(int64(10+i), 1)
		if err != nil {
			t.Fatal(err)
		}
		desc, err := store.Write(t.Context(), name, img)
		if err != nil {
			t.Fatal(err)
		}
		built[i] = engine.Result{Digest: desc.Digest.String(), MediaType: string(desc.MediaType), SizeBytes: desc.Size}
	}
	for i, c := range []struct {
		by    string
		image int
		want  string
	}{{"a", 0, "a"}, {"a", 0, "a"}, {"b", 0, "b"}, {"", 0, ""}, {"a", 0, ""}, {"a", 1, "a"}} {
		if err := (Tagger{Store: store, By: c.by}).Tag(t.Context(), "node:22", built[c.image]); err != nil {
			t.Fatal(err)
		}
		desc, err := store.Resolve(t.Context(), "node:22")
		if err != nil || desc.Digest.String() != built[c.image].Digest || desc.Annotations[image.NamedBy] != c.want {
			t.Errorf("%d: named by %q: %v, %v, want %q", i, c.by, desc, err, c.want)
		}
	}
}
