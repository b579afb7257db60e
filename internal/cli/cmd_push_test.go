package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/image"
	"github.com/slipway-build/slipway/internal/registry"
	"github.com/slipway-build/slipway/internal/state"
)

// machine is a working directory with a state directory and an environment.
type machine struct {
	t     *testing.T
	dir   string
	state string
	env   map[string]string
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	m := &machine{t: t, dir: t.TempDir(), state: t.TempDir()}
	m.env = map[string]string{"SLIPWAY_STATE_DIR": m.state, "HOME": m.dir}
	t.Setenv("DOCKER_CONFIG", m.dir)
	return m
}

// slipway runs one command to its end.
func (m *machine) slipway(args ...string) (stdout, stderr string, exit diag.ExitCode) {
	m.t.Helper()
	var out, errs bytes.Buffer
	exit = Main(args, World{
		Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs, Dir: m.dir,
		Getenv: func(name string) string { return m.env[name] },
	})
	return out.String(), errs.String(), exit
}

// images puts images into the store that have their base layers in common.
func (m *machine) images(names ...string) {
	m.t.Helper()
	store, err := image.Open(filepath.Join(m.state, "images"))
	if err != nil {
		m.t.Fatal(err)
	}
	base, err := random.Image(2000, 2)
	if err != nil {
		m.t.Fatal(err)
	}
	base, err = mutate.ConfigFile(base, withPlatform(m.t, base))
	if err != nil {
		m.t.Fatal(err)
	}
	for _, name := range names {
		own, err := random.Layer(500, types.DockerLayer)
		if err != nil {
			m.t.Fatal(err)
		}
		img, err := mutate.AppendLayers(base, own)
		if err != nil {
			m.t.Fatal(err)
		}
		if _, err := store.Write(m.t.Context(), name, img); err != nil {
			m.t.Fatal(err)
		}
	}
}

func withPlatform(t *testing.T, img v1.Image) *v1.ConfigFile {
	t.Helper()
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	config.OS, config.Architecture = "linux", "amd64"
	return config
}

// fleet writes a fleet of two services into the working directory.
func (m *machine) fleet() {
	m.t.Helper()
	text := "version: 1\nfleet: shop\nservices:\n  web: {type: http, port: 8080, health: {http: /health}}\n  cart: {type: http, port: 8081, health: {http: /health}}\n"
	if err := os.WriteFile(filepath.Join(m.dir, "slipway.yaml"), []byte(text), 0o644); err != nil {
		m.t.Fatal(err)
	}
}

// registry serves what `slipway registry serve` does until the test ends.
func (m *machine) registry() (addr string) {
	m.t.Helper()
	ctx, cancel := context.WithCancel(m.t.Context())
	ready, done := make(chan string, 1), make(chan error, 1)
	go func() {
		done <- registry.Serve(ctx, registry.Options{
			Addr: "127.0.0.1:0", Dir: state.Dir{Path: m.state}.RegistryDir(), Ready: func(addr string) { ready <- addr },
		})
	}()
	select {
	case addr = <-ready:
	case err := <-done:
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			m.t.Error(err)
		}
	})
	return addr
}

func TestPushFleet(t *testing.T) {
	m := newMachine(t)
	m.fleet()
	m.images("shop/web:latest", "shop/cart:latest")
	addr := m.registry()
	stdout, stderr, exit := m.slipway("push", "--registry", addr, "--tag", "v1")
	want := fmt.Sprintf("pushed %[1]s/shop/cart:v1\npushed %[1]s/shop/web:v1\n", addr)
	if exit != diag.ExitOK || stdout != want {
		t.Fatalf("exit %d\n%s\n%s", exit, stdout, stderr)
	}
	links, err := filepath.Glob(filepath.Join(m.state, "registry/docker/registry/v2/repositories/shop/*/_layers/sha256/*"))
	if err != nil || len(links) != 8 {
		t.Errorf("%d layer links in the registry, want 2 × (3 layers and a config): %v", len(links), err)
	}
	if stdout, stderr, exit = m.slipway("push", "--registry", addr, "--tag", "v1", "web"); exit != 0 || !strings.Contains(stderr, "nothing to send") {
		t.Errorf("again: exit %d\n%s\n%s", exit, stdout, stderr)
	}
	if strings.Contains(stderr, "\x1b") || strings.Contains(stderr, "level=") {
		t.Errorf("noise:\n%s", stderr)
	}
}

func TestPushImage(t *testing.T) {
	m := newMachine(t)
	m.images("web:v1")
	addr := m.registry()
	stdout, stderr, exit := m.slipway("push", "web:v1", "--registry", addr, "-t", "v2")
	if want := "pushed " + addr + "/web:v2\n"; exit != 0 || stdout != want {
		t.Errorf("exit %d, %q, want %q\n%s", exit, stdout, want, stderr)
	}
}

func TestPushRefusals(t *testing.T) {
	m := newMachine(t)
	m.images("shop/web:latest", "shop/cart:latest")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := l.Addr().String()
	_ = l.Close()
	for _, c := range []struct {
		fleet  bool
		args   []string
		exit   diag.ExitCode
		stderr string
	}{
		{false, []string{"push"}, diag.ExitUsage, "hint: specify images, or run this in the directory of a fleet"},
		{false, []string{"push", "shop/wep"}, diag.ExitUsage, `hint: did you mean "shop/web"?`},
		{false, []string{"push", "shop/web"}, diag.ExitUsage, "hint: slipway push shop/web --registry localhost:5000"},
		{false, []string{"push", "shop/web", "--registry", nobody}, diag.ExitUnexpected,
			"slipway: pushing " + nobody + "/shop/web:latest: no registry answers at " + nobody + ": connection refused\n  hint: start one: slipway registry serve --addr " + nobody},
		{true, []string{"push"}, diag.ExitUsage, "hint: slipway push --registry localhost:5000, or set registry: in slipway.yaml"},
		{true, []string{"push", "--registry", nobody}, diag.ExitUnexpected, "2 of 2 images were not pushed"},
		{true, []string{"stats", "wep"}, diag.ExitUsage, "web"},
		{true, []string{"stats", "--tag", "v9"}, diag.ExitUsage, "2 of 2 services are not built: image shop/cart:v9 not found"},
		{true, []string{"stats", "--tag", "v9", "web"}, diag.ExitUsage, "hint: slipway build web"},
	} {
		if c.fleet {
			m.fleet()
		}
		stdout, stderr, exit := m.slipway(c.args...)
		if exit != c.exit || stdout != "" || !strings.Contains(stderr, c.stderr) {
			t.Errorf("slipway %s: exit %d, want %d\nstdout: %s\nstderr: %s\nwant:   %s", strings.Join(c.args, " "), exit, c.exit, stdout, stderr, c.stderr)
		}
	}
}

func TestStats(t *testing.T) {
	m := newMachine(t)
	m.fleet()
	m.images("shop/web:latest", "shop/cart:latest")
	stdout, stderr, exit := m.slipway("stats")
	if exit != 0 || stderr != "" || !strings.HasPrefix(stdout, "=== Build Statistics ===\ncart: Size=1MB, Layers=3\nweb: Size=1MB, Layers=3\n\nSERVICE") {
		t.Errorf("exit %d\n%s\n%s", exit, stdout, stderr)
	}
	stdout, _, exit = m.slipway("stats", "--json", "w*")
	var got struct {
		Services []struct {
			Service string `json:"service"`
			Size    int64  `json:"size_bytes"`
			Shared  int64  `json:"shared_bytes"`
		} `json:"services"`
		Unique int64 `json:"unique_bytes"`
	}
	if err := json.Unmarshal([]byte(stdout), &got); err != nil || exit != 0 {
		t.Fatalf("exit %d, %v:\n%s", exit, err, stdout)
	}
	if len(got.Services) != 1 || got.Services[0].Service != "web" || got.Services[0].Size != 4500 || got.Services[0].Shared != 0 || got.Unique != 4500 {
		t.Errorf("%+v", got)
	}
}
