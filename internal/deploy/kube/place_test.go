package kube_test

import (
	"strings"
	"testing"
	"time"

	"github.com/slipway-build/slipway/internal/deploy/host"
	"github.com/slipway-build/slipway/internal/deploy/kube"
	"github.com/slipway-build/slipway/internal/shipping"
	"github.com/slipway-build/slipway/internal/shipping/placetest"
)

// TestAClusterIsAPlace is about an API server in memory; a real one is in package shipping.
func TestAClusterIsAPlace(t *testing.T) {
	placetest.Run(t, func(t *testing.T) placetest.World {
		workload := func(release string) host.Workload { return host.Workload{Release: release, Image: release, Port: 8080} }
		sides := map[string]string{}
		a := &api{}
		bad := "web-" + kube.SideOf(workload("bad").Key())
		a.pod = func(d map[string]any) map[string]any {
			if nameOf(d) == bad {
				return waiting("ImagePullBackOff", "not found", 0, nil)
			}
			return nil
		}
		c := a.serve(t)
		if _, err := c.Take(t.Context(), id, "a test", false); err != nil {
			t.Fatal(err)
		}
		for _, release := range []string{"v1", "v2", "bad"} {
			key := workload(release).Key()
			sides[kube.SideOf(key)] = release
			if err := c.Prepare(t.Context(), web(key)); err != nil {
				t.Fatal(err)
			}
		}
		if err := c.Release(t.Context()); err != nil {
			t.Fatal(err)
		}
		return placetest.World{
			Environment: "production", Workload: workload, Connect: func() shipping.Place { return shipping.Kubernetes{Client: a.client(t)} },
			Serves: func() string { return a.answering(sides) }, Deadline: time.Minute, Every: placetest.Faults(7),
		}
	})
}

// answering is the release of a pod that the Service web chooses and that is ready.
func (a *api) answering(sides map[string]string) string {
	side := a.serves("web")
	a.mu.Lock()
	defer a.mu.Unlock()
	for key, pod := range a.objects { // in no order, as requests come
		of, _, _ := strings.Cut(strings.TrimPrefix(key, "pods/web-"), ".")
		if !strings.HasPrefix(key, "pods/web-") || side != "" && of != side {
			continue
		}
		if ready := healthy()["phase"]; pod["status"].(map[string]any)["phase"] == ready {
			return sides[of]
		}
	}
	return "no pod that is ready"
}
