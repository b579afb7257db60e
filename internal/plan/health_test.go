package plan

import (
	"encoding/json"
	"testing"
	"time"
)

func TestHealthCheckInWords(t *testing.T) {
	for _, c := range []struct {
		check                HealthCheck
		words, yaml, encoded string
	}{
		{HealthCheck{}, "", "", `{}`},
		{HealthCheck{GRPC: new("")}, "gRPC (whole server)", `{grpc: ""}`, `{"grpc":""}`},
		{HealthCheck{GRPC: new("shop.Cart")}, "gRPC shop.Cart", `{grpc: shop.Cart}`, `{"grpc":"shop.Cart"}`},
		{HealthCheck{GRPC: new(""), TLS: true}, "gRPC (whole server) over TLS", `{grpc: "", tls: true}`, `{"grpc":"","tls":true}`},
		{HealthCheck{HTTP: "/health", TLS: true}, "HTTP /health over TLS", `{http: /health, tls: true}`, `{"http":"/health","tls":true}`},
		{HealthCheck{HTTP: "/a?b={c}"}, "HTTP /a?b={c}", `{http: "/a?b={c}"}`, `{"http":"/a?b={c}"}`},
		{HealthCheck{TCP: true}, "TCP", `{tcp: true}`, `{"tcp":true}`},
		{HealthCheck{Command: []string{"/check", "-x"}, Health: Health{Retries: 2}}, "command /check -x", `{command: [PROGRAM]}`, `{"command":["/check","-x"],"retries":2}`},
	} {
		encoded, err := json.Marshal(c.check)
		if err != nil {
			t.Fatal(err)
		}
		if c.check.Describe() != c.words || c.check.YAML() != c.yaml || string(encoded) != c.encoded || c.check.Asks() != (c.words != "") {
			t.Errorf("%s: %q, %q, asks %v; want %+v", encoded, c.check.Describe(), c.check.YAML(), c.check.Asks(), c)
		}
	}
}

func TestHealthDefaults(t *testing.T) {
	if got, want := (Health{}).WithDefaults(), (Health{10 * time.Second, 3 * time.Second, 15 * time.Second, 3}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	written := Health{time.Second, 2 * time.Second, 3 * time.Second, 4}
	if got := written.WithDefaults(); got != written {
		t.Errorf("%+v, want %+v", got, written)
	}
	for ecosystem, want := range map[string]time.Duration{"java": time.Minute, "node": 15 * time.Second, "": 15 * time.Second} {
		if got := StartPeriodOf(ecosystem); got != want {
			t.Errorf("%s: %v, want %v", ecosystem, got, want)
		}
	}
}
