//go:build linux

package embedded

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/moby/buildkit/identity"

	"github.com/slipway-build/slipway/internal/event"
)

// TestRepairRemovesHalfABundle: a process that was killed while it took a step down
// leaves a bundle without its root, which is no container that runs.
func TestRepairRemovesHalfABundle(t *testing.T) {
	o := Options{StateDir: t.TempDir(), ImageDir: t.TempDir(), Runc: "/bin/false"}
	bundles := filepath.Join(o.StateDir, "runc-overlayfs", "executor")
	half, whole := filepath.Join(bundles, identity.NewID()), filepath.Join(bundles, identity.NewID())
	for _, dir := range []string{half, filepath.Join(whole, "rootfs")} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	kept := filepath.Join(bundles, "resolv.conf")
	for _, path := range []string{kept, filepath.Join(bundles, "hosts.x"), filepath.Join(half, "config.json")} {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	told := &recorder{}
	if err := repair(context.Background(), o, told); err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(filepath.Join(bundles, "*")); len(left) != 1 || left[0] != kept {
		t.Errorf("left: %q", left)
	}
	if len(told.events) != 1 || told.events[0] != (event.Note{Text: "clearing 1 build step(s) that an interrupted build left behind"}) {
		t.Errorf("told: %v", told.events)
	}
}

// TestCloseWaitsForSteps, which outlive their build when it is cancelled.
func TestCloseWaitsForSteps(t *testing.T) {
	e := &Engine{opts: Options{StateDir: t.TempDir()}}
	e.steps.Add(1)
	ended := make(chan error)
	go func() { ended <- e.Close() }()
	select {
	case err := <-ended:
		t.Fatalf("closed while a step ran: %v", err)
	case <-time.After(20 * time.Millisecond):
	}
	e.steps.Add(-1)
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
