package state

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/random"

	"github.com/slipway-build/slipway/internal/event"
)

func TestRepairSaysWhatItDid(t *testing.T) {
	d := Dir{Path: t.TempDir(), Getenv: func(string) string { return "" }}
	store, err := d.Images(event.Discard{})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"web", "api"} {
		img, err := random.Image(2000, 2)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := store.Write(t.Context(), name, img); err != nil {
			t.Fatal(err)
		}
	}
	blobs, _ := filepath.Glob(filepath.Join(d.ImageDir(), "blobs", "sha256", "*"))
	var largest string
	for _, b := range blobs {
		if info, err := os.Stat(b); err == nil && info.Size() > 1900 {
			largest = b
		}
	}
	if err := os.Remove(largest); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(largest, []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	pushed := func(content, name string) string {
		path := filepath.Join(d.RegistryDir(), "docker/registry/v2/blobs/sha256", name[:2], name, "data")
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	name := fmt.Sprintf("%x", sha256.Sum256([]byte("layer")))
	whole, damaged := pushed("layer", name), pushed("lAyer", "ff"+name[2:])
	if err := os.Chmod(d.ImageDir(), 0o777); err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, r := range d.Repair(t.Context(), event.Discard{}) {
		found[r.Part] = r.Found
		if r.Err != nil && r.Part != "containers" && r.Part != "build engine" { // need the carried runc
			t.Errorf("%s: %v", r.Part, r.Err)
		}
	}
	for part, want := range map[string]string{
		"permissions": "other users could write to 1 places", "local registry": "2 blobs read, 1 damaged ones removed",
		"images": fmt.Sprintf("%d blobs read, 1 damaged ones removed; 1 of 2 images are incomplete", len(blobs)),
	} {
		if !strings.Contains(found[part], want) {
			t.Errorf("%s: %q, want %q", part, found[part], want)
		}
	}
	for path, want := range map[string]bool{whole: true, damaged: false, largest: false} {
		if _, err := os.Stat(path); (err == nil) != want {
			t.Errorf("%s: %v", path, err)
		}
	}
	if info, err := os.Stat(d.ImageDir()); err != nil || info.Mode().Perm()&0o022 != 0 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}
