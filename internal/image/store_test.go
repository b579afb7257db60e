package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/event"
)

// notes is a sink that keeps what it was told.
type notes struct {
	mu     sync.Mutex
	events []event.Event
}

func (n *notes) Emit(e event.Event) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.events = append(n.events, e)
}

func newStore(t testing.TB, opts ...Option) *Store {
	t.Helper()
	s, err := Open(filepath.Join(t.TempDir(), "images"), opts...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func randomImage(t testing.TB, layers int64) v1.Image {
	t.Helper()
	img, err := random.Image(512, layers)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func write(t testing.TB, s *Store, name string, a Artifact) v1.Descriptor {
	t.Helper()
	desc, err := s.Write(t.Context(), name, a)
	if err != nil {
		t.Fatal(err)
	}
	return desc
}

func onPlatform(t testing.TB, img v1.Image, arch string) v1.Image {
	t.Helper()
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	config.OS, config.Architecture = "linux", arch
	if img, err = mutate.ConfigFile(img, config); err != nil {
		t.Fatal(err)
	}
	return img
}

func platformIndex(t testing.TB) v1.ImageIndex {
	t.Helper()
	var index v1.ImageIndex = empty.Index
	for _, arch := range []string{"amd64", "arm64"} {
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add:        onPlatform(t, randomImage(t, 2), arch),
			Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: arch}},
		})
	}
	return index
}

func TestStoredImageReadsBackWhole(t *testing.T) {
	s := newStore(t)
	want := write(t, s, "shop/web:v1", randomImage(t, 3))
	got, err := s.Resolve(t.Context(), "shop/web:v1")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("descriptor (-want +got):\n%s", diff)
	}
	img, err := s.Image(t.Context(), "shop/web:v1", "")
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Image(img); err != nil {
		t.Error(err)
	}
}

func TestIndexChoosesPlatform(t *testing.T) {
	s := newStore(t)
	index := platformIndex(t)
	write(t, s, "web", index)
	stored, err := s.Index(t.Context(), "web")
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(stored); err != nil {
		t.Error(err)
	}
	manifest, _ := index.IndexManifest()
	img, err := s.Image(t.Context(), "web", "linux/arm64")
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := img.Digest(); got != manifest.Manifests[1].Digest {
		t.Errorf("linux/arm64 gives %s, want %s", got, manifest.Manifests[1].Digest)
	}
	_, err = s.Image(t.Context(), "web", "linux/s390x")
	want := `image "web" does not exist for linux/s390x, only for [linux/amd64 linux/arm64]`
	if err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
	platforms, err := s.Platforms(t.Context(), "web")
	if diff := cmp.Diff([]string{"linux/amd64", "linux/arm64"}, platforms); diff != "" || err != nil {
		t.Errorf("platforms (-want +got):\n%s%v", diff, err)
	}
}

func TestNamesAreEqualWhenTheyMeanTheSame(t *testing.T) {
	s := newStore(t)
	img := randomImage(t, 1)
	desc := write(t, s, "nodejs-basic", img)
	for _, name := range []string{"nodejs-basic", "nodejs-basic:latest", "docker.io/library/nodejs-basic", desc.Digest.String(), "x@" + desc.Digest.String()} {
		if got, err := s.Resolve(t.Context(), name); err != nil || got.Digest != desc.Digest {
			t.Errorf("Resolve(%s) = %v, %v", name, got.Digest, err)
		}
	}
	write(t, s, "nodejs-basic:latest", img)
	write(t, s, "localhost:5000/gpp-g3/x:v1", img)
	entries, err := s.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name)
	}
	if diff := cmp.Diff([]string{"localhost:5000/gpp-g3/x:v1", "nodejs-basic:latest"}, names); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
}

func TestRefusals(t *testing.T) {
	s := newStore(t)
	write(t, s, "gpp-g3/fast-orchestrator-service", randomImage(t, 1))
	_, err := s.Resolve(t.Context(), "gpp-g3/fast-orchestrater-service")
	if !errors.Is(err, ErrNotFound) || diag.ExitOf(err) != diag.ExitUsage {
		t.Errorf("error %v, exit %d", err, diag.ExitOf(err))
	}
	if got, want := diag.HintOf(err), `did you mean "gpp-g3/fast-orchestrator-service"?`; got != want {
		t.Errorf("hint %q, want %q", got, want)
	}
	if err := s.Remove(t.Context(), "other"); !errors.Is(err, ErrNotFound) {
		t.Errorf("removing an unknown name: %v", err)
	}
	if _, err := s.Resolve(t.Context(), "Upper Case"); diag.ExitOf(err) != diag.ExitUsage {
		t.Errorf("bad name: %v", err)
	}
	err = s.Tag(t.Context(), "ghost", v1.Descriptor{Digest: v1.Hash{Algorithm: "sha256", Hex: strings.Repeat("0", 64)}})
	if err == nil || !strings.Contains(err.Error(), "missing from the image store") {
		t.Errorf("naming an absent image: %v", err)
	}
}

func TestTagRefusesAnImageWithAMissingLayer(t *testing.T) {
	s := newStore(t)
	img := randomImage(t, 2)
	desc := write(t, s, "a", img)
	layers, _ := img.Layers()
	digest, _ := layers[1].Digest()
	if err := os.Remove(s.blobPath(digest)); err != nil {
		t.Fatal(err)
	}
	if err := s.Tag(t.Context(), "b", desc); err == nil || !strings.Contains(err.Error(), digest.String()) {
		t.Errorf("error %v does not name the missing layer", err)
	}
}

// lyingLayer says another digest than its content has.
type lyingLayer struct{ v1.Layer }

func (lyingLayer) Digest() (v1.Hash, error) {
	return v1.Hash{Algorithm: "sha256", Hex: strings.Repeat("a", 64)}, nil
}

func TestWrongContentNeverAppears(t *testing.T) {
	s := newStore(t)
	layers, _ := randomImage(t, 1).Layers()
	if err := s.writeLayer(t.Context(), lyingLayer{layers[0]}); err == nil {
		t.Error("a layer with a wrong digest was stored")
	}
	for _, dir := range []string{"tmp", "blobs/sha256"} {
		if files, _ := os.ReadDir(s.path(dir)); len(files) != 0 {
			t.Errorf("%s is left with %v", dir, files)
		}
	}
}

func TestDamagedIndexIsMovedAside(t *testing.T) {
	for _, text := range []string{"", "{", `{"schemaVersion":1}`, "\x00\x00\x00"} {
		sink := &notes{}
		s := newStore(t, WithSink(sink))
		desc := write(t, s, "a", randomImage(t, 1))
		if err := os.WriteFile(s.path("index.json"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		entries, err := s.List(t.Context())
		if err != nil || len(entries) != 0 {
			t.Errorf("%q: List = %v, %v", text, entries, err)
		}
		if kept, err := os.ReadFile(s.path("index.json.damaged")); err != nil || string(kept) != text {
			t.Errorf("%q: kept %q, %v", text, kept, err)
		}
		if len(sink.events) != 1 || !strings.Contains(sink.events[0].(event.Note).Text, "was damaged") {
			t.Errorf("%q: events %v", text, sink.events)
		}
		if err := s.Tag(t.Context(), "a", desc); err != nil {
			t.Error(err)
		}
	}
}

// fullDisk is a layer whose bytes do not fit.
type fullDisk struct{ v1.Layer }

func (fullDisk) Compressed() (io.ReadCloser, error) {
	return io.NopCloser(iotest.ErrReader(&os.PathError{Op: "write", Path: "blob", Err: syscall.ENOSPC})), nil
}

func TestFullDiskIsExplainedAndLeavesNothing(t *testing.T) {
	s := newStore(t)
	layers, _ := randomImage(t, 1).Layers()
	err := s.writeLayer(t.Context(), fullDisk{layers[0]})
	if err == nil || !strings.HasPrefix(err.Error(), "the disk of the image store "+s.Dir()+" is full") ||
		diag.HintOf(err) != "free some space there, or set SLIPWAY_STATE_DIR to a larger disk" {
		t.Errorf("error %v, hint %q", err, diag.HintOf(err))
	}
	for _, dir := range []string{"tmp", "blobs/sha256"} {
		if files, _ := os.ReadDir(s.path(dir)); len(files) != 0 {
			t.Errorf("%s is left with %v", dir, files)
		}
	}
}

// TestMain lets the test binary stand in for a second slipway process.
func TestMain(m *testing.M) {
	if dir := os.Getenv("IMAGE_TEST_TAG_DIR"); dir != "" {
		if err := tagMany(context.Background(), dir, os.Getenv("IMAGE_TEST_TAG_PREFIX")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

const tagsEach = 20

// tagMany gives the image "seed" many names.
func tagMany(ctx context.Context, dir, prefix string) error {
	s, err := Open(dir)
	if err != nil {
		return err
	}
	desc, err := s.Resolve(ctx, "seed")
	if err != nil {
		return err
	}
	for i := range tagsEach {
		if err := s.Tag(ctx, fmt.Sprintf("%s-%d", prefix, i), desc); err != nil {
			return err
		}
	}
	return nil
}

func TestConcurrentTagsLoseNothing(t *testing.T) {
	s := newStore(t)
	write(t, s, "seed", randomImage(t, 1))
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for i := range 2 {
		group.Go(func() {
			cmd := exec.CommandContext(t.Context(), exe)
			cmd.Env = append(os.Environ(), "IMAGE_TEST_TAG_DIR="+s.Dir(), fmt.Sprintf("IMAGE_TEST_TAG_PREFIX=process%d", i))
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
		group.Go(func() {
			if err := tagMany(t.Context(), s.Dir(), fmt.Sprintf("routine%d", i)); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	entries, err := s.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 4*tagsEach+1 {
		t.Errorf("%d names, want %d", len(entries), 4*tagsEach+1)
	}
}

func BenchmarkOpen(b *testing.B) {
	dir := newStore(b).Dir()
	for b.Loop() {
		if _, err := Open(dir); err != nil {
			b.Fatal(err)
		}
	}
}
