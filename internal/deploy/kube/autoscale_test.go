package kube_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/slipway-build/slipway/internal/deploy"
	"github.com/slipway-build/slipway/internal/deploy/host"
	"github.com/slipway-build/slipway/internal/shipping"
)

// TestAnAutoscalerRestsWhileARolloutGoesOn: then it scales the side that has the traffic.
func TestAnAutoscalerRestsWhileARolloutGoesOn(t *testing.T) {
	for name, c := range map[string]struct {
		outcome deploy.Outcome
		change  func(p *host.Part)
		want    string // the Deployment that it scales, "" when there is none
	}{
		"deployed":        {deploy.Deployed, func(*host.Part) {}, "web-22222222"},
		"rolled back":     {deploy.RolledBack, func(*host.Part) {}, "web-11111111"},
		"in place":        {deploy.RolledBack, func(p *host.Part) { p.Spec.Replaces, p.Spec.Runs = "", 2 }, "web-22222222"},
		"the first":       {deploy.RolledBack, func(p *host.Part) { p.Spec.Replaces = "" }, ""},
		"not any more":    {deploy.Deployed, func(p *host.Part) { p.Autoscale = deploy.Autoscale{} }, ""},
		"none before":     {deploy.Deployed, func(p *host.Part) { p.Scaled = false }, "web-22222222"},
		"never, no right": {deploy.Deployed, func(p *host.Part) { p.Scaled, p.Autoscale = false, deploy.Autoscale{} }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			a := &api{}
			c1 := running(t, a)
			if _, err := c1.Take(t.Context(), id, "a test", false); err != nil {
				t.Fatal(err)
			}
			place := shipping.Kubernetes{Client: c1}
			p := host.Part{Spec: spec(deploy.Strategy{Kind: deploy.BlueGreen}), Autoscale: deploy.Autoscale{Min: 2, Max: 5, CPU: 60}, Scaled: true}
			c.change(&p)
			r := host.Rollout{ID: id, Environment: "production", Fleet: "shop", Version: "v2", Started: time.Now(), Waves: [][]host.Part{{p}}}
			keep := func(r host.Rollout) {
				t.Helper()
				if err := place.Keep(context.Background(), r); err != nil {
					t.Fatal(err)
				}
			}
			if name == "never, no right" {
				a.mu.Lock()
				a.faults = func(r *http.Request) int {
					if resource(r) == "horizontalpodautoscalers" {
						return http.StatusForbidden
					}
					return 0
				}
				a.mu.Unlock()
			} else if p.Scaled {
				a.mu.Lock()
				a.objects["horizontalpodautoscalers/web"] = map[string]any{"metadata": map[string]any{"name": "web"}}
				a.mu.Unlock()
			}
			keep(r)
			if a.objects["horizontalpodautoscalers/web"] != nil {
				t.Error("it scales while the rollout does")
			}
			r.Ended, r.Outcome = time.Now(), c.outcome
			keep(r)
			scales, _ := a.objects["horizontalpodautoscalers/web"]["spec"].(map[string]any)
			of, _ := scales["scaleTargetRef"].(map[string]any)
			got, _ := of["name"].(string)
			if got != c.want {
				t.Errorf("it scales %q, not %q", got, c.want)
			}
			view, err := place.View(t.Context(), "production")
			if err != nil {
				t.Fatal(err)
			}
			if now := view.Services["web"].Autoscale; (now == p.Autoscale) != (c.want != "" || p.Autoscale.Max == 0) {
				t.Errorf("it is seen as %+v", now)
			}
			if c.want == "" {
				return
			}
			a.mu.Lock()
			a.objects["deployments/web-11111111"]["spec"].(map[string]any)["replicas"] = float64(4) // the load
			a.mu.Unlock()
			drift, err := place.Drift(t.Context())
			if err != nil || c.want == "web-11111111" && len(drift) != 0 {
				t.Errorf("what an autoscaler does is drift: %+v, %v", drift, err)
			}
		})
	}
}
