package kube

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/slipway-build/slipway/internal/deploy"
	"github.com/slipway-build/slipway/internal/manifest"
)

// kindsSeen are the kinds that Slipway makes and somebody may change: what is reached from
// outside first, so that to remove them in this order takes away what leads to what.
func kindsSeen() []string {
	return []string{"Ingress", "HTTPRoute", "HorizontalPodAutoscaler", "Deployment", "Service", "PodDisruptionBudget", "NetworkPolicy", "ServiceAccount"}
}

// optional are kinds that a cluster or the user's rights may lack, in which case there are
// none of Slipway's.
func optional(kind string) bool {
	return kind == "Ingress" || kind == "HTTPRoute" || kind == "HorizontalPodAutoscaler"
}

// owned are the objects of some kinds that Slipway made for the environment: by their
// labels, and by who wrote them.
func (c *Client) owned(ctx context.Context, kinds []string) ([]object, error) {
	labels := map[string]string{"app.kubernetes.io/managed-by": "slipway", "app.kubernetes.io/part-of": c.opts.Fleet}
	for k, v := range manifest.Selector(c.opts.Environment, "") {
		if v != "" {
			labels[k] = v
		}
	}
	var out []object
	for _, kind := range kinds {
		all, err := c.list(ctx, kind, labels, "")
		r, refused := refusal(err)
		if refused && optional(kind) && (r.Code == http.StatusNotFound || r.Code == http.StatusForbidden) {
			continue
		}
		if err != nil {
			return nil, err
		}
		out = append(out, slices.DeleteFunc(all, func(o object) bool { return !writtenBy(o, Manager) })...)
	}
	return out, nil
}

// Surplus lists the objects that Slipway made for the environment and that are of none of
// the services. With wanted, which has what each service shares between its sides, as
// "Service web", it lists those beside it, too, and looks at ConfigMaps and Secrets. Routes
// and autoscalers belong to their environment.
func (c *Client) Surplus(ctx context.Context, services []string, wanted map[string]bool) ([]string, error) {
	kinds := kindsSeen()
	if wanted != nil {
		kinds = append(kinds, "ConfigMap", "Secret")
	}
	all, err := c.owned(ctx, kinds)
	var out []string
	for _, o := range all {
		name, known := o.Kind()+" "+o.Name(), slices.Contains(services, serviceOf(o))
		shared := slices.Contains([]string{"Service", "PodDisruptionBudget", "NetworkPolicy", "ServiceAccount"}, o.Kind())
		if serviceOf(o) != "" && (!known || wanted != nil && shared && !wanted[name]) {
			out = append(out, name)
		}
	}
	return out, err
}

// Discard removes objects that Surplus listed, for the holder of the lock.
func (c *Client) Discard(ctx context.Context, objects []string) error {
	if err := c.mine(ctx); err != nil {
		return err
	}
	for _, o := range objects {
		kind, name, _ := strings.Cut(o, " ")
		if err := c.remove(ctx, kind, name); err != nil {
			return err
		}
		if kind == "ServiceAccount" { // each service has one, of its name; a service without a port notes its traffic here
			if err := c.remove(ctx, "ConfigMap", c.named("traffic", name)); err != nil {
				return err
			}
		}
	}
	return nil
}

func writtenBy(o object, manager string) bool {
	return slices.ContainsFunc(list(sub(o, "metadata"), "managedFields"), func(entry map[string]any) bool { return entry["manager"] == manager })
}

// owner is who set a field of an object, and when.
type owner struct {
	name string // of a program
	at   time.Time
}

// owners are those of fields, by their paths as deploy.Leaves has them, without Slipway.
type owners map[string]owner

// of is who set a field, or the part of the object that it is in; nobody when it is not
// known, as of a field that was removed.
func (all owners) of(path string) owner {
	for path != "" {
		if by, ok := all[path]; ok {
			return by
		}
		path = path[:max(0, strings.LastIndexAny(path, ".["))]
	}
	return owner{}
}

// ownersOf reads metadata.managedFields of an object. What the cluster says of it, its
// status, is left out. The format of fields is FieldsV1 of Kubernetes: "f:" and the name of
// a field, "k:" and the keys of an item, "v:" and its value, "i:" and its number.
func ownersOf(o object) owners {
	out := owners{}
	for _, entry := range list(sub(o, "metadata"), "managedFields") {
		by := owner{text(entry, "manager"), moment(entry, "time")}
		if by.name == Manager || by.name == trafficManager || text(entry, "subresource") == "status" {
			continue
		}
		eachField("", sub(entry, "fieldsV1"), map[string]any(o), func(path string) {
			if before, known := out[path]; !known || before.at.Before(by.at) {
				out[path] = by
			}
		})
	}
	return out
}

// eachField calls do with the path of each field of a set, found in the live value.
func eachField(at string, set map[string]any, live any, do func(path string)) {
	if len(set) == 0 {
		do(at)
	}
	for key, below := range set {
		inside, _ := below.(map[string]any)
		if path, value, ok := step(at, key, live); ok {
			eachField(path, inside, value, do)
		}
	}
}

// step goes one step of a set further in the live value; false when that has no such part.
func step(at, key string, live any) (path string, value any, ok bool) {
	kind, name, _ := strings.Cut(key, ":")
	if m, isMap := live.(map[string]any); isMap && kind == "f" {
		value, ok = m[name]
		return deploy.Below(at, name), value, ok
	}
	items, isList := live.([]any)
	if !isList {
		return "", nil, false
	}
	var wanted any
	if json.Unmarshal([]byte(name), &wanted) != nil {
		return "", nil, false
	}
	i := slices.IndexFunc(items, func(item any) bool {
		keys, isMap := wanted.(map[string]any)
		if kind != "k" || !isMap {
			return kind == "v" && reflect.DeepEqual(item, wanted)
		}
		m, _ := item.(map[string]any)
		for k, v := range keys {
			if !reflect.DeepEqual(m[k], v) {
				return false
			}
		}
		return true
	})
	if n, err := strconv.Atoi(name); kind == "i" && err == nil && n >= 0 && n < len(items) {
		i = n
	}
	if i < 0 {
		return "", nil, false
	}
	return at + "[" + deploy.Item(items, i) + "]", items[i], true
}
