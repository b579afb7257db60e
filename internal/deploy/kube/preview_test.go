package kube_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/deploy"
	"github.com/slipway-build/slipway/internal/deploy/kube"
	"github.com/slipway-build/slipway/internal/manifest"
)

// secret is that of a side.
func secret(key, value string) manifest.Object {
	_, side, _ := strings.Cut(key, "-")
	return manifest.Object{
		"apiVersion": "v1", "kind": "Secret", "data": map[string]any{"TOKEN": value},
		"metadata": map[string]any{"name": "web-" + side + "-secrets", "labels": map[string]any{"app.kubernetes.io/name": "web"}},
	}
}

// TestAPreviewChangesNothing: it compares the objects of a new side with those of the side
// that runs, and what both share with what there is.
func TestAPreviewChangesNothing(t *testing.T) {
	a := &api{}
	c := running(t, a)
	if err := c.Prepare(t.Context(), kube.Workload{Key: v1, Objects: []manifest.Object{secret(v1, "Zmlyc3Q=")}}); err != nil {
		t.Fatal(err)
	}
	for _, o := range []string{"deployments/web-22222222", "configmaps/" + configMap(t, web(v2))} { // nobody has prepared it
		delete(a.objects, o)
	}
	before, _ := json.Marshal(a.objects)
	w := web(v2)
	w.Replaces, w.Replicas = v1, 3
	w.Objects = append(w.Objects, secret(v2, "c2Vjb25k"))
	for _, o := range w.Objects {
		switch o.Kind() {
		case "NetworkPolicy":
			o["spec"].(map[string]any)["policyTypes"] = []any{"Ingress", "Egress"}
		case "Deployment":
			pod := o["spec"].(map[string]any)["template"].(map[string]any)["spec"].(map[string]any)
			pod["containers"].([]any)[0].(map[string]any)["image"] = "registry.example/shop/web@sha256:new"
		}
	}
	got, err := c.Preview(t.Context(), w)
	if err != nil {
		t.Fatal(err)
	}
	if after, _ := json.Marshal(a.objects); string(after) != string(before) {
		t.Error("it changed an object")
	}
	in := "spec.template.spec.containers[web]."
	want := []deploy.Change{
		{Object: "ServiceAccount web", What: deploy.Unchanged},
		{Object: "Service web", What: deploy.Unchanged},
		{Object: "Service front", What: deploy.Unchanged},
		{Object: "NetworkPolicy web", What: deploy.Changed, Fields: []deploy.Field{{Path: "spec.policyTypes[1]", To: "Egress"}}},
		{Object: "PodDisruptionBudget web", What: deploy.Unchanged},
		{Object: "ConfigMap " + configMap(t, web(v2)), What: deploy.Created, Like: configMap(t, web(v1)), Fields: []deploy.Field{{Path: "data.VERSION", From: "v1", To: "v2"}}},
		{Object: "Deployment web-22222222", What: deploy.Created, Like: "web-11111111", Fields: []deploy.Field{
			{Path: "spec.replicas", From: "2", To: "3"},
			{Path: in + "envFrom[0].configMapRef.name", From: configMap(t, web(v1)), To: configMap(t, web(v2))},
			{Path: in + "image", From: "registry.example/shop/web@sha256:" + strings.Repeat("a", 64), To: "registry.example/shop/web@sha256:new"},
		}},
		{Object: "Secret web-22222222-secrets", What: deploy.Created, Like: "web-11111111-secrets", Fields: []deploy.Field{{Path: "data.TOKEN", From: "(a secret)", To: "(another secret)"}}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
}

func configMap(t *testing.T, w kube.Workload) string {
	t.Helper()
	for _, o := range w.Objects {
		if o.Kind() == "ConfigMap" {
			return o.Name()
		}
	}
	t.Fatal("there is no ConfigMap")
	return ""
}

// TestAPreviewShowsRefusals: of an object, and of the pods that a Deployment would make. Who
// may not make pods is told nothing about them.
func TestAPreviewShowsRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		admission func(key string, o map[string]any) string
		fault     int
		want      map[string]string
	}{
		"a webhook": {admission: func(key string, _ map[string]any) string {
			if key == "networkpolicies/web" {
				return `admission webhook "net" denied the request`
			}
			return ""
		}, want: map[string]string{"NetworkPolicy web": `admission webhook "net" denied the request`}},
		"a quota of pods": {admission: func(key string, o map[string]any) string {
			if strings.HasPrefix(key, "pods/") && o["spec"].(map[string]any)["serviceAccountName"] == nil {
				return "exceeded quota: small"
			}
			return ""
		}, want: map[string]string{"Deployment web-11111111": "exceeded quota: small"}},
		"no right to make pods": {fault: http.StatusForbidden, want: map[string]string{}},
		"no answer":             {fault: http.StatusNotImplemented, want: nil},
	} {
		t.Run(name, func(t *testing.T) {
			a := &api{admission: c.admission}
			client := a.serve(t)
			a.faults = func(r *http.Request) int {
				if r.Method == http.MethodPost {
					return c.fault
				}
				return 0
			}
			w := web(v1)
			w.Replicas = 2
			changes, err := client.Preview(t.Context(), w)
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]string{}
			for _, change := range changes {
				if change.What != deploy.Created {
					t.Errorf("%+v", change)
				}
				if change.Refused != "" {
					got[change.Object] = change.Refused
				}
			}
			if c.want == nil { // the refusal of the test's server
				c.want = map[string]string{"Deployment web-11111111": "a fault"}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("refusals (-want +got):\n%s", diff)
			}
		})
	}
}
