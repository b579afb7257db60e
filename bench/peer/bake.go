package peer

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

	"github.com/slipway-build/slipway/internal/baseimage"
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

// javaTrust writes a bundle as a key store, and returns its path; without a
// bundle it is empty.
func javaTrust(bundle, path string) (string, error) {
	if bundle == "" {
		return "", nil
	}
	certificates, err := os.ReadFile(bundle)
	if err != nil {
		return "", err
	}
	return path, os.WriteFile(path, baseimage.JavaTrust(certificates), 0o644)
}

// ColdLimit is how long a build of ten services may take, Rust and Java included.
const ColdLimit = 20 * time.Minute

// Bake is a buildkitd with empty caches and a buildx that talks to it.
type Bake struct {
	peers  Programs
	daemon *Daemon
	dir    string
}

// StartBake starts a buildkitd whose state is empty. Stop it.
func (b Place) StartBake(ctx context.Context, p Programs, registry string) (*Bake, error) {
	dir, err := os.MkdirTemp(b.Work, "bake-")
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	s := &Bake{peers: p, dir: dir}
	wrapper, config := filepath.Join(dir, WrapperName), filepath.Join(dir, "buildkitd.toml")
	if err := os.Symlink(self, wrapper); err != nil {
		return nil, err
	}
	if err := os.WriteFile(config, fmt.Appendf(nil, "[registry.%q]\n  http = true\n", registry), 0o644); err != nil {
		return nil, err
	}
	java, err := javaTrust(hostCA(), filepath.Join(dir, "java-cacerts"))
	if err != nil {
		return nil, err
	}
	s.daemon, err = StartDaemon(filepath.Join(dir, "buildkitd.log"),
		[]string{wrapRuncEnv + "=" + p.runc, wrapCAEnv + "=" + hostCA(), wrapJavaEnv + "=" + java},
		p.buildkitd, "--config", config, "--root", filepath.Join(dir, "root"), "--addr", s.address(),
		"--containerd-worker=false", "--oci-worker=true", "--oci-worker-binary", wrapper, "--oci-worker-net", "host",
		"--oci-worker-snapshotter", "overlayfs", "--oci-worker-gc=false")
	if err != nil {
		return nil, err
	}
	err = s.daemon.Until(ctx, func() bool {
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
		s.Stop()
		return nil, err
	}
	return s, nil
}

func (s *Bake) address() string { return "unix://" + filepath.Join(s.dir, "buildkitd.sock") }

// Stop ends the daemon. Its state goes with the Work of its place: for minutes after
// many files have been deleted, ext4 takes twenty times as long to make one.
func (s *Bake) Stop() { s.daemon.Stop() }

// CPU returns the seconds on a core of the daemon and its steps so far.
func (s *Bake) CPU() float64 { return cpuOf(s.daemon.cmd.Process.Pid) }

func (s *Bake) buildx(ctx context.Context, dir string, args ...string) (Outcome, error) {
	return Execute(ctx, Command{
		Argv: append([]string{s.peers.buildx}, args...), Dir: dir, Limit: ColdLimit,
		Env: []string{"BUILDX_CONFIG=" + filepath.Join(s.dir, "buildx"), "BUILDX_NO_DEFAULT_ATTESTATIONS=1"},
	})
}

// Bake builds every target of a definition; args are further arguments of bake.
func (s *Bake) Bake(ctx context.Context, dir, definition string, args ...string) (Outcome, error) {
	return s.buildx(ctx, dir, append([]string{"bake", "--builder", "bench", "--file", definition, "--provenance=false", "--progress=plain", "--allow=fs=*"}, args...)...)
}

// Build builds one directory as docker buildx build does; args are its arguments
// before the directory.
func (s *Bake) Build(ctx context.Context, dir string, args ...string) (Outcome, error) {
	return s.buildx(ctx, dir, append(append([]string{"build", "--builder", "bench", "--provenance=false", "--progress=plain"}, args...), ".")...)
}

// Target is one image of a bake definition.
type Target struct {
	Context    string            `json:"context"`
	Dockerfile string            `json:"dockerfile"`
	Contexts   map[string]string `json:"contexts,omitempty"`
	Args       map[string]string `json:"args,omitempty"`
	Tags       []string          `json:"tags"`
	Output     []string          `json:"output"`
}

// Definition renders a bake file of one target a service.
func Definition(services []string, render func(service string) Target) ([]byte, error) {
	targets := map[string]Target{}
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

// BasesOf returns the bases that a Dockerfile names, sorted.
func BasesOf(dockerfile []byte) []string {
	var refs []string
	for _, m := range assembledRef.FindAllSubmatch(dockerfile, -1) {
		refs = append(refs, string(m[1]))
	}
	slices.Sort(refs)
	return slices.Compact(refs)
}

// DigestsOf reads the index of an OCI layout: digest by image name.
func DigestsOf(layout string) (map[string]string, error) {
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

// Lookup finds an image by name, whatever registry its name was completed with.
func Lookup(digests map[string]string, ref string) string {
	for name, digest := range digests {
		if name == ref || strings.HasSuffix(name, "/"+ref) {
			return digest
		}
	}
	return ""
}
