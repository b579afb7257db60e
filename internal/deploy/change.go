package deploy

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Verdicts of a Change.
const (
	Created   = "created"
	Changed   = "changed"
	Unchanged = "unchanged"
	Dropped   = "dropped" // the release does not have it; it stays until it is pruned
)

// Change is what a deploy would do to one thing: an object of Kubernetes, or a service of
// a host.
type Change struct {
	Object  string  `json:"object"`         // "Deployment web-1a2b3c4d", "service web"
	What    string  `json:"what"`           // Created, Changed, Unchanged or Dropped
	Like    string  `json:"like,omitempty"` // the name of what a created one replaces, and is compared with
	Fields  []Field `json:"fields,omitempty"`
	Refused string  `json:"refused,omitempty"` // why the target would not take it
}

// Field is one that differs.
type Field struct {
	Path string `json:"path"`
	From string `json:"from,omitempty"` // "": it was not there
	To   string `json:"to,omitempty"`   // "": it is not there any more
}

// Compare lists the fields in which two values differ, as JSON has them, sorted by path.
func Compare(from, to any) []Field {
	a, b := Leaves(from), Leaves(to)
	all := maps.Clone(a)
	maps.Copy(all, b)
	var out []Field
	for _, path := range slices.Sorted(maps.Keys(all)) {
		if a[path] != b[path] {
			out = append(out, Field{Path: path, From: a[path], To: b[path]})
		}
	}
	return out
}

// Leaves are the values inside a value, as JSON has it, by their paths: numbers, texts,
// and lists and maps without items. Items of a list are named where each has a name of its
// own, and numbered elsewhere: containers[web].args[0]. An empty text is `""`.
func Leaves(v any) map[string]string {
	out := map[string]string{}
	var plain any
	data, err := json.Marshal(v)
	if err == nil && json.Unmarshal(data, &plain) == nil {
		leaves("", plain, out)
	}
	return out
}

func leaves(at string, v any, out map[string]string) {
	switch v := v.(type) {
	case map[string]any:
		for key, below := range v {
			leaves(Below(at, key), below, out)
		}
		if len(v) == 0 && at != "" {
			out[at] = "{}"
		}
	case []any:
		for i, below := range v {
			leaves(at+"["+Item(v, i)+"]", below, out)
		}
		if len(v) == 0 {
			out[at] = "[]"
		}
	case string:
		out[at] = v
		if v == "" {
			out[at] = `""`
		}
	case float64:
		out[at] = strconv.FormatFloat(v, 'f', -1, 64)
	default:
		out[at] = fmt.Sprint(v)
	}
}

// Below is the path of a key of the map at a path.
func Below(at, key string) string {
	switch {
	case strings.ContainsAny(key, ".[]"):
		return at + "[" + key + "]"
	case at == "":
		return key
	}
	return at + "." + key
}

// Item is what the path of an item of a list says: its name, where each has one of its own.
func Item(list []any, i int) string {
	names := map[string]bool{}
	for _, item := range list {
		m, _ := item.(map[string]any)
		name, _ := m["name"].(string)
		if name == "" || names[name] {
			return strconv.Itoa(i)
		}
		names[name] = true
	}
	return list[i].(map[string]any)["name"].(string)
}
