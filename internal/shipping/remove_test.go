package shipping

import (
	"context"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/slipway-build/slipway/internal/account"
	"github.com/slipway-build/slipway/internal/deploy"
	"github.com/slipway-build/slipway/internal/deploy/host"
)

// emptied is a small place that keeps rollouts.
type emptied struct{ small }

func (e *emptied) SetRoutes(context.Context, host.Rollout) error { return nil }

func (e *emptied) Keep(_ context.Context, r host.Rollout) error {
	e.rollouts = append([]host.Rollout{r}, e.rollouts...)
	return nil
}

// TestNothingRunsAfterARemoval: no release does, also when the clock of the last deploy was
// ahead, and nothing soaks any more.
func TestNothingRunsAfterARemoval(t *testing.T) {
	now := time.Now()
	e := &emptied{small{rollouts: []host.Rollout{{Version: "v1", Outcome: deploy.Deployed, Started: now.Add(time.Minute), Ended: now.Add(-time.Hour)}}, running: []string{"web"}}}
	if err := Remove(t.Context(), e, "prod", "ana", now); err != nil {
		t.Fatal(err)
	}
	newest := e.rollouts[0]
	if len(e.running) > 0 || newest.Outcome != deploy.Removed || newest.By != "ana" || newest.Ended.IsZero() || !newest.Started.After(e.rollouts[1].Started) {
		t.Errorf("%v run, rollouts %+v", e.running, e.rollouts)
	}
	if runs := Current(e.rollouts); runs != nil {
		t.Errorf("%s runs", runs.Version)
	}
	if want := []string{"lock", "retire web v1-1", "unlock"}; !slices.Equal(e.done, want) {
		t.Errorf("done %v", e.done)
	}
}

// TestALockOfAnEndedProcessIsTaken: of this machine and person, and of nobody else.
func TestALockOfAnEndedProcessIsTaken(t *testing.T) {
	ended := 1 << 22 // beyond the numbers of processes
	for name, c := range map[string]struct {
		locked host.Lock
		force  bool
	}{
		"none":            {host.Lock{}, false},
		"ended":           {host.Lock{Holder: "x", By: "ana", Process: ended, Machine: account.Machine()}, true},
		"lives":           {host.Lock{Holder: "x", By: "ana", Process: os.Getpid(), Machine: account.Machine()}, false},
		"another":         {host.Lock{Holder: "x", By: "bob", Process: ended, Machine: account.Machine()}, false},
		"another machine": {host.Lock{Holder: "x", By: "ana", Process: ended, Machine: "other"}, false},
		"who knows where": {host.Lock{Holder: "x", By: "ana", Process: ended}, false},
	} {
		s := &small{locked: c.locked}
		if err := lock(t.Context(), s, host.Rollout{By: "ana"}); err != nil || slices.Contains(s.done, "by force") != c.force {
			t.Errorf("%s: %v, %v", name, s.done, err)
		}
	}
}
