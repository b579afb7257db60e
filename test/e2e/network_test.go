package e2e

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// served is a server on the loopback of this machine that counts what it is asked.
func served(t *testing.T) (port string, asked *atomic.Int64) {
	t.Helper()
	asked = &atomic.Int64{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		_, _ = w.Write([]byte("of the machine"))
	}))
	t.Cleanup(s.Close)
	_, port, _ = strings.Cut(hostOf(s), ":")
	return port, asked
}

// hostile is a directory with a Dockerfile, whose steps run Node.js and a shell.
func hostile(t *testing.T, steps ...string) string {
	t.Helper()
	dir := t.TempDir()
	text := "FROM slipway/node:22-trixie-toolchain\n" + strings.Join(steps, "\n") + "\n"
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// fetch asks a port of the loopback; the step fails when nobody answers.
func fetch(port, method string) string {
	return "RUN node -e \"fetch('http://127.0.0.1:" + port + "/v2/x/manifests/latest',{method:'" + method + "'}).then(r=>console.log('answered '+r.status))\""
}

func TestStepsAreNotInTheMachinesNetwork(t *testing.T) {
	real(t)
	port, asked := served(t)
	dir := hostile(t, "RUN ls /sys/class/net > /interfaces && [ \"$(cat /interfaces)\" = lo ]", fetch(port, "DELETE"))
	r := invocation{dir: dir, args: []string{"build", "-t", "trust/network", "."}}.run(t).must(t, 3)
	if asked.Load() != 0 {
		t.Errorf("a step asked the machine %d times", asked.Load())
	}
	for _, want := range []string{"nothing listens on 127.0.0.1:" + port + " in the step", "slipway build --network host"} {
		if !strings.Contains(r.stderr, want) {
			t.Errorf("it does not say %q:\n%s", want, r.stderr)
		}
	}
	invocation{dir: hostile(t, fetch(port, "GET")), args: []string{"build", "--network", "host", "-t", "trust/network", "."}}.run(t).must(t, 0)
	if asked.Load() != 1 {
		t.Errorf("--network host: %d requests", asked.Load())
	}
}

func TestTheMachinesNetworkIsAskedFor(t *testing.T) {
	real(t)
	port, asked := served(t)
	dir := hostile(t, strings.Replace(fetch(port, "GET"), "RUN ", "RUN --network=host ", 1))
	r := invocation{dir: dir, args: []string{"build", "-t", "trust/host", "."}}.run(t)
	if r.code == 0 || asked.Load() != 0 || !strings.Contains(r.stderr, "--allow network.host") {
		t.Errorf("exit code %d, %d requests:\n%s", r.code, asked.Load(), r.stderr)
	}
	invocation{dir: dir, args: []string{"build", "--allow", "network.host", "-t", "trust/host", "."}}.run(t).must(t, 0)
	if asked.Load() != 1 {
		t.Errorf("allowed: %d requests", asked.Load())
	}
}

func TestDockerfilesAddNothingThatTheMachineServes(t *testing.T) {
	real(t)
	port, asked := served(t)
	dir := hostile(t, "ADD http://127.0.0.1:"+port+"/secret /secret")
	r := invocation{dir: dir, args: []string{"build", "-t", "trust/add", "."}}.run(t)
	if r.code == 0 || asked.Load() != 0 || !strings.Contains(r.stderr, "127.0.0.1:"+port+" is this machine") {
		t.Errorf("exit code %d, %d requests:\n%s", r.code, asked.Load(), r.stderr)
	}
	invocation{dir: dir, args: []string{"build", "--allow", "network.host", "-t", "trust/add", "."}}.run(t).must(t, 0)
	if asked.Load() == 0 {
		t.Error("allowed, and not added")
	}
}

// The registry that the machine's owner names is reached, wherever it is.
func TestStepsReachTheOwnersRegistry(t *testing.T) {
	real(t)
	port, asked := served(t)
	dir := hostile(t, fetch(port, "GET"))
	invocation{dir: dir, args: []string{"build", "-t", "trust/registry", "."}, env: []string{"PIP_INDEX_URL=http://localhost:" + port + "/simple"}}.run(t).must(t, 0)
	if asked.Load() != 1 {
		t.Errorf("%d requests", asked.Load())
	}
}

// The steps of an ordinary user's build are kept out in the same way.
func TestStepsOfAnOrdinaryUserAreNotInTheMachinesNetwork(t *testing.T) {
	real(t)
	port, asked := served(t)
	src := smallDir(t, "RUN grep -q lo: /proc/net/dev && ! grep -q eth /proc/net/dev\nRUN ! wget -q -O /x http://127.0.0.1:"+port+"/ && grep -q '^nameserver 203.0.113.53' /etc/resolv.conf\n")
	cmd, _ := ordinary(t, true, src, "build")
	if r := finish(t, cmd).must(t, 0); strings.Contains(r.stderr, "share the network") || asked.Load() != 0 {
		t.Errorf("%d requests:\n%s", asked.Load(), r.stderr)
	}
}
