package delivery

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/image"
	"github.com/slipway-build/slipway/internal/pipeline"
)

// dockerOf is Docker's engine on a machine. It counts images by platform.
func dockerOf(t *testing.T, arch string) map[string]int {
	t.Helper()
	loaded := map[string]int{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/_ping"):
			w.Header().Set("Api-Version", "1.41")
		case strings.HasSuffix(r.URL.Path, "/version"):
			fmt.Fprintf(w, `{"ApiVersion":"1.41","Os":"linux","Arch":%q}`, arch)
		case strings.HasSuffix(r.URL.Path, "/images/load"):
			data, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			img, err := tarball.Image(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }, nil)
			if err != nil {
				t.Error(err)
				return
			}
			config, err := img.ConfigFile()
			if err != nil {
				t.Error(err)
			}
			loaded[config.Platform().String()]++
		default:
			http.Error(w, `{}`, http.StatusNotFound)
		}
	}))
	t.Cleanup(server.Close)
	t.Setenv("DOCKER_HOST", strings.Replace(server.URL, "http", "tcp", 1))
	return loaded
}

// storedFor keeps an image of no layers for some platforms.
func storedFor(t *testing.T, store *image.Store, name string, platforms ...string) {
	t.Helper()
	index := mutate.AppendManifests(empty.Index)
	for _, text := range platforms {
		p, err := v1.ParsePlatform(text)
		if err != nil {
			t.Fatal(err)
		}
		img, err := mutate.ConfigFile(empty.Image, &v1.ConfigFile{OS: p.OS, Architecture: p.Architecture, Variant: p.Variant, RootFS: v1.RootFS{Type: "layers"}})
		if err != nil {
			t.Fatal(err)
		}
		if len(platforms) == 1 {
			if _, err := store.Write(t.Context(), name, img); err != nil {
				t.Fatal(err)
			}
			return
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: p}})
	}
	if _, err := store.Write(t.Context(), name, index); err != nil {
		t.Fatal(err)
	}
}

// notes is a sink that keeps what people are told.
type notes []string

func (n *notes) Emit(e event.Event) {
	if e, ok := e.(event.Note); ok {
		*n = append(*n, e.Text)
	}
}

func TestDockerGetsThePlatformThatItRuns(t *testing.T) {
	store, err := image.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		docker string
		image  []string
		want   string // platform that is sent
		note   string
	}{
		{"amd64", []string{"linux/amd64"}, "linux/amd64", ""},
		{"amd64", []string{"linux/amd64", "linux/arm64"}, "linux/amd64", "of x:1 Docker's engine gets linux/amd64 alone"},
		{"arm64", []string{"linux/amd64", "linux/arm64/v8"}, "linux/arm64/v8", "of x:1 Docker's engine gets linux/arm64/v8 alone"},
		{"amd64", []string{"linux/arm64"}, "linux/arm64", "x:1 is for linux/arm64, and Docker's engine is linux/amd64: it runs there under emulation only"},
	} {
		storedFor(t, store, "x:1", c.image...)
		loaded := dockerOf(t, c.docker)
		var said notes
		l, err := openLoader(t.Context(), store, &said, []pipeline.Job{{Request: engine.Request{Name: "x", Platforms: c.image}, Image: "x:1"}})
		if err != nil {
			t.Errorf("%v: %v", c.image, err)
			continue
		}
		if err := l.Push(t.Context(), "x:1"); err != nil {
			t.Errorf("%v: %v", c.image, err)
		}
		if diff := cmp.Diff(map[string]int{c.want: 1}, loaded); diff != "" {
			t.Errorf("%v for %s (-want +got):\n%s", c.image, c.docker, diff)
		}
		if got := strings.Join(said, "\n"); got != c.note {
			t.Errorf("%v: told %q, want %q", c.image, got, c.note)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestDockerIsNotGivenWhatItDoesNotTake(t *testing.T) {
	dockerOf(t, "amd64")
	for _, c := range []struct {
		req        engine.Request
		want, hint string
	}{
		{
			engine.Request{Name: "web", Platforms: []string{"linux/arm64", "linux/s390x"}},
			"is linux/amd64 and takes one platform of an image, and web is built for linux/arm64, linux/s390x",
			"add --platform linux/amd64, or build one platform, or push to a registry",
		},
		{engine.Request{Name: "web", Compression: "zstd"}, "reads no layers in zstd, which Docker 23 and newer do", "write compression: gzip into slipway.yaml, or update Docker"},
	} {
		_, err := openLoader(t.Context(), nil, event.Discard{}, []pipeline.Job{{Request: c.req}})
		if err == nil || !strings.Contains(err.Error(), c.want) || diag.HintOf(err) != c.hint || diag.ExitOf(err) != diag.ExitUsage {
			t.Errorf("error %v, hint %q, exit %d", err, diag.HintOf(err), diag.ExitOf(err))
		}
	}
}
