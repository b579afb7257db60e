package kube_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/internal/diag"
)

// everything is what the documentation lists, as the rules of a Role.
func everything() map[string]map[string]any {
	rule := func(group string, verbs []any, resources ...any) map[string]any {
		return map[string]any{"verbs": verbs, "apiGroups": []any{group}, "resources": resources}
	}
	own := []any{"get", "list", "create", "update", "patch", "delete"}
	return map[string]map[string]any{
		"core": rule("", own, "configmaps", "secrets", "serviceaccounts", "services"), "apps": rule("apps", own, "deployments"), "batch": rule("batch", own, "jobs"),
		"leases": rule("coordination.k8s.io", own, "leases"), "networks": rule("networking.k8s.io", own, "networkpolicies"),
		"budgets": rule("policy", own, "poddisruptionbudgets"), "events": rule("", []any{"list"}, "events"), "pods": rule("", []any{"get", "list"}, "pods"),
		"endpoints": rule("discovery.k8s.io", []any{"list"}, "endpointslices"), "logs": rule("", []any{"get"}, "*/log"), "proxies": rule("", []any{"get"}, "pods/proxy"),
	}
}

// TestRightsAreAskedForBefore a rollout begins: each right that is missing is named.
func TestRightsAreAskedForBefore(t *testing.T) {
	status := func(rules map[string]map[string]any, incomplete bool) map[string]any {
		var all []any
		for _, name := range slices.Sorted(maps.Keys(rules)) {
			all = append(all, rules[name])
		}
		return map[string]any{"resourceRules": all, "incomplete": incomplete}
	}
	for name, c := range map[string]struct {
		change func(rules map[string]map[string]any)
		want   []string // in the error; none when there is none
	}{
		"all": {func(map[string]map[string]any) {}, nil},
		"administrator": {func(r map[string]map[string]any) {
			clear(r)
			r["all"] = map[string]any{"verbs": []any{"*"}, "apiGroups": []any{"*"}, "resources": []any{"*"}}
		}, nil},
		"no patch": {func(r map[string]map[string]any) {
			r["apps"]["verbs"] = []any{"get", "list", "create", "update", "delete"}
		}, []string{": patch deployments"}},
		"reads alone": {func(r map[string]map[string]any) {
			r["batch"]["verbs"], r["leases"]["verbs"] = []any{"get", "list"}, []any{"get", "list"}
		}, []string{": create, update, patch, delete jobs; create, update, patch, delete leases"}},
		"no log":         {func(r map[string]map[string]any) { delete(r, "logs") }, []string{": get pods/log"}},
		"pods of others": {func(r map[string]map[string]any) { r["pods"]["apiGroups"] = []any{"metrics.k8s.io"} }, []string{": get, list pods"}},
		"by name":        {func(r map[string]map[string]any) { r["leases"]["resourceNames"] = []any{"slipway.shop.production"} }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			rules := everything()
			c.change(rules)
			a := &api{rights: status(rules, false)}
			err := a.serve(t).Allowed(t.Context())
			if (err != nil) != (len(c.want) > 0) {
				t.Fatal(err)
			}
			for _, want := range c.want {
				if !strings.HasSuffix(err.Error(), want) || diag.ExitOf(err) != diag.ExitUsage || !strings.Contains(diag.HintOf(err), "kubectl -n payments auth whoami") {
					t.Errorf("%v, want %q; hint %q", err, want, diag.HintOf(err))
				}
			}
		})
	}
	a := &api{rights: status(everything(), false)}
	if err := a.serve(t).Allowed(t.Context(), "HorizontalPodAutoscaler"); err == nil || !strings.HasSuffix(err.Error(), ": get, list, create, update, patch, delete horizontalpodautoscalers") {
		t.Errorf("with an autoscaler: %v", err)
	}
	for name, a := range map[string]*api{"system:masters": {rights: status(nil, false), master: true}, "an answer that is not whole": {rights: status(nil, true)}, "no answer": {}} {
		if err := a.serve(t).Allowed(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
