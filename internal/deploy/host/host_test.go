package host_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/slipway-build/slipway/internal/deploy"
	"github.com/slipway-build/slipway/internal/deploy/host"
	"github.com/slipway-build/slipway/internal/diag"
)

// bed is a host with a client.
type bed struct {
	*host.Client
	again func() *host.Client // another process
	t     *testing.T
	end   func()
}

func (y *yard) host(dir string) bed {
	y.t.Helper()
	h, err := host.Open(host.Options{Dir: dir, Containers: y, Network: y, Authorities: y.authorities, Note: y.note, NoCPU: y.noCPU, Drain: 3 * time.Second, Version: "test"})
	if err != nil {
		y.t.Fatal(err)
	}
	path := filepath.Join(dir, "host.sock")
	_ = os.Remove(path)
	l, err := net.Listen("unix", path)
	if err != nil {
		y.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = h.Serve(ctx, l) })
	running.Go(func() { _ = h.Run(ctx) })
	again := func() *host.Client { return connect(y.t, dir) }
	b := bed{Client: again(), again: again, t: y.t}
	b.end = sync.OnceFunc(func() {
		b.Client.Close()
		cancel()
		running.Wait()
	})
	y.t.Cleanup(b.end)
	return b
}

// connect is one more process that asks the host of a directory.
func connect(t *testing.T, dir string) *host.Client {
	c := host.NewClient("the host", func(ctx context.Context) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(dir, "host.sock"))
	})
	t.Cleanup(c.Close)
	return c
}

const env = "test"

func (y *yard) workload(image string) host.Workload {
	return host.Workload{Release: image, Image: image, Port: y.port, Protocol: "http"}
}

// target is web on its way from one image to another; "" is none.
func (b bed) target(y *yard, from, to string) host.Target {
	b.t.Helper()
	if _, err := b.Lock(b.t.Context(), env, "r1", "me", true); err != nil {
		b.t.Fatal(err)
	}
	p := host.Part{New: y.workload(to), Spec: deploy.Spec{Service: "web", Release: y.workload(to).Key()}}
	if from != "" {
		w := y.workload(from)
		p.Old, p.Spec.Replaces = &w, w.Key()
	}
	return host.Target{Client: b.Client, Environment: env, ID: "r1", Part: p}
}

func do(t *testing.T, on host.Target, actions ...deploy.Action) {
	t.Helper()
	for _, a := range actions {
		if err := on.Do(t.Context(), on.Part.Spec, a); err != nil {
			t.Fatalf("%+v: %v", a, err)
		}
	}
}

// until waits until both sides look as they should.
func until(t *testing.T, on host.Target, want string, holds func(deploy.Observed) bool) deploy.Observed {
	t.Helper()
	var seen deploy.Observed
	var err error
	for begin := time.Now(); time.Since(begin) < 10*time.Second; time.Sleep(20 * time.Millisecond) {
		if seen, err = on.Observe(t.Context(), "web"); err == nil && holds(seen) {
			return seen
		}
	}
	t.Fatalf("never %s: %+v, %v", want, seen, err)
	return seen
}

func (y *yard) get(path string) string {
	return fetch(fmt.Sprintf("http://%s:%d%s", y.front, y.port, path))
}

func fetch(url string) string {
	res, err := http.Get(url)
	if err != nil {
		return err.Error()
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return err.Error()
	}
	return string(body)
}

func up(y *yard, t *testing.T, b bed, image string, n int) host.Target {
	t.Helper()
	on := b.target(y, "", image)
	do(t, on, deploy.Action{Kind: deploy.Scale, Side: deploy.New, Count: n})
	until(t, on, "healthy", func(o deploy.Observed) bool { return o.New.Healthy == n })
	do(t, on, deploy.Action{Kind: deploy.Shift, Share: 100})
	until(t, on, "the one with the requests", func(o deploy.Observed) bool { return o.Share == 100 })
	return on
}

func TestTrafficMovesFromSideToSide(t *testing.T) {
	y := newYard(t)
	b := y.host(t.TempDir())
	up(y, t, b, "v1", 2)
	if got := y.get("/"); got != "v1" {
		t.Errorf("%q answers", got)
	}
	on := b.target(y, "v1", "v2")
	do(t, on, deploy.Action{Kind: deploy.Scale, Side: deploy.New, Count: 1})
	until(t, on, "healthy", func(o deploy.Observed) bool { return o.New.Healthy == 1 && o.Old.Healthy == 2 && o.Share == 0 })
	do(t, on, deploy.Action{Kind: deploy.Shift, Share: 50})
	until(t, on, "half", func(o deploy.Observed) bool { return o.Share == 50 })
	seen := map[string]bool{}
	for range 100 {
		seen[y.get("/")] = true
	}
	if len(seen) != 2 || !seen["v1"] || !seen["v2"] {
		t.Errorf("half of the requests are answered by %v", seen)
	}
	do(t, on, deploy.Action{Kind: deploy.Shift, Share: 0})
	until(t, on, "back", func(o deploy.Observed) bool { return o.Share == 0 })
	do(t, on, deploy.Action{Kind: deploy.Shift, Share: 100}, deploy.Action{Kind: deploy.Promote})
	until(t, on, "whole", func(o deploy.Observed) bool { return o.Share == 100 })
	do(t, on, deploy.Action{Kind: deploy.Retire, Side: deploy.Old}, deploy.Action{Kind: deploy.Retire, Side: deploy.Old})
	until(t, on, "alone", func(o deploy.Observed) bool { return o.Old.Up == 0 })
	if got := y.get("/"); got != "v2" {
		t.Errorf("%q answers", got)
	}
}

func TestRequestsEndBeforeTheirContainer(t *testing.T) {
	for name, a := range map[string]deploy.Action{
		"retired": {Kind: deploy.Retire, Side: deploy.Old}, "scaled down": {Kind: deploy.Scale, Side: deploy.Old, Count: 0},
	} {
		t.Run(name, func(t *testing.T) {
			y := newYard(t)
			b := y.host(t.TempDir())
			up(y, t, b, "v1", 1)
			answer := make(chan string, 1)
			go func() { answer <- y.get("/slow") }()
			time.Sleep(200 * time.Millisecond)
			on := b.target(y, "v1", "v2")
			do(t, on, deploy.Action{Kind: deploy.Scale, Side: deploy.New, Count: 1})
			until(t, on, "healthy", func(o deploy.Observed) bool { return o.New.Healthy == 1 })
			do(t, on, deploy.Action{Kind: deploy.Shift, Share: 100}, a)
			time.Sleep(400 * time.Millisecond)
			close(y.release)
			if got := <-answer; got != "v1" {
				t.Errorf("the open request got %q", got)
			}
			until(t, on, "gone", func(o deploy.Observed) bool { return o.Old.Up == 0 })
		})
	}
}

func TestWhatEndsIsStartedAgain(t *testing.T) {
	y := newYard(t)
	b := y.host(t.TempDir())
	on := up(y, t, b, "v1", 2)
	y.kill("v1")
	until(t, on, "started again", func(o deploy.Observed) bool { return y.started("v1") == 3 && o.New.Healthy == 2 && o.New.Failed == "" })
	view, err := b.View(t.Context(), env)
	if err != nil {
		t.Fatal(err)
	}
	restarts := 0
	for _, side := range view.Services["web"].Sides {
		for _, c := range side.Containers {
			restarts += c.Restarts
		}
	}
	if restarts != 1 {
		t.Errorf("one end counts as %d", restarts)
	}
	for range 20 {
		if got := y.get("/"); got != "v1" {
			t.Errorf("%q answers", got)
		}
	}
}

func TestWhatIsWrongIsSaid(t *testing.T) {
	for image, want := range map[string]string{
		"crash":   "does not stay up, after 3 starts: it ended with exit code 3: no database here",
		"missing": "there is no such image",
		"sick":    "is unhealthy: GET /health answered 500",
	} {
		t.Run(image, func(t *testing.T) {
			y := newYard(t)
			y.refuses = "missing"
			b := y.host(t.TempDir())
			up(y, t, b, "v1", 1)
			on := b.target(y, "v1", image)
			do(t, on, deploy.Action{Kind: deploy.Scale, Side: deploy.New, Count: 1})
			seen := until(t, on, "failed", func(o deploy.Observed) bool { return o.New.Failed != "" })
			if !strings.Contains(seen.New.Failed, want) || seen.New.Short.IsZero() {
				t.Errorf("%+v", seen.New)
			}
			if got := y.get("/"); got != "v1" {
				t.Errorf("%q answers", got)
			}
		})
	}
}

// TestAHostThatStartsAgainGoesOn: with what runs, and starts nothing twice.
func TestAHostThatStartsAgainGoesOn(t *testing.T) {
	y, dir := newYard(t), t.TempDir()
	b := y.host(dir)
	up(y, t, b, "v1", 2)
	b.end()
	b = y.host(dir)
	on := b.target(y, "", "v1")
	until(t, on, "as before", func(o deploy.Observed) bool { return o.New.Healthy == 2 && o.Share == 100 })
	if got := y.get("/"); got != "v1" || y.started("v1") != 2 {
		t.Errorf("%q answers, after %d starts", got, y.started("v1"))
	}
}

func TestOneHolderChangesAnEnvironment(t *testing.T) {
	y := newYard(t)
	b := y.host(t.TempDir())
	ctx := t.Context()
	up(y, t, b, "v1", 1) // r1 has the lock
	other := b.again()
	_, err := other.Lock(ctx, env, "r2", "somebody", false)
	if err == nil || !strings.Contains(err.Error(), "test is being changed: by me (process ") || !strings.Contains(err.Error(), "rollout r1") || !strings.Contains(diag.HintOf(err), "--force-unlock") {
		t.Errorf("%v, %s", err, diag.HintOf(err))
	}
	before, err := other.Lock(ctx, env, "r1", "somebody", true) // who goes on with the same rollout
	if err != nil || before.By != "me" {
		t.Errorf("%+v, %v", before, err)
	}
	on := host.Target{Client: b.Client, Environment: env, ID: "r1", Part: host.Part{New: y.workload("v2"), Spec: deploy.Spec{Service: "web", Release: "x"}}}
	if err := on.Do(ctx, on.Part.Spec, deploy.Action{Kind: deploy.Scale, Side: deploy.New, Count: 1}); err == nil || y.started("v2") != 0 {
		t.Errorf("who lost the lock still acts: %v", err)
	}
	j := host.Journal{Client: b.Client, Environment: env, ID: "r1", Service: "web"}
	if err := j.Append(ctx, deploy.Entry{Done: true}); err == nil {
		t.Error("who lost the lock still writes the journal")
	}
	if err := b.Unlock(ctx, env); err != nil {
		t.Error(err)
	}
	if l, err := b.Locked(ctx, env); err != nil || l.By != "somebody" {
		t.Errorf("%+v, %v", l, err)
	}
}

func TestTheJournalOutlivesATornLine(t *testing.T) {
	y, dir := newYard(t), t.TempDir()
	b := y.host(dir)
	ctx := t.Context()
	if _, err := b.Lock(ctx, env, "r1", "me", false); err != nil {
		t.Fatal(err)
	}
	if err := b.Keep(ctx, host.Rollout{ID: "r1", Environment: env, Version: "v1", Started: time.Now()}); err != nil {
		t.Fatal(err)
	}
	j := host.Journal{Client: b.Client, Environment: env, ID: "r1", Service: "web"}
	first := deploy.Entry{At: time.Now().UTC(), Action: deploy.Action{Kind: deploy.Scale, Count: 2, Side: deploy.New}}
	if err := j.Append(ctx, first); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "rollouts", env, "r1", "web.jsonl")
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(`{"at":"2026-`); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := j.Append(ctx, deploy.Entry{Asked: deploy.AskAbort}); err != nil {
		t.Fatal(err)
	}
	entries, err := j.Entries(ctx)
	if err != nil || len(entries) != 2 || entries[0].Action != first.Action || entries[1].Asked != deploy.AskAbort {
		t.Errorf("%+v, %v", entries, err)
	}
	all, err := b.Rollouts(ctx, env)
	if err != nil || len(all) != 1 || all[0].Version != "v1" {
		t.Errorf("%+v, %v", all, err)
	}
}

func TestBadQuestions(t *testing.T) {
	y := newYard(t)
	b := y.host(t.TempDir())
	ctx := t.Context()
	for _, id := range []string{"", "../x", "a/b", ".", "x\n"} {
		if _, err := b.Lock(ctx, env, id, "me", false); err == nil {
			t.Errorf("%q is a holder", id)
		}
		if _, err := b.Rollouts(ctx, id); err == nil {
			t.Errorf("%q is an environment", id)
		}
	}
	if _, err := b.Lock(ctx, env, "r1", "me", false); err != nil {
		t.Fatal(err)
	}
	err := b.SetRoutes(ctx, host.Rollout{ID: "r1", Environment: env, Routes: []host.Route{{Listen: "80", Service: "web"}}})
	if err == nil || !strings.Contains(err.Error(), `"80" is not an address of a route`) {
		t.Error(err)
	}
	gone := host.NewClient("the host", func(context.Context) (net.Conn, error) { return nil, errors.New("no such file") })
	if _, err := gone.Info(ctx); err == nil || !strings.Contains(err.Error(), "the host does not answer") || diag.HintOf(err) == "" {
		t.Error(err)
	}
}

func TestRoutesFromOutside(t *testing.T) {
	y := newYard(t)
	b := y.host(t.TempDir())
	up(y, t, b, "v1", 1)
	ctx := t.Context()
	get := func(hostname string) string {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://127.0.7.1:%d/", y.port), nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = hostname
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return err.Error()
		}
		defer res.Body.Close()
		body, _ := io.ReadAll(res.Body)
		return string(body)
	}
	listen := fmt.Sprintf("127.0.7.1:%d", y.port)
	set := func(routes ...host.Route) {
		t.Helper()
		if err := b.SetRoutes(ctx, host.Rollout{ID: "r1", Environment: env, Routes: routes}); err != nil {
			t.Fatal(err)
		}
	}
	is := func(hostname, want string) {
		t.Helper()
		got := ""
		for begin := time.Now(); time.Since(begin) < 5*time.Second; time.Sleep(20 * time.Millisecond) {
			if got = get(hostname); strings.Contains(got, want) {
				return
			}
		}
		t.Errorf("%s answers %q, not %q", hostname, got, want)
	}
	set(host.Route{Listen: listen, Host: "shop.example", Service: "web"})
	is("shop.example", "v1")
	is("other.example", "no-route")
	set()
	is("shop.example", "connection refused") // the address is free for others
	view, err := b.View(ctx, env)
	if err != nil || !slices.Equal(view.Routes, []host.Route(nil)) {
		t.Errorf("%+v, %v", view.Routes, err)
	}
}
