package shipping

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/deploy"
	"github.com/slipway-build/slipway/internal/deploy/host"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/localrun"
)

// good is a target that has nothing against the new side.
type good struct{}

func (good) Observe(context.Context, string) (deploy.Observed, error) { return deploy.Observed{}, nil }
func (good) Do(context.Context, deploy.Spec, deploy.Action) error     { return nil }
func (good) Judge(context.Context, deploy.Spec, deploy.Observed) (deploy.Verdict, string) {
	return deploy.Good, ""
}

// TestStagesJudgeTheNewSide: against a healthy container of it, until they pass, and once.
func TestStagesJudgeTheNewSide(t *testing.T) {
	container := func(ip string, running bool, state localrun.State) host.ContainerView {
		return host.ContainerView{Running: running, Status: localrun.Status{IP: ip, State: state}}
	}
	sides := map[string]host.SideView{
		"v1": {Containers: []host.ContainerView{container("10.0.0.1", true, localrun.Healthy)}},
		"v2": {Containers: []host.ContainerView{container("10.0.0.2", false, localrun.Healthy), container("10.0.0.3", true, localrun.Unhealthy), container("10.0.0.4", true, localrun.Healthy)}},
	}
	for name, c := range map[string]struct {
		within  time.Duration
		results []string // of each run: "" passes, "!…" could not run
		sides   map[string]host.SideView
		want    deploy.Verdict
		why     string
		runs    int // of two judgements
	}{
		"passes":           {0, []string{""}, sides, deploy.Good, "", 1},
		"fails":            {0, []string{"TestPrices, TestCart"}, sides, deploy.Bad, "the check integration-tests of web failed: TestPrices, TestCart", 2},
		"passes later":     {time.Minute, []string{"TestPrices", "TestPrices", ""}, sides, deploy.Good, "", 3},
		"cannot run":       {time.Minute, []string{"!no engine"}, sides, deploy.NoData, "the check integration-tests of web cannot run: no engine", 2},
		"nothing to reach": {time.Minute, []string{""}, map[string]host.SideView{"v1": sides["v1"], "v2": {Containers: sides["v2"].Containers[:2]}}, deploy.NoData, "no container of the new side is healthy", 0},
	} {
		runs := 0
		j := &judge{
			JudgedTarget: good{}, client: answers(t, map[string]any{"view": host.View{Services: map[string]host.ServiceView{"web": {Sides: c.sides}}}}),
			part: host.Part{New: host.Workload{Port: 8080}, Tests: []host.Test{{Stage: "integration-tests", Within: c.within}}}, passed: map[any]bool{},
			tests: func(_ context.Context, service, stage string, against netip.AddrPort) (string, error) {
				if service != "web" || stage != "integration-tests" || against.String() != "10.0.0.4:8080" {
					t.Errorf("%s: %s of %s runs against %s", name, stage, service, against)
				}
				result := c.results[min(runs, len(c.results)-1)]
				runs++
				if why, broken := strings.CutPrefix(result, "!"); broken {
					return "", errors.New(why)
				}
				return result, nil
			},
		}
		for range 2 {
			if got, why := j.Judge(t.Context(), deploy.Spec{Service: "web", Release: "v2"}, deploy.Observed{}); got != c.want || !strings.Contains(why, c.why) {
				t.Errorf("%s: %v, %q", name, got, why)
			}
		}
		if runs != c.runs {
			t.Errorf("%s: %d runs", name, runs)
		}
	}
}

// TestStagesNeedAPlaceThatIsReached: they are refused before a rollout begins.
func TestStagesNeedAPlaceThatIsReached(t *testing.T) {
	for target, want := range map[string]string{
		config.TargetHost: "", config.TargetKubernetes: "cannot run against kubernetes: this machine does not reach", config.TargetSSH: "cannot run against ssh: this machine does not reach",
	} {
		o := Order{Environment: config.Environment{Target: target, Checks: []config.Check{{Service: "web", Tests: "e2e-tests", Within: time.Minute}, {Service: "api", Tests: "lint"}}}}
		p := host.Part{Spec: deploy.Spec{Service: "web"}, New: host.Workload{Port: 80}}
		err := o.checks(&p)
		switch {
		case want != "" && (err == nil || !strings.Contains(err.Error(), want) || diag.ExitOf(err) != diag.ExitUsage || diag.HintOf(err) == ""):
			t.Errorf("%s: %v", target, err)
		case want == "" && (err != nil || len(p.Tests) != 1 || p.Tests[0] != host.Test{Stage: "e2e-tests", Within: time.Minute}):
			t.Errorf("%s: %v, %+v", target, err, p.Tests)
		}
		p.New.Port = 0
		if err := o.checks(&p); err == nil {
			t.Errorf("%s: a service without a port is tested", target)
		}
	}
}
