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

// TestManyBuildsHoldNoMoreThanAFew builds changed sources many times in one engine.
// SLIPWAY_BUILDS says how many, 20 unless set.
func TestManyBuildsHoldNoMoreThanAFew(t *testing.T) {
	needsReal(t)
	builds := 20
	if text := os.Getenv("SLIPWAY_BUILDS"); text != "" {
		var err error
		if builds, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	const first, between, cache = 5, 10, 60e6
	state, src := t.TempDir(), busyboxContext(t)
	e := openReal(t, Options{StateDir: state, MaxCacheSize: cache})
	var before held
	for n := range builds {
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
		if n%between == between-1 {
			if err := e.Collect(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	now := holds(t, state)
	for end := time.Now().Add(10 * time.Second); !now.within(before) && time.Now().Before(end); now = holds(t, state) {
		time.Sleep(10 * time.Millisecond)
	}
	bytes := size(t, state)
	t.Logf("%d builds: after %d %+v; at the end %+v, %.0f MB of the engine", builds, first+1, before, now, float64(bytes)/1e6)
	if !now.within(before) {
		t.Errorf("at the end: %+v, after %d builds: %+v", now, first+1, before)
	}
	if bytes > 2*cache {
		t.Errorf("the engine takes %d bytes, its cache may have %d", bytes, int64(cache))
	}
}
