package cli

import (
	"context"
	"fmt"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/deploy/host"
	"github.com/slipway-build/slipway/internal/deploy/kube"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/fleet"
	"github.com/slipway-build/slipway/internal/shipping"
)

// goal is a host of an environment.
type goal struct {
	fleet  *fleet.Fleet
	env    config.Environment
	client shipping.Place
	at     string // the machine, "" for this one
}

// String says where a goal is.
func (g goal) String() string {
	if g.at == "" {
		return g.env.Name
	}
	return g.env.Name + " on " + g.at
}

// goals finds an environment and its hosts, in the order in which they get a release.
// start starts the host of this machine when it does not run.
func (a *app) goals(ctx context.Context, name string, start bool) ([]goal, error) {
	fl, err := a.knownFleet()
	if err != nil {
		return nil, err
	}
	env, err := fl.Environment(name)
	if err != nil {
		return nil, err
	}
	return a.goalsOf(ctx, fl, env, start)
}

// knownFleet is the fleet of slipway.yaml. What is unwise about it, a build says.
func (a *app) knownFleet() (*fleet.Fleet, error) {
	l := a.fleets()
	l.Warn = func(diag.Findings) {}
	if _, err := fleet.Find(a.Dir); err != nil {
		return nil, diag.Fail(diag.ExitUsage, "environments are in slipway.yaml, and there is none here or above").WithHint("slipway init writes one")
	}
	return l.Read(a.Dir, fleet.Overrides{})
}

func (a *app) goalsOf(ctx context.Context, fl *fleet.Fleet, env config.Environment, start bool) ([]goal, error) {
	switch env.Target {
	case config.TargetSSH:
		var out []goal
		for _, address := range env.Hosts {
			out = append(out, goal{fl, env, host.NewSSHClient(a.ssh(address)).Of(fl.Name), address})
		}
		return out, nil
	case config.TargetHost:
		if start {
			started, err := a.here().Launch(ctx)
			if err != nil {
				return nil, err
			}
			if started {
				fmt.Fprintln(a.Stderr, "note: the host of this machine was not running, and was started: slipway host status")
			}
		}
		return []goal{{fl, env, a.here().Client().Of(fl.Name), ""}}, nil
	case config.TargetKubernetes:
		c, err := kube.Open(kube.Options{Context: env.Context, Namespace: env.Namespace, Fleet: fl.Name, Environment: env.Name})
		if err != nil {
			return nil, err
		}
		return []goal{{fl, env, shipping.Kubernetes{Client: c}, ""}}, nil
	}
	return nil, diag.Fail(diag.ExitUsage, "the environment %s has the unknown target %s", env.Name, env.Target).
		WithHint("target: is host, kubernetes or ssh://user@host")
}

// first are the hosts of the environment in which a release has to have run before.
func (a *app) first(ctx context.Context, g goal) ([]shipping.Place, error) {
	if g.env.After == "" {
		return nil, nil
	}
	all, err := a.goals(ctx, g.env.After, false)
	var out []shipping.Place
	for _, g := range all {
		out = append(out, g.client)
	}
	return out, err
}
