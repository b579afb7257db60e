package cli

import (
	"context"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/report"
	"github.com/slipway-build/slipway/internal/testreport"
)

// asked is an engine that keeps what it is asked for.
type asked struct {
	engine.Builder
	req engine.Request
}

func (a *asked) Build(_ context.Context, req engine.Request, _ event.Sink) (engine.Result, error) {
	a.req = req
	return engine.Result{}, nil
}

// TestStagesReachTheNewSideBesideTheirCompanions, which stay as they are for other builds.
func TestStagesReachTheNewSideBesideTheirCompanions(t *testing.T) {
	side, db := netip.MustParseAddrPort("10.0.0.4:8080"), netip.MustParseAddr("10.1.0.2")
	before := engine.Companions{Stages: []string{"integration-tests"}, Hosts: map[string]netip.Addr{"db": db}, Env: map[string]string{"DB_HOST": "db"}}
	own := map[string]string{"WEB_API_HOST": "web-api", "WEB_API_PORT": "8080", "WEB_API_URL": "http://web-api:8080"}
	for name, c := range map[string]struct{ given, want engine.Companions }{
		"with companions": {before, engine.Companions{
			Stages: []string{"integration-tests"}, Hosts: map[string]netip.Addr{"db": db, "web-api": side.Addr()},
			Env: map[string]string{"DB_HOST": "db", "WEB_API_HOST": "web-api", "WEB_API_PORT": "8080", "WEB_API_URL": "http://web-api:8080"},
		}},
		"alone": {engine.Companions{}, engine.Companions{Stages: []string{"integration-tests"}, Hosts: map[string]netip.Addr{"web-api": side.Addr()}, Env: own}},
	} {
		to := &asked{}
		req := engine.Request{Target: "integration-tests"}
		req.Steps.Companions = c.given
		if _, err := (against{to, reaching("web-api", side)}).Build(t.Context(), req, event.Discard{}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, to.req.Steps.Companions, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if len(before.Hosts) != 1 || len(before.Env) != 1 {
		t.Errorf("the companions of others have changed: %+v", before)
	}
}

func TestWhatFailedOfAStageIsTheReason(t *testing.T) {
	cases := func(names ...string) (r testreport.Report) {
		for _, n := range names {
			r.Cases = append(r.Cases, testreport.Case{Name: n, Status: testreport.Failed})
		}
		r.Cases = append(r.Cases, testreport.Case{Name: "fine", Status: testreport.Passed})
		return r
	}
	for want, s := range map[string]report.TestStage{
		"":                         {Result: report.StagePassed},
		"TestCart, TestPrice":      {Result: report.StageFailed, Why: "exit code 1", Tests: cases("TestCart", "TestPrice")},
		"a, b, c, d, e and 2 more": {Result: report.StageFailed, Tests: cases("a", "b", "c", "d", "e", "f", "g")},
		"exit code 1: no route":    {Result: report.StageFailed, Why: "exit code 1", Output: []string{"asking", "no route"}},
		"it failed":                {Result: report.StageFailed},
		"!not run: no companions":  {Result: report.StageNotRun, Why: "no companions"},
		"!skipped: no tests":       {Result: report.StageSkipped, Why: "no tests"},
	} {
		got, err := verdictOf(s)
		if err != nil {
			got = "!" + err.Error()
		}
		if got != want {
			t.Errorf("%+v: %q, want %q", s, got, want)
		}
	}
}
