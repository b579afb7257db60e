package kube_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/deploy"
	"github.com/slipway-build/slipway/internal/deploy/host"
	"github.com/slipway-build/slipway/internal/shipping"
)

// TestRoutesBecomeObjects: those of a rollout are made when it begins, those that only the
// release before had go when it has ended, and going back brings back what was.
func TestRoutesBecomeObjects(t *testing.T) {
	a := &api{}
	c := running(t, a)
	place := shipping.Kubernetes{Client: c}
	there := func() string {
		var out []string
		for _, key := range slices.Sorted(maps.Keys(a.objects)) {
			if strings.HasPrefix(key, "ingresses/") || strings.HasPrefix(key, "httproutes/") {
				out = append(out, key)
			}
		}
		return strings.Join(out, " ")
	}
	a.mu.Lock()
	a.objects["ingresses/theirs"] = map[string]any{"metadata": map[string]any{"name": "theirs"}}
	a.mu.Unlock()
	shop, mobile := host.Route{Host: "shop.example", Service: "web", Certificate: "shop"}, host.Route{Host: "m.example", Service: "front"}
	r := host.Rollout{ID: id, Environment: "production", Fleet: "shop", Version: "v2", Started: time.Now(), Routes: []host.Route{mobile, shop}}
	set := func(r host.Rollout, want string) {
		t.Helper()
		if err := place.SetRoutes(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		if got := there(); got != want {
			t.Errorf("there are %s, not %s", got, want)
		}
	}
	set(r, "ingresses/shop-m-example ingresses/shop-shop-example ingresses/theirs")
	spec := a.objects["ingresses/shop-shop-example"]["spec"]
	want := map[string]any{
		"rules": []any{map[string]any{"host": "shop.example", "http": map[string]any{"paths": []any{map[string]any{
			"path": "/", "pathType": "Prefix", "backend": map[string]any{"service": map[string]any{"name": "web", "port": map[string]any{"number": float64(8080)}}},
		}}}}},
		"tls": []any{map[string]any{"secretName": "shop", "hosts": []any{"shop.example"}}},
	}
	if diff := cmp.Diff(want, spec); diff != "" {
		t.Errorf("the Ingress (-want +got):\n%s", diff)
	}
	view, err := place.View(t.Context(), "production")
	if diff := cmp.Diff(r.Routes, view.Routes); err != nil || diff != "" {
		t.Fatalf("%v, routes (-want +got):\n%s", err, diff)
	}

	next := r
	next.OldRoutes = view.Routes
	next.Routes = []host.Route{{Host: "shop.example", Service: "web", Gateway: "infra/public"}}
	set(next, "httproutes/shop-shop-example ingresses/shop-m-example ingresses/shop-shop-example ingresses/theirs")
	back := next
	back.Routes, back.OldRoutes = next.OldRoutes, nil
	set(back, "ingresses/shop-m-example ingresses/shop-shop-example ingresses/theirs")

	set(next, "httproutes/shop-shop-example ingresses/shop-m-example ingresses/shop-shop-example ingresses/theirs")
	next.Ended, next.Outcome = time.Now(), deploy.Deployed
	if err := place.Keep(t.Context(), next); err != nil {
		t.Fatal(err)
	}
	if got := there(); got != "httproutes/shop-shop-example ingresses/theirs" {
		t.Errorf("at the end there are %s", got)
	}
	lost := next
	lost.Routes = []host.Route{{Host: "x.example", Service: "nobody"}}
	if err := place.SetRoutes(t.Context(), lost); err == nil || !strings.Contains(err.Error(), "a route leads to nobody, which has no Service in payments") {
		t.Error(err)
	}
	if err := (shipping.Kubernetes{Client: a.client(t)}).SetRoutes(t.Context(), host.Rollout{}); err == nil || there() == "ingresses/theirs" {
		t.Errorf("without the lock: %v", err)
	}
	set(host.Rollout{}, "ingresses/theirs")
}
