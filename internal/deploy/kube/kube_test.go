package kube_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/deploy"
	"github.com/slipway-build/slipway/internal/deploy/kube"
	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/manifest"
	"github.com/slipway-build/slipway/internal/pipeline"
	"github.com/slipway-build/slipway/internal/plan"
	"github.com/slipway-build/slipway/internal/release"
)

const (
	v1 = "v1-11111111"
	v2 = "v2-22222222"
	id = "20270101-120000.000-v2"
)

// web is a side of the service web.
func web(key string) kube.Workload {
	return webBy(key, deploy.Strategy{Kind: deploy.Rolling, Surge: 1})
}

// webBy is web with a strategy.
func webBy(key string, by deploy.Strategy) kube.Workload {
	version, side, _ := strings.Cut(key, "-")
	f := manifest.Fleet{Name: "shop", Version: version, Environment: "production", Namespace: "payments", Deadline: time.Minute}
	s := manifest.Service{
		Service:   release.Service{Name: "web", Type: "http", Port: 8080, Image: "registry.example/shop/web", Digest: "sha256:" + strings.Repeat("a", 64), Health: plan.HealthCheck{HTTP: "/health"}},
		Placement: config.Placement{Replicas: 2, Strategy: by, Env: map[string]string{"VERSION": version}},
		Names:     []string{"front"}, Side: side,
	}
	return kube.Workload{Key: key, Objects: append(f.Shared(s), f.Workload(s)...)}
}

func strategies() map[string]deploy.Strategy {
	return map[string]deploy.Strategy{
		"rolling": {Kind: deploy.Rolling, Surge: 1}, "blue-green": {Kind: deploy.BlueGreen}, "recreate": {Kind: deploy.Recreate},
		"canary": {Kind: deploy.Canary, Percent: []int{10, 50}},
	}
}

func spec(s deploy.Strategy) deploy.Spec {
	return deploy.Spec{Service: "web", Release: v2, Replaces: v1, Replicas: 2, Before: 2, Strategy: s, Deadline: time.Minute, Patience: time.Minute}
}

// rollout of a spec, whose loop sleeps hardly.
func rollout(c *kube.Client, s deploy.Spec) pipeline.Rollout {
	t := kube.Target{Client: c, Spec: s, Port: 8080}
	return pipeline.Rollout{
		Target: t, Judge: t, Journal: kube.Journal{Client: c, Rollout: id, Service: "web" + s.Release, Patience: time.Minute}, Sink: event.Discard{}, By: "a test", Every: time.Millisecond,
		Now: time.Now, Sleep: func(ctx context.Context, _ time.Duration) error { time.Sleep(time.Millisecond); return ctx.Err() },
	}
}

// running is a cluster in which v1 of web runs.
func running(t *testing.T, a *api) *kube.Client {
	t.Helper()
	c := a.serve(t)
	if _, err := c.Take(t.Context(), id, "a test", false); err != nil {
		t.Fatal(err)
	}
	if err := c.Prepare(t.Context(), web(v1)); err != nil {
		t.Fatal(err)
	}
	if n := len(a.pods("web-11111111")); n != 0 {
		t.Fatalf("%d pods run before anybody asked for them", n)
	}
	s := spec(deploy.Strategy{Kind: deploy.Rolling, Surge: 1})
	s.Release, s.Replaces, s.Before = v1, "", 0
	end, err := rollout(c, s).Run(t.Context(), s)
	if err != nil || end.Outcome != deploy.Deployed {
		t.Fatalf("the first release: %+v, %v", end, err)
	}
	if err := c.Prepare(t.Context(), web(v2)); err != nil {
		t.Fatal(err)
	}
	return c
}

// pods are those of a Deployment.
func (a *api) pods(of string) (out []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for key := range a.objects {
		if strings.HasPrefix(key, "pods/"+of+".") {
			out = append(out, key)
		}
	}
	return out
}

// serves is the side that a Service chooses, "" for both.
func (a *api) serves(name string) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	selector, _ := a.objects["services/"+name]["spec"].(map[string]any)["selector"].(map[string]any)
	side, _ := selector[manifest.LabelSide].(string)
	if selector["app.kubernetes.io/name"] != "web" || selector["app.kubernetes.io/instance"] != "production" {
		return fmt.Sprintf("nobody: %v", selector)
	}
	return side
}

func TestGoodReleases(t *testing.T) {
	for name, s := range strategies() {
		t.Run(name, func(t *testing.T) {
			a := &api{}
			c := running(t, a)
			if got := a.serves("web"); got != "11111111" {
				t.Fatalf("the requests go to %q", got)
			}
			end, err := rollout(c, spec(s)).Run(t.Context(), spec(s))
			if err != nil || end.Outcome != deploy.Deployed {
				t.Fatalf("%+v, %v", end, err)
			}
			for _, service := range []string{"web", "front"} {
				if got := a.serves(service); got != "22222222" {
					t.Errorf("the requests of %s go to %q", service, got)
				}
			}
			if old, fresh := len(a.pods("web-11111111")), len(a.pods("web-22222222")); old != 0 || fresh != 2 {
				t.Errorf("%d old and %d new pods run", old, fresh)
			}
			view, err := c.View(t.Context())
			if err != nil || view["web"].Main != v2 || view["web"].Sides[v2].Healthy != 2 || view["web"].Sides[v2].Version != "v2" || view["web"].Port != 8080 {
				t.Errorf("the view is %+v, %v", view, err)
			}
			if err := c.Prune(t.Context(), "web", v2); err != nil {
				t.Fatal(err)
			}
			if view, err = c.View(t.Context()); err != nil || len(view["web"].Sides) != 1 {
				t.Errorf("after pruning there is %+v, %v", view, err)
			}
		})
	}
}

// TestBadReleases: each way in which pods fail goes back, says why, and gets no request.
func TestBadReleases(t *testing.T) {
	crashed := map[string]any{"exitCode": float64(3), "reason": "Error"}
	for name, c := range map[string]struct {
		status map[string]any
		want   string
	}{
		"crash loop": {waiting("CrashLoopBackOff", "back-off 10s", 2, crashed), "the pod web-22222222.0 does not stay up, after 3 starts: it ended with exit code 3: no table payments"},
		"no image":   {waiting("ImagePullBackOff", `Back-off pulling image "x": not found`, 0, nil), `the pod web-22222222.0 cannot pull its image: Back-off pulling image "x": not found`},
		"memory":     {waiting("CrashLoopBackOff", "", 1, map[string]any{"exitCode": float64(137), "reason": "OOMKilled"}), "the pod web-22222222.0 needed more than its memory limit"},
	} {
		for strategy, s := range strategies() {
			t.Run(name+", "+strategy, func(t *testing.T) {
				a := &api{logs: map[string]string{"web-22222222": "starting\nno table payments\n"}}
				a.pod = func(d map[string]any) map[string]any {
					if nameOf(d) == "web-22222222" {
						return c.status
					}
					return nil
				}
				client := running(t, a)
				seen := map[string]bool{}
				r := rollout(client, spec(s))
				r.Sleep = func(ctx context.Context, _ time.Duration) error { seen[a.serves("web")] = true; return ctx.Err() }
				end, err := r.Run(t.Context(), spec(s))
				want := strings.Replace(c.want, ": no table", ": starting | no table", 1)
				if err != nil || end.Outcome != deploy.RolledBack || !strings.HasPrefix(end.Reason, want) {
					t.Fatalf("%+v, %v, want %q", end, err, want)
				}
				if seen["22222222"] || seen[""] {
					t.Error("the new side got requests")
				}
				if got := a.serves("web"); got != "11111111" {
					t.Errorf("the requests go to %q", got)
				}
				if old, fresh := len(a.pods("web-11111111")), len(a.pods("web-22222222")); old != 2 || fresh != 0 {
					t.Errorf("%d old and %d new pods run", old, fresh)
				}
			})
		}
	}
}

// TestWhatIsLateSaysWhy: what may still become well is waited for until the deadline.
func TestWhatIsLateSaysWhy(t *testing.T) {
	a := &api{}
	a.pod = func(d map[string]any) map[string]any {
		if nameOf(d) != "web-22222222" {
			return nil
		}
		return map[string]any{"phase": "Pending", "conditions": []any{map[string]any{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes are available: 1 Insufficient memory."}}}
	}
	c := running(t, a)
	s := spec(deploy.Strategy{Kind: deploy.BlueGreen})
	s.Deadline = 300 * time.Millisecond
	began := time.Now()
	end, err := rollout(c, s).Run(t.Context(), s)
	if want := "the pod web-22222222.0 fits on no node: 0/1 nodes are available: 1 Insufficient memory."; err != nil || end.Outcome != deploy.RolledBack || end.Reason != want {
		t.Fatalf("%+v, %v, want %q", end, err, want)
	}
	if took := time.Since(began); took < s.Deadline {
		t.Errorf("it went back after %s", took)
	}
}

// TestADeploymentThatMakesNoPods: a quota refuses them.
func TestADeploymentThatMakesNoPods(t *testing.T) {
	a := &api{}
	c := running(t, a)
	a.mu.Lock()
	a.objects["deployments/web-22222222"]["status"] = map[string]any{"conditions": []any{map[string]any{
		"type": "ReplicaFailure", "status": "True", "message": "exceeded quota: small", "lastTransitionTime": time.Now().Add(-time.Minute).UTC().Format(time.RFC3339),
	}}}
	a.mu.Unlock()
	a.pod = func(map[string]any) map[string]any { return map[string]any{"phase": "Failed"} } // counts as none
	s := spec(deploy.Strategy{Kind: deploy.BlueGreen})
	end, err := rollout(c, s).Run(t.Context(), s)
	if want := "no pod of web-22222222 can be made: exceeded quota: small"; err != nil || end.Outcome != deploy.RolledBack || end.Reason != want {
		t.Fatalf("%+v, %v, want %q", end, err, want)
	}
}

// TestAServerThatFailsNeverRollsBack: one request in five fails.
func TestAServerThatFailsNeverRollsBack(t *testing.T) {
	for name, s := range strategies() {
		for seed := range uint64(3) {
			t.Run(fmt.Sprint(name, seed), func(t *testing.T) {
				t.Parallel()
				a := &api{}
				c := running(t, a)
				a.mu.Lock()
				a.faults = some(20, seed)
				a.mu.Unlock()
				end, err := rollout(c, spec(s)).Run(t.Context(), spec(s))
				if err != nil || end.Outcome != deploy.Deployed {
					t.Fatalf("%+v, %v", end, err)
				}
			})
		}
	}
}

// TestKillsConverge: the process ends before or after each change, and another one goes on.
func TestKillsConverge(t *testing.T) {
	for _, name := range []string{"rolling", "blue-green"} {
		s := strategies()[name]
		for _, bad := range []bool{false, true} {
			t.Run(fmt.Sprint(name, bad), func(t *testing.T) {
				t.Parallel()
				want := map[bool]deploy.Outcome{false: deploy.Deployed, true: deploy.RolledBack}[bad]
				killed := 0
				for n := 1; ; n++ {
					for _, after := range []bool{false, true} {
						a := &api{}
						if bad {
							a.pod = func(d map[string]any) map[string]any {
								if nameOf(d) == "web-22222222" {
									return waiting("ImagePullBackOff", "not found", 0, nil)
								}
								return nil
							}
						}
						c := running(t, a)
						ctx, cancel := context.WithCancel(t.Context())
						changes := 0
						a.mu.Lock()
						a.faults = func(r *http.Request) int {
							if r.Method == http.MethodGet || ctx.Err() != nil && !after {
								return 0
							}
							if changes++; changes == n {
								cancel()
								if !after {
									return http.StatusInternalServerError
								}
							}
							return 0
						}
						a.mu.Unlock()
						end, err := rollout(c, spec(s)).Run(ctx, spec(s))
						if ctx.Err() != nil {
							killed++
							a.mu.Lock()
							a.faults = nil
							a.mu.Unlock()
							end, err = rollout(c, spec(s)).Run(t.Context(), spec(s))
						}
						over := ctx.Err() == nil
						cancel()
						if err != nil || end.Outcome != want {
							t.Fatalf("killed at change %d (after it: %v): %+v, %v", n, after, end, err)
						}
						if side := map[bool]string{false: "22222222", true: "11111111"}[bad]; a.serves("web") != side {
							t.Fatalf("killed at change %d (after it: %v): the requests go to %q", n, after, a.serves("web"))
						}
						if over {
							if killed < 10 {
								t.Errorf("only %d kills", killed)
							}
							return
						}
					}
				}
			})
		}
	}
}

// TestChecksAskPods by way of the API; its own silence is no verdict.
func TestChecksAskPods(t *testing.T) {
	for name, c := range map[string]struct {
		code, fault int
		want        deploy.Verdict
	}{
		"good": {http.StatusOK, 0, deploy.Good}, "bad": {http.StatusNotFound, 0, deploy.Bad}, "no rights": {http.StatusOK, http.StatusForbidden, deploy.NoData},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := &api{answers: func(path string) int {
				if path != "/ready" {
					return http.StatusTeapot
				}
				return c.code
			}}
			client := running(t, a)
			target := kube.Target{Client: client, Spec: spec(deploy.Strategy{Kind: deploy.BlueGreen}), Port: 8080, Checks: []plan.HealthCheck{{HTTP: "/ready?deep=1"}}}
			target.Spec.Release = v1
			a.mu.Lock()
			a.faults = func(r *http.Request) int {
				if strings.Contains(r.URL.Path, "proxy") {
					return c.fault
				}
				return 0
			}
			a.mu.Unlock()
			verdict, why := target.Judge(t.Context(), target.Spec, deploy.Observed{New: deploy.Group{Healthy: 2}})
			if verdict != c.want || (verdict == deploy.Bad) != strings.Contains(why, "the check HTTP /ready?deep=1 of the pod web-11111111.0 failed: 404") {
				t.Errorf("%v, %q", verdict, why)
			}
		})
	}
}
