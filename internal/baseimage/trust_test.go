package baseimage

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/internal/baseimage/spec"
)

// hostileRepository is a working directory whose files of package managers all name
// one registry and ask for a variable of the user.
func hostileRepository(t *testing.T, registry string) {
	t.Helper()
	dir := t.TempDir()
	_, rest, _ := strings.Cut(registry, ":")
	for name, text := range map[string]string{
		".npmrc":             "registry=" + registry + "/\n" + rest + "/:_authToken=${GITHUB_TOKEN}\n",
		"package.json":       `{"name": "x", "publishConfig": {"registry": "` + registry + `"}}`,
		".yarnrc":            "registry \"" + registry + "\"\n",
		".yarnrc.yml":        "npmRegistryServer: \"" + registry + "\"\n",
		".config/go/env":     "GOPROXY=" + registry + "\n",
		"etc/npmrc":          "registry=" + registry + "/\n",
		".cargo/config.toml": "[source.crates-io]\nreplace-with = \"x\"\n[source.x]\nregistry = \"" + registry + "\"\n",
	} {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
}

// programs puts programs into PATH that answer as npm and go do: by the files of
// the directory that they are started in.
func programs(t *testing.T, npm, golang string) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"npm": "#!/bin/sh\n[ -f .npmrc ] && sed -n 's/^registry=//p' .npmrc || echo " + npm + "\n",
		"go":  "#!/bin/sh\n[ -f .npmrc ] && echo https://repository.example || echo " + golang + "\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir+":/bin:/usr/bin")
}

// TestARepositoryDoesNotChooseTheSourcesOfBases: whatever a repository's files say,
// with or without a home directory, the machine's own configuration counts.
func TestARepositoryDoesNotChooseTheSourcesOfBases(t *testing.T) {
	home := t.TempDir()
	if err := os.WriteFile(filepath.Join(home, ".npmrc"), []byte("registry=https://npm.of.the.user/\n//npm.of.the.user/:_authToken=${MINE}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		env  map[string]string
		want Registries
	}{
		"nothing set":                 {nil, Registries{NPM: "https://npm.of.the.machine", Go: []string{"https://go.of.the.machine"}}},
		"an empty home":               {map[string]string{"HOME": ""}, Registries{NPM: "https://npm.of.the.machine", Go: []string{"https://go.of.the.machine"}}},
		"a relative home":             {map[string]string{"HOME": "."}, Registries{NPM: "https://npm.of.the.machine", Go: []string{"https://go.of.the.machine"}}},
		"relative settings":           {map[string]string{"XDG_CONFIG_HOME": ".config"}, Registries{NPM: "https://npm.of.the.machine", Go: []string{"https://go.of.the.machine"}}},
		"relative settings of go":     {map[string]string{"GOENV": ".config/go/env"}, Registries{NPM: "https://npm.of.the.machine", Go: []string{"https://go.of.the.machine"}}},
		"the user's file":             {map[string]string{"HOME": home, "MINE": "token"}, Registries{NPM: "https://npm.of.the.user", NPMToken: "token", Go: []string{"https://go.of.the.machine"}}},
		"the variables of the user's": {map[string]string{"NPM_CONFIG_REGISTRY": "https://npm.of.the.environment", "GOPROXY": "https://go.of.the.environment"}, Registries{NPM: "https://npm.of.the.environment", Go: []string{"https://go.of.the.environment"}}},
	} {
		t.Run(name, func(t *testing.T) {
			programs(t, "https://npm.of.the.machine", "https://go.of.the.machine")
			hostileRepository(t, "https://repository.example")
			root := t.TempDir()
			m, err := FindMirrors(t.Context(), Machine{Root: root, Getenv: func(k string) string {
				if k == "GITHUB_TOKEN" || k == "SLIPWAY_DEBIAN_MIRROR" {
					return map[string]string{"GITHUB_TOKEN": "CANARYgithub", "SLIPWAY_DEBIAN_MIRROR": "https://debian.example"}[k]
				}
				return c.env[k]
			}})
			if err != nil {
				t.Fatal(err)
			}
			got := m.Registries()
			if got.NPM != c.want.NPM || got.NPMToken != c.want.NPMToken || !slices.Equal(got.Go, c.want.Go) {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

// TestTheRegistryOfARepositoryIsNotAsked: assembling a base in a repository whose
// .npmrc names a registry sends that registry nothing.
func TestTheRegistryOfARepositoryIsNotAsked(t *testing.T) {
	var asked []string
	hostile := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Path+" "+r.Header.Get("Authorization"))
		http.NotFound(w, r)
	}))
	defer hostile.Close()
	w := newWorld(t)
	programs(t, w.server.URL+"/npm", w.server.URL+"/goproxy")
	hostileRepository(t, hostile.URL)
	a := w.assembler()
	a.mirrors = onceMirrors(func(ctx context.Context) (Mirrors, error) {
		return FindMirrors(ctx, Machine{Root: t.TempDir(), Getenv: func(k string) string {
			return map[string]string{"GITHUB_TOKEN": "CANARYgithub", "SLIPWAY_DEBIAN_MIRROR": w.server.URL + "/debian"}[k]
		}})
	})
	built := w.ensure(a, runtimeRef, "linux/amd64")
	if npm := built.Pins[0].NPM; len(npm) == 0 || npm[0].Version != "20.10.0" {
		t.Errorf("Node.js is %+v, want that of the machine's registry", npm)
	}
	if len(asked) != 0 {
		t.Errorf("the registry of the repository was asked: %q", asked)
	}
}

// TestResolutionsOfOlderVersionsAreNotTaken: one of a slipway that let a
// repository's .npmrc choose lies under another name, and is left there.
func TestResolutionsOfOlderVersionsAreNotTaken(t *testing.T) {
	w := newWorld(t)
	a := w.assembler()
	w.ensure(a, runtimeRef, "linux/amd64")
	base, err := spec.Of(runtimeRef)
	if err != nil {
		t.Fatal(err)
	}
	now := a.resolvedFile(base, "linux/amd64")
	recipe, err := json.Marshal(base)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(fmt.Append(recipe, "linux/amd64")) // as before
	old := now[:strings.LastIndexByte(now, '_')+1] + hex.EncodeToString(sum[:8]) + ".lock"
	if err := os.Rename(now, old); err != nil {
		t.Fatal(err)
	}
	if _, ok := a.pinned(base, "linux/amd64"); ok {
		t.Error("an older version's resolution is taken")
	}
	if _, ready := a.Ready(t.Context(), []string{runtimeRef}, amd64); ready {
		t.Error("a base of an older version's resolution counts as ready")
	}
}
