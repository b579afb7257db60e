package pipeline

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/plan"
)

// world stands for the outside: an engine, a mirror, a store and a registry.
type world struct {
	mu      sync.Mutex
	ensured map[string]string // base → platforms
	bases   map[string]map[string]string
	tagged  []string
	pushed  []string
	fail    map[string]error
	waits   map[string]bool // services whose build lasts until it is stopped
}

func (w *world) Ensure(_ context.Context, refs, platforms []string) (map[string]string, error) {
	out := map[string]string{}
	for _, r := range refs {
		w.ensured[r] = strings.Join(platforms, ",")
		out[r] = "sha256:" + r
	}
	return out, nil
}

func (w *world) Build(ctx context.Context, req engine.Request, _ event.Sink) (engine.Result, error) {
	w.mu.Lock()
	w.bases[req.Name] = req.Bases
	w.mu.Unlock()
	if w.waits[req.Name] {
		<-ctx.Done()
		return engine.Result{}, context.Cause(ctx)
	}
	return engine.Result{Digest: "sha256:" + req.Name}, w.fail[req.Name]
}

func (w *world) Tag(_ context.Context, name string, _ engine.Result) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tagged = append(w.tagged, name)
	return nil
}

func (w *world) Push(_ context.Context, name string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pushed = append(w.pushed, name)
	return nil
}

func newWorld() *world {
	return &world{ensured: map[string]string{}, bases: map[string]map[string]string{}, fail: map[string]error{}, waits: map[string]bool{}}
}

func (w *world) build() Build {
	return Build{Builder: w, Bases: w, Images: w, Sink: event.Discard{}, Platform: "linux/amd64", Parallel: 4, Now: func() time.Time { return time.Time{} }}
}

func job(name string, bases ...plan.Base) Job {
	return Job{Request: engine.Request{Name: name, Platforms: []string{"linux/arm64"}}, Bases: bases, Image: "x/" + name + ":1"}
}

func TestBasesAreMadeForThePlatformsOnWhichTheyRun(t *testing.T) {
	w := newWorld()
	toolchain := plan.Base{Ref: "toolchain", Role: plan.RoleToolchain, Assembled: true}
	both := plan.Base{Ref: "both", Role: plan.RoleToolchain, Assembled: true, OnTarget: true}
	runtime := plan.Base{Ref: "runtime", Role: plan.RoleRuntime, Assembled: true}
	pulled := plan.Base{Ref: "pulled", Role: plan.RoleRuntime}
	if _, err := w.build().Run(t.Context(), []Job{job("a", toolchain, runtime, pulled), job("b", both)}); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"toolchain": "linux/amd64", "both": "linux/amd64,linux/arm64", "runtime": "linux/arm64"}
	if diff := cmp.Diff(want, w.ensured); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{"toolchain": "sha256:toolchain", "runtime": "sha256:runtime"}, w.bases["a"]); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	b := w.build()
	b.Elsewhere = true // on a machine of the target, perhaps
	if _, err := b.Run(t.Context(), []Job{job("a", toolchain)}); err != nil || w.ensured["toolchain"] != "linux/amd64,linux/arm64" {
		t.Errorf("elsewhere for %s, %v", w.ensured["toolchain"], err)
	}
}

func TestAFailureStopsTheOthersAndIsTheOnlyOneNamed(t *testing.T) {
	w := newWorld()
	w.fail["a"] = errors.New("no such file")
	w.waits["b"] = true
	built, err := w.build().Run(t.Context(), []Job{job("a"), job("b")})
	if diag.ExitOf(err) != diag.ExitBuild || !strings.Contains(err.Error(), "building a failed: no such file") || strings.Contains(err.Error(), "stopped") {
		t.Errorf("error %v", err)
	}
	if !errors.Is(built[1].Err, errStopped) {
		t.Errorf("b ended with %v", built[1].Err)
	}
}

func TestKeepGoingFinishesTheOthers(t *testing.T) {
	w := newWorld()
	w.fail["a"] = errors.New("no such file")
	b := w.build()
	b.KeepGoing = true
	if _, err := b.Run(t.Context(), []Job{job("a"), job("b"), job("c")}); diag.ExitOf(err) != diag.ExitBuild {
		t.Errorf("error %v", err)
	}
	if len(w.tagged) != 2 {
		t.Errorf("tagged %v, want b and c", w.tagged)
	}
}

func TestAnInterruptIsNoFailureOfAService(t *testing.T) {
	w := newWorld()
	w.waits["a"] = true
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.build().Run(ctx, []Job{job("a")}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestOnlyWhatWasBuiltIsNamedAndPushed(t *testing.T) {
	w := newWorld()
	b := w.build()
	b.Pusher, b.Parallel = w, 1
	j := job("a")
	j.Image = ""
	if _, err := b.Run(t.Context(), []Job{j, job("b")}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"x/b:1"}, w.pushed); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestSelection(t *testing.T) {
	fleet := []string{"fast-a", "fast-b", "slow-c"}
	for _, c := range []struct {
		s    Selection
		want []string
	}{
		{Selection{}, fleet},
		{Selection{Names: []string{"fast-*"}}, []string{"fast-a", "fast-b"}},
		{Selection{Names: []string{"fast-*"}, Skip: []string{"*-b"}}, []string{"fast-a"}},
	} {
		got, err := c.s.Of(fleet)
		if diff := cmp.Diff(c.want, got); err != nil || diff != "" {
			t.Errorf("%+v: %v (-want +got)\n%s", c.s, err, diff)
		}
	}
	_, err := Selection{Names: []string{"fast-aa"}}.Of(fleet)
	if diag.ExitOf(err) != diag.ExitUsage || diag.HintOf(err) != `did you mean "fast-a"?` {
		t.Errorf("%v, hint %q", err, diag.HintOf(err))
	}
	if _, err := (Selection{Skip: []string{"*"}}).Of(fleet); diag.ExitOf(err) != diag.ExitUsage {
		t.Errorf("an empty selection gives %v", err)
	}
}

func TestSplitList(t *testing.T) {
	if diff := cmp.Diff([]string{"a", "b", "c"}, SplitList(" a, b\nc,")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
