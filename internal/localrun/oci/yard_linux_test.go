package oci

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/nftables"
	"github.com/vishvananda/netlink"

	"github.com/slipway-build/slipway/internal/assets"
	"github.com/slipway-build/slipway/internal/localrun"
)

// scribe is a Watcher that keeps everything.
type scribe struct {
	t  *testing.T
	mu sync.Mutex
	b  strings.Builder
}

func (s *scribe) add(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(&s.b, format+"\n", args...)
}
func (s *scribe) Changed(v localrun.Status)    { s.add("%s: %s", v.Service, v.State) }
func (s *scribe) Log(service string, l []byte) { s.add("%s | %s", service, l) }
func (s *scribe) Note(text string)             { s.add("note: %s", text) }
func (s *scribe) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// needRoot skips a test that starts containers.
func needRoot(t *testing.T) {
	t.Helper()
	if os.Getenv("SLIPWAY_E2E") != "1" {
		t.Skip("starts containers: set SLIPWAY_E2E=1 and be root")
	}
	if os.Geteuid() != 0 {
		t.Fatal("SLIPWAY_E2E=1 needs root")
	}
}

// newRuntime has one image, "server", with the test server and two layers.
func newRuntime(t *testing.T, stateDir string) *Runtime {
	t.Helper()
	runc, err := assets.InstallRunc(filepath.Join(stateDir, "bin"))
	if err != nil {
		t.Fatal(err)
	}
	img := testImage(t)
	return &Runtime{StateDir: stateDir, Runc: runc, Grace: 3 * time.Second,
		Images: func(context.Context, string, string) (Image, error) { return img, nil }}
}

var buildServer = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "slipway-server-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	out := filepath.Join(dir, "server")
	cmd := exec.Command("go", "build", "-o", out, "./testdata/server")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, text)
	}
	return os.ReadFile(out)
})

func testImage(t *testing.T) v1.Image {
	t.Helper()
	server, err := buildServer()
	if err != nil {
		t.Fatal(err)
	}
	img, err := mutate.AppendLayers(empty.Image,
		layer(t, map[string]string{"server": string(server), "etc/passwd": "app:x:1001:1001::/home/app:/none\n", "gone": "x", "tmp/": "", "old/a": "1"}),
		layer(t, map[string]string{".wh.gone": "", "old/.wh..wh..opq": "", "old/b": "2"}))
	if err != nil {
		t.Fatal(err)
	}
	img, err = mutate.Config(img, v1.Config{Entrypoint: []string{"/server"}, User: "app", Env: []string{"GREETING=image"},
		ExposedPorts: map[string]struct{}{"8080/tcp": {}},
		Healthcheck:  &v1.HealthConfig{Test: []string{"CMD", "/server", "check"}, Interval: 100 * time.Millisecond}})
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// testImageOf is an image of layers.
func testImageOf(t *testing.T, layers ...v1.Layer) v1.Image {
	t.Helper()
	img, err := mutate.AppendLayers(empty.Image, layers...)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func layer(t *testing.T, files map[string]string) v1.Layer {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for name, text := range files {
		h := &tar.Header{Name: name, Mode: 0o755, Size: int64(len(text)), Typeflag: tar.TypeReg}
		if strings.HasSuffix(name, "/") {
			h.Typeflag, h.Mode = tar.TypeDir, 0o1777
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b.Bytes())), nil })
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func get(t *testing.T, addr, path string, query ...string) (int, string) {
	t.Helper()
	v := url.Values{}
	for i := 0; i+1 < len(query); i += 2 {
		v.Set(query[i], query[i+1])
	}
	resp, err := (&http.Client{Timeout: 10 * time.Second}).Get("http://" + addr + path + "?" + v.Encode())
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(body)
}

func free(p int) localrun.Publish {
	return localrun.Publish{HostIP: netip.MustParseAddr("127.0.0.1"), Container: p}
}

// traces lists what a group may have left on the machine.
func traces(t *testing.T, stateDir, group string) []string {
	t.Helper()
	var out []string
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		if strings.Contains(line, stateDir) {
			out = append(out, "mount "+line)
		}
	}
	name := networkName(stateDir, group)
	links, err := netlink.LinkList()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range links {
		if n := l.Attrs().Name; n == name || strings.HasPrefix(n, linkPrefix(name)) {
			out = append(out, "interface "+n)
		}
	}
	cgroups, _ := filepath.Glob("/sys/fs/cgroup/*/" + name + "*")
	out = append(out, cgroups...)
	procs, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, p := range procs {
		text, _ := os.ReadFile(p)
		if strings.HasPrefix(string(text), "/server\x00") || strings.Contains(string(text), stateDir) && strings.Contains(string(text), "runc") {
			out = append(out, "process "+p+" "+string(text))
		}
	}
	out = append(out, tables(t, name)...)
	if left, _ := filepath.Glob(filepath.Join(serviceDir(GroupDir(stateDir, group), "*"), "rootfs")); len(left) > 0 {
		out = append(out, left...)
	}
	return out
}

func expectNothingLeft(t *testing.T, stateDir, group string) {
	t.Helper()
	if left := traces(t, stateDir, group); len(left) > 0 {
		t.Errorf("left behind:\n%s", strings.Join(left, "\n"))
	}
}

// tables lists the nftables tables of a name.
func tables(t *testing.T, name string) []string {
	t.Helper()
	c, err := nftables.New()
	if err != nil {
		t.Fatal(err)
	}
	list, err := c.ListTables()
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, x := range list {
		if x.Name == name {
			out = append(out, "table "+x.Name)
		}
	}
	return out
}
