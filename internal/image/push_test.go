package image

import (
	"context"
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
