package kube_test

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestSurplusIsOursAlone: what somebody else made stays, whatever its labels say, and so
// does what the release has.
func TestSurplusIsOursAlone(t *testing.T) {
	a := &api{}
	c := running(t, a)
	labels := map[string]any{"app.kubernetes.io/managed-by": "slipway", "app.kubernetes.io/part-of": "shop", "app.kubernetes.io/instance": "production", "app.kubernetes.io/name": "cart"}
	put := func(key, manager string, change map[string]any) {
		all := maps.Clone(labels)
		maps.Copy(all, change)
		_, name, _ := strings.Cut(key, "/")
		a.objects[key] = map[string]any{"metadata": map[string]any{"name": name, "labels": all, "managedFields": []any{map[string]any{"manager": manager}}}, "spec": map[string]any{"replicas": float64(0)}}
	}
	a.mu.Lock()
	put("configmaps/cart-env", "slipway", nil)
	put("secrets/cart-secrets", "slipway", nil)
	put("services/cart", "slipway", nil)
	put("serviceaccounts/cart", "slipway", nil)
	put("poddisruptionbudgets/web-old", "slipway", map[string]any{"app.kubernetes.io/name": "web"})
	put("configmaps/web-env", "slipway", map[string]any{"app.kubernetes.io/name": "web"}) // of a side to go back to
	put("services/theirs", "helm", nil)
	put("services/staging", "slipway", map[string]any{"app.kubernetes.io/instance": "staging"})
	put("services/other", "slipway", map[string]any{"app.kubernetes.io/part-of": "blog"})
	a.objects["configmaps/slipway.shop.production.traffic.cart"] = map[string]any{"metadata": map[string]any{"name": "slipway.shop.production.traffic.cart"}}
	a.faults = func(r *http.Request) int { // a cluster without the Gateway API, a user who may not see autoscalers
		switch {
		case strings.HasSuffix(r.URL.Path, "/httproutes"):
			return http.StatusNotFound
		case strings.HasSuffix(r.URL.Path, "/horizontalpodautoscalers"):
			return http.StatusForbidden
		}
		return 0
	}
	a.mu.Unlock()
	wanted := map[string]bool{}
	for _, o := range web(v1).Objects {
		wanted[o.Kind()+" "+o.Name()] = true
	}
	got, err := c.Surplus(t.Context(), []string{"web"}, wanted)
	want := []string{"Service cart", "PodDisruptionBudget web-old", "ServiceAccount cart", "ConfigMap cart-env", "Secret cart-secrets"}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Fatalf("%v, surplus (-want +got):\n%s", err, diff)
	}
	if got, err := c.Surplus(t.Context(), []string{"web"}, nil); err != nil || !slices.Equal(got, []string{"Service cart", "ServiceAccount cart"}) {
		t.Errorf("without what is wanted: %v, %v", got, err)
	}
	if err := a.client(t).Discard(t.Context(), got); err == nil || a.objects["services/cart"] == nil {
		t.Errorf("without the lock it removes something: %v", err)
	}
	if err := c.Discard(t.Context(), got); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"services/cart", "configmaps/cart-env", "configmaps/slipway.shop.production.traffic.cart"} {
		if a.objects[key] != nil {
			t.Errorf("%s is left", key)
		}
	}
	for _, key := range []string{"services/theirs", "services/staging", "services/other", "configmaps/web-env", "deployments/web-11111111"} {
		if a.objects[key] == nil {
			t.Errorf("%s was removed", key)
		}
	}
}
