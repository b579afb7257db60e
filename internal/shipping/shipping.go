// Package shipping brings a release of a fleet to an environment: it asks what runs there,
// makes a rollout of what differs, checks what an environment demands before, and runs
// the loop of package pipeline against the target.
//
//	o := shipping.Order{Fleet: fl, Environment: env, Release: r, Client: client, Lookup: lookup, By: by}
//	rollout, err := o.Plan(ctx, time.Now())
//	err = o.Start(ctx, rollout)
//	done, err := shipping.Run(ctx, client, rollout, by, sink, tests)
package shipping

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/deploy"
	"github.com/slipway-build/slipway/internal/deploy/host"
	"github.com/slipway-build/slipway/internal/deploy/proxy"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/fleet"
	"github.com/slipway-build/slipway/internal/plan"
	"github.com/slipway-build/slipway/internal/release"
)

// Order is a release that is to go to an environment.
type Order struct {
	Fleet       *fleet.Fleet
	Environment config.Environment
	Release     release.Release
	Client      Place
	First       []Place                          // of the environment in which a release has to have run before
	Lookup      func(name string) (string, bool) // variables of the machine that deploys
	By, Reason  string
	Back        bool // a rollback
}

// idTime begins the name of a rollout, so that names sort by time.
const idTime = "20060102-150405.000"

// Plan asks what runs and returns the rollout of what differs; one without waves changes
// nothing. Nothing is changed by it.
func (o Order) Plan(ctx context.Context, now time.Time) (host.Rollout, error) {
	p, err := o.plan(ctx, now)
	return p.rollout, err
}

// after is when a rollout begins that comes after all others: now, unless the clock went back
// or theirs was ahead.
func after(all []host.Rollout, now time.Time) time.Time {
	if len(all) > 0 && !now.After(all[0].Started) {
		return all[0].Started.Add(time.Millisecond)
	}
	return now
}

// planned is a rollout, and what it was made of.
type planned struct {
	rollout host.Rollout
	parts   map[string]host.Part // of every service that runs all the time, whether it differs or not
	view    host.View
	drift   []deploy.Drift // that the rollout puts back
}

func (o Order) plan(ctx context.Context, now time.Time) (out planned, err error) {
	out.parts = map[string]host.Part{}
	all, err := o.Client.Rollouts(ctx, o.Environment.Name)
	if err != nil {
		return out, err
	}
	now = after(all, now)
	out.rollout = host.Rollout{
		ID: now.UTC().Format(idTime) + "-" + o.Release.Version, Environment: o.Environment.Name, Fleet: o.Release.Fleet,
		Version: o.Release.Version, By: o.By, Reason: o.Reason, Started: now.UTC(), Routes: o.routes(),
		Services: o.services(),
	}
	if out.view, err = o.Client.View(ctx, o.Environment.Name); err != nil {
		return out, err
	}
	if out.drift, err = o.drift(ctx); err != nil {
		return out, err
	}
	var different []string
	for _, s := range o.Release.Services {
		if s.Type == "job" {
			continue // it runs when a hook says so
		}
		drifted := slices.ContainsFunc(out.drift, func(d deploy.Drift) bool { return d.Service == s.Name })
		p, differs, err := o.part(ctx, s, out.view.Services[s.Name], drifted)
		if err != nil {
			return out, err
		}
		out.parts[s.Name] = p
		if differs {
			different = append(different, s.Name)
		}
	}
	if len(different) == 0 && slices.ContainsFunc(out.drift, func(d deploy.Drift) bool { return d.Service == "" }) {
		out.view.Routes = nil // they differ, and are made anew
	}
	slices.Sort(different)
	for _, wave := range Waves(o.Fleet, different) {
		var parts []host.Part
		for _, name := range wave {
			parts = append(parts, out.parts[name])
		}
		out.rollout.Waves = append(out.rollout.Waves, parts)
	}
	out.rollout.OldRoutes = out.view.Routes
	out.rollout.Hooks, err = o.hooks(ctx)
	return out, err
}

// drift is what somebody changed at the target, and a rollout puts back.
func (o Order) drift(ctx context.Context) ([]deploy.Drift, error) {
	place, ok := o.Client.(Drifter)
	if !ok {
		return nil, nil
	}
	all, err := place.Drift(ctx)
	return slices.DeleteFunc(all, func(d deploy.Drift) bool { return !d.Ours() }), err
}

// part is what a service needs to become what the release says; false when it is that, and
// nobody changed it at the target.
func (o Order) part(ctx context.Context, s release.Service, seen host.ServiceView, drifted bool) (host.Part, bool, error) {
	place := o.Environment.Of(s.Name)
	w, err := o.workload(ctx, s, place)
	if err != nil {
		return host.Part{}, false, err
	}
	old, runs := seen.Sides[seen.Main]
	if runs && old.Workload.Image == w.Image {
		w = w.As(seen.Main)
	}
	replicas := place.Replicas
	if place.Autoscale.Max > 0 {
		replicas = place.Autoscale.Within(old.Want) // which the load has decided
	}
	p := host.Part{New: w, Autoscale: place.Autoscale, Scaled: seen.Autoscale.Max > 0, Spec: deploy.Spec{
		Service: s.Name, Release: w.Key(), Replicas: replicas, Strategy: place.Strategy,
		Deadline: o.Environment.Deadline, Patience: o.Environment.Patience,
	}}
	if (w.Port == 0 || o.onKubernetes()) && p.Spec.Strategy.Kind == deploy.Canary {
		p.Spec.Strategy.Analysed = false // nobody asks it, or nobody counts, so there is nothing to compare
	}
	switch {
	case runs && seen.Main == w.Key() && old.Want == replicas && seen.Autoscale == place.Autoscale && seen.Fresh == "" && !drifted:
		return p, false, nil
	case runs && seen.Main == w.Key():
		p.Spec.Runs = old.Want
	case runs:
		p.Spec.Replaces, p.Spec.Before, p.Old = seen.Main, max(1, old.Want), &old.Workload
	}
	if err := o.checks(&p); err != nil {
		return p, false, err
	}
	if a := o.Environment.Analysis; p.Spec.Strategy.Analysed {
		p.Limits = host.Limits{ErrorRate: a.ErrorRate, P95: a.P95, Samples: a.Samples}
	}
	return p, true, nil
}

// checks are those of a service.
func (o Order) checks(p *host.Part) error {
	for _, c := range o.Environment.Checks {
		switch {
		case c.Service != p.Spec.Service:
		case c.GRPC != nil && o.onKubernetes():
			return diag.Fail(diag.ExitUsage, "the check of %s with grpc cannot run against Kubernetes: nothing there asks a pod by gRPC but its probes", c.Service).
				WithHint("give it as health: of the service, and remove the check; a command can ask, too")
		case c.HTTP != "" || c.GRPC != nil:
			p.Checks = append(p.Checks, plan.HealthCheck{HTTP: c.HTTP, GRPC: c.GRPC})
		case len(c.Command) > 0:
			p.Commands = append(p.Commands, host.Command{Command: c.Command, Timeout: c.Within})
		case c.Prometheus != "":
			p.Queries = append(p.Queries, host.Query{Address: o.Environment.Analysis.Prometheus, Query: c.Prometheus, Below: c.Below, Above: c.Above})
		case o.Environment.Target != config.TargetHost:
			return diag.Fail(diag.ExitUsage, "the check of %s with the stage %s cannot run against %s: this machine does not reach the new side there", c.Service, c.Tests, o.Environment.Target).
				WithHint("use a check with http or command; tests run against an environment with target: host")
		case p.New.Port == 0:
			return diag.Fail(diag.ExitUsage, "the check of %s with the stage %s has nothing to ask: the service has no port", c.Service, c.Tests).
				WithHint("set port: of the service, or use a check with command")
		default:
			p.Tests = append(p.Tests, host.Test{Stage: c.Tests, Within: c.Within})
		}
	}
	return nil
}

// hooks are the commands around the rollout.
func (o Order) hooks(ctx context.Context) (map[string][]host.Hook, error) {
	out := map[string][]host.Hook{}
	all := o.Environment.Hooks
	for when, list := range map[string][]config.Hook{"before": all.Before, "after": all.After, "rollback": all.Rollback} {
		for _, h := range list {
			i := slices.IndexFunc(o.Release.Services, func(s release.Service) bool { return s.Name == h.Service })
			if i < 0 {
				return nil, diag.Fail(diag.ExitUsage, "the release %s has no service %s, which a hook of %s names", o.Release.Version, h.Service, o.Environment.Name)
			}
			w, err := o.workload(ctx, o.Release.Services[i], o.Environment.Of(h.Service))
			if err != nil {
				return nil, err
			}
			out[when] = append(out[when], host.Hook{Service: h.Service, Workload: w, Command: h.Command, Timeout: h.Timeout})
		}
	}
	return out, nil
}

// workload is how a service of the release runs in the environment.
func (o Order) workload(ctx context.Context, s release.Service, place config.Placement) (host.Workload, error) {
	w := host.Workload{
		Release: o.Release.Version, Image: o.image(s) + "@" + s.Digest, Type: s.Type, Port: s.Port, Health: s.Health,
		MemoryBytes: cmp.Or(place.MemoryBytes, s.MemoryBytes), CPU: place.CPU, Protocol: protocol(s),
	}
	var err error
	if w.Env, w.Names, err = o.variables(s.Name, place.Env); err != nil {
		return w, err
	}
	for _, secret := range o.Environment.SecretsOf(s.Name) {
		if secret.Kubernetes != "" && o.onKubernetes() {
			w.Env[secret.Name+secret.Target] = secret.Kubernetes // by reference; another one is another workload
			continue
		}
		value, err := o.value(ctx, secret)
		if err != nil {
			return w, err
		}
		if secret.Target != "" {
			w.Files = append(w.Files, host.File{Target: secret.Target, Content: value})
		} else {
			w.Env[secret.Name] = string(value)
		}
	}
	return w, nil
}

// protocol is what the proxy speaks with a service.
func protocol(s release.Service) proxy.Protocol {
	switch {
	case s.Health.GRPC != nil || s.Type == "grpc":
		return proxy.H2C
	case s.Health.TCP:
		return proxy.TCP
	}
	return proxy.HTTP
}

// routes are those of the environment as its target takes them, and the addresses at which
// new sides are previewed.
func (o Order) routes() []host.Route {
	if o.onKubernetes() {
		return o.clusterRoutes()
	}
	var out []host.Route
	for _, r := range o.Environment.Routes {
		one := host.Route{Listen: r.Listen.String(), Host: r.Host, Path: r.Path, Service: r.Service, Certificate: o.onHost(r.Certificate), Key: o.onHost(r.Key), ACME: r.ACME}
		if r.ACME {
			one.Directory, one.Email = o.Environment.ACME.Directory, o.Environment.ACME.Email
		}
		out = append(out, one)
	}
	for _, s := range o.Release.Services {
		if listen := o.Environment.Of(s.Name).Strategy.Preview; listen != "" && s.Port != 0 && s.Type != "job" {
			out = append(out, host.Route{Listen: listen, Service: s.Name, Preview: true})
		}
	}
	return out
}

// Waves orders services so that each comes after those that it talks to. Those that talk
// to each other come together.
func Waves(fl *fleet.Fleet, services []string) [][]string {
	talks := Talks(fl, services)
	left := slices.Clone(services)
	var out [][]string
	for len(left) > 0 {
		var wave []string
		for _, name := range left {
			if !slices.ContainsFunc(talks[name], func(other string) bool { return other != name && slices.Contains(left, other) }) {
				wave = append(wave, name)
			}
		}
		if len(wave) == 0 {
			wave = left
		}
		out = append(out, wave)
		left = slices.DeleteFunc(slices.Clone(left), func(name string) bool { return slices.Contains(wave, name) })
	}
	return out
}

// Unfinished is the rollout of an environment that has not ended, nil when there is none.
func Unfinished(ctx context.Context, client Place, environment string) (*host.Rollout, error) {
	all, err := client.Rollouts(ctx, environment)
	if err != nil || len(all) == 0 || !all[0].Ended.IsZero() {
		return nil, err
	}
	return &all[0], nil
}

// Current is the rollout whose release runs in an environment; nil when none does.
func Current(all []host.Rollout) *host.Rollout {
	for i, r := range all {
		switch r.Outcome {
		case deploy.Deployed:
			return &all[i]
		case deploy.Removed:
			return nil
		}
	}
	return nil
}

// unfinished refuses to begin beside a rollout that has not ended.
func unfinished(r host.Rollout) error {
	return diag.Fail(diag.ExitRun, "the rollout of %s to %s has not ended", r.Version, r.Environment).
		WithHint("go on: slipway deploy resume %[1]s; go back: slipway deploy abort %[1]s; look: slipway deploy status %[1]s", r.Environment)
}
