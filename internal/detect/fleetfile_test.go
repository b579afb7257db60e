package detect_test

import (
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/detect"
)

// TestSharedPortsAreLeftToDetection: services that listen on the same port, as
// every second one does on 3000, make a slipway.yaml that can be read.
func TestSharedPortsAreLeftToDetection(t *testing.T) {
	tree := repo("a", "b", "c")
	listen := func(dir, port string) {
		tree[dir+"/server.js"] = &fstest.MapFile{Data: []byte("require('http').createServer().listen(" + port + ")")}
	}
	listen("a", "3000")
	listen("b", "3000")
	listen("c", "4000")
	found, findings := detect.Survey(tree, nil)
	if findings.Errors() != nil {
		t.Fatal(findings)
	}
	written := func(file []byte) map[string]int {
		t.Helper()
		fleet, findings := config.Parse(config.FileName, file)
		if findings.Errors() != nil {
			t.Fatalf("%v\n%s", findings, file)
		}
		ports := map[string]int{}
		for _, s := range fleet.Services {
			ports[s.Name] = s.Port
		}
		return ports
	}
	if diff := cmp.Diff(map[string]int{"a": 0, "b": 0, "c": 4000}, written(detect.FleetFile("f", found))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	one := detect.FleetFile("f", found[:1])
	if diff := cmp.Diff(map[string]int{"a": 3000, "b": 0, "c": 4000}, written(detect.Extend(one, found[1:]).Apply(one))); diff != "" {
		t.Errorf("extended (-want +got):\n%s", diff)
	}
}
