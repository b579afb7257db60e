// Package placetest says what every place has to keep to that environments run in, as
// tests: whenever the process that deploys ends, another one goes on, or goes back, and
// clients from outside are answered all the time. It is test support; the product never
// imports it.
//
//	placetest.Run(t, func(t *testing.T) placetest.World { return newHost(t) })
package placetest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/slipway-build/slipway/internal/deploy"
	"github.com/slipway-build/slipway/internal/deploy/host"
	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/shipping"
)

// World is a place in which nothing runs yet, and the service web that can run there as the
// releases "v1", "v2" and "bad", which never becomes healthy. All three are prepared.
type World struct {
	Environment string
	Connect     func() shipping.Place // as another process is connected
	Workload    func(release string) host.Workload
	Routes      []host.Route
	Serves      func() string // the release that answers now; what fails is another text
	Deadline    time.Duration // after which a release is bad that is not healthy
	Every       int           // faults are injected at every so many changes; 1: at all
}

// Faults is World.Every: some in a quick run, and 1 when SLIPWAY_FAULTS is "all".
func Faults(some int) int {
	if os.Getenv("SLIPWAY_FAULTS") == "all" {
		return 1
	}
	return some
}

// copies of web run.
const copies = 2

// Run runs the suite. Each test has a world of its own.
func Run(t *testing.T, world func(t *testing.T) World) {
	for name, s := range map[string]deploy.Strategy{
		"rolling":    {Kind: deploy.Rolling, Surge: 1},
		"blue-green": {Kind: deploy.BlueGreen},
		"canary":     {Kind: deploy.Canary, Percent: []int{50}},
		"recreate":   {Kind: deploy.Recreate},
	} {
		for what, c := range map[string]fate{"good": {to: "v2", end: deploy.Deployed}, "bad": {to: "bad", end: deploy.RolledBack}, "aborted": {to: "v2", end: deploy.RolledBack, abort: true}} {
			t.Run(name+", "+what, func(t *testing.T) {
				t.Parallel()
				tt := &tester{World: world(t), t: t, strategy: s}
				tt.first()
				tt.faults(c)
			})
		}
	}
}

// fate is how a rollout from v1 is to end.
type fate struct {
	to    string
	end   deploy.Outcome
	abort bool // a person asks for it, after the fault
}

// tester has a world in which v1 runs.
type tester struct {
	World
	t        *testing.T
	strategy deploy.Strategy
	rollouts int
}

func (tt *tester) first() {
	tt.t.Helper()
	p := tt.Connect()
	r := tt.rollout("", "v1")
	if err := start(tt.t.Context(), p, r); err != nil {
		tt.t.Fatal(err)
	}
	tt.ends(p, r, deploy.Deployed)
	if got := tt.Serves(); got != "v1" {
		tt.t.Fatalf("%q answers, not v1", got)
	}
}

// faults runs a rollout once for each change that it makes, which is its process's last
// one: before it is made, and after. Then another process goes on.
func (tt *tester) faults(f fate) {
	killed := 0
	for n := 1; ; n += tt.Every {
		for _, after := range []bool{false, true} {
			over, done := tt.fault(f, n, after)
			if over {
				if killed < 10/tt.Every {
					tt.t.Errorf("a rollout makes %d changes only", killed)
				}
				return
			}
			killed++
			if done { // the next one begins with v1, too
				tt.back()
			}
		}
	}
}

// fault reports whether the rollout was over before its n-th change, and whether f.to runs.
func (tt *tester) fault(f fate, n int, after bool) (over, deployed bool) {
	t, what := tt.t, fmt.Sprintf("change %d (after it: %v)", n, after)
	t.Helper()
	watched := tt.watch(f)
	defer func() {
		for _, text := range watched() {
			t.Errorf("%s: requests get %q", what, text)
		}
	}()
	ctx, die := context.WithCancel(t.Context())
	defer die()
	r := tt.rollout("v1", f.to)
	m := &mortal{Place: tt.Connect(), at: n, after: after, die: die}
	err := start(ctx, m, r)
	if err == nil {
		_, err = shipping.Run(ctx, m, r, "a test", event.Discard{}, nil)
	}
	if !m.ended() {
		if err != nil {
			t.Fatalf("without a fault: %v", err)
		}
		return true, false
	}
	place := tt.Connect()
	left, err := shipping.Unfinished(t.Context(), place, tt.Environment)
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	if left == nil {
		return false, tt.untouched(place, r, what)
	}
	if left.ID != r.ID {
		t.Fatalf("%s: the rollout %s goes on, not %s", what, left.ID, r.ID)
	}
	if _, err := shipping.Resume(t.Context(), place, *left, "another test", true); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	end := f.end
	if f.abort {
		err := shipping.Ask(t.Context(), place, *left, deploy.AskAbort, "a person", "")
		if errors.Is(err, shipping.ErrEnded) {
			end = deploy.Deployed
		} else if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	tt.ends(place, *left, end)
	return false, end == deploy.Deployed
}

// untouched is about a rollout of which nothing goes on: it had not begun, or was over. It
// reports whether its release runs.
func (tt *tester) untouched(place shipping.Place, r host.Rollout, what string) bool {
	all, err := place.Rollouts(tt.t.Context(), tt.Environment)
	if err != nil {
		tt.t.Fatalf("%s: %v", what, err)
	}
	i := slices.IndexFunc(all, func(o host.Rollout) bool { return o.ID == r.ID })
	if _, err := place.Lock(tt.t.Context(), tt.Environment, "another", "another test", true); err != nil {
		tt.t.Fatalf("%s: %v", what, err)
	}
	if err := place.Unlock(tt.t.Context(), tt.Environment); err != nil {
		tt.t.Fatalf("%s: %v", what, err)
	}
	if i < 0 {
		tt.runs(place, "v1")
		return false
	}
	if all[i].Outcome == deploy.Deployed {
		tt.runs(place, all[i].Version)
		return true
	}
	tt.runs(place, "v1")
	return false
}

// back deploys v1 again.
func (tt *tester) back() {
	tt.t.Helper()
	p, r := tt.Connect(), tt.rollout("v2", "v1")
	if err := start(tt.t.Context(), p, r); err != nil {
		tt.t.Fatal(err)
	}
	tt.ends(p, r, deploy.Deployed)
}

// ends runs a rollout to its end, and once more, which changes nothing.
func (tt *tester) ends(p shipping.Place, r host.Rollout, want deploy.Outcome) {
	t := tt.t
	t.Helper()
	for range 2 {
		done, err := shipping.Run(t.Context(), p, r, "another test", event.Discard{}, nil)
		if err != nil || done.Outcome != want {
			t.Fatalf("the rollout of %s ends %+v, %v; want %s", r.Version, done, err, want)
		}
		if _, err := shipping.Resume(t.Context(), p, r, "another test", true); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Unlock(t.Context(), tt.Environment); err != nil {
		t.Fatal(err)
	}
	if l, err := p.Locked(t.Context(), tt.Environment); err != nil || l.Holder != "" {
		t.Errorf("after the rollout the lock is %+v, %v", l, err)
	}
	if left, err := shipping.Unfinished(t.Context(), p, tt.Environment); err != nil || left != nil {
		t.Errorf("after the rollout there is %+v, %v", left, err)
	}
	if want == deploy.Deployed {
		tt.runs(p, r.Version)
	} else {
		tt.runs(p, "v1")
	}
}

// runs waits until a release runs alone and answers.
func (tt *tester) runs(p shipping.Place, release string) {
	t := tt.t
	t.Helper()
	key, seen, answer := tt.Workload(release).Key(), host.ServiceView{}, ""
	for begin := time.Now(); time.Since(begin) < 20*time.Second; time.Sleep(10 * time.Millisecond) {
		view, err := p.View(t.Context(), tt.Environment)
		if err != nil {
			t.Fatal(err)
		}
		seen, answer = view.Services["web"], tt.Serves()
		if seen.Main == key && len(seen.Sides) == 1 && seen.Sides[key].Healthy == copies && answer == release {
			return
		}
	}
	t.Fatalf("%s does not run alone: %q answers, %+v", release, answer, seen)
}

// rollout is one of web; from "" is the first.
func (tt *tester) rollout(from, to string) host.Rollout {
	tt.rollouts++
	w := tt.Workload(to)
	p := host.Part{New: w, Spec: deploy.Spec{Service: "web", Release: w.Key(), Replicas: copies, Strategy: tt.strategy, Deadline: tt.Deadline, Patience: time.Minute}}
	if from != "" {
		old := tt.Workload(from)
		p.Old, p.Spec.Replaces, p.Spec.Before = &old, old.Key(), copies
	}
	now := time.Now().UTC()
	return host.Rollout{
		ID: fmt.Sprintf("%s-%d-%s", now.Format("20060102-150405.000"), tt.rollouts, to), Environment: tt.Environment, Fleet: "shop", Version: to, Replaces: from,
		By: "a test", Started: now, Waves: [][]host.Part{{p}}, Routes: tt.Routes, OldRoutes: tt.Routes,
	}
}

// start begins a rollout in a place that has been prepared.
func start(ctx context.Context, p shipping.Place, r host.Rollout) error {
	return shipping.Order{Client: struct{ shipping.Place }{p}}.Start(ctx, r)
}

// watch asks web all the time until it is ended; it returns the answers that should not
// have been given.
func (tt *tester) watch(f fate) (end func() []string) {
	if tt.strategy.Kind == deploy.Recreate {
		return func() []string { return nil }
	}
	ctx, cancel := context.WithCancel(tt.t.Context())
	var wrong []string
	var asking sync.WaitGroup
	asking.Go(func() {
		for ctx.Err() == nil {
			text := tt.Serves()
			if text != "v1" && (text != "v2" || f.to == "bad") && !slices.Contains(wrong, text) {
				wrong = append(wrong, text)
			}
			time.Sleep(5 * time.Millisecond)
		}
	})
	return func() []string {
		cancel()
		asking.Wait()
		return wrong
	}
}
