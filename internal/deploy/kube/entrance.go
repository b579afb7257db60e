package kube

import (
	"context"
	"slices"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/manifest"
)

// entrances are the kinds that lead requests from outside to Services.
func entrances() []string { return []string{"Ingress", "HTTPRoute"} }

// Entrances are the annotations of a name that the routes of the environment have.
func (c *Client) Entrances(ctx context.Context, annotation string) ([]string, error) {
	all, err := c.owned(ctx, entrances())
	var out []string
	for _, o := range all {
		if note := text(o, "metadata", "annotations", annotation); note != "" {
			out = append(out, note)
		}
	}
	return out, err
}

// SetEntrances makes routes, for the holder of the lock, and removes the others of the
// environment but those to keep.
func (c *Client) SetEntrances(ctx context.Context, routes, keep []manifest.Object) error {
	if err := c.mine(ctx); err != nil {
		return err
	}
	for _, o := range routes {
		if err := c.prepare(ctx, "", o); err != nil {
			return c.unprepared(o, err)
		}
	}
	all, err := c.owned(ctx, entrances())
	if err != nil {
		return err
	}
	for _, o := range all {
		wanted := slices.ContainsFunc(slices.Concat(routes, keep), func(other object) bool { return other.Kind() == o.Kind() && other.Name() == o.Name() })
		if wanted {
			continue
		}
		if err := c.remove(ctx, o.Kind(), o.Name()); err != nil {
			return err
		}
	}
	return nil
}

// Port is that of the Service of a service.
func (c *Client) Port(ctx context.Context, service string) (int, error) {
	o, err := c.get(ctx, "Service", service)
	if missing(err) {
		return 0, diag.Fail(diag.ExitRun, "a route leads to %s, which has no Service in %s", service, c.Namespace).Because(err).
			WithHint("somebody removed it: slipway deploy status %s", c.opts.Environment)
	}
	return number(first(list(sub(o, "spec"), "ports")), "port"), err
}
