package e2e

import (
	"archive/tar"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/slipway-build/slipway/bench/peer"
	"github.com/slipway-build/slipway/internal/image"
)

// tinyFleet writes services that copy a file each into an empty image.
func tinyFleet(t *testing.T, dir, registry string, n int) {
	t.Helper()
	fleet := "version: 1\nfleet: scale\nregistry: " + registry + "\nservices:\n"
	for i := range n {
		name := fmt.Sprintf("s%d", i)
		fleet += "  " + name + ": {path: " + name + ", type: job}\n"
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, name, "Dockerfile"), "FROM scratch\nCOPY f /\nCMD [\"/f\"]\n")
		write(t, filepath.Join(dir, name, "f"), name+"\n")
	}
	write(t, filepath.Join(dir, "slipway.yaml"), fleet)
}

// TestThreeHundredServicesInOneCall: all of them are built, in bounded memory,
// and none a second time.
func TestThreeHundredServicesInOneCall(t *testing.T) {
	real(t)
	const n = 300
	dir, limit := t.TempDir(), int64(1536<<20)
	tinyFleet(t, dir, "registry.example", n)
	_, env := ownState(t)
	build := func() peer.Outcome {
		t.Helper()
		r, err := peer.Execute(t.Context(), peer.Command{Argv: []string{slipwayBinary(), "build"}, Dir: dir, Env: env, Memory: true})
		if err != nil {
			t.Fatal(err)
		}
		if t.Logf("%.2f s, %d MB at most", r.Seconds, r.PeakBytes/1e6); r.PeakBytes > limit {
			t.Errorf("it took %d MB of memory", r.PeakBytes/1e6)
		}
		return r
	}
	if r := build(); strings.Count(string(r.Stdout), ": Size=1MB, Layers=1\n") != n {
		t.Errorf("not all %d services have statistics:\n%s", n, r.Stdout)
	}
	if r := build(); strings.Count(string(r.Stderr), "  unchanged\n") != n {
		t.Errorf("not all %d services are unchanged:\n%s", n, r.Stderr)
	}
}

// TestAPushOfAnUnchangedFleetAsksOnceForEachImage.
func TestAPushOfAnUnchangedFleetAsksOnceForEachImage(t *testing.T) {
	real(t)
	target, err := url.Parse("http://" + slipwayRegistry(t))
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var asked []string
	proxy := httputil.NewSingleHostReverseProxy(target)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		asked = append(asked, r.Method+" "+r.URL.Path)
		mu.Unlock()
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	dir := t.TempDir()
	tinyFleet(t, dir, hostOf(server), 3)
	_, env := ownState(t)
	push := invocation{dir: dir, env: env, args: []string{"build", "--push"}}
	push.run(t).must(t, 0)
	asked = nil
	push.run(t).must(t, 0)
	heads := map[string]int{}
	for _, a := range asked {
		heads[a]++
	}
	if heads["GET /v2/"] != 1 { // how to log in, for all images
		t.Errorf("it asked %q", asked)
	}
	delete(heads, "GET /v2/")
	for i := range 3 {
		if want := fmt.Sprintf("HEAD /v2/scale/s%d/manifests/latest", i); heads[want] != 1 || len(heads) != 3 {
			t.Errorf("it asked %q, want one %s", asked, want)
		}
	}
}

// TestBuildsAfterKillsAtRandomInstants is TestABuildAfterAKillAtAnyInstantIsTheSame
// with a fleet and its ledger: whatever was killed, the next command ends with
// all images, and says of none that it is unchanged before it was built.
// SLIPWAY_KILLS is the number of kills, 10 unless set, for both tests.
func TestBuildsAfterKillsAtRandomInstants(t *testing.T) {
	real(t)
	dir := t.TempDir()
	tinyFleet(t, dir, "registry.example", 8)
	state, env := ownState(t)
	build := invocation{dir: dir, env: env, args: []string{"build"}}
	undisturbed := build.run(t).must(t, 0)
	const seed = 20261122
	instants := rand.New(rand.NewPCG(seed, seed))
	for kill := range number(t, "SLIPWAY_KILLS", 10) {
		for i := range 8 {
			write(t, filepath.Join(dir, fmt.Sprintf("s%d", i), "f"), fmt.Sprintf("%d of %d\n", i, kill))
		}
		cmd := build.command(t.Context())
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(time.Duration(instants.Int64N(int64(undisturbed.took))), func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait()
		build.run(t).must(t, 0)
		for i := range 8 {
			if got, want := fileOf(t, state, fmt.Sprintf("registry.example/scale/s%d:latest", i), "f"), fmt.Sprintf("%d of %d\n", i, kill); got != want {
				t.Fatalf("kill %d: the image has %q, want %q", kill, got, want)
			}
		}
	}
	write(t, filepath.Join(dir, "s0", "f"), "once more, undisturbed\n")
	build.run(t).must(t, 0)
	nothingLeft(t, state)
}

// number reads a number from the environment.
func number(t *testing.T, name string, otherwise int) int {
	t.Helper()
	if os.Getenv(name) == "" {
		return otherwise
	}
	n, err := strconv.Atoi(os.Getenv(name))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// fileOf reads a file of an image of a state directory.
func fileOf(t *testing.T, state, name, file string) string {
	t.Helper()
	store, err := image.Open(filepath.Join(state, "images"))
	if err != nil {
		t.Fatal(err)
	}
	img, err := store.Image(t.Context(), name, "linux/"+runtime.GOARCH)
	if err != nil {
		t.Fatal(err)
	}
	content := mutate.Extract(img)
	defer content.Close()
	for r := tar.NewReader(content); ; {
		h, err := r.Next()
		if err != nil {
			t.Fatalf("looking for %s in %s: %v", file, name, err)
		}
		if h.Name != file {
			continue
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
}
