package remote

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log"
	"maps"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/slipway-build/slipway/bench/peer"
	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/engine/conformance"
	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/image"
)

// starter starts real buildkitd processes.
type starter struct {
	place    peer.Place
	programs peer.Programs
}

// buildkitds makes a place for buildkitd processes. The program is the one that
// make bench compiles; without it the test is skipped, unless it is asked for:
// compiling it takes five minutes.
func buildkitds(t *testing.T) starter {
	t.Helper()
	if os.Getenv("SLIPWAY_E2E") != "1" {
		t.Skip("needs root and buildkitd: set SLIPWAY_E2E=1 (make test does)")
	}
	cache := os.Getenv("SLIPWAY_BENCH_DIR") // as bench/ has it
	if cache == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			t.Fatal(err)
		}
		cache = filepath.Join(user, "slipway-bench")
	}
	work, err := os.MkdirTemp("", "slipway-remote-") // short, because a socket's path has 108 bytes at most
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(work); err != nil {
			t.Errorf("buildkitd left something mounted: %v", err)
		}
	})
	s := starter{place: peer.Place{Cache: cache, Work: work, Say: t.Logf}}
	if !s.place.Compiled() && os.Getenv("SLIPWAY_E2E_PEERS") != "1" {
		t.Skipf("needs buildkitd in %s/bin: make bench compiles it once, as SLIPWAY_E2E_PEERS=1 does here, in five minutes", cache)
	}
	if s.programs, err = s.place.Compile(t.Context(), filepath.Join("..", "..", "..")); err != nil {
		t.Fatal(err)
	}
	return s
}

// start starts one with empty caches.
func (s starter) start(t *testing.T, address string, before []string, args ...string) *peer.Node {
	t.Helper()
	n, err := s.place.StartNode(t.Context(), s.programs, address, before, args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		n.Stop()
		if t.Failed() {
			t.Logf("log of %s:\n%s", n.Address, n.Log())
		}
	})
	return n
}

// open opens an engine on nodes, with an empty image store.
func open(t *testing.T, o Options, nodes ...*peer.Node) conformance.Subject {
	t.Helper()
	if o.StateDir == "" {
		o.StateDir = t.TempDir()
	}
	o.ImageDir = t.TempDir()
	for _, n := range nodes {
		o.Addresses = append(o.Addresses, n.Address)
	}
	e, err := Open(t.Context(), o, event.Discard{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return conformance.Subject{Builder: e, ImageDir: o.ImageDir}
}

// two opens a pool of two fresh nodes, which it returns by their addresses.
func two(t *testing.T, o Options) (pool conformance.Subject, nodes map[string]*peer.Node) {
	t.Helper()
	s := buildkitds(t)
	one, other := s.start(t, "", nil), s.start(t, "", nil)
	return open(t, o, one, other), map[string]*peer.Node{one.Address: one, other.Address: other}
}

func TestConformanceOfOneNode(t *testing.T) {
	s := buildkitds(t)
	conformance.Run(t, open(t, Options{}, s.start(t, "", nil)))
}

// TestConformanceOfAPoolWhoseNodeDies kills a node in the middle of a build, which
// another takes over, and runs the whole suite with what is left.
func TestConformanceOfAPoolWhoseNodeDies(t *testing.T) {
	pool, nodes := two(t, Options{})
	conformance.Run(t, pool)

	movesOn(t, pool, func(first string) { nodes[first].Kill() })
	t.Run("with the other node", func(t *testing.T) { conformance.Run(t, pool) })
}

// TestABuildMovesOnWhenItsNodeIsStopped ends a node as its service manager would.
func TestABuildMovesOnWhenItsNodeIsStopped(t *testing.T) {
	pool, nodes := two(t, Options{})
	var stopping sync.WaitGroup
	movesOn(t, pool, func(first string) { stopping.Go(nodes[first].Stop) })
	stopping.Wait()
}

// TestABuildMovesOnWhenItsNodeFallsSilent stops a node without ending it: its
// connections stay open. Whoever opens the pool then does without it.
func TestABuildMovesOnWhenItsNodeFallsSilent(t *testing.T) {
	pool, nodes := two(t, Options{Silence: 12 * time.Second})
	var opening sync.WaitGroup
	resume := func() {}
	defer func() { resume() }()
	movesOn(t, pool, func(first string) {
		resume = nodes[first].Pause()
		opening.Go(func() {
			rec := &conformance.Recorder{}
			e, err := Open(t.Context(), Options{Addresses: slices.Sorted(maps.Keys(nodes)), StateDir: t.TempDir(), ImageDir: t.TempDir()}, rec)
			if err != nil {
				t.Error(err)
				return
			}
			if said := rec.Events(); len(said) != 1 || !strings.Contains(said[0].(event.Note).Text, first+" cannot be reached") {
				t.Errorf("events %v", said)
			}
			if err := e.Close(); err != nil {
				t.Error(err)
			}
		})
	})
	opening.Wait()
}

// TestAnInterruptDoesNotWaitForASilentNode stops a node, then the build.
func TestAnInterruptDoesNotWaitForASilentNode(t *testing.T) {
	n := buildkitds(t).start(t, "", nil)
	lone := open(t, Options{}, n)
	ctx, cancel := context.WithCancel(t.Context())
	resume := func() {}
	defer func() { resume() }()
	var paused time.Time
	gate := newGate(t)
	gate.first = func() {
		resume, paused = n.Pause(), time.Now()
		cancel()
	}
	_, err := lone.Builder.Build(ctx, waiting(t, gate), event.Discard{})
	if took := time.Since(paused); !errors.Is(err, context.Canceled) || took > 15*time.Second {
		t.Errorf("it ended after %v: %v", took, err)
	}
}

// waiting is a build whose step waits at the gate.
func waiting(t *testing.T, g *gate) engine.Request {
	t.Helper()
	return engine.Request{
		Name: "web", Context: conformance.Busybox(t), Args: map[string]string{"PORT": g.port},
		Dockerfile: []byte(conformance.BusyboxBase + "ARG PORT\nRUN echo waits; nc 127.0.0.1 $PORT > /got; cat /got\n"),
	}
}

// TestABuildMovesOnWhenItsNodeDiesWhileItSendsTheImage kills a node when the first
// bytes of a layer have come, of which the other node makes the same one.
func TestABuildMovesOnWhenItsNodeDiesWhileItSendsTheImage(t *testing.T) {
	pool, nodes := two(t, Options{})
	first := ranked(pool.Builder.(*Engine).nodes, "web")[0].at.text
	arriving := filepath.Join(pool.ImageDir, "ingest", "*", "data")
	var killed sync.WaitGroup
	var once sync.Once
	rec := &conformance.Recorder{On: func(e event.Event) {
		if st, ok := e.(event.StepStarted); !ok || !strings.HasPrefix(st.Step, "exporting") {
			return
		}
		once.Do(func() {
			killed.Go(func() {
				for t.Context().Err() == nil {
					files, _ := filepath.Glob(arriving)
					for _, f := range files {
						if info, err := os.Stat(f); err == nil && info.Size() > 1<<20 {
							nodes[first].Kill()
							return
						}
					}
					time.Sleep(time.Millisecond)
				}
			})
		})
	}}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	dir, large := t.TempDir(), make([]byte, 64<<20)
	_, _ = rand.Read(large) // it never fails
	if err := os.WriteFile(filepath.Join(dir, "large"), large, 0o644); err != nil {
		t.Fatal(err)
	}
	res, err := pool.Builder.Build(ctx, engine.Request{Name: "web", Context: dir, Dockerfile: []byte("FROM scratch\nCOPY large /\n")}, rec)
	if err != nil {
		t.Fatalf("%v\n%s", err, rec.Log())
	}
	killed.Wait()
	toldLost(t, rec, first)
	store, err := image.Open(pool.ImageDir)
	if err != nil {
		t.Fatal(err)
	}
	digest, err := v1.NewHash(res.Digest)
	if err == nil {
		err = store.Tag(t.Context(), "web:v1", v1.Descriptor{Digest: digest, MediaType: types.MediaType(res.MediaType), Size: res.SizeBytes})
	}
	if err != nil {
		t.Fatalf("the image is not whole: %v", err)
	}
	img, err := store.Image(t.Context(), "web:v1", "")
	if err == nil {
		err = validate.Image(img)
	}
	if err != nil {
		t.Errorf("the image is not whole: %v", err)
	}
	if left, err := filepath.Glob(arriving); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// movesOn ends the node of a build while its step waits, and expects the image
// from another.
func movesOn(t *testing.T, pool conformance.Subject, end func(first string)) {
	t.Helper()
	first := ranked(pool.Builder.(*Engine).nodes, "web")[0].at.text
	gate := newGate(t)
	gate.first = func() { end(first) }
	rec := &conformance.Recorder{}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	res, err := pool.Builder.Build(ctx, waiting(t, gate), rec)
	if err != nil {
		t.Fatalf("%v\n%s", err, rec.Log())
	}
	if res.Digest == "" || gate.passed() != 2 {
		t.Errorf("digest %q after %d runs of the step, want an image after 2", res.Digest, gate.passed())
	}
	toldLost(t, rec, first)
}

// toldLost checks that somebody was told of the node that is gone.
func toldLost(t *testing.T, rec *conformance.Recorder, first string) {
	t.Helper()
	said := false
	for _, e := range rec.Events() {
		if n, ok := e.(event.Note); ok && n.Warning && strings.Contains(n.Text, first) && strings.Contains(n.Text, "lost while it built web") {
			said = true
		}
	}
	if !said {
		t.Errorf("nobody was told that %s is lost: %v", first, rec.Events())
	}
}

// gate is where steps wait: the first one until its node is killed, which gate
// does, the others not at all.
type gate struct {
	first func()
	port  string

	mu    sync.Mutex
	conns []net.Conn
}

func newGate(t *testing.T) *gate {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{port: port}
	t.Cleanup(func() {
		_ = l.Close()
		g.mu.Lock()
		defer g.mu.Unlock()
		for _, c := range g.conns {
			_ = c.Close()
		}
	})
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			g.mu.Lock()
			g.conns = append(g.conns, c)
			n := len(g.conns)
			g.mu.Unlock()
			if n == 1 {
				g.first()
				continue
			}
			_, _ = c.Write([]byte("passed\n"))
			_ = c.Close()
		}
	}()
	return g
}

// passed returns how many steps came.
func (g *gate) passed() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.conns)
}

func TestACacheInARegistryWarmsANodeThatHasNone(t *testing.T) {
	s := buildkitds(t)
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	defer server.Close()
	cache := strings.TrimPrefix(server.URL, "http://") + "/cache:web"
	req := engine.Request{
		Name: "web", Context: conformance.Busybox(t), CacheTo: []string{"type=registry,mode=max,ref=" + cache}, CacheFrom: []string{cache},
		Dockerfile: []byte(conformance.BusyboxBase + "RUN date > /stamp\nFROM scratch\nCOPY --from=base /stamp /stamp\n"),
	}
	var digests []string
	for i := range 2 {
		res, err := open(t, Options{}, s.start(t, "", nil)).Builder.Build(t.Context(), req, event.Discard{})
		if err != nil {
			t.Fatal(err)
		}
		if warm := res.CachedSteps == res.Steps; warm != (i == 1) {
			t.Errorf("node %d: %d of %d steps cached", i, res.CachedSteps, res.Steps)
		}
		digests = append(digests, res.Digest)
	}
	if digests[0] != digests[1] {
		t.Errorf("digests %v, want the same one", digests)
	}
}
