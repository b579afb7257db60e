package shipping

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/slipway-build/slipway/internal/deploy/host"
	"github.com/slipway-build/slipway/internal/diag"
)

// pruner is a place that has objects beside what runs.
type pruner interface {
	// Surplus are those that Slipway made for the environment and that are of none of the
	// services. With wanted, which has what the services share, they are those beside it, too.
	Surplus(ctx context.Context, services []string, wanted map[string]bool) ([]string, error)
	// Discard removes them, for the holder of the lock.
	Discard(ctx context.Context, objects []string) error
}

// Surplus lists what an environment has and the release of the order does not: services
// that run, and the objects of a cluster. Nothing of anybody else is among it.
func (o Order) Surplus(ctx context.Context) ([]string, error) {
	p, ok := o.Client.(pruner)
	if !ok {
		return Surplus(ctx, o.Client, host.Rollout{Environment: o.Environment.Name, Services: o.services()})
	}
	m, err := o.Manifests()
	if err != nil {
		return nil, err
	}
	wanted := map[string]bool{}
	for _, s := range m.Services {
		s.Side = "any" // as each has in a rollout
		for _, object := range m.Shared(s) {
			wanted[object.Kind()+" "+object.Name()] = s.Type != "job"
		}
	}
	return p.Surplus(ctx, o.services(), wanted)
}

// Surplus lists what is of no service of the release of a rollout; nothing when the rollout
// is of an older Slipway, which did not note them.
func Surplus(ctx context.Context, client Place, r host.Rollout) ([]string, error) {
	if len(r.Services) == 0 {
		return nil, nil
	}
	if p, ok := client.(pruner); ok {
		return p.Surplus(ctx, r.Services, nil)
	}
	view, err := client.View(ctx, r.Environment)
	var out []string
	for _, name := range dropped(view, r.Services) {
		out = append(out, "service "+name)
	}
	return out, err
}

// services are the names of those of the release.
func (o Order) services() []string {
	var out []string
	for _, s := range o.Release.Services {
		out = append(out, s.Name)
	}
	return out
}

// dropped are services that run and are not among others.
func dropped(view host.View, services []string) []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(view.Services)), func(name string) bool {
		return slices.Contains(services, name) || !runs(view.Services[name])
	})
}

// runs reports whether something of a service is to run.
func runs(s host.ServiceView) bool {
	for _, side := range s.Sides {
		if !side.Retired {
			return true
		}
	}
	return false
}

// Prune ends the services that the release does not have, and removes what Surplus lists,
// which it returns. It refuses while another release runs, or a rollout goes on.
func (o Order) Prune(ctx context.Context, now time.Time) (removed []string, err error) {
	client, environment := o.Client, o.Environment.Name
	r := host.Rollout{ID: now.UTC().Format(idTime) + "-prune", Environment: environment, By: o.By, Started: now.UTC()}
	if err := lock(ctx, client, r); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, client.Unlock(context.WithoutCancel(ctx), environment)) }()
	all, err := client.Rollouts(ctx, environment)
	if err != nil {
		return nil, err
	}
	if len(all) > 0 && all[0].Ended.IsZero() {
		return nil, unfinished(all[0])
	}
	if runs := Current(all); runs == nil || runs.Version != o.Release.Version {
		return nil, diag.Fail(diag.ExitRun, "%s does not run in %s, so nothing that it lacks is removed", o.Release.Version, environment).
			WithHint("deploy it first: slipway deploy %s %s --prune", environment, o.Release.Version)
	}
	if removed, err = o.Surplus(ctx); err != nil {
		return nil, err
	}
	services := o.services()
	if err := end(ctx, client, r, now.Add(removeTime), func(name string) bool { return !slices.Contains(services, name) }); err != nil {
		return nil, err
	}
	if p, ok := client.(pruner); ok {
		err = p.Discard(ctx, removed)
	}
	return removed, err
}
