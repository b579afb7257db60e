package companions

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/slipway-build/slipway/internal/companion"
	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/localrun"
	"github.com/slipway-build/slipway/internal/plan"
	"github.com/slipway-build/slipway/internal/state"
)

// bench is a state directory with an engine, as a test of slipway has them.
type bench struct {
	Options
	eng  *state.LazyEngine
	root string
	mu   sync.Mutex
	said []string
}

// Emit implements event.Sink.
func (b *bench) Emit(e event.Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := e.(type) {
	case event.StepLog:
		b.said = append(b.said, string(e.Data))
	case event.Note:
		b.said = append(b.said, "note: "+e.Text+"\n")
	case event.StepFinished:
		b.said = append(b.said, fmt.Sprintf("done: %s %s %s\n", e.Step, e.Duration, e.Err))
	}
}

func (b *bench) output() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Join(b.said, "")
}

// newBench skips the test unless it may use root, containers and the network.
func newBench(t *testing.T) *bench {
	t.Helper()
	if os.Getenv("SLIPWAY_E2E") != "1" || os.Geteuid() != 0 {
		t.Skip("starts containers: set SLIPWAY_E2E=1 and be root (make test does)")
	}
	dir := os.Getenv("SLIPWAY_E2E_STATE")
	if dir == "" {
		dir = t.TempDir()
	}
	b := &bench{root: t.TempDir()}
	d := state.Dir{Path: dir, Getenv: os.Getenv, Stderr: os.Stderr}
	store, err := d.Images(b)
	if err != nil {
		t.Fatal(err)
	}
	rt, err := d.Containers("")
	if err != nil {
		t.Fatal(err)
	}
	b.eng = &state.LazyEngine{Open: func() (state.Engine, error) { return d.Open(t.Context(), state.Builders{}, b) }}
	t.Cleanup(func() {
		if err := b.eng.Close(); err != nil {
			t.Error(err)
		}
	})
	b.Options = Options{State: d, Root: b.root, Store: store, Runtime: rt, Sink: b, Builder: func() (engine.Builder, error) { return b.eng, nil }}
	return b
}

// start starts companions for the time of the test.
func (b *bench) start(t *testing.T, needs ...companion.Need) *Running {
	t.Helper()
	began := time.Now()
	r, err := Start(t.Context(), b.Options, needs)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Stop() })
	t.Logf("started in %s", time.Since(began).Round(time.Millisecond))
	return r
}

// step builds a Dockerfile whose stage integration-tests reaches the companions, and
// returns what it printed.
func (b *bench) step(t *testing.T, r *Running, dockerfile string, bases ...string) (string, error) {
	t.Helper()
	digests, err := b.assemble(t.Context(), bases)
	if err != nil {
		t.Fatal(err)
	}
	b.mu.Lock()
	b.said = nil
	b.mu.Unlock()
	req := engine.Request{Name: "tests", Context: b.root, Dockerfile: []byte(dockerfile), Platforms: []string{plan.Host()}, Bases: digests, Output: engine.Output{Kind: engine.OutputNone}}
	req.Steps.Companions = r.Settings("integration-tests")
	req.NoCacheOf = []string{"integration-tests"}
	_, err = b.eng.Build(t.Context(), req, b)
	return b.output(), err
}

// TestFreshForEachRun starts each kind twice and asks it with its own client from a
// build step: the second run sees nothing of the first.
func TestFreshForEachRun(t *testing.T) {
	b := newBench(t)
	b.write(t, "db/schema.sql", "CREATE TABLE items (id serial PRIMARY KEY, name text NOT NULL);\nINSERT INTO items (name) VALUES ('ink');\n")
	b.write(t, "db/legacy.sql", "CREATE TABLE parts (id INT PRIMARY KEY, name TEXT);\nINSERT INTO parts VALUES (1, 'bolt');\n")
	for _, c := range clients() {
		t.Run(c.need.Kind+c.need.Version, func(t *testing.T) {
			for run := range 2 {
				r := b.start(t, c.need)
				out, err := b.step(t, r, c.dockerfile, c.bases...)
				if err != nil {
					t.Fatalf("%v\n%s", err, out)
				}
				for _, want := range strings.Fields(c.want) {
					if !strings.Contains(out, want) {
						t.Errorf("run %d does not say %q:\n%s", run, want, out)
					}
				}
				if err := r.Problem(); err != nil {
					t.Error(err)
				}
				if err := r.Stop(); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// TestEachVersionHasAClient: what slipway.yaml may name is what the test above starts.
func TestEachVersionHasAClient(t *testing.T) {
	asked := map[string]bool{}
	for _, c := range allClients() {
		kind, _ := companion.Find(c.need.Kind)
		v, ok := kind.Version(c.need.Version)
		if !ok {
			t.Errorf("the catalogue lacks %s %s", c.need.Kind, c.need.Version)
		}
		asked[kind.Name+" "+v.Name] = true
	}
	for _, kind := range companion.Catalogue() {
		for _, v := range kind.Versions {
			if !asked[kind.Name+" "+v.Name] {
				t.Errorf("no client asks %s %s", kind.Name, v.Name)
			}
		}
	}
}

func (b *bench) write(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join(b.root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestOtherStagesReachNothing: the variables and names are those of the stage alone,
// and no part of its cache key.
func TestOtherStagesReachNothing(t *testing.T) {
	b := newBench(t)
	const base = "slipway/companion/valkey-server:trixie"
	r := b.start(t, companion.Need{Name: "cache", Kind: "redis"})
	out, err := b.step(t, r, "FROM "+base+" AS builder\nRUN echo \"builder:${REDIS_URL:-none}\" && ! timeout 5 valkey-cli -h "+r.hosts["cache"].String()+" PING\nFROM builder AS integration-tests\nRUN echo \"tests:${REDIS_URL:-none}\"\n", base)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{"builder:none", "tests:redis://cache:6379"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

// TestABadSeed says which file and line is wrong, and leaves nothing.
func TestABadSeed(t *testing.T) {
	b := newBench(t)
	b.write(t, "db/bad.sql", "CREATE TABLE a (id int);\nINSERT INTO nowhere VALUES (1);\n")
	_, err := Start(t.Context(), b.Options, []companion.Need{{Name: "db", Kind: "postgres", Seed: []string{"db/bad.sql"}}})
	if err == nil || !strings.Contains(err.Error(), "db/bad.sql:2: ERROR:") || !strings.Contains(err.Error(), "preparing PostgreSQL 17, which is needed as db") {
		t.Errorf("%v", err)
	}
	left, _ := filepath.Glob(filepath.Join(b.templatesDir(), unfinished+"*"))
	if len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// TestACompanionThatDies is told with its last lines.
func TestACompanionThatDies(t *testing.T) {
	b := newBench(t)
	r := b.start(t, companion.Need{Name: "cache", Kind: "redis"})
	out, err := b.step(t, r, "FROM slipway/companion/valkey-server:trixie AS integration-tests\nRUN valkey-cli -h cache SHUTDOWN NOSAVE || true\n", "slipway/companion/valkey-server:trixie")
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for r.Problem() == nil && ctx.Err() == nil {
		time.Sleep(20 * time.Millisecond)
	}
	if err := r.Problem(); err == nil || !strings.Contains(err.Error(), "cache ended") || !strings.Contains(err.Error(), "last lines") {
		t.Errorf("%v", err)
	}
}

// TestWarmPostgreSQL measures what the second start of a prepared database takes.
func TestWarmPostgreSQL(t *testing.T) {
	b := newBench(t)
	need := companion.Need{Name: "db", Kind: "postgres", Database: "orders"}
	if err := b.start(t, need).Stop(); err != nil {
		t.Fatal(err)
	}
	var took []time.Duration
	for range 3 {
		began := time.Now()
		r := b.start(t, need)
		took = append(took, time.Since(began))
		if err := r.Stop(); err != nil {
			t.Fatal(err)
		}
	}
	if best := slices.Min(took); best > time.Second {
		t.Errorf("ready after %s", best)
	}
}

// TestAnyImageAndServices: an image by name and a service of the fleet are reached like
// those of the catalogue; the service finds what it needs itself.
func TestAnyImageAndServices(t *testing.T) {
	b := newBench(t)
	const base, own = "slipway/companion/valkey-server:trixie", "local/cache:1"
	text := "FROM " + base + "\nUSER valkey\nCMD [\"sh\", \"-c\", \"valkey-cli -u ${REDIS_URL:-redis://127.0.0.1:1} SET seen by-api; exec valkey-server --bind 0.0.0.0 --protected-mode no --save '' --dir /tmp\"]\n"
	if err := b.buildOne(t.Context(), companion.Need{Name: "own"}, own, text, []string{base}); err != nil {
		t.Fatal(err)
	}
	b.Service = func(_ context.Context, name string) (localrun.Spec, []companion.Need, error) {
		return localrun.Spec{Name: name, Image: own, Port: 6379, Health: plan.HealthCheck{TCP: true}}, []companion.Need{{Name: "cache", Kind: "redis"}}, nil
	}
	r := b.start(t, companion.Need{Name: "other", Image: own, Port: 6379}, companion.Need{Name: "backend", Service: "api"}, companion.Need{Name: "cache", Kind: "redis"})
	out, err := b.step(t, r, "FROM "+base+" AS integration-tests\nRUN valkey-cli -h other PING && valkey-cli -h backend ECHO pong-of-backend && valkey-cli -h cache GET seen\n", base)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{"PONG", "pong-of-backend", "by-api"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	b.Builder = nil
	if _, err := Start(t.Context(), b.Options, []companion.Need{{Name: "x", Image: "local/none:1"}}); err == nil || !strings.Contains(err.Error(), "local/none:1, which is needed as x") {
		t.Errorf("%v", err)
	}
}
