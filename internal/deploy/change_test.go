package deploy

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

type object = map[string]any

// TestCompare: items are found by their names wherever they are in a list, and what has no
// items is seen.
func TestCompare(t *testing.T) {
	from := object{
		"replicas": 2, "gone": true, "empty": object{},
		"containers": []any{object{"name": "web", "image": "web:1", "args": []string{"a", "b"}}, object{"name": "log"}},
		"labels":     object{"app.kubernetes.io/name": "web"},
		"ports":      []any{object{"port": 80}, object{"port": 81, "name": "x"}},
	}
	to := object{
		"replicas": 3, "text": "", "empty": object{},
		"containers": []any{object{"name": "log"}, object{"name": "web", "image": "web:2", "args": []string{"a"}}},
		"labels":     object{"app.kubernetes.io/name": "api"},
		"ports":      []any{object{"port": 80}, object{"port": 82, "name": "x"}},
	}
	want := []Field{
		{"containers[web].args[1]", "b", ""},
		{"containers[web].image", "web:1", "web:2"},
		{"gone", "true", ""},
		{"labels[app.kubernetes.io/name]", "web", "api"},
		{"ports[1].port", "81", "82"},
		{"replicas", "2", "3"},
		{"text", "", `""`},
	}
	if diff := cmp.Diff(want, Compare(from, to)); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
	if got := Compare(to, to); got != nil {
		t.Errorf("a value differs from itself: %v", got)
	}
}
