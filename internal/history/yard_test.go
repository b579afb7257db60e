package history

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/random"

	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/image"
	"github.com/slipway-build/slipway/internal/ledger"
	"github.com/slipway-build/slipway/internal/pipeline"
)

// yard is a state directory with a store, and a repository beside it.
type yard struct {
	t     *testing.T
	state string
	repo  string
	store *image.Store

	mu    sync.Mutex
	notes []string // warnings
}

func newYard(t *testing.T) *yard {
	t.Helper()
	y := &yard{t: t, state: t.TempDir(), repo: t.TempDir()}
	var err error
	if y.store, err = image.Open(filepath.Join(y.state, "images")); err != nil {
		t.Fatal(err)
	}
	return y
}

// Emit implements event.Sink.
func (y *yard) Emit(e event.Event) {
	y.mu.Lock()
	defer y.mu.Unlock()
	if n, ok := e.(event.Note); ok {
		y.notes = append(y.notes, n.Text)
	}
}

// open opens the history as one command does; change alters its options.
func (y *yard) open(change ...func(*Options)) *History {
	o := Options{StateDir: y.state, Fleet: y.repo, Version: "1.0.0", Store: y.store, Sink: y}
	for _, c := range change {
		c(&o)
	}
	return Open(o)
}

// write puts a file into the repository.
func (y *yard) write(name, text string) {
	y.t.Helper()
	path := filepath.Join(y.repo, filepath.FromSlash(name))
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
		y.t.Fatal(err)
	}
}

// job is a service in a directory of its name, which has a file "a".
func (y *yard) job(name string) pipeline.Job {
	if _, err := os.Stat(filepath.Join(y.repo, name)); err != nil {
		y.write(name+"/a", "1")
	}
	return pipeline.Job{Image: "shop/" + name + ":latest", Request: engine.Request{
		Name: name, Context: filepath.Join(y.repo, name), Dockerfile: []byte("FROM scratch\nCOPY a /a\n"), Platforms: []string{"linux/amd64"},
	}}
}

// image puts an image into the store, as a build does.
func (y *yard) image(name string) engine.Result {
	y.t.Helper()
	img, err := random.Image(64, 1)
	if err != nil {
		y.t.Fatal(err)
	}
	desc, err := y.store.Write(context.Background(), name, img)
	if err != nil {
		y.t.Fatal(err)
	}
	return engine.Result{Digest: desc.Digest.String(), MediaType: string(desc.MediaType), SizeBytes: desc.Size, Steps: 2}
}

// recall asks a new history about one job.
func (y *yard) recall(job pipeline.Job, change ...func(*Options)) pipeline.Recalled {
	y.t.Helper()
	h := y.open(change...)
	defer y.close(h)
	return h.Recall(y.t.Context(), []pipeline.Job{job})[0]
}

func (y *yard) close(h *History) {
	y.t.Helper()
	if err := h.Close(); err != nil {
		y.t.Error(err)
	}
}

// build is one command that builds a job if it has to; meanwhile runs while the
// build does.
func (y *yard) build(job pipeline.Job, meanwhile func()) pipeline.Recalled {
	y.t.Helper()
	h := y.open()
	defer y.close(h)
	was := h.Recall(y.t.Context(), []pipeline.Job{job})[0]
	built := pipeline.Built{Service: job.Request.Name, Image: job.Image, Reasons: was.Reasons, Duration: time.Minute, PeakMemory: 1 << 20}
	if built.Result = was.Result; was.Result.Digest != "" {
		built.Unchanged = true
	} else {
		built.Result = y.image(job.Image)
	}
	if meanwhile != nil {
		meanwhile()
	}
	h.Keep(y.t.Context(), job, was, built)
	return was
}

// expect compares what is recalled.
func expect(t *testing.T, got pipeline.Recalled, digest string, reasons ...string) {
	t.Helper()
	if got.Result.Digest != digest {
		t.Errorf("image %q, want %q", got.Result.Digest, digest)
	}
	if diff := cmp.Diff(reasons, got.Reasons); diff != "" {
		t.Errorf("reasons (-want +got):\n%s", diff)
	}
}

// runs are the recorded commands, the newest first.
func (y *yard) runs() []ledger.Run {
	y.t.Helper()
	var out []ledger.Run
	if err := Ledger(y.state, y).View(func(v ledger.View) error { out = v.Runs(1000); return nil }); err != nil {
		y.t.Fatal(err)
	}
	return out
}

// blobs are the paths of an image's files in the store.
func (y *yard) blobs(name string) (manifest string, layers []string) {
	y.t.Helper()
	at := func(h v1.Hash) string { return filepath.Join(y.store.Dir(), "blobs", h.Algorithm, h.Hex) }
	desc, err := y.store.Resolve(context.Background(), name)
	if err != nil {
		y.t.Fatal(err)
	}
	f, err := os.Open(at(desc.Digest))
	if err != nil {
		y.t.Fatal(err)
	}
	defer f.Close()
	m, err := v1.ParseManifest(f)
	if err != nil {
		y.t.Fatal(err)
	}
	for _, l := range m.Layers {
		layers = append(layers, at(l.Digest))
	}
	return at(desc.Digest), layers
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
}
