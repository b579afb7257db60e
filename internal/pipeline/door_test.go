package pipeline

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/event"
)

// usual is a History that knows what builds take, and no image.
type usual map[string]Recalled

func (u usual) Recall(_ context.Context, jobs []Job) []Recalled {
	var out []Recalled
	for _, job := range jobs {
		out = append(out, u[job.Request.Name])
	}
	return out
}

func (usual) Keep(context.Context, Job, Recalled, Built) {}

// crowd is a Builder that keeps in which order builds began, and how much they
// took at once.
type crowd struct {
	usual  usual
	ram    int64
	fails  func(name string) bool
	lasts  func(ctx context.Context, name string)
	mu     sync.Mutex
	began  []string
	inside int
	bytes  int64
	over   []string
}

func (c *crowd) Build(ctx context.Context, req engine.Request, _ event.Sink) (engine.Result, error) {
	needs := guest{peak: c.usual[req.Name].PeakMemory}.needs()
	c.enter(req.Name, 1, needs)
	if c.lasts != nil {
		c.lasts(ctx, req.Name)
	} else {
		runtime.Gosched()
	}
	c.enter("", -1, -needs)
	if ctx.Err() != nil {
		return engine.Result{}, context.Cause(ctx)
	}
	if c.fails != nil && c.fails(req.Name) {
		return engine.Result{}, errors.New("no")
	}
	return engine.Result{Digest: "sha256:" + req.Name}, nil
}

func (c *crowd) enter(name string, n int, bytes int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.inside, c.bytes = c.inside+n, c.bytes+bytes
	if name != "" {
		c.began = append(c.began, name)
	}
	if c.ram > 0 && c.bytes > c.ram && c.inside > 1 {
		c.over = append(c.over, fmt.Sprintf("%d builds take %d of %d bytes", c.inside, c.bytes, c.ram))
	}
}

// build is a build of the crowd, with a job for each name.
func (c *crowd) build(names ...string) (Build, []Job) {
	b := newWorld().build()
	b.Builder, b.History, b.RAM = c, c.usual, func() int64 { return c.ram }
	var jobs []Job
	for _, name := range names {
		jobs = append(jobs, job(name))
	}
	return b, jobs
}

func services(built []Built) []string {
	var out []string
	for _, b := range built {
		out = append(out, b.Service)
	}
	return out
}

// notes is a sink that keeps notes.
type notes struct {
	mu   sync.Mutex
	text []string
}

func (n *notes) Emit(e event.Event) {
	if note, ok := e.(event.Note); ok {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.text = append(n.text, note.Service+" "+note.Text)
	}
}

func TestBuildsNeverTakeMoreMemoryThanThereIs(t *testing.T) {
	for seed := range uint64(100) {
		dice := rand.New(rand.NewPCG(seed, 0))
		c := &crowd{usual: usual{}, ram: 1 + dice.Int64N(4*unknownPeak)}
		var names []string
		for i := range dice.IntN(20) {
			name := fmt.Sprint("s", i)
			names = append(names, name)
			c.usual[name] = Recalled{Took: time.Duration(dice.IntN(3)), PeakMemory: dice.Int64N(3) * dice.Int64N(2*unknownPeak)}
		}
		c.fails = func(name string) bool { return seed%3 == 0 && strings.HasSuffix(name, "7") }
		b, jobs := c.build(names...)
		b.Parallel, b.KeepGoing = 1+dice.IntN(6), seed%2 == 0
		built, err := b.Run(t.Context(), jobs)
		if (err != nil) != (seed%3 == 0 && len(names) > 7) || len(c.over) > 0 || (err == nil || b.KeepGoing) && len(c.began) != len(names) {
			t.Errorf("seed %d: %d of %d began, %v, %v", seed, len(c.began), len(names), err, c.over)
		}
		if diff := cmp.Diff(names, services(built)); diff != "" {
			t.Errorf("seed %d: results are in another order than their jobs (-want +got):\n%s", seed, diff)
		}
	}
}

func TestTheLongestIsBuiltFirst(t *testing.T) {
	c := &crowd{usual: usual{"short": {Took: 1}, "long": {Took: 9}, "middle": {Took: 5}, "as long": {Took: 9}}}
	b, jobs := c.build("short", "new", "long", "middle", "as long", "newer")
	b.Parallel = 1
	built, err := b.Run(t.Context(), jobs)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"new", "newer", "long", "as long", "middle", "short"}, c.began); diff != "" {
		t.Errorf("builds began (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"short", "new", "long", "middle", "as long", "newer"}, services(built)); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
}

// TestWhatDoesNotFitWaitsAndIsToldOnce: beside the first two there is room for
// the small one only.
func TestWhatDoesNotFitWaitsAndIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &crowd{ram: 10e9, usual: usual{
			"first": {Took: 9, PeakMemory: 6e9}, "second": {Took: 8, PeakMemory: 5e9}, "third": {Took: 7, PeakMemory: 7e9}, "small": {Took: 1, PeakMemory: 1e9},
			"huge": {Took: 2, PeakMemory: 50e9},
		}}
		start, began := time.Now(), &notes{}
		c.lasts = func(_ context.Context, name string) {
			began.Emit(event.Note{Service: time.Since(start).String(), Text: name})
			time.Sleep(time.Second)
		}
		b, jobs := c.build("small", "third", "second", "first", "huge")
		said := &notes{}
		b.Sink = said
		if _, err := b.Run(t.Context(), jobs); err != nil {
			t.Error(err)
		}
		slices.Sort(began.text) // those of one moment
		if diff := cmp.Diff([]string{"0s first", "0s small", "1s second", "2s third", "3s huge"}, began.text); diff != "" || len(c.over) > 0 {
			t.Errorf("%v (-want +got):\n%s", c.over, diff)
		}
		want := []string{"second waits for memory: its builds took up to 5.0 GB, running builds take 7.0 GB, of 10 GB"}
		if diff := cmp.Diff(want, said.text); diff != "" {
			t.Errorf("told (-want +got):\n%s", diff)
		}
	})
}

func TestWhoWaitsForMemoryIsStoppedWithTheOthers(t *testing.T) {
	for _, interrupted := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			c := &crowd{ram: 1, usual: usual{"a": {Took: 2, PeakMemory: 5}, "b": {Took: 1, PeakMemory: 5}}}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			c.fails = func(string) bool { return true }
			c.lasts = func(ctx context.Context, _ string) {
				if interrupted {
					cancel()
					<-ctx.Done()
				}
			}
			b, jobs := c.build("a", "b")
			built, err := b.Run(ctx, jobs)
			if errors.Is(err, context.Canceled) != interrupted || err == nil || built[1].Err == nil {
				t.Errorf("error %v, of the one that waited %v", err, built[1].Err)
			}
			if diff := cmp.Diff([]string{"a"}, c.began); diff != "" {
				t.Errorf("builds (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWithoutALimitOnlySlotsCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &crowd{usual: usual{"a": {Took: 1, PeakMemory: 1 << 50}, "b": {Took: 1, PeakMemory: 1 << 50}}}
		most := 0
		c.lasts = func(context.Context, string) {
			time.Sleep(time.Second)
			c.mu.Lock()
			defer c.mu.Unlock()
			most = max(most, c.inside)
		}
		b, jobs := c.build("a", "b")
		if _, err := b.Run(t.Context(), jobs); err != nil || most != 2 {
			t.Errorf("%d at once, %v", most, err)
		}
	})
}

func TestStepsThatRanAtOnceTookTheirSum(t *testing.T) {
	at := func(s int) time.Time { return time.Unix(int64(s), 0) }
	sink := &stepsOf{Sink: event.Discard{}, service: "web", began: map[string]time.Time{}}
	for _, s := range []struct {
		service, key string
		from, to     int
		bytes        int64
	}{
		{"web", "a", 0, 10, 100}, {"web", "b", 5, 15, 50}, {"web", "c", 15, 20, 120}, {"web", "d", 9, 10, 0}, {"api", "e", 0, 20, 9000},
	} {
		sink.Emit(event.StepStarted{Service: s.service, Key: s.key, At: at(s.from)})
		sink.Emit(event.StepFinished{Service: s.service, Key: s.key, Duration: at(s.to).Sub(at(s.from)), PeakMemory: s.bytes})
	}
	if got := sink.peak(); got != 150 {
		t.Errorf("%d bytes, want those of a and b", got)
	}
}

// Stages that were measured begin by what they took, the others as stages usually
// last, before them.
func TestTheLongestStageBegins(t *testing.T) {
	guests := []guest{
		{service: "lint", stage: "lint"}, {service: "unit", stage: "unit-tests"}, {service: "integration", stage: "integration-tests"}, {service: "browser", stage: "e2e-tests"},
		{service: "scan", stage: "security-scan"}, {service: "image"}, {service: "measured", stage: "lint", took: 9 * time.Second}, {service: "longer", stage: "unit-tests", took: 10 * time.Second},
	}
	d := newDoor(1, 0, guests, event.Discard{})
	var order []string
	for g, ok := d.next(); ok; g, ok = d.next() {
		order = append(order, g.service)
		d.leave(g)
	}
	if diff := cmp.Diff([]string{"browser", "unit", "integration", "image", "scan", "lint", "longer", "measured"}, order); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestStagesEndTogether has the seconds that the stages of examples/03-TestingMultiStage/01-nodejs-testing
// took on two quiet cores, 2026-11-29: side by side they take 0.6 of their sum, on the
// first run as on the next one. In the order of the pipeline it was 0.69.
func TestStagesEndTogether(t *testing.T) {
	tenths := map[string]time.Duration{"lint": 74, "unit-tests": 76, "integration-tests": 203, "e2e-tests": 295, "": 65}
	for _, known := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			c := &crowd{usual: usual{}}
			b, jobs := c.build("lint", "unit-tests", "integration-tests", "e2e-tests", "image")
			b.Parallel = 2
			sum := time.Duration(0)
			for i, name := range []string{"lint", "unit-tests", "integration-tests", "e2e-tests", ""} {
				jobs[i].Stage = name
				took := tenths[name] * 100 * time.Millisecond
				if sum += took; known {
					c.usual[jobs[i].Request.Name] = Recalled{Took: took}
				}
			}
			c.lasts = func(_ context.Context, name string) {
				time.Sleep(tenths[strings.TrimPrefix(name, "image")] * 100 * time.Millisecond)
			}
			began := time.Now()
			if _, err := b.Run(t.Context(), jobs); err != nil {
				t.Fatal(err)
			}
			if wall := time.Since(began); wall > sum*6/10 {
				t.Errorf("known %v: %s of %s", known, wall, sum)
			} else {
				t.Logf("known %v: %s of %s", known, wall, sum)
			}
		})
	}
}
