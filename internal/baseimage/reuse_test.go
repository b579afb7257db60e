package baseimage

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSecondEnsureNeedsNoNetwork(t *testing.T) {
	w := newWorld(t)
	first := w.ensure(w.assembler(), runtimeRef, "linux/amd64")
	w.server.Close()
	offline := w.assembler(func(o *Options) { o.Mirrors = nil })
	if diff := cmp.Diff(first, w.ensure(offline, runtimeRef, "linux/amd64")); diff != "" {
		t.Errorf("built (-first +second):\n%s", diff)
	}
	// The store was lost: layers are still there. Layers too: packages are.
	w.store = memoryStore{}
	if again := w.ensure(w.assembler(func(o *Options) { o.Mirrors = nil }), runtimeRef, "linux/amd64"); again.Index != first.Index {
		t.Errorf("index %s, want %s", again.Index, first.Index)
	}
	w.store = memoryStore{}
	if err := os.RemoveAll(filepath.Join(w.state, "layers")); err != nil {
		t.Fatal(err)
	}
	if again := w.ensure(w.assembler(func(o *Options) { o.Mirrors = nil }), runtimeRef, "linux/amd64"); again.Index != first.Index {
		t.Errorf("index %s, want %s", again.Index, first.Index)
	}
}

func TestKilledRunsAreCleanedUpAfter(t *testing.T) {
	w := newWorld(t)
	for _, dir := range []string{filepath.Join(w.packages, "sha256"), filepath.Join(w.state, "layers")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, ".tmp-1"), []byte("half"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	w.ensure(w.assembler(), runtimeRef, "linux/amd64")
	if left := w.leftovers(); left != nil {
		t.Errorf("left behind: %v", left)
	}
}

func TestDamagedCacheIsRepaired(t *testing.T) {
	w := newWorld(t)
	first := w.ensure(w.assembler(), runtimeRef, "linux/amd64")
	for _, p := range first.Pins[0].Debian {
		if p.Name == "libc6" {
			w.damage(filepath.Join(w.packages, "sha256", p.SHA256))
		}
	}
	kept, err := filepath.Glob(filepath.Join(w.packages, "kept", "*"))
	if err != nil || len(kept) != len(first.Pins[0].Debian)+len(first.Pins[0].NPM) {
		t.Errorf("%d unpacked copies, %v", len(kept), err)
	}
	for _, name := range kept {
		w.damage(name)
	}
	again := w.afresh()
	if again.Index != first.Index {
		t.Errorf("index %s, want %s", again.Index, first.Index)
	}
	text := strings.Join(w.events.text, "\n")
	for _, want := range []string{"the cached copy of package libc6 1.0 was damaged", "the unpacked copy of package libc6 1.0 was damaged"} {
		if !strings.Contains(text, want) {
			t.Errorf("no word of the repair in:\n%s", text)
		}
	}
}

// afresh assembles the runtime base from what the packages directory has.
func (w *world) afresh() Built {
	w.t.Helper()
	for _, name := range []string{"layers", "resolved", "built"} {
		if err := os.RemoveAll(filepath.Join(w.state, name)); err != nil {
			w.t.Fatal(err)
		}
	}
	w.store = memoryStore{}
	return w.ensure(w.assembler(), runtimeRef, "linux/amd64")
}

// damage replaces what a file has.
func (w *world) damage(name string) {
	w.t.Helper()
	if err := os.WriteFile(name, []byte("bit rot"), 0o644); err != nil {
		w.t.Fatal(err)
	}
}

// TestIndexesAreReadOnce shows that an index that did not change is neither
// fetched nor read again, and that one that did is.
func TestIndexesAreReadOnce(t *testing.T) {
	w := newWorld(t)
	first := w.ensure(w.assembler(), runtimeRef, "linux/amd64")
	index, err := filepath.Glob(filepath.Join(w.packages, "sha256", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range index { // the index is among them, and is not missed
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
	w.paths() // so far
	if again := w.afresh(); again.Index != first.Index {
		t.Errorf("index %s, want %s", again.Index, first.Index)
	}
	for _, r := range w.paths() {
		if strings.Contains(r, "Packages") {
			t.Errorf("%s was asked for again", r)
		}
	}
	w.publish("1.1")
	if newer := w.afresh(); newer.Index == first.Index {
		t.Error("a newer index gave the old base")
	}
}

// TestReadyAsksNobody: a base that was never resolved is not ready, and one that was
// made is, with the digest that it has.
func TestReadyAsksNobody(t *testing.T) {
	w := newWorld(t)
	a := w.assembler()
	if _, ok := a.Ready(t.Context(), []string{runtimeRef}, []string{"linux/amd64"}); ok || w.asked() > 0 {
		t.Errorf("ready %v after %d requests, and nothing is there", ok, w.asked())
	}
	made := w.ensure(a, runtimeRef, "linux/amd64")
	before := w.asked()
	got, ok := a.Ready(t.Context(), []string{runtimeRef}, []string{"linux/amd64"})
	if !ok || got[runtimeRef].Index != made.Index || w.asked() != before {
		t.Errorf("ready %v with %s, want %s; %d further requests", ok, got[runtimeRef].Index, made.Index, w.asked()-before)
	}
}
