package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"

	"github.com/slipway-build/slipway/internal/baseimage"
)

// mirror is a Debian mirror on this machine that serves what the machine's own
// one serves, as far as a test lets it.
type mirror struct {
	*httptest.Server
	mode   atomic.Value // "good", "tampered", "stuck"
	inPool chan struct{}
}

func newMirror(t *testing.T) *mirror {
	t.Helper()
	found, err := baseimage.FindMirrors(context.Background(), baseimage.Machine{Root: "/", Getenv: os.Getenv})
	if err != nil {
		t.Fatal(err)
	}
	targets := map[string]*url.URL{}
	for path, addresses := range map[string][]string{"/debian": found.Debian, "/security": found.Security} {
		if len(addresses) == 0 {
			t.Fatal("this machine has no security archive configured")
		}
		if targets[path], err = url.Parse(addresses[0]); err != nil {
			t.Fatal(err)
		}
	}
	m := &mirror{inPool: make(chan struct{}, 1000)}
	m.mode.Store("good")
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			archive := "/" + strings.Split(r.In.URL.Path, "/")[1]
			r.Out.URL.Path = strings.TrimPrefix(r.In.URL.Path, archive)
			r.SetURL(targets[archive])
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
		ModifyResponse: func(res *http.Response) error {
			if m.mode.Load() != "tampered" || !strings.HasSuffix(res.Request.URL.Path, "/InRelease") {
				return nil
			}
			text, err := io.ReadAll(res.Body)
			if err != nil {
				return err
			}
			changed := strings.Replace(string(text), "\nSuite: ", "\nSuite:  ", 1)
			res.Body, res.ContentLength = io.NopCloser(strings.NewReader(changed)), int64(len(changed))
			res.Header.Set("Content-Length", fmt.Sprint(len(changed)))
			return nil
		},
	}
	m.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if m.mode.Load() == "stuck" && strings.Contains(r.URL.Path, "/pool/") {
			w.WriteHeader(http.StatusOK)
			_, _ = w.Write([]byte("!<arch>\n"))
			w.(http.Flusher).Flush()
			m.inPool <- struct{}{}
			<-r.Context().Done()
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(m.CloseClientConnections)
	return m
}

func TestBasesAreRefusedFromBadMirrorsAndAGoodOneMendsIt(t *testing.T) {
	real(t)
	dir, env := ownState(t)
	src := t.TempDir()
	write(t, filepath.Join(src, "Dockerfile"), "FROM slipway/node:24-trixie\nRUN [\"node\", \"--version\"]\n")
	build := func(mirror string, more ...string) invocation {
		return invocation{dir: src, args: []string{"build", "-t", "web:1"}, env: append(append(env[:1:1],
			"SLIPWAY_DEBIAN_MIRROR="+mirror+"/debian", "SLIPWAY_DEBIAN_SECURITY_MIRROR="+mirror+"/security"), more...)}
	}
	nothingKept := func(t *testing.T) {
		t.Helper()
		nothingLeft(t, dir)
		for _, pattern := range []string{"bases/resolved/*", "bases/built/*"} {
			if files, _ := filepath.Glob(filepath.Join(dir, pattern)); len(files) > 0 {
				t.Errorf("half a base is kept: %v", files)
			}
		}
		// The layer of Node.js, which no Debian mirror has a part in, may be there: whole.
		layers, _ := filepath.Glob(filepath.Join(dir, "bases/layers/*"))
		for _, name := range layers {
			if _, err := os.Stat(name + ".json"); err != nil && !strings.HasSuffix(name, ".json") {
				t.Errorf("half a layer is kept: %s", name)
			}
		}
	}
	t.Run("down", func(t *testing.T) {
		refuses(t, build("http://127.0.0.1:1"), 3, "cannot be fetched: http://127.0.0.1:1/", "connection refused",
			"hint: check the network, the proxy settings", "SLIPWAY_DEBIAN_MIRROR")
		nothingKept(t)
	})
	m := newMirror(t)
	t.Run("tampered", func(t *testing.T) {
		m.mode.Store("tampered")
		refuses(t, build(m.URL), 3, "signature", "hint: ", m.URL)
		nothingKept(t)
	})
	m.mode.Store("good")
	t.Run("other key", func(t *testing.T) {
		refuses(t, build(m.URL, "SLIPWAY_DEBIAN_KEYRING="+otherKey(t)), 3, "signature", "hint: ")
		nothingKept(t)
	})
	t.Run("interrupted", func(t *testing.T) {
		m.mode.Store("stuck")
		r := build(m.URL).start(t)
		r.until(t, "a download", func() bool { return len(m.inPool) > 0 })
		interrupted(t, r, dir)
	})
	t.Run("killed", func(t *testing.T) {
		for len(m.inPool) > 0 {
			<-m.inPool
		}
		r := build(m.URL).start(t)
		r.until(t, "a download", func() bool { return len(m.inPool) > 0 })
		r.signal(t, syscall.SIGKILL)
		<-r.ended
	})
	m.mode.Store("good")
	r := build(m.URL).run(t).must(t, 0).says(t, "--version\"] … ", "of base images that an interrupted run left behind")
	t.Logf("bases and build after all that: %v", r.took.Round(time.Millisecond))
	nothingLeft(t, dir)
}

// otherKey writes a public key that signed nothing.
func otherKey(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "other.gpg")
	write(t, path, otherPublicKey(t))
	return path
}

// otherPublicKey makes a key and returns its public half in armour.
func otherPublicKey(t *testing.T) string {
	t.Helper()
	entity, err := openpgp.NewEntity("Other", "", "other@mirror.example", nil)
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	w, err := armor.Encode(&text, openpgp.PublicKeyType, nil)
	if err == nil {
		err = entity.Serialize(w)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return text.String()
}
