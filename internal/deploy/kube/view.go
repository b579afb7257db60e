package kube

import (
	"context"
	"time"

	"github.com/slipway-build/slipway/internal/deploy"
	"github.com/slipway-build/slipway/internal/manifest"
)

// Service is a service as it is now.
type Service struct {
	Traffic
	Port      int
	Sides     map[string]Side  // by the key of the workload
	Autoscale deploy.Autoscale // of the side that has the traffic, while no rollout goes on
}

// Side is a side as it is now.
type Side struct {
	deploy.Group
	Version, Image string
}

// View shows what Slipway runs of the environment.
func (c *Client) View(ctx context.Context) (map[string]Service, error) {
	labels := map[string]string{"app.kubernetes.io/managed-by": "slipway", "app.kubernetes.io/part-of": c.opts.Fleet}
	for k, v := range manifest.Selector(c.opts.Environment, "") {
		if v != "" {
			labels[k] = v
		}
	}
	deployments, err := c.list(ctx, "Deployment", labels, "")
	if err != nil {
		return nil, err
	}
	pods, err := c.list(ctx, "Pod", labels, "")
	if err != nil {
		return nil, err
	}
	scaled, err := c.autoscales(ctx)
	if err != nil {
		return nil, err
	}
	out := map[string]Service{}
	for _, d := range deployments {
		key, name := text(d, "metadata", "annotations", annotationRelease), text(d, "metadata", "labels", "app.kubernetes.io/name")
		if key == "" {
			continue // of slipway manifests, and not of a rollout
		}
		s, known := out[name]
		container := first(list(sub(d, "spec", "template", "spec"), "containers"))
		if !known {
			s = Service{Port: number(first(list(container, "ports")), "containerPort"), Sides: map[string]Side{}, Autoscale: scaled[name]}
			if s.Traffic, err = c.traffic(ctx, name, s.Port); err != nil {
				return nil, err
			}
		}
		s.Sides[key] = Side{
			Group:   c.group(ctx, seen{service: name, deployments: deployments, pods: of(pods, name)}, key, time.Hour),
			Version: text(d, "metadata", "labels", "app.kubernetes.io/version"), Image: text(container, "image"),
		}
		out[name] = s
	}
	return out, nil
}

// of are the pods of a service.
func of(pods []object, service string) (out []object) {
	for _, p := range pods {
		if text(p, "metadata", "labels", "app.kubernetes.io/name") == service {
			out = append(out, p)
		}
	}
	return out
}
