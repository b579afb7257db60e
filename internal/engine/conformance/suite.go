// Package conformance is what every engine must do, as tests: each engine runs
// the same suite in its own tests. It needs a machine on which the engine's steps
// run, and a static busybox. It is test support; the product never imports it.
//
//	conformance.Run(t, conformance.Subject{Builder: e, ImageDir: images})
package conformance

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/plan"
)

// Subject is an engine under test.
type Subject struct {
	Builder  engine.Builder
	ImageDir string // OCI layout of its image store
}

// Run runs the whole suite. Subtests are named after what they expect.
func Run(t *testing.T, s Subject) {
	for _, c := range []struct {
		name string
		test func(*testing.T, Subject)
	}{
		{"an image from scratch has its files and settings, and is the same when built again", fromScratch},
		{"a base comes from the image store, and steps run on it", onBase},
		{"a named context takes the place of a stage", namedContext},
		{"a context of files in memory takes the place of a stage", memoryContext},
		{"contexts that a person names are a directory and an OCI layout", namedContexts},
		{"steps have the network, hosts, limits and SSH agent that they are given", stepSettings},
		{"the cache of one stage is left out", cacheOfStages},
		{"cache mounts are those of one repository", cacheMounts},
		{"a cache in a directory is written and read", localCache},
		{"arguments, labels and target do what they say", arguments},
		{"two platforms make an index of two images", twoPlatforms},
		{"a secret reaches its step, and neither log nor image", secret},
		{"files go into a directory", localOutput},
		{"an image goes into a tar file, which is complete or not there", tarOutput},
		{"a failed step is named with its whole log", failedStep},
		{"files of a stage come out, also when it fails", collected},
		{"a build that is cancelled ends at once", cancelled},
		{"a file that cannot be read ends the build", unreadableFile},
		{"two builds at once do not mix", together},
		{"a cache in a registry that asks for credentials is written and read", registryCache},
		{"a cache of an unknown kind is refused", unknownCache},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, s) })
	}
}

// Recorder is a sink that keeps every event.
type Recorder struct {
	On func(event.Event) // called for each; may be nil

	mu     sync.Mutex
	events []event.Event
}

// Emit implements event.Sink.
func (r *Recorder) Emit(e event.Event) {
	r.mu.Lock()
	r.events = append(r.events, e)
	r.mu.Unlock()
	if r.On != nil {
		r.On(e)
	}
}

// Events returns what came so far.
func (r *Recorder) Events() []event.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]event.Event(nil), r.events...)
}

// Log returns what the steps printed.
func (r *Recorder) Log() string {
	var b strings.Builder
	for _, e := range r.Events() {
		if l, ok := e.(event.StepLog); ok {
			b.Write(l.Data)
		}
	}
	return b.String()
}

// Busybox makes a build context with a static busybox, or skips the test.
func Busybox(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile("/bin/busybox")
	if err != nil {
		t.Skipf("needs a static busybox: %v", err)
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, "busybox"), data, 0o755)
	return dir
}

// BusyboxBase is the beginning of a Dockerfile whose steps have a shell. Its
// context is that of Busybox.
const BusyboxBase = "FROM scratch AS base\nCOPY busybox /bin/busybox\nRUN [\"/bin/busybox\",\"--install\",\"-s\",\"/bin\"]\n"

func write(t *testing.T, path string, data []byte, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, data, mode); err != nil {
		t.Fatal(err)
	}
}

// folder makes a build context of small files.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		write(t, filepath.Join(dir, name), []byte(text), 0o644)
	}
	return dir
}

// limit is how long one build may take here; all are small.
const limit = 2 * time.Minute

// build builds and expects success.
func (s Subject) build(t *testing.T, req engine.Request) (engine.Result, *Recorder) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	rec := &Recorder{}
	res, err := s.Builder.Build(ctx, req, rec)
	if err != nil {
		t.Fatalf("%v\n%s", err, rec.Log())
	}
	return res, rec
}

// fresh begins the shell command of a step that no earlier run of the suite has
// left in a cache.
func fresh(t *testing.T) string { return fmt.Sprintf(": %x; ", sha256.Sum256([]byte(t.Name()))) }

func platform() string { return plan.Host() }

// contains tells whether any file below a directory has the text. Layers of these
// tests are looked at unpacked.
func contains(t *testing.T, dir, text string) bool {
	t.Helper()
	found := false
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		found = found || bytes.Contains(data, []byte(text))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
