package shipping

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/deploy"
	"github.com/slipway-build/slipway/internal/deploy/host"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/release"
)

// TestARollbackWaitsForNothing that a new release waits for, when the release ran there.
func TestARollbackWaitsForNothing(t *testing.T) {
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	fl := fleetOf(t, twoServices+"environments:\n  staging: {target: host}\n  prod: {target: host, after: staging, freeze: [{from: 2026-11-28, to: 2026-12-02}]}\n")
	env, err := fl.Environment("prod")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		back bool
		ran  []host.Rollout
		want string
	}{
		"ran there":      {true, []host.Rollout{{Version: "v2", Outcome: deploy.Deployed}}, ""},
		"never":          {true, []host.Rollout{{Version: "v1", Outcome: deploy.Deployed}}, "nothing is deployed to prod"},
		"went back":      {true, []host.Rollout{{Version: "v2", Outcome: deploy.RolledBack}}, "nothing is deployed to prod"},
		"is no rollback": {false, []host.Rollout{{Version: "v2", Outcome: deploy.Deployed}}, "nothing is deployed to prod"},
	} {
		here := &small{rollouts: c.ran}
		err := Order{Fleet: fl, Environment: env, Release: releaseOf("web"), Client: here, First: []Place{&small{}}, Back: c.back}.Allowed(t.Context(), now)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestAShortSoakSaysWhatHelps: the day, too; waiting does not help what was replaced.
func TestAShortSoakSaysWhatHelps(t *testing.T) {
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	ran := func(version string, ago time.Duration) host.Rollout {
		return host.Rollout{Version: version, Outcome: deploy.Deployed, Ended: now.Add(-ago)}
	}
	o := Order{Release: release.Release{Version: "v2"}, Environment: config.Environment{Name: "prod", After: "staging", Soak: 48 * time.Hour}}
	for name, c := range map[string]struct {
		all  []host.Rollout
		want string
	}{
		"runs":     {[]host.Rollout{ran("v2", time.Hour)}, "wait until " + now.Add(47*time.Hour).Local().Format("2006-01-02 15:04:05")},
		"replaced": {[]host.Rollout{ran("v3", time.Minute), ran("v2", time.Hour)}, "slipway deploy staging v2"},
	} {
		if hint := diag.HintOf(o.ranBefore(c.all, now)); !strings.Contains(hint, c.want) {
			t.Errorf("%s: the hint is %q", name, hint)
		}
	}
}

// TestANewRolloutIsTheNewest, also when the clock went back since the last one.
func TestANewRolloutIsTheNewest(t *testing.T) {
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	fl := fleetOf(t, twoServices+"environments:\n  prod: {target: host}\n")
	env, err := fl.Environment("prod")
	if err != nil {
		t.Fatal(err)
	}
	for _, last := range []time.Time{now.Add(-time.Hour), now, now.Add(time.Hour)} {
		o := Order{Fleet: fl, Environment: env, Release: releaseOf("web"), Client: &small{rollouts: []host.Rollout{{ID: "x", Started: last}}}, Lookup: func(string) (string, bool) { return "", false }}
		r, err := o.Plan(t.Context(), now)
		if err != nil || !r.Started.After(last) || r.Started.Before(now) || !strings.HasPrefix(r.ID, r.Started.Format(idTime)) {
			t.Errorf("after one of %s: %s, started %s, %v", last, r.ID, r.Started, err)
		}
	}
}

// cut is a place that is interrupted while it answers.
type cut struct {
	small
	at     string
	cancel context.CancelFunc
	kept   bool
}

func (c *cut) Lock(ctx context.Context, _, _, _ string, _ bool) (host.Lock, error) {
	if c.at == "locking" {
		c.cancel()
	}
	return host.Lock{}, ctx.Err()
}

func (c *cut) Rollouts(context.Context, string) ([]host.Rollout, error) {
	if c.at == "before" {
		c.cancel()
	}
	return nil, nil
}

func (c *cut) Keep(ctx context.Context, _ host.Rollout) error {
	c.cancel()
	c.kept = true
	return ctx.Err()
}

// TestAnInterruptFindsARolloutBegunOrNot: never one that is kept and that nobody names.
func TestAnInterruptFindsARolloutBegunOrNot(t *testing.T) {
	for at, begun := range map[string]bool{"locking": false, "before": false, "meanwhile": true} {
		ctx, cancel := context.WithCancel(t.Context())
		c := &cut{at: at, cancel: cancel}
		err := Order{Client: c}.Start(ctx, host.Rollout{ID: "r", Environment: "prod"})
		if c.kept != begun || begun != (err == nil) || !begun && !errors.Is(err, context.Canceled) {
			t.Errorf("%s: kept %t, %v", at, c.kept, err)
		}
		if !begun && !slices.Contains(c.done, "unlock") {
			t.Errorf("%s: the lock stays", at)
		}
	}
}
