package shipping

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/deploy"
	"github.com/slipway-build/slipway/internal/deploy/host"
	"github.com/slipway-build/slipway/internal/deploy/kube"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/manifest"
	"github.com/slipway-build/slipway/internal/pipeline"
	"github.com/slipway-build/slipway/internal/release"
)

// Kubernetes is an environment in a namespace of a cluster; it is a Place. What a rollout
// writes there has no value of a secret: those are in Secrets.
type Kubernetes struct{ *kube.Client }

func (o Order) onKubernetes() bool { return o.Environment.Target == config.TargetKubernetes }

// Rights is an error when the user may not do there what a rollout does.
func (k Kubernetes) Rights(ctx context.Context, o Order) error {
	var kinds []string
	if slices.ContainsFunc(o.Release.Services, func(s release.Service) bool { return o.Environment.Of(s.Name).Autoscale.Max > 0 }) {
		kinds = append(kinds, "HorizontalPodAutoscaler")
	}
	switch {
	case len(o.Environment.Routes) == 0:
	case o.Environment.Gateway != "":
		kinds = append(kinds, "HTTPRoute")
	default:
		kinds = append(kinds, "Ingress")
	}
	return k.Client.Allowed(ctx, kinds...)
}

// Prepare makes the objects of all sides that a rollout brings, with no pods yet, and
// keeps the jobs that it may run, so that another machine can go on with it.
func (k Kubernetes) Prepare(ctx context.Context, o Order, r host.Rollout) error {
	m, err := o.Manifests()
	if err != nil {
		return err
	}
	if err := pullable(m); err != nil {
		return err
	}
	var sides []kube.Workload
	for _, p := range slices.Concat(r.Waves...) {
		sides = append(sides, sideOf(m, p))
		if err := k.Prune(ctx, p.Spec.Service, p.Spec.Release, p.Spec.Replaces); err != nil {
			return err
		}
	}
	jobs, more := jobsOf(m, r)
	if err := k.Client.Prepare(ctx, append(sides, more...)...); err != nil {
		return err
	}
	for _, p := range slices.Concat(r.Waves...) {
		if p.Spec.Runs == 0 {
			continue
		}
		if err := k.Restore(ctx, p.Spec.Service, p.New.Port); err != nil {
			return err
		}
	}
	if len(jobs) == 0 {
		return nil
	}
	return k.Store(ctx, jobsName(r), jobs)
}

// settle is how long nodes take to learn of a Service: kube-proxy writes its rules at most
// once a second, and nothing says when it has.
const settle = 2 * time.Second

// Settle waits until clients reach what nothing ran before, or what is put back after a change
// by hand. What replaces something need not wait: the pods of before serve while nodes learn.
func (k Kubernetes) Settle(ctx context.Context, r host.Rollout) error {
	if slices.ContainsFunc(slices.Concat(r.Waves...), func(p host.Part) bool { return p.Spec.Replaces == "" && p.New.Port != 0 }) {
		return sleep(ctx, settle)
	}
	return nil
}

// sideOf has the objects of the side that a part of a rollout brings.
func sideOf(m manifest.Fleet, p host.Part) kube.Workload {
	s := service(m, p.Spec.Service, p.New)
	objects := m.Shared(s)
	if secret := secretOf(m, s, p.New); secret != nil {
		objects = append(objects, secret)
	}
	return kube.Workload{Key: p.Spec.Release, Objects: append(objects, m.Workload(s)...), Replaces: p.Spec.Replaces, Replicas: p.Spec.Replicas}
}

// Preview asks the cluster what would become of the objects of all services.
func (k Kubernetes) Preview(ctx context.Context, o Order, parts []host.Part) ([]deploy.Change, error) {
	m, err := o.Manifests()
	if err != nil {
		return nil, err
	}
	if err := pullable(m); err != nil {
		return nil, err
	}
	var out []deploy.Change
	for _, p := range parts {
		changes, err := k.Client.Preview(ctx, sideOf(m, p))
		if err != nil {
			return out, err
		}
		out = append(out, changes...)
	}
	objects, err := entrances(o.Release.Fleet, o.Environment.Name, o.routes(), func(service string) (int, error) {
		i := slices.IndexFunc(m.Services, func(s manifest.Service) bool { return s.Name == service })
		return m.Services[i].Port, nil // Check has found it
	})
	if err != nil {
		return out, err
	}
	changes, err := k.Client.Preview(ctx, kube.Workload{Objects: objects})
	return append(out, changes...), err
}

// image is the name of a service's image in the environment. A release has it without a
// registry, which a cluster pulls from: that of the fleet.
func (o Order) image(s release.Service) string {
	if o.onKubernetes() && !inRegistry(s.Image) && o.Fleet.Registry != "" {
		return o.Fleet.Registry + "/" + s.Image
	}
	return s.Image
}

// inRegistry reports a name that begins with a registry.
func inRegistry(image string) bool {
	host, _, ok := strings.Cut(image, "/")
	return ok && (strings.ContainsAny(host, ".:") || host == "localhost")
}

// pullable refuses images that no registry has.
func pullable(m manifest.Fleet) error {
	for _, s := range m.Services {
		if !inRegistry(s.Image) {
			return diag.Fail(diag.ExitUsage, "the image %s of the release %s is in no registry, and a cluster pulls from one", s.Image, m.Version).
				WithHint("set registry: in slipway.yaml, and push what the release has: slipway build && slipway push")
		}
	}
	return nil
}

// service is one of the release as the side of a workload.
func service(m manifest.Fleet, name string, w host.Workload) manifest.Service {
	i := slices.IndexFunc(m.Services, func(s manifest.Service) bool { return s.Name == name })
	s := m.Services[i]
	s.Side, s.Version = kube.SideOf(w.Key()), w.Release
	return s
}

// secretOf has the values of the secrets of a side; nil when there are none.
func secretOf(m manifest.Fleet, s manifest.Service, w host.Workload) manifest.Object {
	data := map[string]any{}
	for _, secret := range s.Secrets {
		if secret.Kubernetes != "" {
			continue
		}
		value := []byte(w.Env[secret.Name])
		for _, f := range w.Files {
			if f.Target == secret.Target {
				value = f.Content
			}
		}
		data[manifest.SecretKey(secret)] = value // as base64, by JSON
	}
	if len(data) == 0 {
		return nil
	}
	return m.Secret(s, data)
}

// jobsOf are the hooks and checks of a rollout as Jobs, by jobName, and what they need.
func jobsOf(m manifest.Fleet, r host.Rollout) (map[string]string, []kube.Workload) {
	jobs := map[string]string{}
	var more []kube.Workload
	add := func(name string, w host.Workload, command []string, timeout time.Duration) {
		s := service(m, name, w)
		var needs []manifest.Object
		if secret := secretOf(m, s, w); secret != nil {
			needs = append(needs, secret)
		}
		objects := m.Command(s, r.ID, command, timeout)
		needs = append(needs, objects[:len(objects)-1]...)
		more = append(more, kube.Workload{Key: w.Key(), Objects: needs})
		data, _ := json.Marshal(objects[len(objects)-1]) // of maps and strings
		jobs[jobName(name, command)] = string(data)
	}
	for _, when := range slices.Sorted(maps.Keys(r.Hooks)) {
		for _, h := range r.Hooks[when] {
			add(h.Service, h.Workload, h.Command, h.Timeout)
		}
	}
	for _, p := range slices.Concat(r.Waves...) {
		for _, c := range p.Commands {
			add(p.Spec.Service, p.New, c.Command, c.Timeout)
		}
	}
	return jobs, more
}

func jobsName(r host.Rollout) string { return r.ID + ".jobs" }

func jobName(service string, command []string) string {
	sum := sha256.Sum256([]byte(service + "\x00" + strings.Join(command, "\x00")))
	return hex.EncodeToString(sum[:8])
}

// Job runs one of the jobs that Prepare kept.
func (k Kubernetes) Job(ctx context.Context, r host.Rollout, service string, _ host.Workload, command []string, timeout time.Duration) error {
	jobs, err := k.Stored(ctx, jobsName(r))
	if err != nil {
		return err
	}
	job, err := kube.Decode(jobs[jobName(service, command)])
	if err != nil {
		return diag.Fail(diag.ExitRun, "the rollout %s has no job %q of %s", r.ID, strings.Join(command, " "), service).Because(err).
			WithHint("slipway deploy abort %s", r.Environment)
	}
	return k.Run(ctx, job, timeout)
}

// View shows the environment.
func (k Kubernetes) View(ctx context.Context, _ string) (host.View, error) {
	all, err := k.Client.View(ctx)
	if err != nil {
		return host.View{}, err
	}
	out := host.View{Services: map[string]host.ServiceView{}}
	if out.Routes, err = k.routes(ctx); err != nil {
		return out, err
	}
	for name, s := range all {
		v := host.ServiceView{Main: s.Main, Fresh: s.Fresh, Share: s.Share, Autoscale: s.Autoscale, Sides: map[string]host.SideView{}}
		for key, side := range s.Sides {
			if side.Want == 0 && side.Up == 0 {
				continue // kept to go back to
			}
			v.Sides[key] = host.SideView{
				Workload: host.Workload{Release: side.Version, Image: side.Image, Port: s.Port}, Want: side.Want, Up: side.Up, Healthy: side.Healthy, Short: side.Short, Failed: side.Failed, Retired: side.Want == 0,
			}
		}
		out.Services[name] = v
	}
	return out, nil
}

// Lock takes or renews the lock.
func (k Kubernetes) Lock(ctx context.Context, _, rollout, by string, force bool) (host.Lock, error) {
	l, err := k.Take(ctx, rollout, by, force)
	return host.Lock(l), err
}

// Unlock gives the lock back.
func (k Kubernetes) Unlock(ctx context.Context, _ string) error { return k.Release(ctx) }

// Locked is who has the lock.
func (k Kubernetes) Locked(ctx context.Context, _ string) (host.Lock, error) {
	l, err := k.Client.Locked(ctx)
	return host.Lock(l), err
}

// Approve notes an approval.
func (k Kubernetes) Approve(ctx context.Context, _ string, a host.Approval) error {
	data, err := json.Marshal(a)
	if err != nil {
		return err
	}
	return k.Store(ctx, "approvals", map[string]string{fmt.Sprintf("%s-%.16s", a.At.UTC().Format("20060102-150405.000"), a.Content): string(data)})
}

// Approvals are all that were noted.
func (k Kubernetes) Approvals(ctx context.Context, _ string) ([]host.Approval, error) {
	all, err := k.Stored(ctx, "approvals")
	if err != nil {
		return nil, err
	}
	var out []host.Approval
	for _, key := range slices.Sorted(maps.Keys(all)) {
		var a host.Approval
		if err := json.Unmarshal([]byte(all[key]), &a); err != nil {
			return nil, fmt.Errorf("reading an approval in %s: %w", k.Client, err)
		}
		out = append(out, a)
	}
	return out, nil
}

// Journal is that of a service in a rollout.
func (k Kubernetes) Journal(r host.Rollout, service string) pipeline.Journal {
	return kube.Journal{Client: k.Client, Rollout: r.ID, Service: service, Patience: patience(r)}
}

// patience is the longest of the services.
func patience(r host.Rollout) (longest time.Duration) {
	longest = time.Minute
	for _, p := range slices.Concat(r.Waves...) {
		longest = max(longest, p.Spec.Patience)
	}
	return longest
}

// Target is a service of a rollout.
func (k Kubernetes) Target(_ host.Rollout, p host.Part) pipeline.JudgedTarget {
	return kube.Target{Client: k.Client, Spec: p.Spec, Port: p.New.Port, Checks: p.Checks}
}
