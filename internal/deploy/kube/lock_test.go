package kube_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/slipway-build/slipway/internal/deploy"
	"github.com/slipway-build/slipway/internal/deploy/kube"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/manifest"
)

func TestTheLock(t *testing.T) {
	a := &api{}
	c := a.serve(t)
	other := a.client(t)
	if _, err := c.Take(t.Context(), "one", "by one", false); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Take(t.Context(), "one", "by one", false); err != nil {
		t.Fatal(err)
	}
	_, err := other.Take(t.Context(), "one", "by two", false)
	if want := fmt.Sprintf("production is being changed: by by one (process %d), rollout one, since ", os.Getpid()); err == nil || !strings.HasPrefix(err.Error(), want) || !strings.Contains(diag.HintOf(err), "--force-unlock") {
		t.Fatalf("%v, hint %q", err, diag.HintOf(err))
	}
	if l, err := c.Locked(t.Context()); err != nil || l.Rollout != "one" || l.By != "by one" || l.Process != os.Getpid() {
		t.Errorf("%+v, %v", l, err)
	}
	before, err := other.Take(t.Context(), "one", "by two", true)
	if err != nil || before.By != "by one" {
		t.Errorf("%+v, %v", before, err)
	}
	journal := kube.Journal{Client: c, Rollout: "one", Service: "web"}
	if err := journal.Append(t.Context(), deploy.Entry{}); err == nil || !strings.Contains(err.Error(), "is being changed") {
		t.Errorf("one without the lock writes the journal: %v", err)
	}
	if err := journal.Append(t.Context(), deploy.Entry{Asked: deploy.AskAbort}); err != nil {
		t.Errorf("a person's wish needs no lock: %v", err)
	}
	if err := errors.Join(c.Release(t.Context()), other.Release(t.Context())); err != nil {
		t.Fatal(err)
	}
	if l, err := c.Locked(t.Context()); err != nil || l.Holder != "" {
		t.Errorf("%+v, %v", l, err)
	}
	if err := c.Keep(t.Context(), "two", []byte("{}")); err == nil || !strings.HasPrefix(err.Error(), "nobody holds the lock") {
		t.Errorf("without a lock: %v", err)
	}
	if _, err := c.Take(t.Context(), "three", "me", false); err != nil {
		t.Fatal(err)
	}
	a.mu.Lock()
	a.objects["leases/slipway.shop.production"]["spec"].(map[string]any)["renewTime"] = time.Now().Add(-time.Minute).UTC().Format(time.RFC3339Nano)
	a.mu.Unlock()
	if _, err := other.Take(t.Context(), "four", "you", false); err != nil {
		t.Errorf("an old lock stays: %v", err)
	}
}

// TestAnotherClockChangesNothing: the server's is an hour off, and so are its times.
func TestAnotherClockChangesNothing(t *testing.T) {
	for _, ahead := range []time.Duration{-time.Hour, time.Hour} {
		a := &api{ahead: ahead}
		looks := 0
		a.pod = func(d map[string]any) map[string]any {
			if nameOf(d) == "web-22222222" && looks < 100 {
				return waiting("ContainerCreating", "", 0, nil)
			}
			return nil
		}
		c := running(t, a)
		if _, err := a.client(t).Take(t.Context(), "another", "another", false); err == nil {
			t.Errorf("%s: a lock that was just taken has expired", ahead)
		}
		r := rollout(c, spec(deploy.Strategy{Kind: deploy.BlueGreen}))
		r.Sleep = func(ctx context.Context, _ time.Duration) error {
			a.mu.Lock()
			defer a.mu.Unlock()
			if looks++; looks == 20 { // its pods become ready
				for _, o := range a.objects {
					if side, _ := meta(o)["labels"].(map[string]any)[manifest.LabelSide].(string); side == "22222222" && o["kind"] == nil {
						o["status"] = healthy()
					}
				}
			}
			return ctx.Err()
		}
		end, err := r.Run(t.Context(), spec(deploy.Strategy{Kind: deploy.BlueGreen}))
		if err != nil || end.Outcome != deploy.Deployed {
			t.Errorf("%s: %+v, %v", ahead, end, err)
		}
	}
}

// TestTheJournalLosesNothing when several write it.
func TestTheJournalLosesNothing(t *testing.T) {
	a := &api{}
	c := a.serve(t)
	j := kube.Journal{Client: c, Rollout: id, Service: "web"}
	var writers sync.WaitGroup
	const each = 10
	for range 2 {
		writers.Go(func() {
			for range each {
				for j.Append(t.Context(), deploy.Entry{At: time.Now(), Asked: deploy.AskPause}) != nil { // a conflict too many
				}
			}
		})
	}
	writers.Wait()
	all, err := j.Entries(t.Context())
	if err != nil || len(all) != 2*each {
		t.Fatalf("%d entries, %v", len(all), err)
	}
	if _, err := c.Take(t.Context(), id, "me", false); err != nil {
		t.Fatal(err)
	}
	if err := c.Keep(t.Context(), id, []byte(`{"id":"x"}`)); err != nil {
		t.Fatal(err)
	}
	kept, err := c.Rollouts(t.Context())
	if err != nil || len(kept) != 1 || string(kept[0]) != `{"id":"x"}` {
		t.Errorf("%q, %v", kept, err)
	}
	if err := c.Forget(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if all, err = j.Entries(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("%d entries are left, %v", len(all), err)
	}
}
