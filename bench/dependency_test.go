package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAnAddedDependencyIsInBothManifests(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("package.json", `{"name": "web", "scripts": {"build": "tsc && true"}, "dependencies": {"a": "1.0.0"}}`)
	write("package-lock.json", `{"lockfileVersion": 3, "packages": {"": {"dependencies": {"a": "1.0.0"}}, "node_modules/a": {"version": "1.0.0"}}}`)
	p := npmPackage{"b", "2.0.0", "MIT", "sha512-AA=="}
	if err := addDependency(dir, p); err != nil {
		t.Fatal(err)
	}
	tree := treeOf(t, dir)
	want := map[string]string{
		"package.json": `{
  "dependencies": {
    "a": "1.0.0",
    "b": "2.0.0"
  },
  "name": "web",
  "scripts": {
    "build": "tsc && true"
  }
}
`,
		"package-lock.json": `{
  "lockfileVersion": 3,
  "packages": {
    "": {
      "dependencies": {
        "a": "1.0.0",
        "b": "2.0.0"
      }
    },
    "node_modules/a": {
      "version": "1.0.0"
    },
    "node_modules/b": {
      "integrity": "sha512-AA==",
      "license": "MIT",
      "version": "2.0.0"
    }
  }
}
`,
	}
	if diff := cmp.Diff(want, tree); diff != "" {
		t.Errorf("manifests (-want +got):\n%s", diff)
	}
	if err := addDependency(dir, p); err == nil || !strings.Contains(err.Error(), "already") {
		t.Errorf("adding it again: %v, want a refusal", err)
	}
}

func TestALockFileOfAnotherVersionIsRefused(t *testing.T) {
	if err := lock(map[string]any{"dependencies": map[string]any{}}, newDependencies[0]); err == nil {
		t.Error("a lock file of version 1 was changed")
	}
}

// A package that the fleet has already would be in a cache.
func TestNewDependenciesAreNewToTheFleet(t *testing.T) {
	locks, err := filepath.Glob(filepath.Join("..", "examples", "fast", "*", "package-lock.json"))
	if err != nil || len(locks) == 0 {
		t.Fatalf("%d lock files, %v", len(locks), err)
	}
	for _, path := range locks {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var doc map[string]any
		if err := json.Unmarshal(data, &doc); err != nil {
			t.Fatal(err)
		}
		for _, p := range newDependencies {
			if err := lock(doc, p); err != nil {
				t.Errorf("%s: %v", path, err)
			}
		}
	}
}
