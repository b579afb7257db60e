package shipping

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/deploy"
	"github.com/slipway-build/slipway/internal/deploy/host"
)

// previewer is a place that knows best what a deploy would change in it.
type previewer interface {
	Preview(ctx context.Context, o Order, parts []host.Part) ([]deploy.Change, error)
}

// Preview is the rollout that Plan returns, and what it would change of each service of the
// release. It changes nothing and takes no lock.
func (o Order) Preview(ctx context.Context, now time.Time) (host.Rollout, []deploy.Change, error) {
	p, err := o.plan(ctx, now)
	if err != nil {
		return p.rollout, nil, err
	}
	var changes []deploy.Change
	if place, ok := o.Client.(previewer); ok {
		var parts []host.Part
		for _, name := range slices.Sorted(maps.Keys(p.parts)) {
			parts = append(parts, p.parts[name])
		}
		changes, err = place.Preview(ctx, o, parts)
	} else {
		changes = o.compare(p)
	}
	if err != nil {
		return p.rollout, changes, err
	}
	surplus, err := o.Surplus(ctx)
	for _, object := range surplus {
		changes = append(changes, deploy.Change{Object: object, What: deploy.Dropped})
	}
	return p.rollout, changes, err
}

// compare is what would become of each service of a host, and of its routes.
func (o Order) compare(p planned) []deploy.Change {
	var out []deploy.Change
	for _, name := range slices.Sorted(maps.Keys(p.parts)) {
		part, seen := p.parts[name], p.view.Services[name]
		change := deploy.Change{Object: "service " + name, What: deploy.Created}
		if old, ok := seen.Sides[seen.Main]; ok {
			before, after := settings(old.Workload, old.Want), settings(part.New, part.Spec.Replicas)
			o.hide(name, before, after)
			fields := slices.DeleteFunc(deploy.Compare(before, after), func(f deploy.Field) bool { return f.From == "{}" || f.To == "{}" })
			change = changed(change.Object, fields)
		}
		out = append(out, change)
	}
	if len(p.view.Routes)+len(p.rollout.Routes) > 0 {
		out = append(out, changed("routes", deploy.Compare(byPlace(p.view.Routes), byPlace(p.rollout.Routes))))
	}
	return out
}

func changed(object string, fields []deploy.Field) deploy.Change {
	c := deploy.Change{Object: object, What: deploy.Unchanged, Fields: fields}
	if len(fields) > 0 {
		c.What = deploy.Changed
	}
	return c
}

// settings are those of a workload as a person compares them.
func settings(w host.Workload, replicas int) map[string]any {
	files := map[string]any{}
	for _, f := range w.Files {
		files[f.Target] = string(f.Content)
	}
	env := map[string]any{}
	for name, value := range w.Env {
		env[name] = value
	}
	return map[string]any{
		"release": w.Release, "image": w.Image, "type": w.Type, "names": w.Names, "port": w.Port, "protocol": w.Protocol, "health": w.Health,
		"memory_bytes": w.MemoryBytes, "cpu": w.CPU, "replicas": replicas, "env": env, "files": files,
	}
}

// hide removes the values that are or may have been secrets: those of secrets and files,
// and every variable of the side that runs, whose sources nobody knows.
func (o Order) hide(service string, before, after map[string]any) {
	secret := func(name string) bool {
		return slices.ContainsFunc(o.Environment.SecretsOf(service), func(s config.EnvironmentSecret) bool { return s.Name == name })
	}
	for _, key := range []string{"env", "files"} {
		was, is := before[key].(map[string]any), after[key].(map[string]any)
		for name, value := range was {
			if is[name] == value {
				is[name] = "(the same)"
				was[name] = "(the same)"
			} else {
				was[name] = "(hidden)"
			}
		}
		for name, value := range is {
			if value != "(the same)" && (key == "files" || secret(name)) {
				is[name] = "(a secret)"
			}
		}
	}
}

// byPlace are routes by what they take.
func byPlace(routes []host.Route) map[string]host.Route {
	out := map[string]host.Route{}
	for _, r := range routes {
		out[strings.TrimSpace(r.Listen+" "+r.Host+r.Path)] = r
	}
	return out
}
