package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// background starts a command that the end of the test stops by its process
// id: politely, and after ten seconds without mercy. Its output goes to log.
func background(t *testing.T, cmd *exec.Cmd, log io.Writer) {
	t.Helper()
	cmd.Stderr = log
	if cmd.Stdout == nil {
		cmd.Stdout = log
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("starting %s: %v", cmd.Args[0], err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			t.Errorf("%s did not end within 10 s of SIGTERM", strings.Join(cmd.Args, " "))
			_ = cmd.Process.Kill()
			<-ended
		}
	})
}

// eventually waits until a condition holds, asked every tenth of a second.
func eventually(t *testing.T, limit time.Duration, what string, holds func() error) {
	t.Helper()
	deadline := time.Now().Add(limit)
	for {
		err := holds()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %v: %v", what, limit, err)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// logFile is a file for the output of a server; a test that fails prints its end.
func logFile(t *testing.T, name string) *os.File {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), name+".log"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		f.Close()
		if data, err := os.ReadFile(f.Name()); err == nil && t.Failed() {
			t.Logf("end of the log of %s:\n%s", name, data[max(0, len(data)-4000):])
		}
	})
	return f
}

// slipwayRegistry serves an empty registry with `slipway registry serve` and
// returns its address as image names have it: localhost:PORT.
func slipwayRegistry(t *testing.T) string {
	t.Helper()
	cmd := invocation{args: []string{"registry", "serve", "--addr", "127.0.0.1:0", "--dir", t.TempDir()}}.command(context.Background())
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	cmd.Stdout = write
	background(t, cmd, logFile(t, "slipway-registry"))
	write.Close()
	line, err := bufio.NewReader(read).ReadString('\n')
	if err != nil {
		t.Fatalf("slipway registry serve said nothing: %v", err)
	}
	addr, _, _ := strings.Cut(strings.TrimPrefix(line, "registry at "), ",")
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatalf("slipway registry serve said %q", line)
	}
	return "localhost:" + port
}

// distributionBinary builds distribution's own registry, once. The packages
// that only its command line needs are no dependency of the product, so they
// are resolved in a copy of go.mod.
var distributionBinary = sync.OnceValues(func() (string, error) {
	dir := filepath.Join(state, "test-bin")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	for _, name := range []string{"go.mod", "go.sum"} {
		data, err := os.ReadFile(filepath.Join(root, name))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), data, 0o644)
		}
		if err != nil {
			return "", err
		}
	}
	binary := filepath.Join(dir, "distribution")
	cmd := exec.Command("go", "build", "-mod=mod", "-modfile="+filepath.Join(dir, "go.mod"),
		"-o", binary, "./test/e2e/testdata/distribution")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building distribution's registry: %w\n%s", err, out)
	}
	return binary, nil
})

// distributionRegistry serves an empty registry with distribution's own server
// and a plain configuration, and returns its address.
func distributionRegistry(t *testing.T) string {
	t.Helper()
	binary, err := distributionBinary()
	if err != nil {
		t.Fatal(err)
	}
	addr := freeAddress(t)
	dir := t.TempDir()
	config := filepath.Join(dir, "config.yml")
	text := fmt.Sprintf("version: 0.1\nlog: {level: warn}\nstorage:\n  filesystem: {rootdirectory: %s}\nhttp: {addr: %q}\n",
		filepath.Join(dir, "images"), addr)
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, "serve", config)
	cmd.Env = append(os.Environ(), "OTEL_TRACES_EXPORTER=none")
	background(t, cmd, logFile(t, "distribution"))
	eventually(t, 30*time.Second, "distribution's registry answers", func() error {
		resp, err := http.Get("http://" + addr + "/v2/")
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("status %s", resp.Status)
		}
		return nil
	})
	_, port, _ := net.SplitHostPort(addr)
	return "localhost:" + port
}

// freeAddress is an address of this machine that nothing listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// fromRegistry decodes what a registry's API answers to a path.
func fromRegistry(t *testing.T, registry, path string, into any) {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, "http://"+registry+"/v2/"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("the registry answers %s to %s", resp.Status, path)
	}
	if err := json.NewDecoder(resp.Body).Decode(into); err != nil {
		t.Fatalf("decoding the answer to %s: %v", path, err)
	}
}
