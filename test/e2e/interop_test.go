package e2e

import (
	"context"
	"debug/elf"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// tool is a foreign program with the arguments that each call has in common.
type tool struct {
	args []string
	env  []string
}

// try runs the tool within three minutes.
func (p tool) try(t *testing.T, args ...string) result {
	t.Helper()
	all := append(append([]string{}, p.args...), args...)
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, all[0], all[1:]...)
	cmd.Env = append(os.Environ(), p.env...)
	return finish(t, cmd)
}

// do runs the tool, which must succeed, and returns what it printed, trimmed.
func (p tool) do(t *testing.T, args ...string) string {
	t.Helper()
	return strings.TrimSpace(p.try(t, args...).must(t, 0).stdout)
}

// pushed builds and pushes services into a fresh registry and returns its address.
func pushed(t *testing.T, flags ...string) string {
	t.Helper()
	builtFleet(t)
	registry := slipwayRegistry(t)
	line(t, nil, append(flags, "--registry", registry, "--push")...)
	return registry
}

func TestSkopeoReadsAndCopiesTheImages(t *testing.T) {
	registry := pushed(t, "--platform", "linux/amd64,linux/arm64", "fast-requesthandler-service")
	source := "docker://" + registry + "/gpp-g3/fast-requesthandler-service:latest"
	skopeo := tool{args: []string{"skopeo"}}
	for _, arch := range []string{"amd64", "arm64"} {
		var got struct {
			Name, Architecture, Os string
			RepoTags, Layers       []string
			Labels                 map[string]string
		}
		out := skopeo.do(t, "--override-arch", arch, "inspect", "--tls-verify=false", source)
		if err := json.Unmarshal([]byte(out), &got); err != nil {
			t.Fatal(err)
		}
		seen := []string{got.Name, got.Os, got.Architecture, strings.Join(got.RepoTags, " "), got.Labels["service.name"], got.Labels["service.port"]}
		want := []string{registry + "/gpp-g3/fast-requesthandler-service", "linux", arch, "latest", "fast-requesthandler-service", "50051"}
		if d := cmp.Diff(want, seen); d != "" {
			t.Errorf("skopeo inspect (-want +got):\n%s", d)
		}
		if n := len(got.Layers); n == 0 || n > 12 {
			t.Errorf("skopeo sees %d layers, want 1 to 12", n)
		}
	}
	dir := filepath.Join(t.TempDir(), "copy")
	skopeo.do(t, "copy", "--all", "--src-tls-verify=false", source, "dir:"+dir)
	if _, err := os.Stat(filepath.Join(dir, "manifest.json")); err != nil {
		t.Errorf("skopeo copy left no manifest: %v", err)
	}
}

// dockerEngine starts a Docker Engine of its own, with neither bridge nor
// firewall rules, and returns the client for it.
func dockerEngine(t *testing.T) tool {
	t.Helper()
	dir, err := os.MkdirTemp("", "slipway-docker-") // short, because a socket's path has 108 bytes at most
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("the Docker Engine left something mounted: %v", err)
		}
	})
	socket := "unix://" + filepath.Join(dir, "docker.sock")
	cmd := exec.Command("dockerd", "--host", socket, "--data-root", filepath.Join(dir, "data"),
		"--exec-root", filepath.Join(dir, "exec"), "--pidfile", filepath.Join(dir, "dockerd.pid"),
		"--bridge=none", "--iptables=false", "--ip6tables=false")
	background(t, cmd, logFile(t, "dockerd"))
	docker := tool{args: []string{"docker"}, env: []string{"DOCKER_HOST=" + socket, "DOCKER_CONFIG=" + dir, "DOCKER_CONTEXT="}}
	eventually(t, time.Minute, "the Docker Engine answers", func() error {
		if r := docker.try(t, "version", "--format", "{{.Server.Version}}"); r.code != 0 {
			return errors.New(r.stderr)
		}
		return nil
	})
	t.Logf("Docker Engine %s", docker.do(t, "version", "--format", "{{.Server.Version}}"))
	return docker
}

// start runs an image detached, without network, until the test ends.
func (p tool) start(t *testing.T, args ...string) string {
	t.Helper()
	id := p.do(t, append([]string{"run", "--detach", "--network", "none"}, args...)...)
	t.Cleanup(func() { p.try(t, "rm", "--force", id) })
	return id
}

// healthy waits until Docker reports a container healthy.
func (p tool) healthy(t *testing.T, id string) {
	t.Helper()
	began := time.Now()
	eventually(t, 90*time.Second, "healthy", func() error {
		status := p.do(t, "inspect", "--format", "{{.State.Status}} {{.State.Health.Status}}", id)
		switch {
		case status == "running healthy":
			return nil
		case strings.HasPrefix(status, "exited"), strings.HasSuffix(status, "unhealthy"):
			t.Fatalf("%s:\n%s\n%s", status, p.do(t, "inspect", "--format", "{{json .State}}", id), p.do(t, "logs", id))
		}
		return errors.New(status)
	})
	t.Logf("%s is healthy after %v", p.do(t, "inspect", "--format", "{{.Config.Image}}", id), time.Since(began).Round(time.Millisecond))
}

func TestDockerEngineAcceptsTheImages(t *testing.T) {
	registry := pushed(t, "fast-requesthandler-service", "fast-orchestrator-service")
	docker := dockerEngine(t)
	t.Run("pull, run, healthy, stop", func(t *testing.T) { dockerRuns(t, docker, registry) })
	t.Run("load", func(t *testing.T) { dockerLoads(t, docker) })
	t.Run("arm64 under emulation", func(t *testing.T) { dockerEmulates(t, docker) })
}

func dockerRuns(t *testing.T, docker tool, registry string) {
	grpc := registry + "/gpp-g3/fast-requesthandler-service"
	http := registry + "/gpp-g3/fast-orchestrator-service"
	docker.do(t, "pull", "--quiet", grpc)
	docker.do(t, "pull", "--quiet", http)
	g, h := docker.start(t, "--memory", "512m", grpc), docker.start(t, "--memory", "1024m", http)
	docker.healthy(t, g)
	docker.healthy(t, h)

	for l := range strings.Lines(docker.do(t, "top", g, "-eo", "pid,uid,gid,args")) {
		if f := strings.Fields(l); f[0] != "PID" && (f[1] != "1001" || f[2] != "1001") {
			t.Errorf("a process is not 1001:1001: %s", l)
		}
	}
	probe := func(want int, args ...string) {
		t.Helper()
		r := docker.try(t, append([]string{"exec", g, "grpc_health_probe"}, args...)...)
		if r.code != want {
			t.Errorf("grpc_health_probe %s: exit %d, want %d\n%s%s", strings.Join(args, " "), r.code, want, r.stdout, r.stderr)
		}
	}
	probe(0, "-addr=localhost:50051", "-service=gpp.g3.requesthandler.MessageHandler")
	probe(1)
	probe(2, "-addr=localhost:1", "-connect-timeout=500ms")
	probe(3, "-addr=localhost:50051", "-service=no.such.Service")
	for _, shell := range []string{"sh", "/bin/sh", "bash", "npm"} {
		if r := docker.try(t, "exec", g, shell, "-c", "true"); r.code == 0 {
			t.Errorf("%s runs in the production image", shell)
		}
	}
	began := time.Now()
	docker.do(t, "stop", "--time", "10", g, h)
	if took := time.Since(began); took > 8*time.Second {
		t.Errorf("stopping took %v: the services do not follow SIGTERM", took)
	}
	if codes := docker.do(t, "inspect", "--format", "{{.State.ExitCode}}", g, h); codes != "0\n0" {
		t.Errorf("exit codes after SIGTERM: %q", codes)
	}
}

// busyboxDirectory is a directory with a Dockerfile that needs no base.
func busyboxDirectory(t *testing.T, dockerfile string) string {
	t.Helper()
	path, err := exec.LookPath("busybox")
	if err != nil {
		t.Fatal("busybox is missing: scripts/install-deps.sh test")
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "busybox"), data, 0o755); err != nil {
		t.Fatal(err)
	}
	text := "FROM scratch AS tools\nCOPY busybox /bin/busybox\nRUN [\"/bin/busybox\", \"--install\", \"-s\", \"/bin\"]\n" + dockerfile
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

func dockerLoads(t *testing.T, docker tool) {
	dir := busyboxDirectory(t, "RUN echo built by a step > /greeting\nCMD [\"cat\", \"/greeting\"]\n")
	archive := filepath.Join(t.TempDir(), "x.tar")
	r := invocation{dir: dir, args: []string{"build", "-t", "greeter:v1", "-o", "type=docker,dest=" + archive, "."}}.run(t).must(t, 0)
	t.Logf("slipway build -o type=docker: %v", r.took)
	if out := docker.do(t, "load", "--input", archive); out != "Loaded image: greeter:v1" {
		t.Errorf("docker load says %q", out)
	}
	if out := docker.do(t, "run", "--rm", "--network", "none", "greeter:v1"); out != "built by a step" {
		t.Errorf("the container says %q", out)
	}
}

func dockerEmulates(t *testing.T, docker tool) {
	emulation(t)
	const service = "fast-requesthandler-service"
	registry := pushed(t, "--tag", "v1.2.3", "--platform", "linux/arm64", service)
	name := registry + "/gpp-g3/" + service + ":v1.2.3"
	if m := machineOfNode(t, stored(t, state, name, "linux/arm64")); m != elf.EM_AARCH64 {
		t.Fatalf("node is a program for %s", m)
	}
	docker.do(t, "pull", "--quiet", "--platform", "linux/arm64", name)
	id := docker.start(t, "--platform", "linux/arm64", name)
	docker.healthy(t, id)
	if out := docker.do(t, "exec", id, "node", "-p", "process.arch"); out != "arm64" {
		t.Errorf("node says that it runs on %q", out)
	}
}

// How the kernel knows programs for arm64 (ELF class, byte order and machine),
// as in the binfmt.d file that QEMU's package brings.
const (
	binfmtDir     = "/proc/sys/fs/binfmt_misc"
	binfmtName    = "slipway-e2e-aarch64"
	binfmtAArch64 = `:` + binfmtName + `:M::\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00` +
		`:\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:%s:F`
)

// emulation lets the kernel start arm64 programs until the test ends, unless it
// can already. With F the kernel opens QEMU now, so that containers need none.
func emulation(t *testing.T) {
	t.Helper()
	qemu, err := exec.LookPath("qemu-aarch64-static")
	if err != nil {
		t.Fatal("qemu-aarch64-static is missing: scripts/install-deps.sh test")
	}
	if _, err := os.Stat(filepath.Join(binfmtDir, "register")); errors.Is(err, fs.ErrNotExist) {
		if err := syscall.Mount("binfmt_misc", binfmtDir, "binfmt_misc", 0, ""); err != nil {
			t.Fatalf("mounting binfmt_misc: %v", err)
		}
		t.Cleanup(func() {
			if err := syscall.Unmount(binfmtDir, 0); err != nil {
				t.Errorf("unmounting binfmt_misc: %v", err)
			}
		})
	}
	for _, known := range []string{"qemu-aarch64", binfmtName} {
		if _, err := os.Stat(filepath.Join(binfmtDir, known)); err == nil {
			return
		}
	}
	if err := os.WriteFile(filepath.Join(binfmtDir, "register"), fmt.Appendf(nil, binfmtAArch64, qemu), 0); err != nil {
		t.Fatalf("registering %s: %v", qemu, err)
	}
	t.Cleanup(func() {
		if err := os.WriteFile(filepath.Join(binfmtDir, binfmtName), []byte("-1"), 0); err != nil {
			t.Errorf("unregistering %s: %v", qemu, err)
		}
	})
}

func TestPodmanRunsTheImages(t *testing.T) {
	const service = "fast-requesthandler-service"
	registry := pushed(t, service)
	dir := t.TempDir()
	podman := tool{args: []string{"podman", "--root", filepath.Join(dir, "root"), "--runroot", filepath.Join(dir, "run"),
		"--tmpdir", filepath.Join(dir, "tmp"), "--cgroup-manager", "cgroupfs", "--events-backend", "file"}}
	name := registry + "/gpp-g3/" + service
	podman.do(t, "pull", "--quiet", "--tls-verify=false", name)
	config, err := stored(t, state, name+":latest", "").ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	// Podman reads HEALTHCHECK from Docker's own image format alone, not from an
	// OCI image, so it is told the image's command; and it wants systemd for the
	// interval. Its default limits are above what this machine may set.
	check, err := json.Marshal(config.Config.Healthcheck.Test[1:])
	if err != nil {
		t.Fatal(err)
	}
	id := podman.start(t, "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024",
		"--health-cmd", string(check), "--health-interval", "disable", name)
	began := time.Now()
	eventually(t, time.Minute, "podman healthcheck run", func() error {
		if r := podman.try(t, "healthcheck", "run", id); r.code != 0 {
			return fmt.Errorf("exit %d: %s%s", r.code, r.stdout, r.stderr)
		}
		return nil
	})
	t.Logf("healthy after %v", time.Since(began).Round(time.Millisecond))
	if user := podman.do(t, "inspect", "--format", "{{.Config.User}}", id); user != "1001:1001" {
		t.Errorf("podman runs it as %q", user)
	}
	podman.do(t, "stop", "--time", "10", id)
	if code := podman.do(t, "inspect", "--format", "{{.State.ExitCode}}", id); code != "0" {
		t.Errorf("exit code after SIGTERM: %s", code)
	}
}
