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

// TestNumbers reads the numbers of YAML 1.2's core schema, and no others.
func TestNumbers(t *testing.T) {
	for written, want := range map[string]int{
		"8080": 8080, "+80": 80, "0o17700": 8128, "0x1F90": 8080, "08080": 8080, "0080": 80, "017": 17,
		"8_080": 0, "0b1010": 0, "1e3": 0, "\"8080\"": 0, "80.0": 0, "8080:80": 0,
	} {
		fleet, findings := Parse("slipway.yaml", []byte("version: 1\nfleet: f\nservices:\n  web: {path: ., port: "+written+"}\n"))
		if want == 0 {
			if findings.Errors() == nil || findings[0].Code != codeWrongType {
				t.Errorf("port: %s: %v", written, findings)
			}
			continue
		}
		if findings != nil || fleet.Services[0].Port != want {
			t.Errorf("port: %s: %v, want %d", written, findings, want)
		}
	}
	fleet, findings := Parse("slipway.yaml", []byte("version: 1\nfleet: f\nservices:\n  web: {path: ., version: 1.30, env: {MODE: 0644, BIG: 1_000, YES: yes, ON: on, ANSWER: No, RATE: 1e3}, health: {command: [probe, 1_000]}}\n"))
	if findings != nil {
		t.Fatal(findings)
	}
	s := fleet.Services[0]
	if diff := cmp.Diff(map[string]string{"MODE": "0644", "BIG": "1_000", "YES": "yes", "ON": "on", "ANSWER": "No", "RATE": "1e3"}, s.Env); diff != "" || s.Version != "1.30" {
		t.Errorf("version %s, env (-want +got):\n%s", s.Version, diff)
	}
	for written, want := range map[string]bool{"true": true, "True": true, "TRUE": true, "yes": false, "on": false, "y": false} {
		_, findings := Parse("slipway.yaml", []byte("version: 1\nfleet: f\nstrict: "+written+"\nservices:\n  web: {path: .}\n"))
		if (findings == nil) != want {
			t.Errorf("strict: %s: %v", written, findings)
		}
	}
}

// TestExplicitKeys: a question mark, a directive and document marks say nothing new.
func TestExplicitKeys(t *testing.T) {
	for _, text := range []string{
		"version: 1\nfleet: f\nservices:\n  web: {path: ., port: 80}\n",
		"%YAML 1.2\n---\nversion: 1\nfleet: f\nservices:\n  web: {path: ., port: 80}\n...\n",
		"--- # a fleet\nversion: 1\n? fleet\n: f\nservices:\n  ? web\n  : path: .\n    port: 80\n",
		"{version: 1, \"fleet\":\"f\", services: {\"web\":{\"path\":\".\",\"port\":80}}}",
		"\ufeffversion: 1\r\nfleet: f\r\nservices:\r\n  web:\r\n    path: .\r\n    port: 80\r\n",
		"version:\t1\nfleet: f\t# tabs\nservices:\n  web: {path: ., port: 80}\n",
	} {
		fleet, findings := Parse("slipway.yaml", []byte(text))
		if findings != nil || fleet.Name != "f" || len(fleet.Services) != 1 || fleet.Services[0].Port != 80 || fleet.Services[0].Path != "." {
			t.Errorf("%q: %v", text, findings)
		}
	}
	for text, want := range map[string]string{
		"version: 1\nfleet: f\n---\nfleet: g\n": "more than one document",
		"version: 1\nfleet: f\nfleet: g\n":      "written twice",
		"version: 1\n\tfleet: f\n":              "not valid YAML",
		"? [a]\n: 1\n":                          "",
	} {
		if _, findings := Parse("slipway.yaml", []byte(text)); findings.Errors() == nil || !strings.Contains(findings.Error(), want) {
			t.Errorf("%q: %v, want %s", text, findings, want)
		}
	}
}
