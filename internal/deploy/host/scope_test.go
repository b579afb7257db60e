package host_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/deploy/host"
)

// TestFleetsHaveTheirOwnEnvironments: two fleets with a "test" on one host do not see, lock
// or replace what the other one has there.
func TestFleetsHaveTheirOwnEnvironments(t *testing.T) {
	b := newYard(t).host(t.TempDir())
	route := host.Route{Listen: "127.0.0.1:0", Host: "shop.example", Service: "web"}
	shop, blog := b.Of("shop"), b.again().Of("blog")
	for _, c := range []struct {
		client *host.Client
		fleet  string
		routes []host.Route
	}{{shop, "shop", []host.Route{route}}, {blog, "blog", nil}} {
		r := host.Rollout{ID: "r-" + c.fleet, Environment: env, Fleet: c.fleet, Version: "v1", Started: time.Now(), Routes: c.routes}
		if _, err := c.client.Lock(t.Context(), env, r.ID, "me", false); err != nil {
			t.Fatal(err)
		}
		if err := c.client.Keep(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		if err := c.client.SetRoutes(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		all, err := c.client.Rollouts(t.Context(), env)
		if err != nil || len(all) != 1 || all[0].ID != r.ID || all[0].Environment != env {
			t.Errorf("rollouts of %s: %+v, %v", c.fleet, all, err)
		}
	}
	view, err := shop.View(t.Context(), env)
	if diff := cmp.Diff([]host.Route{route}, view.Routes); err != nil || diff != "" {
		t.Errorf("routes of shop (-want +got): %v\n%s", err, diff)
	}
	err = blog.SetRoutes(t.Context(), host.Rollout{Environment: env, Routes: []host.Route{route}})
	if err == nil || !strings.Contains(err.Error(), "the environment test of the fleet shop has the route") {
		t.Errorf("a route of another fleet: %v", err)
	}
	_, err = b.again().Of("shop").Lock(t.Context(), env, "r2", "you", false)
	if err == nil || !strings.HasPrefix(err.Error(), "test is being changed") {
		t.Errorf("a second lock: %v", err)
	}
}
