package kube

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
)

// needed is what a rollout does to resources of the namespace, by their API group; kinds
// are those that not every rollout has.
func needed(kinds []string) map[string]map[string][]string {
	own := []string{"get", "list", "create", "update", "patch", "delete"}
	out := map[string]map[string][]string{
		"": {
			"configmaps": own, "secrets": own, "serviceaccounts": own, "services": own,
			"events": {"list"}, "pods": {"get", "list"}, "pods/log": {"get"}, "pods/proxy": {"get"},
		},
		"apps": {"deployments": own}, "batch": {"jobs": own}, "coordination.k8s.io": {"leases": own}, "discovery.k8s.io": {"endpointslices": {"list"}},
		"networking.k8s.io": {"networkpolicies": own}, "policy": {"poddisruptionbudgets": own},
	}
	for _, kind := range kinds {
		at, plural, _ := strings.Cut(resources()[kind], "|")
		group, _, _ := strings.Cut(strings.TrimPrefix(at, "/apis/"), "/")
		if out[group] == nil {
			out[group] = map[string][]string{}
		}
		out[group][plural] = own
	}
	return out
}

// rule is what a user may do: a ResourceRule of Kubernetes.
type rule struct{ Verbs, APIGroups, Resources, ResourceNames []string }

// allows reports a right. A rule for some names may be enough, or not: it is not known
// here how Slipway's objects are named there, so it counts.
func (r rule) allows(group, resource, verb string) bool {
	has := func(list []string, what string) bool {
		return slices.Contains(list, "*") || slices.Contains(list, what)
	}
	_, sub, _ := strings.Cut(resource, "/")
	return has(r.Verbs, verb) && has(r.APIGroups, group) && (has(r.Resources, resource) || sub != "" && slices.Contains(r.Resources, "*/"+sub))
}

// denied asks about one right: rules do not have those of the group system:masters, nor all
// of a cluster that has just started. Without an answer it is none that is denied.
func (c *Client) denied(ctx context.Context, group, resource, verb string) bool {
	resource, sub, _ := strings.Cut(resource, "/")
	review := map[string]any{"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "spec": map[string]any{"resourceAttributes": map[string]any{
		"namespace": c.Namespace, "verb": verb, "group": group, "resource": resource, "subresource": sub,
	}}}
	var out struct{ Status struct{ Allowed bool } }
	err := c.ask(ctx, question{verb: http.MethodPost, kind: "SelfSubjectAccessReview", body: review}, &out)
	return err == nil && !out.Status.Allowed
}

// Allowed is an error when the user may not do in the namespace what a rollout does there,
// also to objects of kinds that not every rollout has. A cluster that does not say what is
// allowed is believed to allow it: then a refusal comes when it is done.
func (c *Client) Allowed(ctx context.Context, kinds ...string) error {
	review := map[string]any{"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview", "spec": map[string]any{"namespace": c.Namespace}}
	var out struct {
		Status struct {
			Incomplete    bool
			ResourceRules []rule
		}
	}
	err := c.ask(ctx, question{verb: http.MethodPost, kind: "SelfSubjectRulesReview", body: review}, &out)
	if r, ok := refusal(err); ok && r.Code != http.StatusUnauthorized || err == nil && out.Status.Incomplete {
		return nil
	}
	if err != nil {
		return err
	}
	var lacks []string
	groups := needed(kinds)
	for _, group := range slices.Sorted(maps.Keys(groups)) {
		for _, resource := range slices.Sorted(maps.Keys(groups[group])) {
			var verbs []string
			for _, verb := range groups[group][resource] {
				known := slices.ContainsFunc(out.Status.ResourceRules, func(r rule) bool { return r.allows(group, resource, verb) })
				if !known && c.denied(ctx, group, resource, verb) {
					verbs = append(verbs, verb)
				}
			}
			if len(verbs) > 0 {
				lacks = append(lacks, strings.Join(verbs, ", ")+" "+resource)
			}
		}
	}
	if len(lacks) == 0 {
		return nil
	}
	return diag.Fail(diag.ExitUsage, "you may not do in %s what a rollout does there: %s", c, strings.Join(lacks, "; ")).
		WithHint("ask for a Role with these rights in the namespace %s; see who you are: kubectl %sauth whoami", c.Namespace, c.flags())
}
