package detect

import (
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/plan"
)

// repo makes a repository of texts by path.
func repo(files map[string]string) fstest.MapFS {
	tree := fstest.MapFS{}
	for name, text := range files {
		tree[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return tree
}

// one plans a repository that has one service.
func one(t *testing.T, files map[string]string) plan.Service {
	t.Helper()
	plans, findings := Plan(repo(files), nil)
	if err := findings.Errors(); err != nil || len(plans) != 1 {
		t.Fatalf("%d plans, %v", len(plans), findings)
	}
	return plans[0]
}

func TestNamesOfADockerfile(t *testing.T) {
	const text = "FROM scratch\nCOPY a /a\n"
	for want, files := range map[string]map[string]string{
		"dockerfile":      {"dockerfile": text, "a": ""},
		"Dockerfile":      {"Dockerfile": text, "dockerfile": text, "Containerfile": text},
		"Containerfile":   {"Containerfile": text},
		"api/dockerfile":  {"api/dockerfile": text, "api/package.json": "{}"},
		"containerfile":   {"containerfile": text},
		"b/Containerfile": {"b/Containerfile": text, "b/go.mod": "module b"},
	} {
		if p := one(t, files); p.Dockerfile != want || p.Stages != nil {
			t.Errorf("built from %q, not %q", p.Dockerfile, want)
		}
	}
}

func TestADockerfilesOwnIgnoreFileWins(t *testing.T) {
	p := one(t, map[string]string{"dockerfile": "FROM scratch\n", ".dockerignore": "a\n", "dockerfile.dockerignore": "\ufeffb\r\n!c\r\n"})
	if diff := cmp.Diff([]string{"b", "!c"}, p.DockerIgnore); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
