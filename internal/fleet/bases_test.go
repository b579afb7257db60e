package fleet

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"

	"github.com/slipway-build/slipway/internal/dockerfile"
	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/image"
	"github.com/slipway-build/slipway/internal/pipeline"
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

// storeOf is an image store with single images for amd64.
func storeOf(t *testing.T, names ...string) (*image.Store, map[string]string) {
	t.Helper()
	store, err := image.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	digests := map[string]string{}
	for i, name := range names {
		img, err := random.Image(int64(10+i), 1)
		if err != nil {
			t.Fatal(err)
		}
		config, err := img.ConfigFile()
		if err != nil {
			t.Fatal(err)
		}
		config.OS, config.Architecture = "linux", "amd64"
		if img, err = mutate.ConfigFile(img, config); err != nil {
			t.Fatal(err)
		}
		desc, err := store.Write(t.Context(), name, img)
		if err != nil {
			t.Fatal(err)
		}
		digests[name] = desc.Digest.String()
	}
	return store, digests
}

func TestADirectoryBuildsOnImagesOfTheStore(t *testing.T) {
	store, digests := storeOf(t, "base:dev", "registry.example/tools:v1", "slipway/node:22-trixie")
	file, err := dockerfile.Read("Dockerfile", []byte("ARG V=dev\nFROM base:${V} AS a\nFROM slipway/node:22-trixie\nCOPY --from=registry.example/tools:v1 / /\nCOPY --from=docs / /\nCOPY --from=debian:trixie / /\nFROM a\n"))
	if err != nil {
		t.Fatal(err)
	}
	job := pipeline.Job{File: &file, Request: engine.Request{Platforms: []string{"linux/amd64"}, Named: map[string]string{"docs": "docker-image://base:dev", "debian:trixie": "/srv/tree"}}}
	names, err := UseStored(t.Context(), store, &job)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"base:dev": digests["base:dev"], "registry.example/tools:v1": digests["registry.example/tools:v1"]}
	if d := cmp.Diff(want, job.Stored); d != "" || len(names) != 2 {
		t.Errorf("%v, -want +got:\n%s", names, d)
	}
	job = pipeline.Job{File: &file, Request: engine.Request{Platforms: []string{"linux/amd64", "linux/arm64"}}}
	if names, err := UseStored(t.Context(), store, &job); err != nil || len(names) != 0 || job.Stored != nil {
		t.Errorf("an image for one platform is used for two: %v, %v", names, err)
	}
}

// TestImagesThatAnotherRepositoryNamedAreNotUsed: a repository may call its image
// debian:trixie, or by the name of another one's; that one's builds do not start from it.
func TestImagesThatAnotherRepositoryNamedAreNotUsed(t *testing.T) {
	store, digests := storeOf(t, "library/node:22", "ghcr.io/acme/base:latest", "mine:dev")
	for _, name := range []string{"library/node:22", "ghcr.io/acme/base:latest"} {
		desc, err := store.Resolve(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		desc.Annotations = map[string]string{image.NamedBy: "hostile"}
		if err := store.Tag(t.Context(), name, desc); err != nil {
			t.Fatal(err)
		}
	}
	file, err := dockerfile.Read("Dockerfile", []byte("FROM node:22 AS a\nFROM ghcr.io/acme/base\nCOPY --from=mine:dev / /\nCOPY --from=a / /\n"))
	if err != nil {
		t.Fatal(err)
	}
	for repository, want := range map[string][]string{
		"victim":  {"mine:dev"},
		"hostile": {"node:22", "ghcr.io/acme/base", "mine:dev"},
		"":        {"node:22", "ghcr.io/acme/base", "mine:dev"}, // all share by the choice of the machine's owner
	} {
		job := pipeline.Job{File: &file, Request: engine.Request{Platforms: []string{"linux/amd64"}, Repository: repository}}
		names, err := UseStored(t.Context(), store, &job)
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(names)
		slices.Sort(want)
		if d := cmp.Diff(want, names); d != "" || len(job.Stored) != len(want) {
			t.Errorf("%q (-want +got):\n%s", repository, d)
		}
	}
	job := pipeline.Job{File: &file, Request: engine.Request{Platforms: []string{"linux/amd64"}, Repository: "victim", Named: map[string]string{"ghcr.io/acme/base": "docker-image://ghcr.io/acme/base:latest"}}}
	if _, err := UseStored(t.Context(), store, &job); err != nil || job.Stored["ghcr.io/acme/base:latest"] != digests["ghcr.io/acme/base:latest"] {
		t.Errorf("an image that --build-context names: %v, %v", job.Stored, err)
	}
}

func TestANamedContextMayBeABase(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte("FROM runtime\nFROM slipway/unknown\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	r, err := Loader{Dir: dir}.Directory(dir, "")
	if err != nil {
		t.Fatal(err)
	}
	job, err := r.Job(engine.Request{Named: map[string]string{"runtime": "docker-image://slipway/node:22-trixie", "slipway/unknown": "/srv"}}, Overrides{})
	if err != nil || len(job.Bases) != 1 || job.Bases[0].Ref != "slipway/node:22-trixie" {
		t.Errorf("%v, %v", job.Bases, err)
	}
	_, err = r.Job(engine.Request{Named: map[string]string{"runtime": "docker-image://slipway/node:17-trixie", "slipway/unknown": "/srv"}}, Overrides{})
	if err == nil || !strings.Contains(err.Error(), `--build-context runtime: error: unknown base "slipway/node:17-trixie"`) {
		t.Errorf("an unknown base: %v", err)
	}
}
