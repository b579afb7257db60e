package shipping

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/deploy/host"
	"github.com/slipway-build/slipway/internal/manifest"
	"github.com/slipway-build/slipway/internal/release"
)

// clusterRoutes are those of an environment of Kubernetes, sorted.
func (o Order) clusterRoutes() []host.Route {
	var out []host.Route
	for _, r := range o.Environment.Routes {
		out = append(out, host.Route{Host: r.Host, Path: r.Path, Service: r.Service, Certificate: r.Certificate, Gateway: o.Environment.Gateway})
	}
	slices.SortFunc(out, byEntrance)
	return out
}

// byEntrance sorts routes so that those of one object are together.
func byEntrance(a, b host.Route) int {
	return cmp.Or(cmp.Compare(a.Gateway, b.Gateway), cmp.Compare(a.Host, b.Host), cmp.Compare(a.Path, b.Path))
}

// annotationRoutes has the routes of an Ingress or HTTPRoute, to go back to them.
const annotationRoutes = "slipway.build/routes"

// entrances are the objects of routes, which are sorted.
func entrances(fleet, environment string, routes []host.Route, port func(service string) (int, error)) ([]manifest.Object, error) {
	var out []manifest.Object
	for len(routes) > 0 {
		n := slices.IndexFunc(routes, func(r host.Route) bool { return r.Gateway != routes[0].Gateway || r.Host != routes[0].Host })
		if n < 0 {
			n = len(routes)
		}
		f := manifest.Fleet{Name: fleet, Environment: environment, Gateway: routes[0].Gateway}
		for _, r := range routes[:n] {
			number, err := port(r.Service)
			if err != nil {
				return nil, err
			}
			f.Routes = append(f.Routes, config.Route{Host: r.Host, Path: r.Path, Service: r.Service, Certificate: r.Certificate})
			f.Services = append(f.Services, manifest.Service{Service: release.Service{Name: r.Service, Port: number}})
		}
		note, _ := json.Marshal(routes[:n]) // of strings
		for _, o := range f.Entrances() {
			o["metadata"].(map[string]any)["annotations"] = map[string]any{annotationRoutes: string(note)}
			out = append(out, o)
		}
		routes = routes[n:]
	}
	return out, nil
}

// SetRoutes makes the Ingresses or HTTPRoutes of a rollout, whose Services exist, and
// removes those of the environment that it has neither as its own nor as those before.
func (k Kubernetes) SetRoutes(ctx context.Context, r host.Rollout) error {
	objects, err := entrances(r.Fleet, r.Environment, r.Routes, func(service string) (int, error) { return k.Port(ctx, service) })
	if err != nil {
		return err
	}
	before, err := entrances(r.Fleet, r.Environment, r.OldRoutes, func(string) (int, error) { return 0, nil }) // for their names
	if err != nil {
		return err
	}
	return k.SetEntrances(ctx, objects, before)
}

// routes are those that the cluster has, as Slipway noted them.
func (k Kubernetes) routes(ctx context.Context) ([]host.Route, error) {
	all, err := k.Entrances(ctx, annotationRoutes)
	if err != nil {
		return nil, err
	}
	var out []host.Route
	for _, note := range all {
		var some []host.Route
		if err := json.Unmarshal([]byte(note), &some); err != nil {
			return nil, fmt.Errorf("reading the annotation %s of a route in %s: %w", annotationRoutes, k.Client, err)
		}
		out = append(out, some...)
	}
	slices.SortFunc(out, byEntrance)
	return out, nil
}
