package kube

import (
	"context"

	"github.com/slipway-build/slipway/internal/deploy"
	"github.com/slipway-build/slipway/internal/manifest"
)

// Scaled makes the autoscaler of a service, for the holder of the lock.
func (c *Client) Scaled(ctx context.Context, autoscaler manifest.Object) error {
	if err := c.mine(ctx); err != nil {
		return err
	}
	if err := c.prepare(ctx, "", autoscaler); err != nil {
		return c.unprepared(autoscaler, err)
	}
	return nil
}

// Unscaled removes the autoscaler of a service, for the holder of the lock: a rollout
// decides how many pods run, and two would not agree.
func (c *Client) Unscaled(ctx context.Context, service string) error {
	if err := c.mine(ctx); err != nil {
		return err
	}
	return c.remove(ctx, "HorizontalPodAutoscaler", service)
}

// autoscales are the autoscalers of the environment, by service.
func (c *Client) autoscales(ctx context.Context) (map[string]deploy.Autoscale, error) {
	all, err := c.owned(ctx, []string{"HorizontalPodAutoscaler"})
	out := map[string]deploy.Autoscale{}
	for _, o := range all {
		spec := sub(o, "spec")
		out[o.Name()] = deploy.Autoscale{
			Min: number(spec, "minReplicas"), Max: number(spec, "maxReplicas"),
			CPU: number(first(list(spec, "metrics")), "resource", "target", "averageUtilization") / manifest.CoresRequested,
		}
	}
	return out, err
}
