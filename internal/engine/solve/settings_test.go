package solve

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/buildkit/client"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/engine"
)

func TestSettingsByTheNamesOfTheFrontEnd(t *testing.T) {
	got := frontendAttrs(engine.Request{
		NoCacheOf: []string{"a", "b"}, Pull: true,
		Steps: engine.StepSettings{
			Network: "none", Hosts: []string{"a=1.2.3.4", "b=::1"}, ShmSizeBytes: 7, Ulimits: []string{"nofile=1:2", "nproc=3"}, CgroupParent: "/x",
			Limits: map[string]string{"memory": "5"},
		},
	})
	want := map[string]string{
		"filename": "Dockerfile", "cmdline": "dockerfile.v0", "target": "", "build-arg:SOURCE_DATE_EPOCH": "0", "no-cache": "a,b", "image-resolve-mode": "pull",
		"force-network-mode": "none", "add-hosts": "a=1.2.3.4,b=::1", "shm-size": "7", "ulimit": "nofile=1:2,nproc=3", "cgroup-parent": "/x", "memory": "5",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if all := frontendAttrs(engine.Request{NoCache: true, NoCacheOf: []string{"a"}})["no-cache"]; all != "" {
		t.Errorf("--no-cache is about the stages %q alone", all)
	}
	if got := entitlements(engine.StepSettings{Network: "host", Allow: []string{"security.insecure"}}); !cmp.Equal(got, []string{"security.insecure", "network.host"}) {
		t.Errorf("entitlements %v", got)
	}
}

// TestNamespacesOfCacheMounts: a repository has its own, which only a build argument
// of the command line overrides.
func TestNamespacesOfCacheMounts(t *testing.T) {
	const name = "build-arg:BUILDKIT_CACHE_MOUNT_NS"
	for want, req := range map[string]engine.Request{
		"":      {Name: "x", Dockerfile: []byte("ARG BUILDKIT_CACHE_MOUNT_NS=other\n")},
		"one":   {Repository: "one", Dockerfile: []byte("ARG BUILDKIT_CACHE_MOUNT_NS=other\nENV BUILDKIT_CACHE_MOUNT_NS=other\n")},
		"cache": {Repository: "one", CacheScope: "cache"},
		"mine":  {Repository: "one", CacheScope: "cache", Args: map[string]string{"BUILDKIT_CACHE_MOUNT_NS": "mine"}},
	} {
		if got := frontendAttrs(req)[name]; got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// layout is an OCI layout with images by their tags.
func layout(t *testing.T, tags ...string) string {
	t.Helper()
	dir := t.TempDir()
	var entries []string
	for i, tag := range tags {
		digest := "sha256:" + strings.Repeat(string(rune('a'+i)), 64)
		entries = append(entries, `{"mediaType":"application/vnd.oci.image.manifest.v1+json","size":1,"digest":"`+digest+`","annotations":{"org.opencontainers.image.ref.name":"`+tag+`"}}`)
	}
	if err := os.WriteFile(filepath.Join(dir, "index.json"), []byte(`{"schemaVersion":2,"manifests":[`+strings.Join(entries, ",")+`]}`), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestNamedContexts(t *testing.T) {
	dir, oci := t.TempDir(), layout(t, "v1", "registry.example/app:v2")
	got, err := namedContexts(map[string]string{"docs": dir, "base:latest": "docker-image://registry.example/x", "old": "oci-layout://" + oci + ":v2"}, func(error) {})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"context:base": "docker-image://registry.example/x", "context:docs": "local:named-1", "context:old": "oci-layout://layout-2@sha256:" + strings.Repeat("b", 64)}
	if d := cmp.Diff(want, got.attrs); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if got.mounts["named-1"] == nil || got.stores["layout-2"] == nil || len(got.mounts)+len(got.stores) != 2 {
		t.Errorf("%v, %v", got.mounts, got.stores)
	}
	for at, want := range map[string]string{oci: "none of its tags: v1, registry.example/app:v2", oci + ":v3": `"v3" is none of its tags`, oci + "/none:v1": "no such file"} {
		_, err := namedContexts(map[string]string{"old": "oci-layout://" + at}, func(error) {})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(diag.HintOf(err), "oci-layout://DIR:TAG") {
			t.Errorf("%s: %v", at, err)
		}
	}
	if _, digest, err := layoutImage(layout(t, "v9")); err != nil || digest != "sha256:"+strings.Repeat("a", 64) {
		t.Errorf("the only image: %s, %v", digest, err)
	}
	if path, digest, err := layoutImage("/x@sha256:abc"); err != nil || path != "/x" || digest != "sha256:abc" {
		t.Errorf("by digest: %s %s, %v", path, digest, err)
	}
}

func TestAFileOfANamedContextThatCannotBeReadStopsTheBuild(t *testing.T) {
	ctx, stop := context.WithCancelCause(t.Context())
	dir := t.TempDir()
	got, err := namedContexts(map[string]string{"docs": dir}, stop)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := got.mounts["named-0"].Open("none"); err != nil {
		t.Fatal(err)
	}
	if ctx.Err() == nil || got.whole[0].failure() == nil {
		t.Error("the build goes on without the file")
	}
}

func TestCaches(t *testing.T) {
	for text, want := range map[string]client.CacheOptionsEntry{
		"registry.example/c:web":       {Type: "registry", Attrs: map[string]string{"ref": "registry.example/c:web"}},
		"type=registry,ref=r,mode=max": {Type: "registry", Attrs: map[string]string{"ref": "r", "mode": "max"}},
		"type=local,dest=/c,mode=max":  {Type: "local", Attrs: map[string]string{"dest": "/c", "mode": "max"}},
		"type=inline":                  {Type: "inline", Attrs: map[string]string{}},
	} {
		got, err := cacheEntry(text, "dest")
		if d := cmp.Diff(want, got); err != nil || d != "" {
			t.Errorf("%s: %v, -want +got:\n%s", text, err, d)
		}
	}
	for text, want := range map[string]string{
		"type=local,dest=/c": "it has no src", "type=registry": "it has no ref", "type=gha,scope=x": `not as type "gha"`, "type=inline": "imported from its image", "type=local,x": "not NAME=VALUE",
	} {
		if _, err := cacheEntry(text, "src"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
