package conformance

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/ssh"

	"github.com/slipway-build/slipway/internal/engine"
)

// namedContexts are what --build-context names: a directory and an OCI layout.
func namedContexts(t *testing.T, s Subject) {
	old, _ := s.build(t, engine.Request{
		Name: "old", Context: folder(t, map[string]string{"o": "old\n"}), Platforms: []string{platform()}, Dockerfile: []byte("FROM scratch\nCOPY o /o\n"),
	})
	docs := folder(t, map[string]string{"d": "docs\n", "left": "out\n", ".dockerignore": "left\n"})
	res, _ := s.build(t, engine.Request{
		Name: "contexts", Context: folder(t, map[string]string{"d": "own\n"}), Platforms: []string{platform()},
		Named:      map[string]string{"docs": docs, "registry.example/old:v1": "oci-layout://" + s.ImageDir + "@" + old.Digest},
		Dockerfile: []byte("FROM registry.example/old:v1\nCOPY d /own\nCOPY --from=docs . /docs/\n"),
	})
	_, files := s.stored(t, res.Digest)
	delete(files, "docs/.dockerignore")
	if diff := cmp.Diff(map[string]string{"o": "old\n", "own": "own\n", "docs/d": "docs\n"}, files); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

func stepSettings(t *testing.T, s Subject) {
	key := filepath.Join(t.TempDir(), "key")
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(key, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	s.build(t, engine.Request{
		Name: "settings", Context: Busybox(t), Platforms: []string{platform()},
		Steps: engine.StepSettings{
			Network: "none", Hosts: []string{"db.internal=10.0.0.5"}, ShmSizeBytes: 8 << 20, Ulimits: []string{"nofile=123:456"}, SSH: []engine.SSHAgent{{ID: "k", Paths: []string{key}}},
		},
		Dockerfile: []byte(BusyboxBase + "RUN --mount=type=ssh,id=k " + fresh(t) + `set -e; grep -q '^10.0.0.5.*db.internal' /etc/hosts || { echo no host; cat /etc/hosts; exit 1; }; \
    ! grep -qv 'lo:\|Inter-\|face' /proc/net/dev || { echo a network; cat /proc/net/dev; exit 1; }; \
    [ "$(ulimit -n) $(ulimit -Hn)" = '123 456' ] || { echo limits $(ulimit -n) $(ulimit -Hn); exit 1; }; \
    grep ' /dev/shm ' /proc/mounts | grep -q size=8192k || { echo shm; grep shm /proc/mounts; exit 1; }; \
    [ -S "$SSH_AUTH_SOCK" ] || { echo no agent at "$SSH_AUTH_SOCK"; exit 1; }` + "\n"),
	})
}

func cacheOfStages(t *testing.T, s Subject) {
	req := engine.Request{
		Name: "stages", Context: Busybox(t), Platforms: []string{platform()},
		Dockerfile: []byte(BusyboxBase + "RUN " + fresh(t) + "cat /proc/sys/kernel/random/uuid > /base\nFROM base AS afresh\nRUN cat /proc/sys/kernel/random/uuid > /afresh\nFROM scratch\nCOPY --from=0 /base /\nCOPY --from=afresh /afresh /\n"),
	}
	build := func() map[string]string {
		res, _ := s.build(t, req)
		_, files := s.stored(t, res.Digest)
		return files
	}
	first, again := build(), build()
	req.NoCacheOf = []string{"afresh"}
	third := build()
	if !cmp.Equal(first, again) || third["base"] != first["base"] || third["afresh"] == first["afresh"] {
		t.Errorf("first %v, again %v, without the cache of one stage %v", first, again, third)
	}
}

func localCache(t *testing.T, s Subject) {
	dir := filepath.Join(t.TempDir(), "cache")
	req := engine.Request{
		Name: "cache", Context: Busybox(t), Platforms: []string{platform()}, CacheTo: []string{"type=local,mode=max,dest=" + dir},
		Dockerfile: []byte(BusyboxBase + "RUN " + fresh(t) + "echo made > /made\n"),
	}
	s.build(t, req)
	if _, err := os.Stat(filepath.Join(dir, "index.json")); err != nil {
		t.Fatal(err)
	}
	req.CacheTo, req.CacheFrom = nil, []string{"type=local,src=" + dir}
	s.build(t, req)
}
