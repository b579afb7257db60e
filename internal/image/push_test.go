package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/event"
)

// server is a registry that records requests and may answer them itself.
type server struct {
	*httptest.Server
	mu       sync.Mutex
	requests []string
	answer   func(w http.ResponseWriter, r *http.Request, nth int) bool // true: answered
	seen     map[string]int
}

func newServer(t *testing.T) *server {
	t.Helper()
	s := &server{seen: map[string]int{}}
	inner := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.requests = append(s.requests, r.Method+" "+r.URL.RequestURI())
		s.seen[r.Method]++
		nth := s.seen[r.Method]
		s.mu.Unlock()
		if s.answer != nil && s.answer(w, r, nth) {
			return
		}
		inner.ServeHTTP(w, r)
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	t.Cleanup(s.Close)
	return s
}

func (s *server) host() string { return strings.TrimPrefix(s.URL, "http://") }

// methods counts the requests since the last call.
func (s *server) methods() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[string]int{}
	for _, r := range s.requests {
		method, path, _ := strings.Cut(r, " ")
		if path != "/v2/" {
			out[method]++
		}
	}
	s.requests = nil
	return out
}

// newPusher makes a Pusher whose waits pass at once and are kept.
func newPusher(t *testing.T, s *Store, opts PushOptions) (*Pusher, *[]time.Duration) {
	t.Helper()
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	p, err := NewPusher(s, opts)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	waits := &[]time.Duration{}
	p.retry.policy.Sleep = func(ctx context.Context, d time.Duration) error {
		mu.Lock()
		defer mu.Unlock()
		*waits = append(*waits, d)
		return ctx.Err()
	}
	return p, waits
}

func TestPushTwiceSendsOnlyHEAD(t *testing.T) {
	srv, s := newServer(t), newStore(t)
	write(t, s, "web", platformIndex(t))
	sink := &notes{}
	for round := range 2 {
		p, _ := newPusher(t, s, PushOptions{Sink: sink})
		if err := p.Push(t.Context(), "web", srv.host()+"/shop/web:v1"); err != nil {
			t.Fatal(err)
		}
		methods := srv.methods()
		if round == 0 && (methods["PATCH"] != 6 || methods["PUT"] != 9) {
			t.Errorf("first push: %v, want 6 blobs and 3 manifests", methods)
		}
		if diff := cmp.Diff(map[string]int{"HEAD": 1}, methods); round == 1 && diff != "" {
			t.Errorf("second push (-want +got):\n%s", diff)
		}
	}
	ref, _ := name.ParseReference(srv.host() + "/shop/web:v1")
	index, err := remote.Index(ref)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(index); err != nil {
		t.Error(err)
	}
	last := sink.events[len(sink.events)-1].(event.Transfer)
	if !last.Done {
		t.Errorf("last event %+v", last)
	}
}

func TestAllPushesOfACommandAskOnceHowToLogIn(t *testing.T) {
	srv, s := newServer(t), newStore(t)
	write(t, s, "web", randomImage(t, 1))
	asked := func(p *Pusher, ctx context.Context) int {
		var all sync.WaitGroup
		for i := range 4 {
			all.Go(func() {
				if err := p.Push(ctx, "web", fmt.Sprintf("%s/shop/web%d:v1", srv.host(), i)); err != nil && ctx.Err() == nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		srv.mu.Lock()
		defer srv.mu.Unlock()
		n := 0
		for _, r := range srv.requests {
			if r == "GET /v2/" {
				n++
			}
		}
		srv.requests = nil
		return n
	}
	p, _ := newPusher(t, s, PushOptions{})
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if asked(p, ended); asked(p, t.Context()) != 1 {
		t.Error("an interrupted question is not asked again, or every image asks")
	}
	if n := asked(p, t.Context()); n != 0 {
		t.Errorf("it is asked %d times more", n)
	}
}

func TestProgressEndsAtTheTotal(t *testing.T) {
	srv, s, sink := newServer(t), newStore(t), &notes{}
	write(t, s, "web", randomImage(t, 2))
	p, _ := newPusher(t, s, PushOptions{Sink: sink})
	if err := p.Push(t.Context(), "web", srv.host()+"/shop/web:v1"); err != nil {
		t.Fatal(err)
	}
	last := sink.events[len(sink.events)-1].(event.Transfer)
	if last.Current != last.Total || last.Total == 0 || last.What != "push "+srv.host()+"/shop/web:v1" {
		t.Errorf("last event %+v", last)
	}
}

func TestFleetSendsSharedLayersOnce(t *testing.T) {
	srv, s := newServer(t), newStore(t)
	base := randomImage(t, 3)
	p, _ := newPusher(t, s, PushOptions{})
	var group sync.WaitGroup
	for i := range 5 {
		own, err := random.Layer(300, types.OCILayer)
		if err != nil {
			t.Fatal(err)
		}
		img, err := mutate.AppendLayers(base, own)
		if err != nil {
			t.Fatal(err)
		}
		local := fmt.Sprintf("svc%d", i)
		write(t, s, local, img)
		group.Go(func() {
			if err := p.Push(t.Context(), local, srv.host()+"/shop/"+local); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	srv.mu.Lock()
	defer srv.mu.Unlock()
	uploads := 0
	for _, r := range srv.requests {
		if strings.HasPrefix(r, "PATCH") {
			uploads++
		}
	}
	if want := 3 + 5 + 5; uploads != want {
		t.Errorf("%d uploads, want %d: three shared layers, five own, five configs\n%s", uploads, want, strings.Join(srv.requests, "\n"))
	}
}

// A registry whose repositories do not see each other's blobs gets asked to mount.
func TestPushMountsFromASiblingRepository(t *testing.T) {
	srv, s := newServer(t), newStore(t)
	img := randomImage(t, 1)
	write(t, s, "web", img)
	srv.answer = func(w http.ResponseWriter, r *http.Request, _ int) bool {
		if r.Method == http.MethodHead && strings.Contains(r.URL.Path, "/b/blobs/") {
			w.WriteHeader(http.StatusNotFound)
			return true
		}
		if r.Method == http.MethodPost && r.URL.Query().Has("mount") {
			w.WriteHeader(http.StatusCreated)
			return true
		}
		return false
	}
	p, _ := newPusher(t, s, PushOptions{})
	for _, repo := range []string{"a", "b"} {
		if err := p.Push(t.Context(), "web", srv.host()+"/"+repo); err != nil {
			t.Fatal(err)
		}
	}
	layers, _ := img.Layers()
	digest, _ := layers[0].Digest()
	if !slices.ContainsFunc(srv.requests, func(r string) bool {
		return strings.HasPrefix(r, "POST /v2/b/blobs/uploads/") && strings.Contains(r, "from=a") && strings.Contains(r, digest.Hex)
	}) {
		t.Errorf("no mount of %s among\n%s", digest, strings.Join(srv.requests, "\n"))
	}
}

func TestPushWaitsAsLongAsTheRegistryAsks(t *testing.T) {
	srv, s := newServer(t), newStore(t)
	write(t, s, "web", randomImage(t, 1))
	srv.answer = func(w http.ResponseWriter, r *http.Request, nth int) bool {
		if r.Method != http.MethodPatch && r.Method != http.MethodPut || nth > 1 {
			return false
		}
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(http.StatusTooManyRequests)
		return true
	}
	p, waits := newPusher(t, s, PushOptions{Parallel: 1})
	if err := p.Push(t.Context(), "web", srv.host()+"/web"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]time.Duration{7 * time.Second, 7 * time.Second}, *waits); diff != "" {
		t.Errorf("waits (-want +got):\n%s", diff)
	}
}

func TestBrokenUploadStartsOver(t *testing.T) {
	srv, s := newServer(t), newStore(t)
	write(t, s, "web", randomImage(t, 2))
	srv.answer = func(w http.ResponseWriter, r *http.Request, nth int) bool {
		if r.Method == http.MethodPatch && nth <= 2 {
			if nth == 1 {
				conn, _, err := w.(http.Hijacker).Hijack()
				if err == nil {
					_ = conn.(*net.TCPConn).SetLinger(0)
					_ = conn.Close()
				}
				return true
			}
			w.WriteHeader(http.StatusBadGateway)
			return true
		}
		return false
	}
	p, _ := newPusher(t, s, PushOptions{Parallel: 1})
	if err := p.Push(t.Context(), "web", srv.host()+"/web"); err != nil {
		t.Fatal(err)
	}
}

func TestPushRefusals(t *testing.T) {
	for _, c := range []struct {
		name     string
		status   int
		header   string
		text     string
		hint     string
		attempts int // of the first request
	}{
		{"unauthorized", 401, "", "requires a login", "docker login HOST (or podman login), or set SLIPWAY_REGISTRY_USER and SLIPWAY_REGISTRY_PASSWORD", 1},
		{"forbidden", 403, "", "no permission to push to HOST/shop/web", "ask for permission to push, or log in as a user who has it: docker login HOST", 1},
		{"not found", 404, "", "HOST does not know shop/web", "check --registry; some registries require an existing repository: create it first", 1},
		{"broken", 500, "", "HOST reports a server error: 500 Internal Server Error, 6 times: the disk is full", "look at the registry's log; the registry keeps uploaded layers, so push again after it recovers", 6},
		{"busy", 429, "", "HOST limits requests: 429 Too Many Requests, 6 times", "push again later, or with fewer services at once (--parallel 1)", 6},
		{"busy for long", 429, "600", "HOST limits requests and asks to wait 10m0s: 429 Too Many Requests: the disk", "push again after 10m0s, or log in for a higher limit", 1},
		{"odd", 418, "", "HOST refuses it", "look at the registry's log", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			srv, s := newServer(t), newStore(t)
			write(t, s, "web", randomImage(t, 1))
			tries := 0
			srv.answer = func(w http.ResponseWriter, r *http.Request, _ int) bool {
				if r.URL.Path == "/v2/" {
					return false
				}
				if r.Method == http.MethodHead {
					w.WriteHeader(http.StatusNotFound)
					return true
				}
				tries++
				if c.header != "" {
					w.Header().Set("Retry-After", c.header)
				}
				w.WriteHeader(c.status)
				fmt.Fprint(w, "the disk\n is full")
				return true
			}
			p, _ := newPusher(t, s, PushOptions{Parallel: 1})
			err := p.Push(t.Context(), "web", srv.host()+"/shop/web")
			if err == nil {
				t.Fatal("no error")
			}
			host := func(s string) string { return strings.ReplaceAll(s, "HOST", srv.host()) }
			if !strings.Contains(err.Error(), host(c.text)) || !strings.HasPrefix(err.Error(), "pushing "+srv.host()+"/shop/web:latest: ") {
				t.Errorf("error %q, want %q", err, host(c.text))
			}
			if got := diag.HintOf(err); got != host(c.hint) {
				t.Errorf("hint %q, want %q", got, host(c.hint))
			}
			if tries != c.attempts {
				t.Errorf("%d tries, want %d", tries, c.attempts)
			}
			if diag.ExitOf(err) != diag.ExitUnexpected {
				t.Errorf("exit %d", diag.ExitOf(err))
			}
		})
	}
}

func TestPushToNobody(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	_ = l.Close()
	s := newStore(t)
	write(t, s, "web", randomImage(t, 1))
	p, waits := newPusher(t, s, PushOptions{})
	err = p.Push(t.Context(), "web", addr+"/shop/web:v1")
	want := "pushing " + addr + "/shop/web:v1: no registry answers at " + addr + ": connection refused"
	if err == nil || err.Error() != want {
		t.Errorf("error %v\nwant  %s", err, want)
	}
	if got, want := diag.HintOf(err), "start one: slipway registry serve --addr "+addr; got != want {
		t.Errorf("hint %q, want %q", got, want)
	}
	if len(*waits) != 0 {
		t.Errorf("waited %v for a registry that is not there", *waits)
	}
}

func TestPushOverTLS(t *testing.T) {
	srv := httptest.NewTLSServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	defer srv.Close()
	s := newStore(t)
	write(t, s, "web", randomImage(t, 1))
	destination := strings.TrimPrefix(srv.URL, "https://") + "/web"
	p, _ := newPusher(t, s, PushOptions{Insecure: true})
	if err := p.Push(t.Context(), "web", destination); err != nil {
		t.Error(err)
	}
	p, _ = newPusher(t, s, PushOptions{})
	err := p.Push(t.Context(), "web", destination)
	if err == nil || !strings.Contains(err.Error(), "cannot be trusted") {
		t.Errorf("error %v", err)
	}
}

func TestPushWithCredentials(t *testing.T) {
	srv, s := newServer(t), newStore(t)
	write(t, s, "web", randomImage(t, 1))
	srv.answer = func(w http.ResponseWriter, r *http.Request, _ int) bool {
		if user, password, _ := r.BasicAuth(); user == "ci" && password == "canary-7f3" {
			return false
		}
		w.Header().Set("WWW-Authenticate", `Basic realm="registry"`)
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprint(w, r.Header.Get("Authorization"), " wrong-canary")
		return true
	}
	p, _ := newPusher(t, s, PushOptions{User: "ci", Password: "canary-7f3"})
	if err := p.Push(t.Context(), "web", srv.host()+"/web"); err != nil {
		t.Error(err)
	}
	p, _ = newPusher(t, s, PushOptions{User: "ci", Password: "wrong-canary"})
	err := p.Push(t.Context(), "web", srv.host()+"/web")
	if err == nil || strings.Contains(err.Error(), "wrong-canary") || strings.Contains(err.Error(), "Y2k6") {
		t.Errorf("error %v", err)
	}
}

func TestPushStopsWithItsContext(t *testing.T) {
	srv, s := newServer(t), newStore(t)
	write(t, s, "web", randomImage(t, 1))
	ctx, cancel := context.WithCancel(t.Context())
	srv.answer = func(w http.ResponseWriter, r *http.Request, _ int) bool {
		if r.Method == http.MethodPost {
			w.WriteHeader(http.StatusServiceUnavailable)
			cancel()
			return true
		}
		return false
	}
	p, _ := newPusher(t, s, PushOptions{})
	p.retry.policy.Sleep = nil
	if err := p.Push(ctx, "web", srv.host()+"/web"); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestPlainHTTPOnlyToThisMachine(t *testing.T) {
	called := false
	rt := &retrying{now: time.Now, sink: event.Discard{}, inner: roundTripper(func(*http.Request) (*http.Response, error) {
		called = true
		return &http.Response{StatusCode: 200, Body: http.NoBody}, nil
	})}
	for host, want := range map[string]bool{
		"localhost:5000": true, "127.0.0.1:5000": true, "[::1]:5000": true, "registry.localhost": true,
		"10.0.0.7:5000": false, "registry.example": false,
	} {
		called = false
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+host+"/v2/", nil)
		res, err := rt.RoundTrip(req)
		if called != want || (err == nil) != want {
			t.Errorf("%s: sent %v, %v", host, called, err)
		}
		drain(res)
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestRedact(t *testing.T) {
	for text, want := range map[string]string{
		"GET https://bob:pw@mirror.example/v2/":          "GET https://REDACTED@mirror.example/v2/",
		"https://blob.example/x?X-Amz-Signature=abc&n=1": "https://blob.example/x?X-Amz-Signature=REDACTED&n=1",
		"Authorization: Basic Y2k6Y2FuYXJ5":              "Authorization: Basic REDACTED",
		"said hunter2 twice: aHVudGVyMg==":               "said REDACTED twice: REDACTED",
	} {
		if got := redact(text, "hunter2"); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
