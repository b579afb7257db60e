package localrun

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/diag"
)

func TestVariables(t *testing.T) {
	lookup := func(name string) (string, bool) {
		value, ok := map[string]string{"HERE": "h", "EMPTY": ""}[name]
		return value, ok
	}
	for in, want := range map[string]Variable{
		"A=1":         {Name: "A", Value: "1"},
		"A=":          {Name: "A"},
		"A=b=c:d":     {Name: "A", Value: "b=c:d"},
		"HERE":        {Name: "HERE", Value: "h"},
		"EMPTY":       {Name: "EMPTY"},
		"GONE":        {Name: "GONE", Unset: true},
		"web:A=x":     {Service: "web", Name: "A", Value: "x"},
		"web:HERE":    {Service: "web", Name: "HERE", Value: "h"},
		"web:GONE":    {Service: "web", Name: "GONE", Unset: true},
		"A=http://x/": {Name: "A", Value: "http://x/"},
	} {
		got, err := ParseVariable(in, lookup)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", in, err, diff)
		}
	}
	for _, in := range []string{"", "=x", "web:", "web:=s3cret", ":A=s3cret"} {
		if _, err := ParseVariable(in, lookup); err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%q: %v", in, err)
		}
	}
}

func TestSetVariables(t *testing.T) {
	shared := map[string]string{"A": "yaml", "B": "yaml"}
	services := []Spec{{Name: "web", Env: shared}, {Name: "api", Env: shared}}
	err := SetVariables(services, []Variable{
		{Name: "A", Value: "all"}, {Service: "web", Name: "A", Value: "web"}, {Name: "B", Unset: true},
		{Service: "api", Name: "B", Value: "back"}, {Name: "C", Unset: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []Spec{
		{Name: "web", Env: map[string]string{"A": "web"}, Unset: []string{"B", "C"}},
		{Name: "api", Env: map[string]string{"A": "all", "B": "back"}, Unset: []string{"C"}},
	}
	if diff := cmp.Diff(want, services); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if shared["A"] != "yaml" || len(shared) != 2 {
		t.Errorf("the map of slipway.yaml was changed: %v", shared)
	}
	err = SetVariables(services, []Variable{{Service: "wep", Name: "A", Value: "s3cret"}})
	if diag.ExitOf(err) != diag.ExitUsage || err.Error() != "unknown service wep to set A of" || diag.HintOf(err) != "did you mean web?" {
		t.Errorf("%v (%s)", err, diag.HintOf(err))
	}
}

func TestTargets(t *testing.T) {
	for text, want := range map[string]string{
		"DATABASE_URL=postgres://u:p@db:5432/x?sslmode=off":     "db:5432",
		"DATABASE_URL=postgres://u:p%40@db/x":                   "db:",
		"SPRING_DATASOURCE_URL=jdbc:postgresql://db:5432/x":     "db:5432",
		"MYSQL_DSN=user:pass@tcp(mysql:3306)/x?parseTime=true":  "mysql:3306",
		"MONGO_URI=mongodb://m1:27017,m2:27017/x?replicaSet=rs": "m1:27017 m2:27017",
		"KAFKA_BROKERS=k1:9092, k2:9092":                        "k1:9092 k2:9092",
		"NATS_SERVERS=nats://n1:4222,nats://n2:4222":            "n1:4222 n2:4222",
		"REDIS_HOST=redis":                                  "redis:",
		"CATALOG_ADDR=catalog:3550":                         "catalog:3550",
		"OTEL_EXPORTER_OTLP_ENDPOINT=http://collector:4318": "collector:4318",
		"REDIS_URL=redis://localhost:6379":                  "localhost:6379 local",
		"REDIS_URL=redis://127.0.0.1:6379/0":                "127.0.0.1:6379 local",
		"REDIS_URL=redis://[::1]:6379":                      "::1:6379 local",
		"DB_HOST=localhost":                                 "",
		"PUBLIC_URL=http://localhost:3000":                  "",
		"GRPC_ADDR=localhost:3000":                          "", // its own port
		"HOST=0.0.0.0":                                      "",
		"DB_URL=postgres://10.0.0.5/x":                      "",
		"DB_URL=sqlite:///data/x.db":                        "",
		"DB_URL=file:./dev.db":                              "",
		"LOG_URL=file:///var/log":                           "",
		"GREETING=hello":                                    "",
		"NODE_ENV=production":                               "",
		"TEMPLATE_URL=http://${HOST}/x":                     "",
		"REDIS_URL=redis://:p@ss/w@cache:6379":              "",
		"SENTENCE_URL=see http://x":                         "",
		"LISTEN_ADDR=:8080":                                 "",
		"API_URL=https://api.example.com/v1":                "api.example.com:",
		"WEB_URL=":                                          "",
	} {
		name, value, _ := strings.Cut(text, "=")
		var got []string
		for _, target := range Targets(Spec{Name: "s", Port: 3000}, map[string]string{name: value}) {
			word := target.Host + ":" + target.Port
			if target.Local {
				word += " local"
			}
			got = append(got, word)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

func TestUnserved(t *testing.T) {
	g := Group{Name: "shop", Services: []Spec{{Name: "web", Port: 3000}, {Name: "Cart", Port: 50051}}}
	envs := map[string]map[string]string{
		"web": {
			"CART_ADDR": "cart:50051", "CART_URL": "http://cart.shop:50051", "DATABASE_URL": "postgres://u:s3cret@db:5432/x", "DATABASE_URI": "postgres://db",
			"API_URL": "https://api.example.com", "HOST_URL": "http://host.slipway.internal:1", "REDIS_URL": "redis://localhost:6379",
		},
		"Cart": {"BROKERS": "db:1,db:2"},
	}
	asked := map[string]bool{}
	findings := Unserved(g, envs, func(host string) bool {
		asked[host] = true
		return host == "api.example.com"
	})
	var got []string
	for _, f := range findings {
		got = append(got, fmt.Sprintf("%s %s: %s (%s)", f.Code, f.Severity, f.Text, f.Hint))
	}
	want := []string{
		"SLP404 warning: Cart: BROKERS names the host db, which is neither a service of the group nor found elsewhere (start it in the same group, or set another value: slipway run -e Cart:BROKERS=…)",
		"SLP404 warning: web: DATABASE_URI names the host db, which is neither a service of the group nor found elsewhere (start it in the same group, or set another value: slipway run -e web:DATABASE_URI=…)",
		"SLP404 warning: web: DATABASE_URL names the host db, which is neither a service of the group nor found elsewhere (start it in the same group, or set another value: slipway run -e web:DATABASE_URL=…)",
		"SLP404 warning: web: REDIS_URL names localhost:6379, which in the container is the service itself (name the service that listens there, or this machine: host.slipway.internal:6379)",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	var names []string
	for name := range asked {
		names = append(names, name)
	}
	slices.Sort(names)
	if diff := cmp.Diff([]string{"api.example.com", "db"}, names); diff != "" {
		t.Errorf("asked for (-want +got):\n%s", diff)
	}
}

func FuzzTargets(f *testing.F) {
	f.Add("A_URL", "postgres://u:p@db:5432,x/y")
	f.Add("B_HOST", "a:1,b:2")
	f.Fuzz(func(t *testing.T, name, value string) {
		for _, target := range Targets(Spec{}, map[string]string{name: value}) {
			if target.Host == "" || strings.ContainsAny(target.Host, "@/ ") {
				t.Error(errors.New(target.Host))
			}
		}
	})
}
