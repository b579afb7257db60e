package pipeline

import (
	"context"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/internal/deploy"
)

// mirror is a place seen from the way back: what was new is old.
type mirror struct {
	*place
	journal []deploy.Entry
}

func (m *mirror) Observe(ctx context.Context, service string) (deploy.Observed, error) {
	seen, err := m.place.Observe(ctx, service)
	seen.Old, seen.New, seen.Share = seen.New, seen.Old, 100-seen.Share
	return seen, err
}

func (m *mirror) Do(ctx context.Context, spec deploy.Spec, a deploy.Action) error {
	a.Side = map[deploy.Side]deploy.Side{deploy.Old: deploy.New, deploy.New: deploy.Old, "": ""}[a.Side]
	a.Share = 100 - a.Share
	return m.place.Do(ctx, spec, a)
}

func (m *mirror) Append(_ context.Context, e deploy.Entry) error {
	m.journal = append(m.journal, e)
	return nil
}

func (m *mirror) Entries(context.Context) ([]deploy.Entry, error) { return m.journal, nil }

// shop is services with their ways there and back.
type shop struct {
	places []*place
	backs  []*mirror
}

func newShop(t *testing.T, bad ...bool) *shop {
	s := &shop{}
	for _, b := range bad {
		p := newPlace(t)
		p.bad = b
		s.places, s.backs = append(s.places, p), append(s.backs, &mirror{place: p})
	}
	return s
}

func (s *shop) part(i int, strategy deploy.Strategy) Part {
	spec := specOf(strategy)
	spec.Service = string(rune('a' + i))
	back := s.places[i].rollout()
	back.Target, back.Journal = s.backs[i], s.backs[i]
	return Part{Spec: spec, Forward: s.places[i].rollout(), Back: back}
}

func (s *shop) deploy(t *testing.T, ctx context.Context, strategy deploy.Strategy, waves ...[]int) (Deployed, error) {
	t.Helper()
	var out [][]Part
	for _, wave := range waves {
		var parts []Part
		for _, i := range wave {
			parts = append(parts, s.part(i, strategy))
		}
		out = append(out, parts)
	}
	return Deploy(ctx, out)
}

func (s *shop) is(t *testing.T, what string, old, new int) {
	t.Helper()
	for i, p := range s.places {
		if p.old.Want != old || p.new.Want != new {
			t.Errorf("%s: service %d: old %+v, new %+v", what, i, p.old, p.new)
		}
	}
}

func TestAFleetIsDeployedInWaves(t *testing.T) {
	for name, strategy := range strategies() {
		s := newShop(t, false, false, false)
		arrived := true
		s.places[1].fails = func(int) bool {
			entries, _ := s.places[0].Entries(t.Context())
			arrived = arrived && deploy.Promoted(entries)
			return false
		}
		end, err := s.deploy(t, t.Context(), strategy, []int{0}, []int{1, 2})
		if err != nil || end.Outcome != deploy.Deployed {
			t.Errorf("%s: %+v, %v", name, end, err)
		}
		s.is(t, name, 0, 2)
		if !arrived {
			t.Errorf("%s: the second wave began before the first had arrived", name)
		}
	}
}

// TestOneBadServiceTakesAllBack: those beside it, those before it; those after it are not
// begun.
func TestOneBadServiceTakesAllBack(t *testing.T) {
	for name, strategy := range strategies() {
		s := newShop(t, false, true, false, false)
		end, err := s.deploy(t, t.Context(), strategy, []int{0}, []int{1, 2}, []int{3})
		if err != nil || end.Outcome != deploy.RolledBack || !strings.HasPrefix(end.Reason, "b: 0 of ") || strings.Contains(end.Reason, follows) {
			t.Errorf("%s: %+v, %v", name, end, err)
		}
		s.is(t, name, 2, 0)
		if len(s.places[3].journal) > 0 {
			t.Errorf("%s: a later wave was begun: %+v", name, s.places[3].journal)
		}
		again, err := s.deploy(t, t.Context(), strategy, []int{0}, []int{1, 2}, []int{3})
		if err != nil || again.Outcome != deploy.RolledBack {
			t.Errorf("%s: once more: %+v, %v", name, again, err)
		}
		s.is(t, name+", once more", 2, 0)
	}
}

// TestAKilledFleetGoesOn: at each act of each service, good and bad.
func TestAKilledFleetGoesOn(t *testing.T) {
	for _, bad := range []bool{false, true} {
		for kill := 1; kill < 12; kill++ {
			for who := range 3 {
				s := newShop(t, false, bad, false)
				ctx, cancel := context.WithCancel(t.Context())
				s.places[who].kill, s.places[who].after, s.places[who].die = kill, kill%2 == 0, cancel
				strategy := strategies()["canary"]
				_, _ = s.deploy(t, ctx, strategy, []int{0}, []int{1, 2})
				cancel()
				s.places[who].kill = 0
				end, err := s.deploy(t, t.Context(), strategy, []int{0}, []int{1, 2})
				if err != nil {
					t.Fatalf("bad %v, service %d killed at %d: %+v, %v", bad, who, kill, end, err)
				}
				if bad && end.Outcome == deploy.RolledBack {
					s.is(t, "back", 2, 0)
				} else if !bad && end.Outcome == deploy.Deployed {
					s.is(t, "there", 0, 2)
				} else {
					t.Errorf("bad %v, service %d killed at %d: %+v", bad, who, kill, end)
				}
			}
		}
	}
}

// TestAPausedServiceStopsTheWaves, and says why.
func TestAPausedServiceStopsTheWaves(t *testing.T) {
	s := newShop(t, false, false)
	s.places[0].fails = func(call int) bool { return call > 3 }
	end, err := s.deploy(t, t.Context(), strategies()["rolling"], []int{0}, []int{1})
	if err != nil || end.Outcome != "" || !strings.Contains(end.Reason, "a: the server does not answer") {
		t.Errorf("%+v, %v", end, err)
	}
	if len(s.places[1].journal) > 0 {
		t.Error("the second wave began")
	}
}
