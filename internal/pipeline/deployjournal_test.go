package pipeline

import (
	"context"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/slipway-build/slipway/internal/deploy"
)

// TestAJournalThatFailsNowAndThenChangesNothing: reads and writes fail at random, and the
// rollout does what it does with one that never fails, and nothing twice.
func TestAJournalThatFailsNowAndThenChangesNothing(t *testing.T) {
	for name, s := range strategies() {
		for _, bad := range []bool{false, true} {
			calm := newPlace(t)
			calm.bad = bad
			want, err := calm.rollout().Run(t.Context(), specOf(s))
			if err != nil {
				t.Fatal(err)
			}
			for seed := range uint64(100) {
				p, dice := newPlace(t), rand.New(rand.NewPCG(seed, 0))
				p.bad = bad
				p.unread = func() bool { return dice.IntN(3) == 0 }
				end, err := p.rollout().Run(t.Context(), specOf(s))
				if err != nil || end.Kind != deploy.Done || end.Outcome != want.Outcome || p.acts != calm.acts {
					t.Fatalf("%s, bad %v, seed %d: %+v, %v, %d acts instead of %d", name, bad, seed, end, err, p.acts, calm.acts)
				}
				p = newPlace(t)
				p.bad = bad
				p.unread, p.unkept = func() bool { return dice.IntN(5) == 0 }, func() bool { return dice.IntN(5) == 0 }
				end, err = p.rollout().Run(t.Context(), specOf(s))
				if end.Outcome != want.Outcome || err != nil && !strings.Contains(err.Error(), "cannot be written") { // of the last entry
					t.Fatalf("%s, bad %v, seed %d: %+v, %v", name, bad, seed, end, err)
				}
			}
		}
	}
}

// TestAnUnreadableJournalIsNoEmptyOne: nothing is done without it at any moment of a
// rollout; it waits, says so, and pauses. When the journal is there again, it goes on.
func TestAnUnreadableJournalIsNoEmptyOne(t *testing.T) {
	for name, s := range strategies() {
		for lost := 1; lost < 40; lost++ {
			p, reads, gone := newPlace(t), 0, true
			p.unread = func() bool { reads++; return gone && reads >= lost }
			said := &notes{}
			r := p.rollout()
			r.Sink = said
			end, err := r.Run(t.Context(), specOf(s))
			if err == nil && end.Kind == deploy.Done {
				break // it was over before
			}
			if err != nil || end.Kind != deploy.Pause || end.Reason != "the journal of web cannot be read: the store does not answer" {
				t.Fatalf("%s, lost at %d: %+v, %v", name, lost, end, err)
			}
			if !strings.Contains(strings.Join(said.text, "\n"), "waiting: "+end.Reason) {
				t.Errorf("%s, lost at %d: it said %q", name, lost, said.text)
			}
			before, written, now := p.acts, len(p.journal), p.now
			if end, err = r.Run(t.Context(), specOf(s)); err != nil || end.Kind != deploy.Pause || p.acts != before || len(p.journal) != written {
				t.Fatalf("%s, lost at %d: it acts without a journal: %+v, %v", name, lost, end, err)
			}
			if took := p.now.Sub(now); took < 5*time.Minute || took > 6*time.Minute {
				t.Errorf("%s: paused after %s", name, took)
			}
			gone = false
			if end, err = r.Run(t.Context(), specOf(s)); err != nil || end.Outcome != deploy.Deployed {
				t.Fatalf("%s, lost at %d: %+v, %v", name, lost, end, err)
			}
		}
	}
}

// TestWhatCannotBeDonePausesTheRollout, after the same time.
func TestWhatCannotBeDonePausesTheRollout(t *testing.T) {
	p := newPlace(t)
	full := true
	p.unkept = func() bool { return full }
	end, err := p.rollout().Run(t.Context(), specOf(strategies()["rolling"]))
	if err != nil || end.Kind != deploy.Pause || end.Reason != "the journal cannot be written: the disk is full" || p.acts != 0 {
		t.Errorf("%+v, %v, %d acts", end, err, p.acts)
	}
	full = false
	if end, err = p.rollout().Run(t.Context(), specOf(strategies()["rolling"])); err != nil || end.Outcome != deploy.Deployed {
		t.Errorf("%+v, %v", end, err)
	}
}

// TestAFleetWithAnUnreadableJournalIsPaused: whether nothing of it has begun is not known.
func TestAFleetWithAnUnreadableJournalIsPaused(t *testing.T) {
	s := newShop(t, false, false)
	gone := true
	s.places[1].unread = func() bool { return gone }
	end, err := s.deploy(t, t.Context(), strategies()["rolling"], []int{0}, []int{1})
	if err != nil || end.Outcome != "" || end.Reason != "the journal of b cannot be read: the store does not answer" || s.places[0].acts != 0 {
		t.Errorf("%+v, %v", end, err)
	}
	gone = false
	if end, err = s.deploy(t, t.Context(), strategies()["rolling"], []int{0}, []int{1}); err != nil || end.Outcome != deploy.Deployed {
		t.Errorf("%+v, %v", end, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	gone = true
	if _, err = s.deploy(t, ctx, strategies()["rolling"], []int{0}, []int{1}); err == nil {
		t.Error("an interrupt is no pause")
	}
}
