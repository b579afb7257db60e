package shipping

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/deploy"
	"github.com/slipway-build/slipway/internal/deploy/host"
)

// TestAPreviewOfAHost compares settings, and shows no value that is or was a secret.
func TestAPreviewOfAHost(t *testing.T) {
	fl := fleetOf(t, twoServices+`environments:
  prod:
    target: host
    replicas: 2
    env: {PLAIN: new, SAME: same}
    secrets: {TOKEN: {env: MY_TOKEN, services: web}, KEPT: {env: KEPT, services: web}}
    routes: [{listen: 8080, service: web}]
`)
	env, err := fl.Environment("prod")
	if err != nil {
		t.Fatal(err)
	}
	o := Order{Fleet: fl, Environment: env, Release: releaseOf("web", "store"), Lookup: func(name string) (string, bool) { return "CANARY-" + name, true }}
	now, err := o.workload(t.Context(), o.Release.Services[0], env.Of("web"))
	if err != nil {
		t.Fatal(err)
	}
	before := now
	before.Release, before.Image, before.MemoryBytes = "v1", "shop/web@sha256:old", 1<<30
	before.Env = map[string]string{"A": "own", "B": "own", "PLAIN": "CANARY-once-a-secret", "SAME": "same", "TOKEN": "CANARY-old", "KEPT": "CANARY-KEPT", "GONE": "CANARY-gone"}
	before.Files = []host.File{{Target: "/run/key", Content: []byte("CANARY")}}
	side := func(w host.Workload) host.ServiceView {
		return host.ServiceView{Main: w.Key(), Sides: map[string]host.SideView{w.Key(): {Workload: w, Want: 1}}}
	}
	o.Client = answers(t, map[string]any{"view": host.View{
		Services: map[string]host.ServiceView{"web": side(before), "cart": side(host.Workload{Release: "v1"}), "ended": {Sides: map[string]host.SideView{"x": {Retired: true}}}},
		Routes:   []host.Route{{Listen: "[::]:8080", Service: "store"}},
	}})
	r, got, err := o.Preview(t.Context(), time.Now())
	if err != nil || len(r.Waves) != 1 {
		t.Fatalf("%d waves, %v", len(r.Waves), err)
	}
	want := []deploy.Change{
		{Object: "service store", What: deploy.Created},
		{Object: "service web", What: deploy.Changed, Fields: []deploy.Field{
			{Path: "env.GONE", From: "(hidden)"},
			{Path: "env.PLAIN", From: "(hidden)", To: "new"},
			{Path: "env.TOKEN", From: "(hidden)", To: "(a secret)"},
			{Path: "files./run/key", From: "(hidden)"},
			{Path: "image", From: "shop/web@sha256:old", To: "shop/web@" + digest},
			{Path: "memory_bytes", From: "1073741824", To: "1048576"},
			{Path: "release", From: "v1", To: "v2"},
			{Path: "replicas", From: "1", To: "2"},
		}},
		{Object: "routes", What: deploy.Changed, Fields: []deploy.Field{{Path: "[[::]:8080].service", From: "store", To: "web"}}},
		{Object: "service cart", What: deploy.Dropped},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	if text := cmp.Diff(nil, got); strings.Contains(text, "CANARY") {
		t.Error("a secret is shown")
	}
}
