package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// caBundle is where Debian keeps the certificates that the machine trusts.
const caBundle = "/etc/ssl/certs/ca-certificates.crt"

// hostCA returns the machine's certificates, as slipway finds them.
func hostCA() string {
	for _, path := range []string{os.Getenv("SSL_CERT_FILE"), caBundle} {
		if info, err := os.Stat(path); path != "" && err == nil && info.Mode().IsRegular() {
			return path
		}
	}
	return ""
}

// bakeSide is a buildkitd with empty caches and a buildx that talks to it.
type bakeSide struct {
	b      *bench
	peers  peers
	daemon *daemon
	dir    string
}

// startBake starts a buildkitd whose state is empty. Stop it.
func (b *bench) startBake(ctx context.Context, p peers, registry string) (*bakeSide, error) {
	dir, err := b.scratch("bake")
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	s := &bakeSide{b: b, peers: p, dir: dir}
	wrapper, config := filepath.Join(dir, runcWrapperName), filepath.Join(dir, "buildkitd.toml")
	if err := os.Symlink(self, wrapper); err != nil {
		return nil, err
	}
	if err := os.WriteFile(config, fmt.Appendf(nil, "[registry.%q]\n  http = true\n", registry), 0o644); err != nil {
		return nil, err
	}
	s.daemon, err = startDaemon(filepath.Join(dir, "buildkitd.log"), []string{wrapRuncEnv + "=" + p.runc, wrapCAEnv + "=" + hostCA()},
		p.buildkitd, "--config", config, "--root", filepath.Join(dir, "root"), "--addr", s.address(),
		"--containerd-worker=false", "--oci-worker=true", "--oci-worker-binary", wrapper, "--oci-worker-net", "host",
		"--oci-worker-snapshotter", "overlayfs", "--oci-worker-gc=false")
	if err != nil {
		return nil, err
	}
	err = s.daemon.until(ctx, func() bool {
		conn, err := net.DialTimeout("unix", strings.TrimPrefix(s.address(), "unix://"), time.Second)
		if err != nil {
			return false
		}
		return conn.Close() == nil
	})
	if err == nil {
		_, err = s.buildx(ctx, "", "create", "--name", "bench", "--driver", "remote", s.address())
	}
	if err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

func (s *bakeSide) address() string { return "unix://" + filepath.Join(s.dir, "buildkitd.sock") }

// stop ends the daemon and removes its state.
func (s *bakeSide) stop() {
	s.daemon.stop()
	if err := os.RemoveAll(s.dir); err != nil {
		s.b.say("removing the state of buildkitd: %v", err)
	}
}

// cpu returns the seconds on a core of the daemon and its steps so far.
func (s *bakeSide) cpu() float64 { return cpuOf(s.daemon.cmd.Process.Pid) }

func (s *bakeSide) buildx(ctx context.Context, dir string, args ...string) (outcome, error) {
	return execute(ctx, command{
		argv: append([]string{s.peers.buildx}, args...), dir: dir,
		env: []string{"BUILDX_CONFIG=" + filepath.Join(s.dir, "buildx"), "BUILDX_NO_DEFAULT_ATTESTATIONS=1"},
	})
}

// bake builds every target of a definition.
func (s *bakeSide) bake(ctx context.Context, dir, definition string) (outcome, error) {
	return s.buildx(ctx, dir, "bake", "--builder", "bench", "--file", definition, "--provenance=false", "--progress=plain", "--allow=fs=*")
}

// target is one image of a bake definition.
type target struct {
	Context    string            `json:"context"`
	Dockerfile string            `json:"dockerfile"`
	Contexts   map[string]string `json:"contexts,omitempty"`
	Args       map[string]string `json:"args,omitempty"`
	Tags       []string          `json:"tags"`
	Output     []string          `json:"output"`
}

// definition renders a bake file of one target a service.
func definition(services []string, render func(service string) target) ([]byte, error) {
	targets := map[string]target{}
	for _, s := range services {
		targets[s] = render(s)
	}
	return json.MarshalIndent(map[string]any{
		"group":  map[string]any{"default": map[string]any{"targets": services}},
		"target": targets,
	}, "", "  ")
}

// assembledRef finds the names of the bases that slipway assembles.
var assembledRef = regexp.MustCompile(`(?m)(?:^FROM\s+(?:--platform=\S+\s+)?|--from=|,from=)(slipway/[^\s,]+)`)

// basesOf returns the bases that a Dockerfile names, sorted.
func basesOf(dockerfile []byte) []string {
	var refs []string
	for _, m := range assembledRef.FindAllSubmatch(dockerfile, -1) {
		refs = append(refs, string(m[1]))
	}
	slices.Sort(refs)
	return slices.Compact(refs)
}

// digestsOf reads the index of an OCI layout: digest by image name.
func digestsOf(layout string) (map[string]string, error) {
	data, err := os.ReadFile(filepath.Join(layout, "index.json"))
	if err != nil {
		return nil, err
	}
	var index struct {
		Manifests []struct {
			Digest      string            `json:"digest"`
			Annotations map[string]string `json:"annotations"`
		} `json:"manifests"`
	}
	if err := json.Unmarshal(data, &index); err != nil {
		return nil, fmt.Errorf("reading the index of %s: %w", layout, err)
	}
	digests := map[string]string{}
	for _, m := range index.Manifests {
		for _, key := range []string{"org.opencontainers.image.ref.name", "io.containerd.image.name"} {
			if name := m.Annotations[key]; name != "" {
				digests[name] = m.Digest
			}
		}
	}
	return digests, nil
}
