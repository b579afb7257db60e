package kube

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/slipway-build/slipway/internal/deploy"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/manifest"
	"github.com/slipway-build/slipway/internal/plan"
)

// Target is a service of a rollout; it is a pipeline.Target and a pipeline.Judge.
type Target struct {
	Client *Client
	Spec   deploy.Spec // Release and Replaces are keys of workloads
	Port   int         // 0: it takes no requests
	Checks []plan.HealthCheck
}

// Observe says how both sides are.
func (t Target) Observe(ctx context.Context, service string) (deploy.Observed, error) {
	c := t.Client
	chosen := manifest.Selector(c.opts.Environment, service)
	traffic, services, err := c.sent(ctx, service, t.Port)
	if err != nil {
		return deploy.Observed{}, err
	}
	deployments, err := c.list(ctx, "Deployment", chosen, "")
	if err != nil {
		return deploy.Observed{}, err
	}
	pods, version, err := c.listed(ctx, "Pod", chosen, "")
	if err != nil {
		return deploy.Observed{}, err
	}
	reached, err := c.endpoints(ctx, service, services, pods)
	if err != nil {
		return deploy.Observed{}, err
	}
	c.mu.Lock()
	c.looked[service] = sighting{version: version, behind: reached.missAny(pods)}
	c.mu.Unlock()
	now := seen{service: service, deployments: deployments, pods: pods, endpoints: reached, inPlace: t.Spec.Runs > 0}
	out := deploy.Observed{Old: c.group(ctx, now, t.Spec.Replaces, t.Spec.Deadline), New: c.group(ctx, now, t.Spec.Release, t.Spec.Deadline)}
	switch t.Spec.Release {
	case traffic.Main:
		out.Share = 100
	case traffic.Fresh:
		out.Share = traffic.Share
	}
	return out, nil
}

// Restore gives a service the traffic that it has by Slipway's notes, whoever changed it.
func (c *Client) Restore(ctx context.Context, service string, port int) error {
	now, err := c.traffic(ctx, service, port)
	if err != nil || now.Main == "" {
		return err
	}
	return c.setTraffic(ctx, service, port, now)
}

// Do carries out an action.
func (t Target) Do(ctx context.Context, spec deploy.Spec, a deploy.Action) error {
	key := spec.Release
	if a.Side == deploy.Old {
		key = spec.Replaces
	}
	switch a.Kind {
	case deploy.Scale:
		return t.Client.scale(ctx, spec.Service, key, a.Count)
	case deploy.Retire:
		return t.retire(ctx, spec.Service, key)
	case deploy.Shift:
		if a.Share == 0 && spec.Replaces != "" {
			return t.shift(ctx, spec.Service, func(Traffic) Traffic { return Traffic{Main: spec.Replaces} })
		}
		return t.shift(ctx, spec.Service, func(now Traffic) Traffic { return now.shifted(spec.Release, a.Share) })
	}
	return nil // Promote: the journal says it
}

func (t Target) shift(ctx context.Context, service string, to func(Traffic) Traffic) error {
	now, err := t.Client.traffic(ctx, service, t.Port)
	if err != nil {
		return err
	}
	return t.Client.setTraffic(ctx, service, t.Port, to(now))
}

// retire ends the pods of a side. Its Deployment stays, with none of them: to go back to
// it is to ask for them again.
func (t Target) retire(ctx context.Context, service, key string) error {
	now, err := t.Client.traffic(ctx, service, t.Port)
	if err != nil {
		return err
	}
	if now.Fresh == key {
		if err := t.Client.setTraffic(ctx, service, t.Port, Traffic{Main: now.Main}); err != nil {
			return err
		}
	}
	err = t.Client.scale(ctx, service, key, 0)
	if missing(err) {
		return nil
	}
	return err
}

// scale says how many pods of a side are to run.
func (c *Client) scale(ctx context.Context, service, key string, count int) error {
	c.forget(service + "/" + key)
	name := manifest.SideName(service, SideOf(key))
	err := c.patch(ctx, "Deployment", name, map[string]any{
		"metadata": map[string]any{"annotations": map[string]any{annotationReplicas: strconv.Itoa(count)}}, "spec": map[string]any{"replicas": count},
	})
	if missing(err) && count > 0 {
		return diag.Fail(diag.ExitRun, "the Deployment %s of %s is gone", name, service).Because(err).
			WithHint("somebody removed it: slipway deploy abort %[1]s, then slipway deploy %[1]s VERSION", c.opts.Environment)
	}
	return err
}

// forget begins to count anew how long a side has too few healthy pods.
func (c *Client) forget(side string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.short, side)
}

// A check fails that fails each time.
const (
	checkTries = 3
	checkPause = time.Second
)

// Judge asks the checks of the new side. A cluster that gives no answer is no verdict.
func (t Target) Judge(ctx context.Context, spec deploy.Spec, seen deploy.Observed) (deploy.Verdict, string) {
	if len(t.Checks) == 0 {
		return deploy.Good, ""
	}
	if seen.New.Healthy == 0 {
		return deploy.NoData, ""
	}
	labels := manifest.Selector(t.Client.opts.Environment, spec.Service)
	labels[manifest.LabelSide] = SideOf(spec.Release)
	pods, err := t.Client.list(ctx, "Pod", labels, "")
	if err != nil {
		return deploy.NoData, err.Error()
	}
	for _, check := range t.Checks {
		for _, pod := range pods {
			if !ready(pod) {
				continue
			}
			if verdict, why := t.check(ctx, pod.Name(), check); verdict != deploy.Good {
				return verdict, why
			}
		}
	}
	return deploy.Good, ""
}

// check asks one pod, by way of the API.
func (t Target) check(ctx context.Context, pod string, check plan.HealthCheck) (deploy.Verdict, string) {
	where := fmt.Sprintf("%s:%d", pod, t.Port)
	if check.TLS {
		where = "https:" + where
	}
	path, query, err := splitPath(check.HTTP)
	if err != nil {
		return deploy.Bad, err.Error()
	}
	var last *Refused
	for i := range checkTries {
		_, err := t.Client.raw(ctx, question{verb: http.MethodGet, kind: "Pod", name: where, sub: "proxy" + path, query: query})
		if err == nil {
			return deploy.Good, ""
		}
		answer, ok := refusal(err)
		if !ok || answer.Code == http.StatusForbidden || answer.Code == http.StatusUnauthorized || answer.Code == http.StatusTooManyRequests {
			return deploy.NoData, err.Error()
		}
		last = answer
		if i+1 < checkTries {
			if err := pause(ctx, checkPause); err != nil {
				return deploy.NoData, err.Error()
			}
		}
	}
	return deploy.Bad, fmt.Sprintf("the check %s of the pod %s failed: %d %s", check.Describe(), pod, last.Code, last.Message)
}

func splitPath(of string) (path string, query url.Values, err error) {
	u, err := url.ParseRequestURI(of)
	if err != nil {
		return "", nil, err
	}
	return u.Path, u.Query(), nil
}

// Prune removes the sides of a service that have no pods and are not among those to keep.
func (c *Client) Prune(ctx context.Context, service string, keep ...string) error {
	all, err := c.list(ctx, "Deployment", manifest.Selector(c.opts.Environment, service), "")
	if err != nil {
		return err
	}
	for _, d := range all {
		key := text(d, "metadata", "annotations", annotationRelease)
		if key == "" || slices.Contains(keep, key) || number(d, "spec", "replicas") != 0 || number(d, "status", "replicas") != 0 {
			continue
		}
		if err := c.remove(ctx, "Deployment", d.Name()); err != nil {
			return err
		}
		if err := c.remove(ctx, "Secret", d.Name()+manifest.SecretSuffix); err != nil {
			return err
		}
	}
	return nil
}

// cloned is a copy as JSON has it.
func cloned(o object) object { return object(clone(map[string]any(o)).(map[string]any)) }

func clone(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[k] = clone(e)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = clone(e)
		}
		return out
	}
	return v
}
