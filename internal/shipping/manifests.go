package shipping

import (
	"maps"
	"slices"

	"github.com/slipway-build/slipway/internal/fleet"
	"github.com/slipway-build/slipway/internal/manifest"
	"github.com/slipway-build/slipway/internal/release"
)

// Manifests is the release as it runs in the environment, for Kubernetes. No value of a
// secret is read.
func (o Order) Manifests() (manifest.Fleet, error) {
	out := manifest.Fleet{
		Name: o.Release.Fleet, Version: o.Release.Version, Environment: o.Environment.Name, Namespace: o.Environment.Namespace,
		Deadline: o.Environment.Deadline, Routes: o.Environment.Routes, Gateway: o.Environment.Gateway, Hooks: o.Environment.Hooks,
	}
	var names []string
	for _, s := range o.Release.Services {
		names = append(names, s.Name)
	}
	callers := map[string][]string{}
	for from, others := range Talks(o.Fleet, names) {
		for _, to := range others {
			if slices.Contains(names, to) && to != from && !slices.Contains(callers[to], from) {
				callers[to] = append(callers[to], from)
			}
		}
	}
	for _, s := range o.Release.Services {
		one, err := o.manifest(s)
		if err != nil {
			return out, err
		}
		slices.Sort(callers[s.Name])
		one.Callers = callers[s.Name]
		out.Services = append(out.Services, one)
	}
	return out, out.Check()
}

// manifest is one service of the release.
func (o Order) manifest(s release.Service) (manifest.Service, error) {
	s.Image = o.image(s)
	out := manifest.Service{Service: s, Placement: o.Environment.Of(s.Name), Secrets: o.Environment.SecretsOf(s.Name)}
	env, names, err := o.variables(s.Name, out.Placement.Env)
	if err != nil {
		return out, err
	}
	out.Placement.Env, out.Names = env, names
	for _, secret := range out.Secrets {
		delete(out.Placement.Env, secret.Name) // what is a secret is no variable
	}
	return out, nil
}

// variables are those of a service that are no secrets, and its further names.
func (o Order) variables(service string, placed map[string]string) (env map[string]string, names []string, err error) {
	env = map[string]string{}
	if cfg, known := o.Fleet.Fleet.Named(service); known {
		own, err := o.Fleet.Variables(cfg, o.Lookup)
		if err != nil {
			return nil, nil, err
		}
		maps.Copy(env, own)
		names = fleet.Aliases(o.Fleet.Services, service)
	}
	all, err := o.Fleet.EnvironmentVariables(o.Environment, o.Lookup)
	if err != nil {
		return nil, nil, err
	}
	maps.Copy(env, all)
	maps.Copy(env, placed)
	return env, names, nil
}

// Talks are the servers that services are known to talk to, by the names under which they
// reach them.
func Talks(fl *fleet.Fleet, services []string) map[string][]string {
	plans := fl.Plans(services)
	out := map[string][]string{}
	for _, name := range services {
		s, _ := fl.Fleet.Named(name)
		for _, n := range s.Needs {
			out[name] = append(out[name], n.Service)
		}
		for _, use := range plans[name].Connects {
			address, _, _ := cutPort(use.Name)
			out[name] = append(out[name], address)
		}
	}
	return out
}
