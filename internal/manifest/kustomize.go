package manifest

import (
	"fmt"
	"maps"
	"path"
	"reflect"
	"slices"
	"strings"
)

// kustomize has a base, which is the same for each release of the same services, and an
// overlay with what the environment and the release add to it.
func (f Fleet) kustomize() ([]File, error) {
	var out []File
	base := f.neutral()
	var names []any
	for _, s := range base.running() {
		names = append(names, s.Name+".yaml")
		out = append(out, File{"base/" + s.Name + ".yaml", YAML(base.of(s))})
	}
	out = append(out, File{"base/kustomization.yaml", document(kustomization(map[string]any{"resources": names}))})
	overlay, err := f.overlay(base)
	return append(out, overlay...), err
}

func kustomization(more map[string]any) map[string]any {
	out := map[string]any{"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}
	maps.Copy(out, more)
	return out
}

// overlay has patches for what differs from the base, and the objects that it lacks.
func (f Fleet) overlay(base Fleet) ([]File, error) {
	dir := "overlays/" + f.Environment
	k := map[string]any{}
	if f.Namespace != "" {
		k["namespace"] = f.Namespace
	}
	f.Namespace = ""
	var out []File
	resources, patches := []any{"../../base"}, []any{}
	for _, s := range f.running() {
		below, _ := base.named(s.Name)
		there := base.of(below)
		var more []Object
		for _, o := range f.of(s) {
			i := slices.IndexFunc(there, func(b Object) bool { return b.Kind() == o.Kind() && b.Name() == o.Name() })
			if i < 0 {
				more = append(more, o)
				continue
			}
			if changes := difference("", map[string]any(there[i]), map[string]any(o)); len(changes) > 0 {
				name := fmt.Sprintf("%s-%s.patch.yaml", s.Name, strings.ToLower(o.Kind()))
				if o.Name() != s.Name {
					name = fmt.Sprintf("%s-%s-%s.patch.yaml", s.Name, strings.ToLower(o.Kind()), o.Name())
				}
				patches = append(patches, map[string]any{"path": name, "target": map[string]any{"kind": o.Kind(), "name": o.Name()}})
				out = append(out, File{path.Join(dir, name), document(changes)})
			}
		}
		if len(more) > 0 {
			resources = append(resources, s.Name+".yaml")
			out = append(out, File{path.Join(dir, s.Name+".yaml"), YAML(more)})
		}
	}
	if routes := f.Entrances(); len(routes) > 0 {
		resources = append(resources, "routes.yaml")
		out = append(out, File{path.Join(dir, "routes.yaml"), YAML(routes)})
	}
	k["resources"] = resources
	if len(patches) > 0 {
		k["patches"] = patches
	}
	out = append(out, File{path.Join(dir, "kustomization.yaml"), document(kustomization(k))})
	hooks, err := f.hookFiles(path.Join(dir, "hooks"))
	return append(out, hooks...), err
}

// difference is the JSON patch (RFC 6902) that makes one value of another.
func difference(at string, from, to any) []any {
	a, isMap := from.(map[string]any)
	b, both := to.(map[string]any)
	if isMap && both {
		return mapDifference(at, a, b)
	}
	x, isList := from.([]any)
	y, both := to.([]any)
	if isList && both && len(x) == len(y) {
		var out []any
		for i := range x {
			out = append(out, difference(fmt.Sprintf("%s/%d", at, i), x[i], y[i])...)
		}
		return out
	}
	if reflect.DeepEqual(from, to) {
		return nil
	}
	return []any{map[string]any{"op": "replace", "path": at, "value": to}}
}

func mapDifference(at string, from, to map[string]any) []any {
	keys := maps.Clone(from)
	maps.Copy(keys, to)
	var out []any
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		here := at + "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(key)
		a, had := from[key]
		b, has := to[key]
		switch {
		case had && has:
			out = append(out, difference(here, a, b)...)
		case has:
			out = append(out, map[string]any{"op": "add", "path": here, "value": b})
		default:
			out = append(out, map[string]any{"op": "remove", "path": here})
		}
	}
	return out
}
