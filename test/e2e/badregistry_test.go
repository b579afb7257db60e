package e2e

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// badRegistry stands before a registry: one request in ten gets a random fault.
// One in fifty pushes meets a stall, which lasts until the client has waited enough.
type badRegistry struct {
	*httptest.Server
	faults, stalls, lies atomic.Int64
}

func newBadRegistry(t *testing.T, registry string, pushes int) *badRegistry {
	t.Helper()
	target, err := url.Parse("http://" + registry)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	const seed = 20261202
	dice := rand.New(rand.NewPCG(seed, seed))
	roll := func(n int) int {
		mu.Lock()
		defer mu.Unlock()
		return dice.IntN(n)
	}
	b := &badRegistry{}
	type liesKey struct{}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target); r.Out.Host = r.In.Host },
		ModifyResponse: func(r *http.Response) error {
			if r.Request.Context().Value(liesKey{}) != nil && r.Header.Get("Docker-Content-Digest") != "" {
				b.lies.Add(1)
				r.Header.Set("Docker-Content-Digest", "sha256:"+strings.Repeat("0", 64))
			}
			return nil
		},
	}
	b.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if roll(10) > 0 {
			proxy.ServeHTTP(w, r)
			return
		}
		b.faults.Add(1)
		switch roll(7) {
		case 0:
			http.Error(w, "down", http.StatusServiceUnavailable)
		case 1:
			http.Error(w, "broken", http.StatusInternalServerError)
		case 2: // it takes half of the request and closes the connection
			_, _ = io.CopyN(io.Discard, r.Body, r.ContentLength/2)
			panic(http.ErrAbortHandler)
		case 3:
			time.Sleep(300 * time.Millisecond)
			proxy.ServeHTTP(w, r)
		case 4:
			http.Error(w, "no gateway", http.StatusBadGateway)
		case 5: // it names another digest
			proxy.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), liesKey{}, true)))
		case 6: // it ends its answer early, or never begins it
			if b.stalls.Add(1)*50 <= int64(pushes) {
				select { // a request whose body is not read does not tell that its client left
				case <-r.Context().Done():
				case <-time.After(90 * time.Second):
				}
				return
			}
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write([]byte("{"))
			panic(http.ErrAbortHandler)
		}
	}))
	t.Cleanup(b.Close)
	return b
}

func TestPushesToABadRegistrySucceed(t *testing.T) {
	real(t)
	t.Parallel() // it waits before it asks again
	_, registryEnv := ownState(t)
	registry := servedRegistry(t, registryEnv)
	dir, env := ownState(t)
	src := smallDir(t, "RUN head -c 3000000 /dev/urandom > /big\n")
	pushes, failed := number(t, "SLIPWAY_PUSHES", 10), 0
	bad := newBadRegistry(t, registry, pushes)
	for n := range pushes {
		name := fmt.Sprintf("/team/web%d:1", n)
		want, _ := digestOf(t, invocation{dir: src, env: env, args: []string{"build", "-t", hostOf(bad.Server) + name}})
		if r := (invocation{dir: src, env: env, args: []string{"push", hostOf(bad.Server) + name}}).run(t); r.code != 0 {
			failed++
			t.Logf("push %d: exit %d: %s", n, r.code, r.stderr)
			continue
		}
		if got := manifestIn(t, registry+name); got != want {
			t.Fatalf("push %d: the registry has %s, want %s", n, got, want)
		}
	}
	t.Logf("%d pushes, %d faults, %d wrong digests named, %d failed", pushes, bad.faults.Load(), bad.lies.Load(), failed)
	if failed*100 > pushes {
		t.Errorf("%d of %d pushes failed", failed, pushes)
	}
	nothingLeft(t, dir)
}

// A registry that keeps something else than what it was given is not believed.
func TestAWrongDigestOfARegistryIsRefused(t *testing.T) {
	real(t)
	t.Parallel() // it waits before it asks again
	_, registryEnv := ownState(t)
	target, err := url.Parse("http://" + servedRegistry(t, registryEnv))
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target); r.Out.Host = r.In.Host },
		ModifyResponse: func(r *http.Response) error {
			if r.Request.Method == http.MethodPut && strings.Contains(r.Request.URL.Path, "/manifests/") {
				r.Header.Set("Docker-Content-Digest", "sha256:"+strings.Repeat("0", 64))
			}
			return nil
		},
	}
	liar := httptest.NewServer(proxy)
	defer liar.Close()
	_, env := ownState(t)
	r := invocation{dir: smallDir(t, ""), env: env, args: []string{"build", "-t", hostOf(liar) + "/team/web:1", "--push"}}.run(t)
	if r.code == 0 {
		t.Errorf("a registry that names another digest is believed:\n%s", r.stderr)
	}
}
