package main

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// treeOf reads all files of a directory.
func treeOf(t *testing.T, dir string) map[string]string {
	t.Helper()
	tree := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		tree[filepath.ToSlash(rel)] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func TestAGeneratedFleetIsTheSameEveryTime(t *testing.T) {
	first, second := t.TempDir(), t.TempDir()
	for _, dir := range []string{first, second} {
		if err := generateFleet(dir, 3, 4, map[string][]byte{"Dockerfile": []byte("LABEL n=%s\n"), "package.json": []byte("{}")}); err != nil {
			t.Fatal(err)
		}
	}
	tree := treeOf(t, first)
	if diff := cmp.Diff(tree, treeOf(t, second)); diff != "" {
		t.Errorf("fleet (-first +second):\n%s", diff)
	}
	if len(tree) != 1+3*4 {
		t.Errorf("%d files, want slipway.yaml and 4 of each of 3 services", len(tree))
	}
	if got := tree["s00002/Dockerfile"]; got != "LABEL n=s00002\n" {
		t.Errorf("Dockerfile = %q, want it to name the service", got)
	}
	contents := map[string]bool{}
	for path, text := range tree {
		if strings.Contains(path, "/src/") {
			contents[text] = true
		}
	}
	if len(contents) != 3*2 {
		t.Errorf("%d different sources, want each of 6 to be its own", len(contents))
	}
}

func TestAGeneratedServiceHasRoomForItsFiles(t *testing.T) {
	if err := generateFleet(t.TempDir(), 1, 1, map[string][]byte{"a": nil, "b": nil}); err == nil {
		t.Error("two files fit into one")
	}
}

func TestManifestsLeaveTheNameOpen(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "web")
	files := map[string]string{
		"package.json":      `{"name": "web", "scripts": {"generate": "gen --template=%sInput"}}`,
		"package-lock.json": `{"name": "web"}`,
		"tsconfig.json":     `{}`,
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	fixed, err := manifestsOf(dir)
	if err != nil {
		t.Fatal(err)
	}
	fleet := t.TempDir()
	if err := generateFleet(fleet, 1, 3, fixed); err != nil {
		t.Fatal(err)
	}
	want := `{"name": "s00000", "scripts": {"generate": "gen --template=%SInput"}}`
	if got := treeOf(t, fleet)["s00000/package.json"]; got != want {
		t.Errorf("package.json = %s, want %s", got, want)
	}
}

func TestTheLayerIsHalfTextAndTheSameEveryTime(t *testing.T) {
	text := layerFile(4)
	if !bytes.Equal(text, layerFile(4)) {
		t.Error("the same file has other bytes the second time")
	}
	if len(text) != layerFileSize || bytes.ContainsFunc(text, func(r rune) bool { return r > 'z' }) {
		t.Error("an even file is not text")
	}
	random := map[byte]bool{}
	for _, b := range layerFile(5) {
		random[b] = true
	}
	if len(random) != 256 {
		t.Errorf("an odd file has %d different bytes, want all", len(random))
	}
}

func TestGrowth(t *testing.T) {
	if got := growth([]float64{1, 2, 3}, []float64{9, 8, 7}, 4); got != 1 {
		t.Errorf("growth = %v, want 1", got)
	}
}
