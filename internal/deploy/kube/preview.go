package kube

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/deploy"
	"github.com/slipway-build/slipway/internal/manifest"
)

// Preview asks the server what Prepare would make of a workload, and changes nothing: each
// object is applied by a dry run, for which admission and quotas answer as they would. What
// the server refuses is a Change that says so. A Deployment is tried with one of its pods,
// too, which the server judges only then.
func (c *Client) Preview(ctx context.Context, w Workload) ([]deploy.Change, error) {
	var out []deploy.Change
	for _, o := range w.Objects {
		change, err := c.preview(ctx, w, o)
		if err != nil {
			return out, err
		}
		out = append(out, change)
	}
	return out, nil
}

func (c *Client) preview(ctx context.Context, w Workload, o object) (deploy.Change, error) {
	change := deploy.Change{Object: o.Kind() + " " + o.Name(), What: deploy.Unchanged}
	before, err := c.get(ctx, o.Kind(), o.Name())
	like := before
	if missing(err) {
		change.What = deploy.Created
		like, err = c.like(ctx, w, o)
		change.Like = like.Name()
	}
	if err != nil {
		return change, err
	}
	after, err := c.dryApply(ctx, shaped(o, w.Key, w.Replicas), Manager)
	if err == nil && like != nil {
		change.Fields = slices.DeleteFunc(deploy.Compare(shown(like, like), shown(after, like)), func(f deploy.Field) bool {
			return strings.Contains(f.Path, manifest.LabelSide)
		})
		if len(change.Fields) > 0 && change.What == deploy.Unchanged {
			change.What = deploy.Changed
		}
	}
	if err == nil && o.Kind() == "Deployment" && change.What != deploy.Unchanged {
		err = c.tryPod(ctx, o)
	}
	if r, ok := refusal(err); ok {
		change.Refused, err = r.Message, nil
	}
	return change, err
}

// like is what an object of a new side replaces: that of the side that runs. It is nil when
// there is none.
func (c *Client) like(ctx context.Context, w Workload, o object) (object, error) {
	if w.Replaces == "" {
		return nil, nil
	}
	service := text(o, "metadata", "labels", "app.kubernetes.io/name")
	name := manifest.SideName(service, SideOf(w.Replaces))
	switch o.Kind() {
	case "Deployment":
	case "Secret":
		name += manifest.SecretSuffix
	case "ConfigMap": // is named by what is in it
		d, err := c.get(ctx, "Deployment", name)
		if missing(err) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		container := first(list(sub(d, "spec", "template", "spec"), "containers"))
		if name = text(first(list(container, "envFrom")), "configMapRef", "name"); name == "" {
			return nil, nil
		}
	default:
		return nil, nil
	}
	out, err := c.get(ctx, o.Kind(), name)
	if missing(err) {
		return nil, nil
	}
	return out, err
}

// shown is what of an object a person wants to compare: not its name and labels, which
// differ between sides, nor what the cluster says of it, nor the values of secrets.
func shown(o, before object) map[string]any {
	out := fields(o)
	if o.Kind() == "Deployment" {
		delete(sub(out, "spec"), "selector")
		delete(sub(out, "spec", "template"), "metadata")
	}
	if o.Kind() == "Secret" {
		data := sub(out, "data")
		for key := range data {
			data[key] = "(a secret)"
			if there := text(before, "data", key); there != "" && there != text(o, "data", key) {
				data[key] = "(another secret)"
			}
		}
	}
	return out
}

// tryPod asks whether the first pod of a Deployment would be taken: by quotas, webhooks and
// the security level of the namespace. Who may not make pods, as Slipway needs not, gets no
// answer, which is none about the pod.
func (c *Client) tryPod(ctx context.Context, d object) error {
	template := cloned(sub(d, "spec", "template"))
	spec := sub(template, "spec")
	delete(spec, "serviceAccountName") // it may not be there yet
	pod := object{
		"apiVersion": "v1", "kind": "Pod", "spec": spec,
		"metadata": map[string]any{"name": d.Name() + "-dry-run", "labels": sub(template, "metadata", "labels")},
	}
	err := c.ask(ctx, question{verb: http.MethodPost, kind: "Pod", query: url.Values{"dryRun": {"All"}, "fieldManager": {Manager}}, body: pod}, nil)
	if r, ok := refusal(err); ok && r.Rights {
		return nil
	}
	return err
}
