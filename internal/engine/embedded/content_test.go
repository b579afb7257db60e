//go:build linux

package embedded

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/opencontainers/go-digest"
)

// writeContent writes a blob of the engine and returns its path.
func writeContent(t *testing.T, stateDir string, data []byte, at time.Time) string {
	t.Helper()
	path := filepath.Join(contentDir(stateDir), fmt.Sprintf("%x", sha256.Sum256(data)))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, at, at); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestDamagedContentIsFound(t *testing.T) {
	dir, opened := t.TempDir(), time.Now().Add(-time.Second)
	if err := checkContent(t.Context(), dir); err != nil {
		t.Errorf("a new engine: %v", err)
	}
	layer := bytes.Repeat([]byte("layer"), 1000)
	path := writeContent(t, dir, layer, time.Now())
	if err := sealContent(dir, opened); err != nil {
		t.Fatal(err)
	}
	if err := checkContent(t.Context(), dir); err != nil {
		t.Errorf("as it was left: %v", err)
	}
	for name, harm := range map[string][]byte{"a byte": append([]byte("L"), layer[1:]...), "half": layer[:700], "more": append(layer, 0), "empty": {}} {
		if err := os.WriteFile(path, harm, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := sealContent(dir, time.Now().Add(time.Minute)); err != nil { // by an engine that opened later
			t.Fatal(err)
		}
		if err := checkContent(t.Context(), dir); !damage(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := os.WriteFile(path, layer, 0o600); err != nil { // a copy, or a killed engine's
		t.Fatal(err)
	}
	if err := checkContent(t.Context(), dir); err != nil {
		t.Errorf("written again: %v", err)
	}
}

func TestADamagedLayerOfTheImageStoreIsReplaced(t *testing.T) {
	layer := []byte("layer")
	for name, harm := range map[string]func(path string) error{
		"changed":       func(path string) error { return os.WriteFile(path, []byte("lAyer"), 0o600) },
		"short":         func(path string) error { return os.WriteFile(path, []byte("la"), 0o600) },
		"whole, copied": func(path string) error { return os.WriteFile(path, layer, 0o600) },
	} {
		engine, images := t.TempDir(), t.TempDir()
		own := writeContent(t, engine, layer, time.Now())
		to := filepath.Join(images, "sha256", filepath.Base(own))
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := harm(to); err != nil {
			t.Fatal(err)
		}
		h := handover{from: filepath.Dir(contentDir(engine)), to: images, opened: time.Now().Add(-time.Minute), unpacked: map[string]int64{}}
		h.take(content.Info{Digest: digest.FromBytes(layer)})
		if got, err := os.ReadFile(to); err != nil || !bytes.Equal(got, layer) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	// A damaged layer of the engine is not handed over.
	engine, images := t.TempDir(), t.TempDir()
	own := writeContent(t, engine, layer, time.Now())
	if err := os.WriteFile(own, []byte("lAyer"), 0o600); err != nil {
		t.Fatal(err)
	}
	h := handover{from: filepath.Dir(contentDir(engine)), to: images, opened: time.Now().Add(time.Minute), unpacked: map[string]int64{}}
	h.take(content.Info{Digest: digest.FromBytes(layer)})
	if _, err := os.Stat(filepath.Join(images, "sha256", filepath.Base(own))); err == nil {
		t.Error("a damaged layer was handed over")
	}
}

// Overhaul finds what no seal shows: a disk that loses a byte changes no time.
func TestOverhaulReadsEverything(t *testing.T) {
	look := func(dir string) (string, int) {
		sink := &recorder{}
		found, err := Overhaul(t.Context(), Options{StateDir: dir, ImageDir: t.TempDir(), Owner: "doctor", PID: 1}, sink)
		if err != nil {
			t.Fatal(err)
		}
		return found, len(sink.events)
	}
	if found, notes := look(filepath.Join(t.TempDir(), "none")); found != "no engine yet" || notes != 0 {
		t.Errorf("%q", found)
	}
	for _, harmed := range []string{"", "content", "database"} {
		dir := newDatabases(t)
		blob := writeContent(t, dir, []byte("layer"), time.Now())
		if err := errors.Join(sealContent(dir, time.Time{}), sealDatabases(dir)); err != nil {
			t.Fatal(err)
		}
		path := map[string]string{"": "", "content": blob, "database": filepath.Join(dir, "cache.db")}[harmed]
		if path != "" {
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			data, _ := os.ReadFile(path)
			for i := range min(len(data), 16384) {
				data[i] ^= 1
			}
			if err := errors.Join(os.WriteFile(path, data, 0o600), os.Chtimes(path, info.ModTime(), info.ModTime())); err != nil {
				t.Fatal(err)
			}
		}
		found, notes := look(dir)
		if harmed == "" && (found != "5 databases and 1 blobs are whole" || notes != 0) || harmed != "" && (found != "its cache was damaged and is empty now" || notes != 1) {
			t.Errorf("%q: %q, %d notes", harmed, found, notes)
		}
		if again, _ := look(dir); harmed != "" && again != "5 databases and 0 blobs are whole" {
			t.Errorf("%q, again: %q", harmed, again)
		}
	}
}
