package dockerfile

import (
	"flag"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files")

// TestRenderBake: the definition of a fleet with a service below the root, one
// whose context is the root, and bases with and without a tag of their own.
func TestRenderBake(t *testing.T) {
	text := RenderBake(Bake{
		Fleet: "shop", Registry: "registry.example/team", Tag: "v1.2.3", Platforms: []string{"linux/amd64", "linux/arm64"},
		Bases: []string{"slipway/probe:latest", "slipway/node:22-trixie-toolchain", "slipway/node:22-trixie"},
		Targets: []BakeTarget{
			{Name: "web", Context: "apps/web", Dockerfile: "Dockerfile"},
			{Name: "mailer.v2", Context: ".", Dockerfile: "mailer.v2.Dockerfile"},
		},
	})
	const golden = "testdata/bake.golden.json"
	if *update {
		if err := os.WriteFile(golden, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(text)); diff != "" {
		t.Errorf("definition (-want +got):\n%s", diff)
	}
}

func TestGeneratedBake(t *testing.T) {
	for text, want := range map[string]bool{
		string(RenderBake(Bake{Fleet: "shop", Tag: "latest"})):                             true,
		"{\"//\": \"shop, planned by Slipway. [sha256:0123456789abcdef]" + bakeUse + "\"}": true,
		`{"target": {"web": {}}}`:                                false,
		`{"//": "like shop, planned by Slipway.", "target": {}}`: false,
		`not JSON`: false,
	} {
		if got := GeneratedBake([]byte(text)); got != want {
			t.Errorf("GeneratedBake(%.40s) = %v", text, got)
		}
	}
}
