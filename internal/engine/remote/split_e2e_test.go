package remote

import (
	"crypto/rand"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/engine/conformance"
	"github.com/slipway-build/slipway/internal/event"
)

// TestAPoolOfTwoMachinesMakesTheIndexOfOne builds for two platforms on a node that
// says it is of the one and another that says it is of the other, and on one node for
// both. No step runs for the platform: all three are this machine.
func TestAPoolOfTwoMachinesMakesTheIndexOfOne(t *testing.T) {
	s := buildkitds(t)
	amd, arm := s.start(t, "", nil, "--oci-worker-platform", "linux/amd64"), s.start(t, "", nil, "--oci-worker-platform", "linux/arm64")
	pool, alone := open(t, Options{}, amd, arm), open(t, Options{}, s.start(t, "", nil))
	dir := t.TempDir()
	large := make([]byte, 4<<20) // a layer of both platforms, which both nodes send at once
	_, _ = rand.Read(large)      // it never fails
	if err := os.WriteFile(filepath.Join(dir, "large"), large, 0o644); err != nil {
		t.Fatal(err)
	}
	req := engine.Request{
		Name: "web", Context: dir, Platforms: []string{"linux/arm64", "linux/amd64"}, Labels: map[string]string{"a": "b"},
		Dockerfile: []byte("FROM scratch\nARG TARGETARCH\nENV ARCH=$TARGETARCH\nCOPY large /\n"),
	}
	want, err := alone.Builder.Build(t.Context(), req, event.Discard{})
	if err != nil {
		t.Fatal(err)
	}
	rec := &conformance.Recorder{}
	got, err := pool.Builder.Build(t.Context(), req, rec)
	if err != nil {
		t.Fatalf("%v\n%s", err, rec.Log())
	}
	want.Steps, want.CachedSteps, want.Duration = 2, 0, got.Duration // each node copies; one node does so once
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("in parts (-whole +parts):\n%s", diff)
	}
	copied := map[string]string{}
	for _, e := range rec.Events() {
		if st, ok := e.(event.StepStarted); ok && strings.HasPrefix(st.Step, "COPY") {
			copied[st.Platform] = st.Key
		}
	}
	if keys := slices.Compact(slices.Sorted(maps.Values(copied))); len(keys) != 2 || copied["linux/amd64"] == "" || copied["linux/arm64"] == "" {
		t.Errorf("steps %v, want one of its own for each platform", copied)
	}
	req.Dockerfile = []byte("FROM scratch\nARG TARGETARCH\nCOPY ${TARGETARCH#arm64}large /\n")
	if _, err := pool.Builder.Build(t.Context(), req, event.Discard{}); err == nil || !strings.HasPrefix(err.Error(), "linux/amd64: a file is missing: ") {
		t.Errorf("error %v, want one that names the platform", err)
	}
}
