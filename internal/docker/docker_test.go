package docker

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/event"
)

// fake is a Docker engine that keeps what it was asked for.
type fake struct {
	version string                                       // answer to /version; empty: that of 20.10
	has     string                                       // id of an image that is there
	load    func(w http.ResponseWriter, r *http.Request) // empty: reads the archive and is content

	mu    sync.Mutex
	asked []string
	files map[string]int64 // of the archive, with their sizes
	loads []tarball.Descriptor
}

// listen starts it on a socket, which DOCKER_HOST names.
func (f *fake) listen(t *testing.T) {
	t.Helper()
	dir, err := os.MkdirTemp("", "d") // short, because a socket's path has 108 bytes at most
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket := filepath.Join(dir, "docker.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(f)
	server.Listener = l
	server.Start()
	t.Cleanup(server.Close)
	t.Setenv("DOCKER_HOST", "unix://"+socket)
}

// ServeHTTP implements http.Handler.
func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, path, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/") // without the version
	if r.URL.Path == "/_ping" {
		w.Header().Set("Api-Version", "1.41")
		return
	}
	f.mu.Lock()
	f.asked = append(f.asked, strings.TrimSuffix(r.Method+" "+path+"?"+r.URL.RawQuery, "?"))
	f.mu.Unlock()
	switch {
	case path == "version" && f.version == "":
		fmt.Fprintf(w, `{"Version":"20.10.24","ApiVersion":"1.41","Os":"linux","Arch":"amd64"}`)
	case path == "version":
		fmt.Fprint(w, f.version)
	case path == "images/load" && f.load != nil:
		f.load(w, r)
	case path == "images/load":
		f.read(r.Body)
		fmt.Fprintln(w, `{"stream":"Loaded image: x"}`)
	case f.has != "" && strings.HasPrefix(path, "images/"+f.has):
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"Id":%q}`, f.has)
	default:
		http.Error(w, `{"message":"no such image"}`, http.StatusNotFound)
	}
}

// read reads the archive as docker load does.
func (f *fake) read(body io.Reader) {
	f.files = map[string]int64{}
	for r := tar.NewReader(body); ; {
		h, err := r.Next()
		if err != nil {
			return
		}
		data, _ := io.ReadAll(r)
		f.files[h.Name] = int64(len(data))
		if h.Name == "manifest.json" {
			_ = json.Unmarshal(data, &f.loads)
		}
	}
}

func open(t *testing.T, sink event.Sink) *Engine {
	t.Helper()
	e, err := Open(t.Context(), sink)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

func image(t *testing.T) (v1.Image, string) {
	t.Helper()
	img, err := random.Image(600<<10, 3)
	if err != nil {
		t.Fatal(err)
	}
	id, err := img.ConfigName()
	if err != nil {
		t.Fatal(err)
	}
	return img, id.String()
}

// events is a sink that keeps the last event.
type events struct {
	mu   sync.Mutex
	all  int
	last event.Event
}

func (s *events) Emit(e event.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all, s.last = s.all+1, e
}

func TestAnImageIsSentWhole(t *testing.T) {
	f := &fake{}
	f.listen(t)
	sink := &events{}
	e := open(t, sink)
	if e.Platform() != "linux/amd64" {
		t.Errorf("platform %q", e.Platform())
	}
	img, id := image(t)
	if err := e.Load(t.Context(), "shop/web:v1", img); err != nil {
		t.Fatal(err)
	}
	manifest, err := img.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	want := tarball.Descriptor{Config: id, RepoTags: []string{"shop/web:v1"}}
	var total int64
	for _, l := range manifest.Layers {
		name := l.Digest.Hex + ".tar.gz"
		want.Layers = append(want.Layers, name)
		total += l.Size
		if f.files[name] != l.Size {
			t.Errorf("%s has %d bytes, want %d", name, f.files[name], l.Size)
		}
	}
	if diff := cmp.Diff([]tarball.Descriptor{want}, f.loads); diff != "" {
		t.Errorf("manifest.json (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"GET version", "GET images/" + id + "/json", "POST images/load?quiet=1"}, f.asked); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	done := event.Transfer{What: "load shop/web:v1", Current: total, Total: total, Done: true}
	if diff := cmp.Diff(event.Event(done), sink.last); diff != "" || sink.all < 2 {
		t.Errorf("%d events, the last (-want +got):\n%s", sink.all, diff)
	}
}

func TestAnImageThatIsThereGetsOnlyTheName(t *testing.T) {
	img, id := image(t)
	f := &fake{has: id}
	f.listen(t)
	if err := open(t, event.Discard{}).Load(t.Context(), "localhost:5000/shop/web:v1", img); err != nil {
		t.Fatal(err)
	}
	want := []string{"GET version", "GET images/" + id + "/json", "POST images/" + id + "/tag?repo=localhost%3A5000%2Fshop%2Fweb&tag=v1"}
	if diff := cmp.Diff(want, f.asked); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestALoadThatFailsSaysWhy(t *testing.T) {
	for name, c := range map[string]struct {
		load func(w http.ResponseWriter, r *http.Request)
		want string
	}{
		"after all of it": {func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			fmt.Fprintln(w, `{"stream":"Loading layer"}`)
			fmt.Fprintln(w, `{"errorDetail":{"message":"no space left on device"},"error":"no space left on device"}`)
		}, "loading web:v1 into Docker's engine at unix://"},
		"at once": {func(w http.ResponseWriter, r *http.Request) {
			http.Error(w, `{"message":"no space left on device"}`, 500)
		}, "no space left on device"},
		"with half an answer": {func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			fmt.Fprint(w, `{"stream":`)
		}, "reading the engine's answer"},
		"by hanging up": {func(w http.ResponseWriter, r *http.Request) { panic(http.ErrAbortHandler) }, "loading web:v1"},
	} {
		t.Run(name, func(t *testing.T) {
			(&fake{load: c.load}).listen(t)
			img, _ := image(t)
			err := open(t, event.Discard{}).Load(t.Context(), "web:v1", img)
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "closed pipe") || diag.HintOf(err) == "" {
				t.Errorf("error %v, hint %q; want %q", err, diag.HintOf(err), c.want)
			}
		})
	}
}

func TestALoadStopsWithItsContext(t *testing.T) {
	began := make(chan struct{})
	end := make(chan struct{})
	defer close(end)
	(&fake{load: func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.ReadFull(r.Body, make([]byte, 1<<10))
		close(began)
		<-end
	}}).listen(t)
	img, _ := image(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() { <-began; cancel() }()
	if err := open(t, event.Discard{}).Load(ctx, "web:v1", img); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestABlobThatIsMissingIsTheReason(t *testing.T) {
	(&fake{}).listen(t)
	img, _ := image(t)
	err := open(t, event.Discard{}).Load(t.Context(), "web:v1", broken{img})
	if err == nil || !strings.Contains(err.Error(), "the store has a hole") {
		t.Errorf("error %v", err)
	}
}

// broken is an image whose layers cannot be read.
type broken struct{ v1.Image }

func (b broken) Layers() ([]v1.Layer, error) {
	layers, err := b.Image.Layers()
	for i := range layers {
		layers[i] = brokenLayer{layers[i]}
	}
	return layers, err
}

type brokenLayer struct{ v1.Layer }

func (brokenLayer) Compressed() (io.ReadCloser, error) {
	return nil, errors.New("the store has a hole")
}

func TestWhatIsNoDockerEngineIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		version, want string
	}{
		"another server": {`<html>`, "is not a Docker engine"},
		"no platform":    {`{}`, "is not a Docker engine: it does not report its platform"},
		"Windows":        {`{"Version":"28","Os":"windows","Arch":"amd64"}`, "runs windows containers"},
	} {
		t.Run(name, func(t *testing.T) {
			(&fake{version: c.version}).listen(t)
			refused(t, c.want, "DOCKER_HOST")
		})
	}
	t.Run("no HTTP", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				_, _ = c.Write([]byte("220 mail.example ESMTP\r\n"))
				_ = c.Close()
			}
		}()
		t.Setenv("DOCKER_HOST", "tcp://"+l.Addr().String())
		refused(t, "does not answer", "docker version")
	})
}

func TestAnEngineThatCannotBeReachedIsRefused(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("DOCKER_HOST", "unix://"+filepath.Join(dir, "none.sock"))
	refused(t, "none.sock cannot be reached: dial unix", "systemctl start docker")
	t.Setenv("DOCKER_HOST", "ssh://me@far.example")
	refused(t, "does not load images over ssh://me@far.example", "ssh -NL /tmp/docker.sock:/var/run/docker.sock me@far.example")
	t.Setenv("DOCKER_HOST", "far.example:2375")
	refused(t, "cannot be reached with the environment's settings", "check DOCKER_HOST")
	for cause, hint := range map[error]string{fs.ErrPermission: "usermod -aG docker", syscall.ECONNREFUSED: "nothing listens there", io.EOF: "docker version"} {
		err := unreachable("unix:///run/docker.sock", "/run/docker.sock", &net.OpError{Op: "dial", Err: cause})
		if !strings.Contains(diag.HintOf(err), hint) || diag.ExitOf(err) != diag.ExitUsage || !errors.Is(err, cause) {
			t.Errorf("%v: %v, hint %q", cause, err, diag.HintOf(err))
		}
	}
}

func refused(t *testing.T, want, hint string) {
	t.Helper()
	_, err := Open(t.Context(), event.Discard{})
	if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(diag.HintOf(err), hint) || diag.ExitOf(err) != diag.ExitUsage {
		t.Errorf("error %v, hint %q, exit %d; want %q, hint %q", err, diag.HintOf(err), diag.ExitOf(err), want, hint)
	}
}
