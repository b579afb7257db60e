package image

import (
	"strings"
	"testing"
)

func TestName(t *testing.T) {
	digest := "@sha256:" + strings.Repeat("a", 64)
	for _, c := range []struct{ name, tagged, local, short, under string }{
		{"web", "web:v2", "web", "web", "reg.example/web"},
		{"web:v1", "web:v2", "web:v1", "web", "reg.example/web:v1"},
		{"shop/web:v1", "shop/web:v2", "shop/web:v1", "web", "reg.example/shop/web:v1"},
		{"localhost/web", "localhost/web:v2", "web", "web", "reg.example/localhost/web"},
		{"localhost:5000/shop/web", "localhost:5000/shop/web:v2", "shop/web", "web", "reg.example/localhost:5000/shop/web"},
		{"reg.example/web:v1" + digest, "reg.example/web:v2", "web:v1" + digest, "web", "reg.example/web:v1" + digest},
		{"reg.example:5000/shop/web" + digest, "reg.example:5000/shop/web:v2", "shop/web" + digest, "web", "reg.example/reg.example:5000/shop/web" + digest},
	} {
		n := Name(c.name)
		if got := n.WithTag("v2"); got != Name(c.tagged) {
			t.Errorf("%s with a tag: %s", n, got)
		}
		if got := n.WithTag(""); got != n {
			t.Errorf("%s without a tag: %s", n, got)
		}
		if got := n.Local(); got != Name(c.local) {
			t.Errorf("%s without its registry: %s", n, got)
		}
		if got := n.Short(); got != c.short {
			t.Errorf("%s in short: %s", n, got)
		}
		if got := n.Under("reg.example"); got != Name(c.under) {
			t.Errorf("%s under a registry: %s", n, got)
		}
	}
}

func TestComplete(t *testing.T) {
	for _, c := range []struct{ registry, name, directory, want string }{
		{"", "", "My-App", "my-app:latest"},
		{"", "web:dev", "x", "web:dev"},
		{"localhost:5000", "web", "x", "localhost:5000/web:latest"},
		{"localhost:5000", "localhost:5000/web:1", "x", "localhost:5000/web:1"},
		{"", "localhost:5000/web", "x", "localhost:5000/web:latest"},
	} {
		if got := Complete(c.registry, c.name, c.directory); got != Name(c.want) {
			t.Errorf("%q: %s, want %s", c, got, c.want)
		}
	}
}
