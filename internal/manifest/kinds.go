package manifest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/deploy"
)

func (f Fleet) serviceAccount(s Service) Object {
	out := f.object("v1", "ServiceAccount", s.Name, s)
	out["automountServiceAccountToken"] = false
	return out
}

// service is how others reach it, by its name or a further one. They use the port that the
// container has, as everywhere else.
func (f Fleet) service(s Service, name string) Object {
	out := f.object("v1", "Service", name, s)
	port := map[string]any{"name": portName(s), "port": s.Port, "targetPort": portName(s), "protocol": "TCP"}
	if portName(s) == "grpc" && !s.Health.TLS {
		port["appProtocol"] = "kubernetes.io/h2c"
	}
	out["spec"] = map[string]any{"type": "ClusterIP", "selector": f.side(s), "ports": []any{port}}
	return out
}

// previewed reports a side that has requests of its own before it has those of the service.
func (s Service) previewed() bool {
	return s.Side != "" && s.Placement.Strategy.Kind == deploy.BlueGreen
}

// previewSuffix ends the name of a Service that leads to the new side of a service.
const previewSuffix = "-preview"

// preview is how a new side is reached before the traffic switches to it. It belongs to
// that side, as its label says.
func (f Fleet) preview(s Service) Object {
	out := f.service(s, s.Name+previewSuffix)
	labels := f.labels(s)
	labels[LabelSide] = s.Side
	out["metadata"].(map[string]any)["labels"] = labels
	return out
}

// networkPolicy lets in what is known to talk to a service. A service that nothing in the
// fleet is known to talk to is an entrance, which everybody may reach; one without a port
// takes nothing. What goes out is not restricted: which servers elsewhere a program needs
// is not known for certain.
func (f Fleet) networkPolicy(s Service) Object {
	out := f.object("networking.k8s.io/v1", "NetworkPolicy", s.Name, s)
	spec := map[string]any{"podSelector": map[string]any{"matchLabels": f.selector(s)}, "policyTypes": []any{"Ingress"}}
	out["spec"] = spec
	if s.Port == 0 {
		return out
	}
	rule := map[string]any{"ports": []any{map[string]any{"port": portName(s), "protocol": "TCP"}}}
	routed := slices.ContainsFunc(f.Routes, func(r config.Route) bool { return r.Service == s.Name })
	if len(s.Callers) > 0 && !routed {
		var from []any
		for _, caller := range s.Callers {
			from = append(from, map[string]any{"podSelector": map[string]any{"matchLabels": f.selector(named(caller))}})
		}
		rule["from"] = from
	}
	spec["ingress"] = []any{rule}
	return out
}

func named(name string) (s Service) {
	s.Name = name
	return s
}

// budget keeps all pods but one when nodes are emptied.
func (f Fleet) budget(s Service) Object {
	out := f.object("policy/v1", "PodDisruptionBudget", s.Name, s)
	out["spec"] = map[string]any{"maxUnavailable": 1, "selector": map[string]any{"matchLabels": f.selector(s)}}
	return out
}

// Autoscaler changes the number of pods of a side. Its percentage is of the limit, as that
// of deploy.Autoscale, and Kubernetes's is of what is requested.
func (f Fleet) Autoscaler(s Service) Object {
	a := s.Placement.Autoscale
	out := f.object("autoscaling/v2", "HorizontalPodAutoscaler", s.Name, s)
	out["spec"] = map[string]any{
		"scaleTargetRef": map[string]any{"apiVersion": "apps/v1", "kind": "Deployment", "name": s.sideName()},
		"minReplicas":    a.Min, "maxReplicas": a.Max,
		"metrics": []any{map[string]any{"type": "Resource", "resource": map[string]any{
			"name": "cpu", "target": map[string]any{"type": "Utilization", "averageUtilization": a.CPU * CoresRequested},
		}}},
	}
	return out
}

// Entrances are what is reached from outside, one object for each host of Routes.
func (f Fleet) Entrances() []Object {
	var hosts []string
	for _, r := range f.Routes {
		if !slices.Contains(hosts, r.Host) {
			hosts = append(hosts, r.Host)
		}
	}
	var out []Object
	for _, host := range hosts {
		if f.Gateway != "" {
			out = append(out, f.httpRoute(host))
		} else {
			out = append(out, f.ingress(host))
		}
	}
	return out
}

// routeName names the routes of a host.
func (f Fleet) routeName(host string) string {
	name := strings.NewReplacer("*", "any", ".", "-", "_", "-").Replace(strings.ToLower(host))
	return strings.Trim(fmt.Sprintf("%.60s", strings.Trim(f.Name+"-"+name, "-")), "-.")
}

// ofHost calls do with each route of a host and its service.
func (f Fleet) ofHost(host string, do func(r config.Route, s Service)) {
	for _, r := range f.Routes {
		if s, ok := f.named(r.Service); ok && r.Host == host {
			do(r, s)
		}
	}
}

// ingress of a host. TLS comes from the Secret that the route names; where it names files
// of a host, from one of its own name, such as cert-manager makes.
func (f Fleet) ingress(host string) Object {
	out := f.object("networking.k8s.io/v1", "Ingress", f.routeName(host), Service{})
	out["metadata"].(map[string]any)["labels"] = f.fleetLabels()
	var paths []any
	tls := ""
	f.ofHost(host, func(r config.Route, s Service) {
		switch {
		case r.Key != "":
			tls = f.routeName(host) + "-tls"
		case r.Certificate != "":
			tls = r.Certificate
		}
		paths = append(paths, map[string]any{
			"path": cmp.Or(r.Path, "/"), "pathType": "Prefix",
			"backend": map[string]any{"service": map[string]any{"name": s.Name, "port": map[string]any{"number": s.Port}}},
		})
	})
	rule := map[string]any{"http": map[string]any{"paths": paths}}
	spec := map[string]any{"rules": []any{rule}}
	if host != "" {
		rule["host"] = host
	}
	if tls != "" {
		secret := map[string]any{"secretName": tls}
		if host != "" {
			secret["hosts"] = []any{host}
		}
		spec["tls"] = []any{secret}
	}
	out["spec"] = spec
	return out
}

// httpRoute of a host at the Gateway, which has the certificates.
func (f Fleet) httpRoute(host string) Object {
	out := f.object("gateway.networking.k8s.io/v1", "HTTPRoute", f.routeName(host), Service{})
	out["metadata"].(map[string]any)["labels"] = f.fleetLabels()
	parent := map[string]any{"name": f.Gateway}
	if namespace, name, ok := strings.Cut(f.Gateway, "/"); ok {
		parent = map[string]any{"namespace": namespace, "name": name}
	}
	var rules []any
	f.ofHost(host, func(r config.Route, s Service) {
		rules = append(rules, map[string]any{
			"matches":     []any{map[string]any{"path": map[string]any{"type": "PathPrefix", "value": cmp.Or(r.Path, "/")}}},
			"backendRefs": []any{map[string]any{"name": s.Name, "port": s.Port}},
		})
	})
	spec := map[string]any{"parentRefs": []any{parent}, "rules": rules}
	if host != "" {
		spec["hostnames"] = []any{host}
	}
	out["spec"] = spec
	return out
}

// fleetLabels are those of what is of no single service.
func (f Fleet) fleetLabels() map[string]any {
	return map[string]any{
		"app.kubernetes.io/instance": label(cmp.Or(f.Environment, f.Name)), "app.kubernetes.io/part-of": f.Name, "app.kubernetes.io/managed-by": "slipway",
	}
}
