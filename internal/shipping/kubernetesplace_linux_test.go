package shipping_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/slipway-build/slipway/internal/deploy/host"
	"github.com/slipway-build/slipway/internal/deploy/kube"
	"github.com/slipway-build/slipway/internal/shipping"
	"github.com/slipway-build/slipway/internal/shipping/placetest"
)

// place runs the suite of places, each of its tests in a namespace of its own.
// SLIPWAY_FAULTS=all injects a fault at every change.
func (b *bed) place(t *testing.T) {
	made := make(chan int, 1)
	made <- 0
	placetest.Run(t, func(t *testing.T) placetest.World {
		n := <-made + 1
		made <- n
		namespace := fmt.Sprint("place-", n)
		b.namespace(t, namespace)
		releases := map[string]host.Workload{}
		var sides []kube.Workload
		for release, version := range map[string]string{"v1": "v1", "v2": "v2", "bad": "missing"} {
			o := b.orderIn(t, namespace, "plain", version)
			r, err := o.Plan(t.Context(), time.Now())
			if err != nil {
				t.Fatal(err)
			}
			m, err := o.Manifests()
			if err != nil {
				t.Fatal(err)
			}
			s, w := m.Services[1], r.Waves[0][0].New
			s.Side = kube.SideOf(w.Key())
			releases[release] = w
			sides = append(sides, kube.Workload{Key: w.Key(), Objects: append(m.Shared(s), m.Workload(s)...)})
		}
		c := b.client(t, namespace, "plain")
		if err := prepare(t.Context(), c, sides); err != nil {
			t.Fatal(err)
		}
		return placetest.World{
			Environment: "plain", Workload: func(release string) host.Workload { return releases[release] },
			Connect: func() shipping.Place { return shipping.Kubernetes{Client: b.client(t, namespace, "plain")} },
			Serves:  b.asks(t, b.address(t, namespace)), Deadline: time.Minute, Every: placetest.Faults(9),
		}
	})
}

// prepare makes sides with no pods yet.
func prepare(ctx context.Context, c *kube.Client, sides []kube.Workload) error {
	if _, err := c.Take(ctx, "a test", "a test", false); err != nil {
		return err
	}
	if err := c.Prepare(ctx, sides...); err != nil {
		return err
	}
	return c.Release(ctx)
}

// asks is a client of a Service: each question has a connection of its own.
func (b *bed) asks(t *testing.T, address string) func() string {
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DialContext: b.cluster.Dial, DisableKeepAlives: true}}
	return func() string {
		res, err := client.Get("http://" + address + "/")
		if err != nil {
			return err.Error()
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil {
			return err.Error()
		}
		return strings.TrimSpace(string(body)) // it has no token
	}
}
