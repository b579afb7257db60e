//go:build linux

package embedded

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/event"
)

// held is what a process has that could grow with each build.
type held struct{ goroutines, files, mounts int }

func holds(t *testing.T, dir string) held {
	t.Helper()
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	mounts, err := mountsBelow(dir)
	if err != nil {
		t.Fatal(err)
	}
	return held{runtime.NumGoroutine(), len(files), len(mounts)}
}

// within reports whether there is no more than before but for what is being
// cleared away.
func (h held) within(before held) bool {
	const slack = 10
	return h.goroutines <= before.goroutines+slack && h.files <= before.files+slack && h.mounts <= before.mounts
}

func size(t *testing.T, dir string) (bytes int64) {
	t.Helper()
	err := filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil {
			return nil // what went away has no size
		}
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			bytes += info.Size()
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return bytes
}

// TestManyBuildsHoldNoMoreThanAFew builds changed sources many times, in engines
// that are opened anew now and then. SLIPWAY_BUILDS says how many, 20 unless set.
func TestManyBuildsHoldNoMoreThanAFew(t *testing.T) {
	needsReal(t)
	builds := 20
	if text := os.Getenv("SLIPWAY_BUILDS"); text != "" {
		var err error
		if builds, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	const first, perEngine, cache = 5, 10, 60e6
	state, images, src := t.TempDir(), t.TempDir(), busyboxContext(t)
	var e *Engine
	open := func() {
		var err error
		if e, err = Open(t.Context(), Options{StateDir: state, ImageDir: images, Runc: os.Getenv("SLIPWAY_RUNC"), MaxCacheSize: cache}, event.Discard{}); err != nil {
			t.Fatal(err)
		}
	}
	shut := func() {
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
	}
	var before held
	for n := range builds {
		if n%perEngine == 0 {
			open()
		}
		if err := os.WriteFile(filepath.Join(src, "f"), fmt.Appendf(nil, "%d\n", n), 0o644); err != nil {
			t.Fatal(err)
		}
		req := engine.Request{Name: "web", Context: src, Dockerfile: []byte(busyboxBase + "COPY f /f\nRUN cat /f /bin/busybox /bin/busybox > /g\n")}
		if _, err := e.Build(t.Context(), req, event.Discard{}); err != nil {
			t.Fatalf("build %d: %v", n, err)
		}
		if n == first {
			before = holds(t, state)
		}
		if n%perEngine == perEngine-1 || n == builds-1 {
			if now := holds(t, state); !now.within(before) {
				t.Errorf("after %d builds: %+v, after %d: %+v", n+1, now, first+1, before)
			}
			if err := e.Collect(t.Context()); err != nil {
				t.Fatal(err)
			}
			shut()
		}
	}
	eventually := time.Now().Add(10 * time.Second)
	for ; holds(t, state).goroutines > before.goroutines && time.Now().Before(eventually); time.Sleep(10 * time.Millisecond) {
	}
	now := holds(t, state)
	t.Logf("%d builds: after %d %+v; at the end %+v, %.0f MB of the engine", builds, first+1, before, now, float64(size(t, state))/1e6)
	if now.mounts > 0 || !now.within(before) {
		t.Errorf("at the end: %+v, after %d builds: %+v", now, first+1, before)
	}
	if s := size(t, state); s > 2*cache {
		t.Errorf("the engine takes %d bytes, its cache may have %d", s, int64(cache))
	}
}
