package config

import (
	"cmp"
	"path"
	"slices"
	"time"

	"github.com/slipway-build/slipway/internal/deploy"
)

// environments resolves those of a document, as they are written.
func (d *decoder) environments(doc *document) []Environment {
	var out []Environment
	for _, name := range written(d, "environments", doc.Environments) {
		out = append(out, d.environment(name, doc.Environments[name], doc))
	}
	return out
}

// written returns the keys of a map in the order of their places.
func written[V any](d *decoder, at string, m map[string]V) []string {
	names := sortedKeys(m)
	slices.SortStableFunc(names, func(a, b string) int {
		p, q := d.at["key:"+at+"/"+a], d.at["key:"+at+"/"+b]
		return cmp.Or(cmp.Compare(p.Line, q.Line), cmp.Compare(p.Column, q.Column))
	})
	return names
}

func (d *decoder) environment(name string, e environment, doc *document) Environment {
	at := "environments/" + name
	out := Environment{
		Name:      name,
		Target:    e.Target.kind,
		Hosts:     e.Target.hosts,
		Context:   e.Context,
		Namespace: e.Namespace,
		Gateway:   e.Gateway,
		After:     e.After,
		Soak:      e.Soak.or(0),
		Approval:  e.Approval == "required",
		Deadline:  or(time.Duration(e.Deadline), defaultDeadline),
		Patience:  or(time.Duration(e.Patience), defaultPatience),
		EnvFiles:  e.EnvFile,
		Secrets:   d.secrets(at+"/secrets", e.Secrets),
		ACME:      Authority(e.ACME),
		Analysis:  e.Analysis.resolve(),
		Hooks:     Hooks{d.hooks(at+"/hooks/before", e.Hooks.Before, doc), d.hooks(at+"/hooks/after", e.Hooks.After, doc), d.hooks(at+"/hooks/rollback", e.Hooks.Rollback, doc)},
		Placement: e.placement.resolve(),
		Line:      d.at["key:"+at].Line,
	}
	out.Env, out.Placement.Env = out.Placement.Env, nil
	for _, r := range e.Require {
		out.Require = append(out.Require, string(r))
	}
	for _, f := range e.Freeze {
		out.Freeze = append(out.Freeze, f.Freeze)
	}
	for _, r := range e.Routes {
		out.Routes = append(out.Routes, r.resolve(doc))
	}
	for i, c := range e.Checks {
		one := c.resolve(doc)
		one.Line = d.at[item(at+"/checks", i)].Line
		out.Checks = append(out.Checks, one)
	}
	for service, p := range e.Services {
		if out.Services == nil {
			out.Services = map[string]Placement{}
		}
		out.Services[service] = p.resolve()
	}
	return out
}

func (p placement) resolve() Placement {
	out := Placement{Strategy: p.Strategy.Strategy, MemoryBytes: int64(p.Memory), CPU: float64(p.CPU)}
	if p.Replicas != nil {
		out.Replicas = *p.Replicas
	}
	if a := p.Autoscale; a.Max != nil {
		out.Autoscale = deploy.Autoscale{Min: value(a.Min, 1), Max: *a.Max, CPU: value(a.CPU, DefaultCPU)}
	}
	for name, value := range p.Env {
		if out.Env == nil {
			out.Env = map[string]string{}
		}
		out.Env[name] = string(value)
	}
	return out
}

// value is a number as written, or its default.
func value(written *int, or int) int {
	if written == nil {
		return or
	}
	return *written
}

// only is a service as written, or the fleet's only one.
func (doc *document) only(service string) string {
	if service == "" && len(doc.Services) == 1 {
		return sortedKeys(doc.Services)[0]
	}
	return service
}

func (r route) resolve(doc *document) Route {
	out := Route{
		Listen: r.Listen.AddrPort, Host: r.Host, Path: r.Path, Service: doc.only(r.Service), TCP: r.TCP,
		Certificate: cleaned(r.Certificate), Key: cleaned(r.Key),
	}
	port := uint16(defaultListen)
	if r.Certificate == byACME {
		out.ACME, out.Certificate, port = true, "", defaultACMEPort
	}
	if !out.Listen.IsValid() {
		out.Listen = everywhere(port)
	}
	if out.Path != "" {
		out.Path = path.Clean(out.Path)
	}
	if out.Path == "/" {
		out.Path = ""
	}
	return out
}

func (c checked) resolve(doc *document) Check {
	return Check{
		Service: doc.only(c.Service), HTTP: c.HTTP, GRPC: c.GRPC, Command: c.Command, Tests: string(c.Tests), Prometheus: c.Prometheus,
		Below: (*float64)(c.Below), Above: (*float64)(c.Above), Within: or(time.Duration(c.Within), defaultWithin),
	}
}

func (a analysis) resolve() Analysis {
	out := Analysis{Off: a.off, ErrorRate: defaultErrorRate, P95: defaultP95, Samples: defaultSamples, Prometheus: a.Prometheus}
	if a.ErrorRate != nil {
		out.ErrorRate = float64(*a.ErrorRate)
	}
	if a.P95 != nil {
		out.P95 = float64(*a.P95)
	}
	if a.Samples != nil {
		out.Samples = *a.Samples
	}
	return out
}

func (d *decoder) hooks(at string, list []hook, doc *document) []Hook {
	var out []Hook
	for i, h := range list {
		out = append(out, Hook{
			Service: doc.only(h.Service), Command: h.Command, Timeout: or(time.Duration(h.Timeout), defaultTimeout), Line: d.at[item(at, i)].Line,
		})
	}
	return out
}

func (d *decoder) secrets(at string, sources secretSources) []EnvironmentSecret {
	var out []EnvironmentSecret
	for _, key := range written(d, at, sources) {
		s := sources[key]
		one := EnvironmentSecret{
			File: cleaned(s.File), Env: s.Env, Command: s.Command, Kubernetes: s.Kubernetes, Services: s.Services, Line: d.at["key:"+at+"/"+key].Line,
		}
		if path.IsAbs(key) {
			one.Target = path.Clean(key)
		} else {
			one.Name = key
		}
		out = append(out, one)
	}
	return out
}
