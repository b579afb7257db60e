package manifest

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// helm is a chart: what an operator changes is in values.yaml, and Helm names the instance.
func (f Fleet) helm() ([]File, error) {
	f.Namespace = "" // that of the release
	values := map[string]any{}
	var out []File
	for _, s := range f.running() {
		values[s.Name] = valuesOf(s)
		out = append(out, File{"templates/" + s.Name + ".yaml", f.template(f.of(s), s, nil)})
	}
	if routes := f.Entrances(); len(routes) > 0 {
		out = append(out, File{"templates/routes.yaml", f.template(routes, Service{}, nil)})
	}
	when := map[Phase]string{Before: "pre-install,pre-upgrade", After: "post-install,post-upgrade", Rollback: "post-rollback"}
	for _, phase := range []Phase{Before, After, Rollback} {
		jobs, err := f.Jobs(phase)
		if err != nil {
			return nil, err
		}
		for i, hook := range byJob(jobs) {
			s, _ := f.named(f.serviceOf(phase, i))
			if values[s.Name] == nil {
				values[s.Name] = valuesOf(s)
			}
			name := fmt.Sprintf("templates/hook-%s-%d.yaml", phase, i+1)
			out = append(out, File{name, f.template(hook, s, func(o Object) map[string]any {
				weight := 2*i + 1
				if o.Kind() == "ConfigMap" {
					weight--
				}
				return map[string]any{"helm.sh/hook": when[phase], "helm.sh/hook-weight": fmt.Sprint(weight), "helm.sh/hook-delete-policy": "before-hook-creation"}
			})})
		}
	}
	chart := map[string]any{"apiVersion": "v2", "name": chartName(f.Name), "type": "application", "version": chartVersion(f.Version), "appVersion": f.Version}
	return append(out, File{"Chart.yaml", document(chart)}, File{"values.yaml", document(map[string]any{"services": values})}), nil
}

// serviceOf is the service of a hook.
func (f Fleet) serviceOf(phase Phase, i int) string {
	switch phase {
	case Before:
		return f.Hooks.Before[i].Service
	case After:
		return f.Hooks.After[i].Service
	}
	return f.Hooks.Rollback[i].Service
}

func valuesOf(s Service) map[string]any {
	return map[string]any{
		"replicas": max(s.Placement.Replicas, 1), "image": s.Image, "digest": s.Digest, "resources": resources(s), "env": anyMap(s.Placement.Env),
	}
}

func chartName(fleet string) string {
	return strings.NewReplacer(".", "-", "_", "-").Replace(fleet)
}

// chartVersion is a version as Helm wants it: with three numbers. What is none counts as
// a pre-release.
func chartVersion(version string) string {
	v := strings.TrimPrefix(version, "v")
	numbers, rest, _ := strings.Cut(v, "-")
	parts := strings.Split(numbers, ".")
	number := func(p string) bool {
		return p != "" && strings.Trim(p, "0123456789") == "" && (p == "0" || p[0] != '0')
	}
	if len(parts) == 3 && !slices.ContainsFunc(parts, func(p string) bool { return !number(p) }) && strings.Trim(rest, ".") == rest && !strings.Contains(rest, "_") && !strings.Contains(rest, "..") {
		return v
	}
	clean := strings.Map(func(r rune) rune {
		if r == '.' || r == '_' {
			return '-'
		}
		return r
	}, v)
	return "0.0.0-" + cmp.Or("x"+clean, "x")
}

// holes are the places of a template that Helm fills: words that YAML writes as they are,
// and what they stand for.
type holes []string

func (h *holes) add(text string) string {
	*h = append(*h, text)
	return fmt.Sprintf("slipwayhole%dx", len(*h)-1)
}

// fill writes what the words stand for. A text that begins with a line feed is a block: it
// is indented below its key.
func (h holes) fill(text []byte) []byte {
	lines := strings.Split(string(text), "\n")
	for n, line := range lines {
		for i, hole := range h {
			word := fmt.Sprintf("slipwayhole%dx", i)
			if !strings.Contains(line, word) {
				continue
			}
			if block, ok := strings.CutPrefix(hole, "\n"); ok {
				indent := len(line) - len(strings.TrimLeft(line, " -")) + 2
				hole = fmt.Sprintf("{{- %s | nindent %d }}", block, indent)
			}
			line = strings.ReplaceAll(line, word, hole)
		}
		lines[n] = line
	}
	return []byte(strings.Join(lines, "\n"))
}

// template writes objects with the places that Helm fills.
func (f Fleet) template(objects []Object, s Service, annotations func(Object) map[string]any) []byte {
	var h holes
	at := fmt.Sprintf("(index .Values.services %q)", s.Name)
	filled := map[string]string{
		"app.kubernetes.io/instance":   h.add("{{ .Release.Name | quote }}"),
		"app.kubernetes.io/managed-by": h.add("{{ .Release.Service }}"),
		"app.kubernetes.io/version":    h.add("{{ .Chart.AppVersion | quote }}"),
	}
	config, name := configName(s), s.Name+"-env"
	if annotations != nil {
		name += "-hook"
	}
	opened := h.add(`{{ "{{" }}`)
	var out [][]byte
	for _, o := range objects {
		o = walk(map[string]any(o), "", func(key string, v any) any {
			t, isText := v.(string)
			switch {
			case isText && filled[key] != "":
				return filled[key]
			case isText && t == config:
				return name
			case isText && key == "image" && s.Name != "":
				return h.add(fmt.Sprintf("{{ %s.image }}@{{ %[1]s.digest }}", at))
			case isText:
				return strings.ReplaceAll(t, "{{", opened)
			case key == "replicas":
				return h.add(fmt.Sprintf("{{ %s.replicas }}", at))
			case key == "resources":
				return h.add("\ntoYaml " + at + ".resources")
			case key == "data" && o.Kind() == "ConfigMap":
				return h.add("\ntoYaml " + at + ".env")
			}
			return v
		}).(map[string]any)
		if o.Kind() == "ConfigMap" {
			delete(o, "immutable") // it keeps its name
		}
		if o.Kind() == "Deployment" && len(s.Placement.Env) > 0 {
			template := o["spec"].(map[string]any)["template"].(map[string]any)["metadata"].(map[string]any)
			template["annotations"] = map[string]any{"checksum/env": h.add(fmt.Sprintf("{{ %s.env | toJson | sha256sum }}", at))}
		}
		if annotations != nil {
			o["metadata"].(map[string]any)["annotations"] = annotations(o)
		}
		out = append(out, h.fill(document(o)))
	}
	return bytes.Join(out, []byte("---\n"))
}

// walk returns a value with each value inside it replaced by what change returns.
func walk(v any, key string, change func(key string, v any) any) any {
	switch v := change(key, v).(type) {
	case map[string]any:
		out := maps.Clone(v)
		for _, k := range slices.Sorted(maps.Keys(v)) {
			out[k] = walk(v[k], k, change)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = walk(v[i], "", change)
		}
		return out
	default:
		return v
	}
}
