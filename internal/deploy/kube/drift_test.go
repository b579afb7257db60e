package kube_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/deploy"
	"github.com/slipway-build/slipway/internal/deploy/kube"
)

// edit changes an object as another program does, and notes it as the API server would:
// set is in the format FieldsV1.
func (a *api) edit(t *testing.T, key, manager, set string, change func(o map[string]any)) {
	t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	var owned map[string]any
	if err := json.Unmarshal([]byte(set), &owned); err != nil {
		t.Fatal(err)
	}
	o := a.objects[key]
	change(o)
	entries, _ := meta(o)["managedFields"].([]any)
	meta(o)["managedFields"] = append(entries, map[string]any{"manager": manager, "operation": "Update", "time": "2027-01-01T12:00:00Z", "fieldsV1": owned})
}

func container(o map[string]any) map[string]any {
	return podOf(o)["containers"].([]any)[0].(map[string]any)
}

func podOf(o map[string]any) map[string]any {
	return o["spec"].(map[string]any)["template"].(map[string]any)["spec"].(map[string]any)
}

// TestDriftSaysWhoChangedWhat: and a deploy of the same puts back what is Slipway's.
func TestDriftSaysWhoChangedWhat(t *testing.T) {
	a := &api{}
	c := running(t, a)
	if got, err := c.Drift(t.Context()); err != nil || len(got) != 0 {
		t.Fatalf("what nobody changed differs: %+v, %v", got, err)
	}
	a.edit(t, "deployments/web-11111111", "kubectl-edit", `{"f:spec": {"f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"web\"}": {
		".": {}, "f:image": {}, "f:env": {"k:{\"name\":\"DEBUG\"}": {".": {}, "f:name": {}, "f:value": {}}}, "f:readinessProbe": {"f:periodSeconds": {}}, "f:resources": {"f:limits": {"f:memory": {}}}
	}}}}}}`, func(o map[string]any) {
		one := container(o)
		one["image"], one["env"] = "registry.example/shop/web:hotfix", []any{map[string]any{"name": "DEBUG", "value": "1"}}
		one["readinessProbe"].(map[string]any)["periodSeconds"] = float64(60)
		one["resources"].(map[string]any)["limits"].(map[string]any)["memory"] = "1Gi"
		meta(o)["labels"].(map[string]any)["team"] = "ours" // is nothing that runs
	})
	a.edit(t, "deployments/web-11111111", "kubectl", `{"f:spec": {"f:replicas": {}}}`, func(o map[string]any) { o["spec"].(map[string]any)["replicas"] = float64(5) })
	a.edit(t, "deployments/web-22222222", "kubectl", `{"f:spec": {"f:minReadySeconds": {}}}`, func(o map[string]any) { o["spec"].(map[string]any)["minReadySeconds"] = float64(5) })
	a.edit(t, "services/web", "kubectl-patch", `{"f:spec": {"f:selector": {}}}`, func(o map[string]any) {
		o["spec"].(map[string]any)["selector"] = map[string]any{"app.kubernetes.io/name": "web", "app.kubernetes.io/instance": "production", "slipway.build/side": "22222222"}
	})
	a.mu.Lock()
	delete(a.objects, "networkpolicies/web")
	a.mu.Unlock()
	at := time.Date(2027, 1, 1, 12, 0, 0, 0, time.UTC)
	in := "spec.template.spec.containers[web]."
	want := []deploy.Drift{
		{Service: "web", Object: "Deployment web-11111111", Fields: []deploy.DriftField{
			{Path: "spec.replicas", Applied: "2", Live: "5", By: "kubectl", At: at},
			{Path: in + "image", Applied: "registry.example/shop/web@sha256:" + strings.Repeat("a", 64), Live: "registry.example/shop/web:hotfix", By: "kubectl-edit", At: at},
			{Path: in + "readinessProbe.periodSeconds", Applied: "5", Live: "60", By: "kubectl-edit", At: at},
			{Path: in + "resources.limits.memory", Applied: "512Mi", Live: "1Gi", By: "kubectl-edit", At: at},
			{Path: in + "env[DEBUG].name", Live: "DEBUG", By: "kubectl-edit", At: at},
			{Path: in + "env[DEBUG].value", Live: "1", By: "kubectl-edit", At: at},
		}},
		{Service: "web", Object: "Service web", Fields: []deploy.DriftField{
			{Path: "spec.selector[slipway.build/side]", Applied: "11111111", Live: "22222222", By: "kubectl-patch", At: at},
		}},
		{Service: "web", Object: "NetworkPolicy web", Missing: true},
	}
	got, err := c.Drift(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("drift (-want +got):\n%s", diff)
	}

	if err := c.Prepare(t.Context(), web(v1)); err != nil {
		t.Fatal(err)
	}
	if err := c.Restore(t.Context(), "web", 8080); err != nil {
		t.Fatal(err)
	}
	s := spec(deploy.Strategy{Kind: deploy.Rolling, Surge: 1})
	s.Release, s.Replaces, s.Before, s.Runs = v1, "", 0, 5
	r := rollout(c, s)
	r.Journal = kube.Journal{Client: c, Rollout: id, Service: "again", Patience: time.Minute}
	end, err := r.Run(t.Context(), s)
	if err != nil || end.Outcome != deploy.Deployed {
		t.Fatalf("%+v, %v", end, err)
	}
	if got, err = c.Drift(t.Context()); err != nil || len(got) != 0 {
		t.Errorf("after it was put back: %+v, %v", got, err)
	}
	if got := a.serves("web"); got != "11111111" {
		t.Errorf("the requests go to %q", got)
	}
}

// TestWhatIsChangedInPlaceWaitsForItsPods: those of before are healthy, and say nothing.
func TestWhatIsChangedInPlaceWaitsForItsPods(t *testing.T) {
	a := &api{}
	c := running(t, a)
	s := spec(deploy.Strategy{Kind: deploy.Rolling, Surge: 1})
	s.Release, s.Replaces, s.Before, s.Runs = v1, "", 0, 2
	status := func(generation, observed, updated, all int) {
		a.mu.Lock()
		defer a.mu.Unlock()
		d := a.objects["deployments/web-11111111"]
		meta(d)["generation"] = float64(generation)
		d["status"] = map[string]any{"observedGeneration": float64(observed), "updatedReplicas": float64(updated), "replicas": float64(all)}
	}
	target := func() deploy.Group {
		t.Helper()
		seen, err := rollout(c, s).Target.Observe(t.Context(), "web")
		if err != nil {
			t.Fatal(err)
		}
		return seen.New
	}
	for _, step := range []struct{ generation, observed, updated, all, want int }{{2, 1, 2, 2, 0}, {2, 2, 1, 1, 1}, {2, 2, 2, 3, 1}, {2, 2, 2, 2, 2}} {
		status(step.generation, step.observed, step.updated, step.all)
		if g := target(); g.Healthy != step.want || g.Short.IsZero() != (step.want == 2) {
			t.Errorf("%+v: %+v", step, g)
		}
	}
}
