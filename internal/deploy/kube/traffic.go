package kube

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/manifest"
)

// Traffic says which side of a service has the requests, by the keys of workloads.
type Traffic struct {
	Main  string `json:"main,omitempty"`  // that has what Fresh has not
	Fresh string `json:"fresh,omitempty"` // both have them, by the number of their pods
	Share int    `json:"share,omitempty"` // that Fresh is to have, in percent
}

// Annotations of Slipway.
const (
	annotationTraffic = "slipway.build/traffic"
	annotationRelease = "slipway.build/release" // the key of a workload, on its Deployment
)

// SideOf is the side of a workload: the number at the end of its key.
func SideOf(key string) string { return key[max(0, len(key)-sideLength):] }

const sideLength = 8

// trafficHolder is the object that has the traffic of a service: its Service, or a ConfigMap for
// one that takes no requests.
func (c *Client) trafficHolder(service string, port int) (kind, name string) {
	if port == 0 {
		return "ConfigMap", c.named("traffic", service)
	}
	return "Service", service
}

func (c *Client) traffic(ctx context.Context, service string, port int) (Traffic, error) {
	kind, name := c.trafficHolder(service, port)
	o, err := c.get(ctx, kind, name)
	if missing(err) {
		return Traffic{}, nil
	}
	if err != nil {
		return Traffic{}, err
	}
	return trafficOf(o)
}

// sent is traffic, with the Services of the service.
func (c *Client) sent(ctx context.Context, service string, port int) (t Traffic, services []object, err error) {
	if port == 0 {
		t, err = c.traffic(ctx, service, port)
		return t, nil, err
	}
	services, err = c.list(ctx, "Service", manifest.Selector(c.opts.Environment, service), "")
	for _, o := range services {
		if o.Name() == service && err == nil {
			t, err = trafficOf(o)
		}
	}
	return t, services, err
}

func trafficOf(o object) (t Traffic, err error) {
	written := text(o, "metadata", "annotations", annotationTraffic)
	if written == "" {
		return t, nil
	}
	if err := json.Unmarshal([]byte(written), &t); err != nil {
		return t, diag.Fail(diag.ExitRun, "the annotation %s of the %s %s cannot be read", annotationTraffic, o.Kind(), o.Name()).Because(err).
			WithHint("somebody changed it; remove the annotation, and deploy again")
	}
	return t, nil
}

// shifted is the traffic when a side gets a share of it.
func (t Traffic) shifted(key string, share int) Traffic {
	switch {
	case share >= 100 || t.Main == "":
		return Traffic{Main: key}
	case share <= 0 && t.Fresh == key:
		return Traffic{Main: t.Main}
	case share > 0 && t.Main != key:
		return Traffic{Main: t.Main, Fresh: key, Share: share}
	}
	return t
}

// setTraffic writes it into the Services of a service, which may have further names. The
// one that is read comes last.
func (c *Client) setTraffic(ctx context.Context, service string, port int, t Traffic) error {
	written, err := json.Marshal(t)
	if err != nil {
		return err
	}
	annotations := map[string]any{annotationTraffic: string(written)}
	if port == 0 {
		kind, name := c.trafficHolder(service, port)
		return c.apply(ctx, object{"apiVersion": "v1", "kind": kind, "metadata": map[string]any{"name": name, "labels": anyLabels(c.kept("traffic")), "annotations": annotations}}, trafficManager)
	}
	labels := manifest.Selector(c.opts.Environment, service)
	all, err := c.list(ctx, "Service", labels, "")
	if err != nil {
		return err
	}
	var names []string
	for _, o := range all {
		if o.Name() != service && side(o) == "" {
			names = append(names, o.Name())
		}
	}
	chosen := c.selects(service, t)
	for _, name := range append(names, service) {
		err := c.apply(ctx, object{
			"apiVersion": "v1", "kind": "Service", "metadata": map[string]any{"name": name, "annotations": annotations}, "spec": map[string]any{"selector": chosen},
		}, trafficManager)
		if err != nil {
			return fmt.Errorf("giving %s its traffic: %w", name, err)
		}
	}
	return nil
}

// selects is the selector of the Services of a service with a traffic.
func (c *Client) selects(service string, t Traffic) map[string]any {
	out := anyLabels(manifest.Selector(c.opts.Environment, service))
	if t.Fresh == "" {
		out[manifest.LabelSide] = SideOf(t.Main)
	}
	return out
}
