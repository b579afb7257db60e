package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestAColonInAFlowCollection compares with what PyYAML 6.0 reads.
func TestAColonInAFlowCollection(t *testing.T) {
	for written, want := range map[string][]string{
		`[/probe, localhost:8080]`:           {"/probe", "localhost:8080"},
		`[/probe, "localhost:8080"]`:         {"/probe", "localhost:8080"},
		`[http://localhost:8080/x, a]`:       {"http://localhost:8080/x", "a"},
		`[a:b:c]`:                            {"a:b:c"},
		`["::1", x::y]`:                      {"::1", "x::y"},
		`[nc, -z, tcp:127.0.0.1:80]`:         {"nc", "-z", "tcp:127.0.0.1:80"},
		"[/probe,\n      localhost:8080]":    {"/probe", "localhost:8080"},
		`[sh, -c, 'a: b']`:                   {"sh", "-c", "a: b"},
		`[redis-cli, -u, redis://cache:637]`: {"redis-cli", "-u", "redis://cache:637"},
		`[x, größe:8080]`:                    {"x", "größe:8080"},
	} {
		fleet, findings := Parse("slipway.yaml", []byte("version: 1\nfleet: f\nservices:\n  web: {path: ., health: {command: "+written+"}}\n"))
		if findings != nil {
			t.Errorf("%s: %v", written, findings)
			continue
		}
		if diff := cmp.Diff(want, fleet.Services[0].Health.Command); diff != "" {
			t.Errorf("%s (-want +got):\n%s", written, diff)
		}
	}
}

// TestAColonInAFlowValue: values of a flow mapping hold colons; a key with one is
// no pair.
func TestAColonInAFlowValue(t *testing.T) {
	fleet, findings := Parse("slipway.yaml", []byte("version: 1\nfleet: f\nservices: {web: {env: {ADDR: db:5432, URL: \"http://a:1\"}, port: 80}}\n"))
	if findings != nil {
		t.Fatal(findings)
	}
	if diff := cmp.Diff(map[string]string{"ADDR": "db:5432", "URL": "http://a:1"}, fleet.Services[0].Env); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	_, findings = Parse("slipway.yaml", []byte("version: 1\nfleet: f\nservices: {web: {port:8080}}\n"))
	if len(findings) != 1 || !strings.Contains(findings[0].String(), `"port:8080"`) || !strings.Contains(findings[0].Hint, "port: 8080") {
		t.Errorf("a key that swallowed its value: %v", findings)
	}
	_, findings = Parse("slipway.yaml", []byte("version: 1\nfleet: f\nservices: {web: {health: {command: [a: b]}}}\n"))
	if len(findings) != 2 || findings[1].Code != codeWrongType {
		t.Errorf("a map in a command: %v", findings)
	}
}
