package kube

import (
	"context"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/manifest"
)

// Workload is a side to be made.
type Workload struct {
	Key      string
	Objects  []manifest.Object // what all sides share first, then those of this one
	Replaces string            // for Preview: the key of the side that runs, "" for none or this one
	Replicas int               // for Preview: how many pods it gets
}

// Prepare makes the objects of sides. What runs stays as it is: a new Deployment has no
// pods yet, and a Service keeps its traffic.
func (c *Client) Prepare(ctx context.Context, workloads ...Workload) error {
	for _, w := range workloads {
		for _, o := range w.Objects {
			if err := c.prepare(ctx, w.Key, o); err != nil {
				return c.unprepared(o, err)
			}
		}
	}
	return nil
}

func (c *Client) prepare(ctx context.Context, key string, o object) error {
	replicas := 0
	if o.Kind() == "Deployment" {
		now, err := c.get(ctx, "Deployment", o.Name())
		if err != nil && !missing(err) {
			return err
		}
		replicas = number(now, "spec", "replicas")
	}
	return c.apply(ctx, shaped(o, key, replicas), Manager)
}

// shaped is an object as a rollout applies it: the traffic of a Service and the number of
// pods are not among what it changes.
func shaped(o object, key string, replicas int) object {
	o = cloned(o)
	switch o.Kind() {
	case "Service":
		if side(o) == "" {
			delete(sub(o, "spec"), "selector") // the traffic's
		}
	case "Deployment":
		sub(o, "spec")["replicas"] = replicas
		sub(o, "metadata")["annotations"] = map[string]any{annotationRelease: key}
	}
	noteApplied(o)
	return o
}

// unprepared explains why an object cannot be made.
func (c *Client) unprepared(o object, err error) error {
	r, ok := refusal(err)
	if !ok || diag.HintOf(err) != "" {
		return err
	}
	return diag.Fail(diag.ExitRun, "%s refuses the %s %s", c.what, o.Kind(), o.Name()).Because(r).
		WithHint("nothing runs otherwise than before; slipway manifests %s VERSION shows the object", c.opts.Environment)
}
