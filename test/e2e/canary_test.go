package e2e

import (
	"archive/tar"
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// canaries are random values by what they stand for; none may be found
// anywhere when a build has ended.
type canaries map[string]string

func newCanaries(names ...string) canaries {
	c := canaries{}
	for _, n := range names {
		b := make([]byte, 12)
		_, _ = rand.Read(b) // never fails
		c[n] = "canary" + hex.EncodeToString(b)
	}
	return c
}

// search reads to the end and returns the names of the canaries that it saw.
func (c canaries) search(r io.Reader) ([]string, error) {
	const chunk, overlap = 1 << 20, 256 // every canary is shorter than the overlap
	buf := make([]byte, 0, chunk+overlap)
	found := map[string]bool{}
	for {
		n, err := io.ReadFull(r, buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		for name, value := range c {
			if bytes.Contains(buf, []byte(value)) {
				found[name] = true
			}
		}
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			break
		}
		if err != nil {
			return nil, err
		}
		buf = append(buf[:0], buf[len(buf)-overlap:]...)
	}
	var names []string
	for n := range found {
		names = append(names, n)
	}
	slices.Sort(names)
	return names, nil
}

// searchFile searches a file as it lies there, and unpacked when it is
// compressed.
func (c canaries) searchFile(name string) ([]string, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	found, err := c.search(f)
	if err != nil {
		return nil, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	buffered := bufio.NewReader(f)
	magic, _ := buffered.Peek(4)
	var unpacked io.Reader
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		unpacked, err = gzip.NewReader(buffered)
	case bytes.Equal(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		unpacked, err = zstd.NewReader(buffered)
	default:
		return found, nil
	}
	if err != nil {
		return nil, err
	}
	more, err := c.search(unpacked)
	return slices.Compact(slices.Sorted(slices.Values(append(found, more...)))), err
}

// searchTree searches every regular file below a state directory and returns a
// line for each canary in each file, and how many files there were. Package
// downloads were there before, and are what their digests say.
func (c canaries) searchTree(t *testing.T, dir string) (leaks []string, files int) {
	t.Helper()
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err == nil && p == filepath.Join(dir, "packages") {
			return fs.SkipDir
		}
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		files++
		found, err := c.searchFile(p)
		if err != nil {
			// What only looks compressed was searched as it is.
			t.Logf("%s: %v", p, err)
		}
		rel, _ := filepath.Rel(dir, p)
		for _, name := range found {
			leaks = append(leaks, name+" in "+rel)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return leaks, files
}

// searchOutput searches what a command printed.
func (c canaries) searchOutput(t *testing.T, r result) (leaks []string) {
	t.Helper()
	for name, text := range map[string]string{"stdout": r.stdout, "stderr": r.stderr} {
		found, _ := c.search(bytes.NewReader([]byte(text)))
		for _, n := range found {
			leaks = append(leaks, n+" on "+name)
		}
	}
	return leaks
}

// connectProxy is a proxy that wants a password; it counts the tunnels it made
// for npm, whose agent says Proxy-Connection where Go's client says nothing.
func connectProxy(t *testing.T, user, password string) (address string, tunnels *atomic.Int64) {
	t.Helper()
	want := "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
	tunnels = &atomic.Int64{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Proxy-Authorization") != want {
			w.Header().Set("Proxy-Authenticate", "Basic")
			w.WriteHeader(http.StatusProxyAuthRequired)
			return
		}
		if r.Method != http.MethodConnect {
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		far, err := net.DialTimeout("tcp", r.Host, 20*time.Second)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		defer far.Close()
		near, pending, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		defer near.Close()
		if r.Header.Get("Proxy-Connection") != "" {
			tunnels.Add(1)
		}
		fmt.Fprint(near, "HTTP/1.1 200 Connection established\r\n\r\n")
		go func() {
			_, _ = io.Copy(far, pending)
			far.(*net.TCPConn).CloseWrite()
		}()
		_, _ = io.Copy(near, far)
	}))
	t.Cleanup(server.CloseClientConnections)
	t.Cleanup(server.Close)
	return "http://" + user + ":" + password + "@" + server.Listener.Addr().String(), tunnels
}

// caBundle is the machine's bundle with a line of comment at its end.
func caBundle(t *testing.T, comment string) string {
	t.Helper()
	source := os.Getenv("SSL_CERT_FILE")
	if source == "" {
		source = "/etc/ssl/certs/ca-certificates.crt"
	}
	data, err := os.ReadFile(source)
	if err != nil {
		t.Fatal(err)
	}
	bundle := filepath.Join(t.TempDir(), "bundle.pem")
	if err := os.WriteFile(bundle, fmt.Appendf(data, "\n# bundle of %s\n", comment), 0o644); err != nil {
		t.Fatal(err)
	}
	return bundle
}

// emptyState is a state directory without anything but the package downloads of
// the shared one, which are content-addressed and checked when they are used. They are
// gigabytes, and only ever replaced as a whole: beside the state, links are enough.
func emptyState(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp(filepath.Dir(state), "slipway-empty-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if _, err := os.Stat(filepath.Join(state, "packages")); err == nil {
		if out, err := exec.Command("cp", "-a", "--link", filepath.Join(state, "packages"), dir).CombinedOutput(); err != nil {
			t.Fatalf("linking the package downloads: %v\n%s", err, out)
		}
	}
	return dir
}

func TestNoSecretCAOrProxyValueStaysAnywhere(t *testing.T) {
	builtFleet(t)
	c := newCanaries("secret of a file", "secret of a variable", "CA bundle", "proxy password", "no_proxy", "npm token")
	proxy, tunnels := connectProxy(t, "builder", c["proxy password"])
	c["proxy credentials"] = base64.StdEncoding.EncodeToString([]byte("builder:" + c["proxy password"]))
	secret := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(secret, []byte(c["secret of a file"]), 0o600); err != nil {
		t.Fatal(err)
	}
	dir := emptyState(t)
	env := []string{
		"SLIPWAY_STATE_DIR=" + dir, "SSL_CERT_FILE=" + caBundle(t, c["CA bundle"]),
		"https_proxy=" + proxy, "HTTPS_PROXY=" + proxy, "no_proxy=" + c["no_proxy"] + ".example",
		"NPM_TOKEN=" + c["npm token"], "NODE_AUTH_TOKEN=" + c["npm token"], "TOKEN=" + c["secret of a variable"],
	}
	// One build proves that its step has all that; none of it may stay.
	own := busyboxDirectory(t, `RUN --mount=type=secret,id=token --mount=type=secret,id=other \
    grep -q '^canary' /run/secrets/token && grep -q '^canary' /run/secrets/other && \
    grep -q '^# bundle of canary' "$SSL_CERT_FILE" && \
    case "$https_proxy" in http://builder:canary*) ;; *) exit 1 ;; esac && \
    case "$no_proxy" in canary*) ;; *) exit 1 ;; esac && \
    echo used > /used
`)
	r := invocation{dir: own, env: env, args: []string{"build", "--secret", "id=token,src=" + secret, "--secret", "id=other,env=TOKEN", "-t", "canary:v1", "."}}.run(t).must(t, 0)
	leaks := c.searchOutput(t, r)
	t.Logf("directory with secrets: %v", r.took)

	// The log of a step that fails is shown whole, but for what it should not print.
	careless := busyboxDirectory(t, "RUN --mount=type=secret,id=token cat /run/secrets/token && env | grep ^https_proxy && false\n")
	r = invocation{dir: careless, env: env, args: []string{"build", "--secret", "id=token,src=" + secret, "-t", "careless:v1", "."}}.run(t).must(t, 3)
	leaks = append(leaks, c.searchOutput(t, r)...)
	if shown := strings.Count(r.stdout+r.stderr, "[secret]"); shown < 2 {
		t.Errorf("%d secrets are hidden in the log, of the 2 that the step printed:\n%s", shown, r.stderr)
	}

	r = invocation{dir: fast(), env: env, args: []string{"build", "fast-validation-service"}}.run(t).must(t, 0)
	leaks = append(leaks, c.searchOutput(t, r)...)
	t.Logf("a service of the fleet from empty state, through the proxy: %v, %d tunnels for npm", r.took, tunnels.Load())
	if tunnels.Load() == 0 {
		t.Error("npm did not use the proxy: the canary proves nothing")
	}

	began := time.Now()
	more, files := c.searchTree(t, dir)
	t.Logf("searched %d files of the state directory in %v", files, time.Since(began))
	for _, leak := range append(leaks, more...) {
		t.Errorf("found: %s", leak)
	}
}

// TestTheSearchForCanariesFindsThem proves that the test above can fail.
func TestTheSearchForCanariesFindsThem(t *testing.T) {
	real(t)
	c := newCanaries("copied", "in the config", "never used")
	dir := t.TempDir()
	env := []string{"SLIPWAY_STATE_DIR=" + dir, "TOKEN=" + c["copied"]}
	own := busyboxDirectory(t, "RUN --mount=type=secret,id=token cp /run/secrets/token /leaked\n"+
		"ARG VALUE\nENV VALUE=$VALUE\n")
	invocation{dir: own, env: env, args: []string{"build", "--secret", "id=token,env=TOKEN", "--build-arg", "VALUE=" + c["in the config"], "."}}.run(t).must(t, 0)
	leaks, _ := c.searchTree(t, filepath.Join(dir, "images"))
	found := map[string]bool{}
	for _, leak := range leaks {
		for name := range c {
			if strings.HasPrefix(leak, name+" in ") {
				found[name] = true
			}
		}
	}
	if d := cmp.Diff(map[string]bool{"copied": true, "in the config": true}, found); d != "" {
		t.Errorf("canaries found in the images (-want +got):\n%s", d)
	}
}

// unwanted are programs that a production image has no use for.
var unwanted = map[string]bool{
	"sh": true, "bash": true, "dash": true, "ash": true, "busybox": true, "npm": true, "npx": true, "corepack": true, "yarn": true,
	"gcc": true, "cc": true, "g++": true, "ld": true, "as": true, "make": true, "tsc": true, "apt": true, "apt-get": true, "dpkg": true,
	"perl": true, "python": true, "python3": true, "curl": true, "wget": true, "su": true, "sudo": true, "mount": true,
}

func TestProductionImagesHoldOnlyWhatRuns(t *testing.T) {
	builtFleet(t)
	seen := map[v1.Hash]bool{} // layers that images share are read once
	files := 0
	for _, service := range services {
		img := stored(t, state, fleetImage(service), "linux/amd64")
		layers, err := img.Layers()
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range layers {
			digest, err := l.Digest()
			if err != nil {
				t.Fatal(err)
			}
			if seen[digest] {
				continue
			}
			seen[digest] = true
			eachFileOfLayer(t, l, func(h *tar.Header, _ io.Reader) {
				files++
				if unwanted[path.Base(h.Name)] && h.Typeflag != tar.TypeDir {
					t.Errorf("%s has /%s", service, h.Name)
				}
				if h.FileInfo().Mode()&(fs.ModeSetuid|fs.ModeSetgid) != 0 {
					t.Errorf("%s: /%s has the mode %s", service, h.Name, h.FileInfo().Mode())
				}
			})
		}
		config, err := img.ConfigFile()
		if err != nil {
			t.Fatal(err)
		}
		run := config.Config
		if run.User != "1001:1001" {
			t.Errorf("%s runs as %q", service, run.User)
		}
		if run.Healthcheck == nil || len(run.Healthcheck.Test) < 2 || run.Healthcheck.Test[0] != "CMD" {
			t.Errorf("%s has no exec-form HEALTHCHECK: %+v", service, run.Healthcheck)
		}
		if d := cmp.Diff([]string{"/usr/bin/tini", "--", "node", "dist/server.js"}, append(run.Entrypoint, run.Cmd...)); d != "" {
			t.Errorf("start of %s (-want +got):\n%s", service, d)
		}
		port := run.Labels["service.port"]
		if _, ok := run.ExposedPorts[port+"/tcp"]; !ok || len(run.ExposedPorts) != 1 {
			t.Errorf("%s exposes %v, its label says %q", service, run.ExposedPorts, port)
		}
		if run.Labels["service.name"] != service || run.Labels["service.version"] == "" {
			t.Errorf("labels of %s: %v", service, run.Labels)
		}
	}
	if files < 500 {
		t.Errorf("only %d files in all layers: were they read?", files)
	}
	t.Logf("%d files in %d layers", files, len(seen))
}
