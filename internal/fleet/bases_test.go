package fleet

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/plan"
)

func TestWrittenBases(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"Dockerfile":                    "ARG V=22\nFROM --platform=$BUILDPLATFORM slipway/node:${V}-trixie-toolchain AS b\nFROM b\nFROM slipway/node:${V}-trixie\nCOPY --from=slipway/probe / /\n",
		"web.Dockerfile":                "FROM slipway/static:trixie\n",
		"api/dockerfile":                "ARG M=${TARGETARCH/amd64/24}\nFROM slipway/node:${M/arm64/20}-trixie\n",
		"api/Containerfile.dev":         "FROM node:22\n",
		"Dockerfile.dockerignore":       "FROM slipway/none\n",
		"broken/Dockerfile":             "FROMM slipway/none\n",
		"node_modules/x/Dockerfile":     "FROM slipway/none\n",
		".git/Dockerfile":               "FROM slipway/none\n",
		"a/b/c/d/e/f/g/h/i/Dockerfile":  "FROM slipway/none\n",
		"docs/how-to-write-a-dockerfil": "FROM slipway/none\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	refs, files, err := WrittenBases(dir, map[string]string{"V": "20"}, []string{"linux/amd64"})
	want := []string{"slipway/node:20-trixie", "slipway/node:20-trixie-toolchain", "slipway/node:24-trixie", "slipway/probe:latest", "slipway/static:trixie"}
	if d := cmp.Diff(want, refs); err != nil || d != "" || files != 4 {
		t.Errorf("%d files, %v, -want +got:\n%s", files, err, d)
	}
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile.old"), []byte("FROM slipway/node:17-trixie\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, _, err := WrittenBases(dir, nil, []string{plan.Host()}); err == nil {
		t.Error("an unknown base is no error")
	}
}
