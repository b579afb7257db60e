// Package manifest says how a release runs on Kubernetes: it turns the services of a
// release, and what an environment says of them, into objects. It reads no cluster and
// writes no file.
//
//	f := manifest.Fleet{Name: "shop", Version: "v1.2.3", Environment: "production", Services: services}
//	objects, err := f.Objects()
//	text := manifest.YAML(objects)
//
// Objects are plain maps, as JSON has them: the types of Kubernetes would add more to the
// binary than they check, and a cluster checks them again.
//
// Pods run under the profile "restricted" of the Pod Security Standards.
package manifest

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/deploy"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/pattern"
	"github.com/slipway-build/slipway/internal/release"
)

// Object is an object of Kubernetes as JSON has it.
type Object map[string]any

// Fleet is a release of a fleet in an environment.
type Fleet struct {
	Name        string
	Version     string
	Environment string
	Namespace   string // "": the one in which it is applied
	Deadline    time.Duration
	Services    []Service
	Routes      []config.Route
	Gateway     string // "NAME" or "NAMESPACE/NAME": routes are of the Gateway API; "": they are Ingresses
	Hooks       config.Hooks
}

// Service is a service of the release, and how it runs.
type Service struct {
	release.Service
	Placement config.Placement           // its Env has all variables
	Names     []string                   // further ones, by which others reach it
	Callers   []string                   // services of the fleet that are known to talk to it
	Secrets   []config.EnvironmentSecret // that it gets
	Side      string                     // in a rollout: which of two it is; "": there is only one
	Version   string                     // the release that brought it; "": that of the fleet
}

// Labels of Slipway itself.
const (
	LabelSide        = "slipway.build/side"
	LabelEnvironment = "slipway.build/environment"
)

// User is that of containers whose image has no other number.
const User = 1001

// Job is the type of services that run only when a hook says so.
const jobType = "job"

// Objects are all of the fleet, in the order in which they can be applied.
func (f Fleet) Objects() ([]Object, error) {
	if err := f.Check(); err != nil {
		return nil, err
	}
	var out []Object
	for _, s := range f.Services {
		if s.Type != jobType {
			out = append(out, f.Shared(s)...)
			out = append(out, f.Workload(s)...)
		}
	}
	return append(out, f.Entrances()...), nil
}

// Shared are the objects of a service that all its sides have.
func (f Fleet) Shared(s Service) []Object {
	out := []Object{f.serviceAccount(s)}
	if s.Port != 0 {
		out = append(out, f.service(s, s.Name))
		for _, name := range s.Names {
			out = append(out, f.service(s, name))
		}
		if s.previewed() {
			out = append(out, f.preview(s))
		}
	}
	out = append(out, f.networkPolicy(s))
	if max(s.Placement.Replicas, s.Placement.Autoscale.Min) > 1 {
		out = append(out, f.budget(s))
	}
	return out
}

// Workload are the objects of one side of a service. The autoscaler of a side of a rollout
// is not among them: it is that of the side that has the traffic.
func (f Fleet) Workload(s Service) []Object {
	var out []Object
	if len(s.Placement.Env) > 0 {
		out = append(out, f.configMap(s))
	}
	out = append(out, f.deployment(s))
	if s.Placement.Autoscale.Max > 0 && s.Side == "" {
		out = append(out, f.Autoscaler(s))
	}
	return out
}

// most is the length of a name that leaves room for what Slipway appends.
const most = 52

var nameForm = pattern.Lazy(`^[a-z]([-a-z0-9]*[a-z0-9])?$`)

// Check refuses what cannot run on Kubernetes.
func (f Fleet) Check() error {
	for _, s := range f.Services {
		for _, name := range append([]string{s.Name}, s.Names...) {
			if !nameForm().MatchString(name) || len(name) > most {
				return diag.Fail(diag.ExitUsage, "%s: %q cannot be the name of a Service of Kubernetes", s.Name, name).
					WithHint("rename it in slipway.yaml: a letter, then letters, digits and -, at most %d in all", most)
			}
		}
	}
	if f.Namespace != "" && !nameForm().MatchString(f.Namespace) {
		return diag.Fail(diag.ExitUsage, "%q cannot be a namespace of Kubernetes", f.Namespace).WithHint("namespace: is for example payments")
	}
	for _, r := range f.Routes {
		if r.TCP {
			return diag.Fail(diag.ExitUsage, "the route to %s is for plain TCP, for which Kubernetes has no Ingress", r.Service).
				WithHint("remove it from the environment, and make a Service of type LoadBalancer or NodePort by hand")
		}
		if s, ok := f.named(r.Service); !ok || s.Port == 0 {
			return diag.Fail(diag.ExitUsage, "the route to %s leads to no port", r.Service).WithHint("give the service a port: in slipway.yaml")
		}
	}
	for _, s := range f.Services {
		if name := s.Name + previewSuffix; s.Port != 0 && s.Placement.Strategy.Kind == deploy.BlueGreen && f.taken(name) {
			return diag.Fail(diag.ExitUsage, "%s has the name of the Service by which the new side of %s is reached before the switch", name, s.Name).
				WithHint("rename one of them, or give %s another strategy than %s", s.Name, deploy.BlueGreen)
		}
		if a := s.Placement.Autoscale; a.Max != 0 && (a.Min < 1 || a.Max < a.Min) {
			return diag.Fail(diag.ExitUsage, "%d to %d pods cannot be a range", a.Min, a.Max).WithHint("write the least and the most pods, such as 2-10")
		}
	}
	return nil
}

// taken reports a name that a service has, or by which others reach one.
func (f Fleet) taken(name string) bool {
	return slices.ContainsFunc(f.Services, func(s Service) bool { return s.Name == name || slices.Contains(s.Names, name) })
}

func (f Fleet) named(service string) (Service, bool) {
	i := slices.IndexFunc(f.Services, func(s Service) bool { return s.Name == service })
	if i < 0 {
		return Service{}, false
	}
	return f.Services[i], true
}

// object begins an object of a service. Its side is in the name and labels of what is of
// a side alone.
func (f Fleet) object(apiVersion, kind, name string, s Service) Object {
	meta := map[string]any{"name": name, "labels": f.labels(s)}
	if f.Namespace != "" {
		meta["namespace"] = f.Namespace
	}
	return Object{"apiVersion": apiVersion, "kind": kind, "metadata": meta}
}

// labels are the recommended ones of Kubernetes.
func (f Fleet) labels(s Service) map[string]any {
	out := f.selector(s)
	out["app.kubernetes.io/part-of"] = f.Name
	out["app.kubernetes.io/managed-by"] = "slipway"
	if s.Type != "" {
		out["app.kubernetes.io/component"] = s.Type
	}
	return out
}

// versioned are the labels of what is of one version alone.
func (f Fleet) versioned(s Service) map[string]any {
	out := f.labels(s)
	if version := cmp.Or(s.Version, f.Version); version != "" {
		out["app.kubernetes.io/version"] = label(version)
	}
	if s.Side != "" {
		out[LabelSide] = s.Side
	}
	return out
}

// selector is what chooses the pods of a service, of every side.
func (f Fleet) selector(s Service) map[string]any {
	return map[string]any{"app.kubernetes.io/name": s.Name, "app.kubernetes.io/instance": label(cmp.Or(f.Environment, f.Name))}
}

// side is what chooses the pods of its side alone.
func (f Fleet) side(s Service) map[string]any {
	out := f.selector(s)
	if s.Side != "" {
		out[LabelSide] = s.Side
	}
	return out
}

// sideName is the name of an object that is of one side.
func (s Service) sideName() string {
	if s.Side == "" {
		return s.Name
	}
	return SideName(s.Name, s.Side)
}

// label cuts a text to a value of a label.
func label(text string) string {
	if len(text) > 63 {
		text = text[:63]
	}
	return strings.TrimRight(text, "-._")
}

// Kind of an object.
func (o Object) Kind() string { return text(o["kind"]) }

// Name of an object.
func (o Object) Name() string {
	meta, _ := o["metadata"].(map[string]any)
	return text(meta["name"])
}

func text(v any) string {
	s, _ := v.(string)
	return s
}

// Unpushed are the images whose name leads a cluster nowhere: it has no registry, or one
// on the machine that asks.
func (f Fleet) Unpushed() []string {
	var out []string
	for _, s := range f.Services {
		registry, _, named := strings.Cut(s.Image, "/")
		host, _, _ := strings.Cut(registry, ":")
		if !named || !strings.ContainsAny(registry, ".:") || host == "localhost" || strings.HasPrefix(host, "127.") {
			out = append(out, s.Image)
		}
	}
	return out
}

// Selector chooses the pods of a service in an environment, of all its sides.
func Selector(environment, service string) map[string]string {
	out := map[string]string{}
	for k, v := range (Fleet{Environment: environment}).selector(named(service)) {
		out[k] = text(v)
	}
	return out
}

// SideName is the name of the Deployment of a side.
func SideName(service, side string) string { return service + "-" + side }
