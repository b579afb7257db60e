package kube

import (
	"context"

	"github.com/slipway-build/slipway/internal/manifest"
)

// endpoints say which pods Services send requests to. A controller of the cluster writes
// them, some time after a pod becomes ready or a Service chooses it; until then requests
// go elsewhere, or are refused when there is no other pod.
type endpoints struct {
	services []object
	ready    map[string]map[string]bool // pods by the name of a Service
}

// endpoints reads those of the Services of a service, when one of its pods may be missing
// there.
func (c *Client) endpoints(ctx context.Context, service string, services, pods []object) (endpoints, error) {
	out := endpoints{services: services, ready: map[string]map[string]bool{}}
	if !out.missAny(pods) {
		return out, nil
	}
	all, err := c.list(ctx, "EndpointSlice", manifest.Selector(c.opts.Environment, service), "") // they have the labels of their Service
	for _, s := range all {
		name := text(s, "metadata", "labels", "kubernetes.io/service-name")
		if out.ready[name] == nil {
			out.ready[name] = map[string]bool{}
		}
		for _, e := range list(s, "endpoints") {
			if is, said := sub(e, "conditions")["ready"].(bool); is || !said {
				out.ready[name][text(e, "targetRef", "name")] = true
			}
		}
	}
	return out, err
}

// miss reports a ready pod that a Service chooses and does not send requests to yet.
func (e endpoints) miss(pod object) bool {
	if !ready(pod) {
		return false
	}
	for _, s := range e.services {
		chosen := sub(s, "spec", "selector")
		of, sided := chosen[manifest.LabelSide]
		if len(chosen) > 0 && (!sided || of == side(pod)) && !e.ready[s.Name()][pod.Name()] {
			return true
		}
	}
	return false
}

func (e endpoints) missAny(pods []object) bool {
	for _, pod := range pods {
		if e.miss(pod) {
			return true
		}
	}
	return false
}
