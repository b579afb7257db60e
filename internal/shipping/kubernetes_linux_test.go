package shipping_test

import (
	"strings"
	"testing"
	"time"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/deploy"
	"github.com/slipway-build/slipway/internal/deploy/kube"
	"github.com/slipway-build/slipway/internal/manifest"
)

// TestOnARealCluster brings good and bad releases to a cluster, under load.
func TestOnARealCluster(t *testing.T) {
	b := newBed(t)
	t.Run("manifests", b.manifests)
	bad := map[string]map[string]string{
		"rolling":    {"crash": "does not stay up", "missing": "cannot pull its image", "sick": "is not ready"},
		"blue-green": {"crash": "does not stay up", "missing": "cannot pull its image"},
		"canary":     {"crash": "does not stay up"},
	}
	for _, environment := range []string{"rolling", "blue-green", "canary"} {
		t.Run(environment, func(t *testing.T) {
			b.namespace(t, environment)
			if done := b.deploy(t, environment, "v1"); done.Outcome != deploy.Deployed {
				t.Fatalf("%+v", done)
			}
			b.unchanged(t, environment)
			l := b.load(t, b.address(t, environment))
			if done := b.deploy(t, environment, "v2"); done.Outcome != deploy.Deployed {
				t.Fatalf("%+v", done)
			}
			for version, want := range bad[environment] {
				done := b.deploy(t, environment, version)
				if done.Outcome != deploy.RolledBack || !strings.Contains(done.Reason, want) {
					t.Errorf("%s: %+v, want %q", version, done, want)
				}
				if version == "crash" && !strings.Contains(done.Reason, "no table payments") {
					t.Errorf("its last lines are not in %q", done.Reason)
				}
			}
			if done := b.deploy(t, environment, "v3"); done.Outcome != deploy.Deployed {
				t.Fatalf("%+v", done)
			}
			if environment == "blue-green" {
				b.interrupted(t, environment, "v1")
			}
			l.end()
			t.Logf("%d requests answered, %d failed: %v", l.ok.Load(), l.failed.Load(), l.seen)
			if l.failed.Load() > 0 {
				t.Errorf("%d requests failed, such as %q to %q", l.failed.Load(), l.problems[:min(3, len(l.problems))], l.problems[len(l.problems)-1])
			}
			if l.seen["v2 CANARY-token"] == 0 || l.seen["v3 CANARY-token"] == 0 || l.seen["sick CANARY-token"] > 0 {
				t.Errorf("the requests got %v", l.seen)
			}
			if text := b.get(t, "/api/v1/namespaces/"+environment+"/configmaps"); strings.Contains(text, "CANARY") || !strings.Contains(text, "rollout") {
				t.Error("a ConfigMap has a secret, or there is no journal")
			}
		})
	}
	t.Run("after", b.after)
	t.Run("place", b.place)
}

// manifests asks the API whether it takes every object that slipway manifests writes.
func (b *bed) manifests(t *testing.T) {
	o := b.order(t, "rolling", "v1")
	m, err := o.Manifests()
	if err != nil {
		t.Fatal(err)
	}
	m.Namespace = "default"
	for i := range m.Services {
		m.Services[i].Placement.Autoscale = deploy.Autoscale{Min: 2, Max: 5, CPU: config.DefaultCPU}
	}
	m.Routes = []config.Route{{Host: "shop.example", Service: "web", Certificate: "x", Key: "y"}, {Host: "*.shop.example", Path: "/api", Service: "web"}}
	objects, err := m.Objects()
	if err != nil {
		t.Fatal(err)
	}
	jobs, err := m.Jobs(manifest.Before)
	if err != nil {
		t.Fatal(err)
	}
	c := b.client(t, "default", "rolling")
	kinds := map[string]bool{}
	for _, o := range append(objects, jobs...) {
		kinds[o.Kind()] = true
		changes, err := c.Preview(t.Context(), kube.Workload{Key: "v1-11111111", Replicas: 1, Objects: []manifest.Object{o}})
		if err != nil || len(changes) != 1 || changes[0].What != deploy.Created || changes[0].Refused != "" {
			t.Errorf("%s %s: %+v, %v", o.Kind(), o.Name(), changes, err)
		}
	}
	if len(kinds) != 9 {
		t.Errorf("only %v were tried", kinds)
	}
}

// unchanged deploys what runs.
func (b *bed) unchanged(t *testing.T, environment string) {
	t.Helper()
	began := time.Now()
	o := b.order(t, environment, "v1")
	r, err := o.Plan(t.Context(), time.Now())
	if err != nil || len(r.Waves) > 0 {
		t.Errorf("what runs would be deployed again: %d waves, %v", len(r.Waves), err)
	}
	t.Logf("an unchanged release is seen after %s", time.Since(began).Round(time.Millisecond))
	all, err := o.Client.Rollouts(t.Context(), environment)
	if err != nil || len(all) != 1 || all[0].Outcome != deploy.Deployed || all[0].Ended.IsZero() {
		t.Errorf("the rollouts are %+v, %v", all, err)
	}
}
