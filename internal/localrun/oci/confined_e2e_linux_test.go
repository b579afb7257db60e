package oci

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/slipway-build/slipway/internal/localrun"
	"github.com/slipway-build/slipway/internal/plan"
)

// asRoot is a runtime whose image runs as root.
func asRoot(t *testing.T, state string) *Runtime {
	rt := newRuntime(t, state)
	rt.Images = func(context.Context, string, string) (Image, error) {
		return mutate.Config(testImage(t), v1.Config{Entrypoint: []string{"/server"}})
	}
	return rt
}

// TestServicesNamedLikeControlFiles run, are listed, stop alone and together, and
// are repaired.
func TestServicesNamedLikeControlFiles(t *testing.T) {
	needRoot(t)
	state := t.TempDir()
	var services []localrun.Spec
	for _, name := range controlFiles() {
		services = append(services, localrun.Spec{Name: name})
	}
	rt := newRuntime(t, state)
	run, err := rt.Start(t.Context(), localrun.Group{Name: "g.lock", Services: services}, false, &scribe{t: t})
	if err != nil {
		t.Fatal(err)
	}
	defer run.Stop() //nolint:errcheck // a second call returns what the first did
	if err := run.WaitReady(t.Context(), 10*time.Second); err != nil {
		t.Fatal(err)
	}
	time.Sleep(3 * pollInterval) // it obeys files at this rhythm
	groups, err := List(state)
	if err != nil || len(groups) != 1 || groups[0].Name != "g.lock" || !groups[0].Running || len(groups[0].Services) != len(services) {
		t.Fatalf("listed: %+v, %v", groups, err)
	}
	if err := StopGroup(t.Context(), state, "g.lock", "stop"); err != nil {
		t.Error(err)
	}
	for _, s := range run.Statuses() {
		if alive := s.State != localrun.Exited; alive != (s.Service != "stop") {
			t.Errorf("after stopping the service stop, %s is %s", s.Service, s.State)
		}
	}
	if err := run.Stop(); err != nil {
		t.Error(err)
	}
	expectNothingLeft(t, state, "g.lock")
}

func TestAContainerIsBounded(t *testing.T) {
	needRoot(t)
	state := t.TempDir()
	rt := asRoot(t, state)
	run, err := rt.Start(t.Context(), localrun.Group{Name: "g", Services: []localrun.Spec{
		{Name: "plain", Port: 8080, Publish: []localrun.Publish{free(8080)}, Health: plan.HealthCheck{TCP: true}},
		{Name: "asked", Port: 8080, Publish: []localrun.Publish{free(8080)}, Health: plan.HealthCheck{TCP: true}, PIDs: 60, RawSockets: true},
	}}, false, &scribe{t: t})
	if err != nil {
		t.Fatal(err)
	}
	defer run.Stop() //nolint:errcheck // the test is over
	if err := run.WaitReady(t.Context(), 10*time.Second); err != nil {
		t.Fatal(err)
	}
	at := map[string]string{}
	for _, s := range run.Statuses() {
		at[s.Service] = fmt.Sprintf("127.0.0.1:%d", s.Ports[0].Host)
		if s.MemoryLimitBytes == 0 {
			t.Errorf("%s has no memory limit", s.Service)
		}
		group := networkName(state, "g") + "-" + s.Service
		most, err := os.ReadFile(filepath.Join(cgroupRoot, "pids", group, "pids.max"))
		if newCgroup(group).unified {
			most, err = os.ReadFile(filepath.Join(cgroupRoot, group, "pids.max"))
		}
		if want := map[string]string{"plain": "4096\n", "asked": "60\n"}[s.Service]; err != nil || string(most) != want {
			t.Errorf("%s may run %q processes, want %q: %v", s.Service, most, want, err)
		}
	}
	for _, c := range []struct{ service, path, kind, want string }{
		{"plain", "/socket", "packet", "operation not permitted"},
		{"plain", "/socket", "raw", "operation not permitted"},
		{"plain", "/socket", "ping", "open"},
		{"asked", "/socket", "packet", "open"},
	} {
		if _, got := get(t, at[c.service], c.path, "kind", c.kind); !strings.Contains(got, c.want) {
			t.Errorf("%s %s %s: %q, want %q", c.service, c.path, c.kind, got, c.want)
		}
	}
}

// TestSetuidProgramsOfImagesHelpNobody: an ordinary user reaches neither the
// unpacked layer nor the mounted file system, whose setuid bits count for nobody.
func TestSetuidProgramsOfImagesHelpNobody(t *testing.T) {
	needRoot(t)
	state := t.TempDir() // its parents are open, as /var/lib is
	for dir := state; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	rt := newRuntime(t, state)
	run, err := rt.Start(t.Context(), localrun.Group{Name: "g", Services: []localrun.Spec{{Name: "s"}}}, false, &scribe{t: t})
	if err != nil {
		t.Fatal(err)
	}
	defer run.Stop() //nolint:errcheck // the test is over
	layers, _ := filepath.Glob(filepath.Join(layersDir(state), "*", "server"))
	mounted := filepath.Join(serviceDir(GroupDir(state, "g"), "s"), "rootfs", "server")
	if len(layers) == 0 {
		t.Fatal("no layer has the program")
	}
	for _, program := range append(layers, mounted) {
		cmd := exec.Command(program)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		if err := cmd.Start(); !os.IsPermission(err) {
			t.Errorf("an ordinary user executes %s: %v", program, err)
		}
	}
	var fs syscall.Statfs_t
	if err := syscall.Statfs(filepath.Dir(mounted), &fs); err != nil || fs.Flags&syscall.MS_NOSUID == 0 || fs.Flags&syscall.MS_NODEV == 0 {
		t.Errorf("flags of the mount: %x, %v", fs.Flags, err)
	}
}
