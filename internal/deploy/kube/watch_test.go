package kube_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/slipway-build/slipway/internal/deploy"
	"github.com/slipway-build/slipway/internal/deploy/kube"
)

// TestWaitingAsksLittle: a change of a pod ends a wait, and a service that does not change
// is looked at every few seconds.
func TestWaitingAsksLittle(t *testing.T) {
	a := &api{}
	c := running(t, a)
	target := kube.Target{Client: c, Spec: spec(deploy.Strategy{Kind: deploy.BlueGreen}), Port: 8080}
	look := func() {
		t.Helper()
		if _, err := target.Observe(t.Context(), "web"); err != nil {
			t.Fatal(err)
		}
	}
	wait := func(least, most time.Duration) time.Duration {
		t.Helper()
		began := time.Now()
		if err := c.Wait(t.Context(), "web", least, most); err != nil {
			t.Fatal(err)
		}
		return time.Since(began)
	}
	look()
	if took := wait(10*time.Millisecond, 300*time.Millisecond); took < 290*time.Millisecond || took > 3*time.Second {
		t.Errorf("where nothing changes, it waits %s", took)
	}
	go func() {
		time.Sleep(100 * time.Millisecond)
		a.mu.Lock()
		a.version++
		a.mu.Unlock()
	}()
	if took := wait(10*time.Millisecond, time.Hour); took > 3*time.Second {
		t.Errorf("a change is seen after %s", took)
	}
	look() // at the change
	if took := wait(50*time.Millisecond, 20*time.Millisecond); took < 50*time.Millisecond {
		t.Errorf("it waits %s", took)
	}
	a.mu.Lock()
	a.faults = func(r *http.Request) int {
		if r.URL.Query().Get("watch") != "" {
			return http.StatusForbidden
		}
		return 0
	}
	a.mu.Unlock()
	if took := wait(time.Millisecond, time.Hour); took < 900*time.Millisecond || took > 4*time.Second {
		t.Errorf("without the right to watch, it waits %s", took)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := c.Wait(ctx, "web", time.Hour, time.Hour); err == nil {
		t.Error("it waits on after its context ended")
	}
}
