package kube

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-build/slipway/internal/deploy"
	"github.com/slipway-build/slipway/internal/manifest"
)

// Annotations that say how Slipway made an object, to see what somebody changed since.
const (
	annotationApplied  = "slipway.build/applied"  // its fields
	annotationReplicas = "slipway.build/replicas" // of a Deployment: how many pods it was given last
)

// noteApplied notes in an object what it is made of. What never changes is left out, and so is
// what a rollout sets: the selector of a Service and the number of pods.
func noteApplied(o object) {
	if o.Kind() == "ConfigMap" || o.Kind() == "Secret" || o.Kind() == "Job" {
		return
	}
	content := fields(o)
	if o.Kind() == "Deployment" {
		delete(sub(content, "spec"), "replicas")
	}
	data, _ := json.Marshal(content) // of what is sent as JSON
	meta := sub(o, "metadata")
	annotations, _ := meta["annotations"].(map[string]any)
	if annotations == nil {
		annotations = map[string]any{}
		meta["annotations"] = annotations
	}
	annotations[annotationApplied] = string(data)
}

// fields are those of an object that say what it is.
func fields(o object) map[string]any {
	out := map[string]any(cloned(o))
	for _, key := range []string{"apiVersion", "kind", "metadata", "status"} {
		delete(out, key)
	}
	return out
}

// Drift lists the objects of the environment that somebody else changed or removed since
// Slipway made them, by name. Those of an older Slipway, which noted nothing, and sides
// without pods are not looked at.
func (c *Client) Drift(ctx context.Context) ([]deploy.Drift, error) {
	all, err := c.owned(ctx, kindsSeen())
	if err != nil {
		return nil, err
	}
	scaled := map[string]bool{} // Deployments whose number of pods is a HorizontalPodAutoscaler's
	for _, o := range all {
		if o.Kind() == "HorizontalPodAutoscaler" {
			scaled[text(o, "spec", "scaleTargetRef", "name")] = true
		}
	}
	var out []deploy.Drift
	for _, o := range all {
		applied, err := c.applied(o, scaled[o.Name()])
		if err != nil {
			return nil, err
		}
		if kept := o.Kind() == "Deployment" && number(o, "spec", "replicas") == 0 && number(applied, "spec", "replicas") == 0; kept || applied == nil {
			continue
		}
		if f := drifted(o, applied); len(f) > 0 {
			out = append(out, deploy.Drift{Service: serviceOf(o), Object: o.Kind() + " " + o.Name(), Fields: f})
		}
	}
	out = append(out, gone(all)...)
	slices.SortStableFunc(out, func(a, b deploy.Drift) int { return cmp.Compare(a.Service, b.Service) })
	return out, nil
}

func serviceOf(o object) string { return text(o, "metadata", "labels", "app.kubernetes.io/name") }

// applied is what Slipway made of an object, nil when that is not known.
func (c *Client) applied(o object, scaled bool) (map[string]any, error) {
	var out map[string]any
	if json.Unmarshal([]byte(text(o, "metadata", "annotations", annotationApplied)), &out) != nil || out == nil {
		return nil, nil
	}
	switch o.Kind() {
	case "Deployment":
		if n, err := strconv.Atoi(text(o, "metadata", "annotations", annotationReplicas)); err == nil && !scaled {
			sub(out, "spec")["replicas"] = float64(n)
		}
	case "Service":
		t, err := trafficOf(o)
		if err != nil {
			return nil, err
		}
		if t.Main != "" {
			sub(out, "spec")["selector"] = c.selects(serviceOf(o), t)
		}
	}
	return out, nil
}

// drifted are the fields in which an object differs from what was applied, and those that
// somebody added to what it is made of.
func drifted(o object, applied map[string]any) []deploy.DriftField {
	owners, want, have := ownersOf(o), deploy.Leaves(applied), deploy.Leaves(fields(o))
	var out []deploy.DriftField
	for _, path := range slices.Sorted(maps.Keys(want)) {
		if want[path] != have[path] && want[path] != "{}" && want[path] != "[]" {
			by := owners.of(path)
			out = append(out, deploy.DriftField{Path: path, Applied: want[path], Live: have[path], By: by.name, At: by.at})
		}
	}
	for _, path := range slices.Sorted(maps.Keys(owners)) {
		live, there := have[path]
		if _, ours := want[path]; !there || ours || !strings.HasPrefix(path, "spec.") || path == "spec.replicas" || strings.Contains(path, ".metadata.") {
			continue
		}
		out = append(out, deploy.DriftField{Path: path, Live: live, By: owners[path].name, At: owners[path].at})
	}
	return out
}

// gone are the objects that every running side needs and that are not there.
func gone(all []object) []deploy.Drift {
	there := map[string]bool{}
	for _, o := range all {
		there[o.Kind()+" "+o.Name()] = true
	}
	var out []deploy.Drift
	missing := func(service, object string) {
		if !there[object] {
			there[object] = true // once
			out = append(out, deploy.Drift{Service: service, Object: object, Missing: true})
		}
	}
	for _, o := range all {
		name := serviceOf(o)
		switch o.Kind() {
		case "Deployment":
			if text(o, "metadata", "annotations", annotationApplied) == "" || number(o, "spec", "replicas") == 0 {
				continue
			}
			missing(name, "ServiceAccount "+name)
			missing(name, "NetworkPolicy "+name)
			if len(list(first(list(sub(o, "spec", "template", "spec"), "containers")), "ports")) > 0 {
				missing(name, "Service "+name)
			}
		case "Service":
			if t, err := trafficOf(o); err == nil && t.Main != "" && o.Name() == name && text(o, "metadata", "annotations", annotationApplied) != "" {
				missing(name, "Deployment "+manifest.SideName(name, SideOf(t.Main)))
			}
		}
	}
	return out
}
