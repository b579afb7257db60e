package shipping

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/deploy"
	"github.com/slipway-build/slipway/internal/deploy/host"
	"github.com/slipway-build/slipway/internal/pipeline"
	"github.com/slipway-build/slipway/internal/release"
)

// small is a place with services that each have a side, and rollouts.
type small struct {
	Place
	rollouts []host.Rollout
	running  []string
	done     []string
	locked   host.Lock
}

func (s *small) Locked(context.Context, string) (host.Lock, error) { return s.locked, nil }

func (s *small) Lock(_ context.Context, _, rollout, _ string, force bool) (host.Lock, error) {
	s.done = append(s.done, "lock")
	if force {
		s.done = append(s.done, "by force")
	}
	return host.Lock{}, nil
}

func (s *small) Unlock(context.Context, string) error {
	s.done = append(s.done, "unlock")
	return nil
}
func (s *small) Rollouts(context.Context, string) ([]host.Rollout, error) { return s.rollouts, nil }
func (s *small) View(context.Context, string) (host.View, error) {
	out := host.View{Services: map[string]host.ServiceView{}}
	for _, name := range s.running {
		out.Services[name] = host.ServiceView{Main: "v1-1", Sides: map[string]host.SideView{"v1-1": {Want: 1}}}
	}
	return out, nil
}
func (s *small) Target(host.Rollout, host.Part) pipeline.JudgedTarget { return s }
func (s *small) Observe(context.Context, string) (deploy.Observed, error) {
	return deploy.Observed{}, nil
}
func (s *small) Judge(context.Context, deploy.Spec, deploy.Observed) (deploy.Verdict, string) {
	return deploy.Good, ""
}
func (s *small) Do(_ context.Context, spec deploy.Spec, a deploy.Action) error {
	s.done = append(s.done, fmt.Sprintf("%s %s %s", a.Kind, spec.Service, spec.Release))
	s.running = slices.DeleteFunc(s.running, func(name string) bool { return name == spec.Service })
	return nil
}

// TestPruneEndsWhatTheReleaseLacks, and only after that release runs.
func TestPruneEndsWhatTheReleaseLacks(t *testing.T) {
	r := func(version string, outcome deploy.Outcome) host.Rollout {
		return host.Rollout{Version: version, Outcome: outcome, Ended: time.Now(), Services: []string{"web"}}
	}
	for name, c := range map[string]struct {
		rollouts []host.Rollout
		want     string // of the error; "": none
	}{
		"it runs":          {[]host.Rollout{r("v2", deploy.Deployed), r("v1", deploy.Deployed)}, ""},
		"it went back":     {[]host.Rollout{r("v2", deploy.RolledBack), r("v1", deploy.Deployed)}, "v2 does not run in prod"},
		"it is on its way": {[]host.Rollout{{Version: "v2", Environment: "prod"}, r("v2", deploy.Deployed)}, "the rollout of v2 to prod has not ended"},
		"nothing runs":     {nil, "v2 does not run in prod"},
	} {
		s := &small{rollouts: c.rollouts, running: []string{"cart", "web"}}
		o := Order{Environment: config.Environment{Name: "prod"}, Release: release.Release{Version: "v2", Services: []release.Service{{Name: "web"}}}, Client: s}
		surplus, err := o.Surplus(t.Context())
		if err != nil || !slices.Equal(surplus, []string{"service cart"}) {
			t.Errorf("%s: surplus %v, %v", name, surplus, err)
		}
		removed, err := o.Prune(t.Context(), time.Now())
		if c.want != "" {
			if err == nil || !strings.Contains(err.Error(), c.want) || !slices.Equal(s.done, []string{"lock", "unlock"}) {
				t.Errorf("%s: %v, done %v", name, err, s.done)
			}
			continue
		}
		if err != nil || !slices.Equal(removed, surplus) || !slices.Equal(s.done, []string{"lock", "retire cart v1-1", "unlock"}) {
			t.Errorf("%s: removed %v, %v, done %v", name, removed, err, s.done)
		}
	}
	s := &small{running: []string{"cart"}}
	if got, err := Surplus(t.Context(), s, host.Rollout{}); err != nil || got != nil {
		t.Errorf("of a rollout that does not say its services: %v, %v", got, err)
	}
}
