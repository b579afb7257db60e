package shipping

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/deploy"
	"github.com/slipway-build/slipway/internal/deploy/host"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/fleet"
	"github.com/slipway-build/slipway/internal/release"
)

// fleetOf is a fleet whose slipway.yaml has these services and environments.
func fleetOf(t *testing.T, text string) *fleet.Fleet {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, config.FileName), []byte("version: 1\nfleet: shop\n"+text), 0o600); err != nil {
		t.Fatal(err)
	}
	fl, err := fleet.Loader{Dir: dir, Warn: func(diag.Findings) {}}.Read(dir, fleet.Overrides{})
	if err != nil {
		t.Fatal(err)
	}
	return fl
}

// answers is a host that answers what a test says, by verb.
func answers(t *testing.T, by map[string]any) *host.Client {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		out, ok := by[strings.TrimPrefix(r.URL.Path, "/v1/")]
		if !ok && r.URL.Path != "/v1/rollouts" { // which every plan looks at
			t.Errorf("the host was asked %s", r.URL.Path)
		}
		_ = json.NewEncoder(w).Encode(out)
	}))
	t.Cleanup(server.Close)
	return dialled(t, server)
}

var digest = "sha256:" + strings.Repeat("a", 64)

func releaseOf(services ...string) release.Release {
	r := release.Release{Schema: 1, Fleet: "shop", Version: "v2"}
	for _, name := range services {
		r.Services = append(r.Services, release.Service{Name: name, Image: "shop/" + name, Digest: digest, Port: 80, MemoryBytes: 1 << 20})
	}
	return r
}

const twoServices = `services:
  web: {ecosystem: static, port: 80, env: {A: own, B: own}}
  api: {ecosystem: static, port: 81, needs: {db: service:store}}
  store: {ecosystem: static, port: 82}
`

func TestVariablesOfEnvironmentsWin(t *testing.T) {
	fl := fleetOf(t, twoServices+`environments:
  prod:
    target: host
    env: {B: all, C: all}
    env_file: prod.env
    secrets:
      TOKEN: {env: MY_TOKEN, services: web}
      /run/key: {file: key.pem}
      PRINTED: {command: echo printed}
    services: {web: {env: {C: one}, memory: 8Mi}}
`)
	for name, text := range map[string]string{"prod.env": "A=file\nD=file\n", "key.pem": "KEY\n"} {
		if err := os.WriteFile(filepath.Join(fl.Root, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	env, err := fl.Environment("prod")
	if err != nil {
		t.Fatal(err)
	}
	o := Order{Fleet: fl, Environment: env, Release: releaseOf("web", "store"), Lookup: func(name string) (string, bool) { return "secret", name == "MY_TOKEN" }}
	w, err := o.workload(t.Context(), o.Release.Services[0], env.Of("web"))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"A": "file", "B": "all", "C": "one", "D": "file", "TOKEN": "secret", "PRINTED": "printed"}
	if diff := cmp.Diff(want, w.Env); diff != "" {
		t.Errorf("variables (-want +got):\n%s", diff)
	}
	if w.MemoryBytes != 8<<20 || w.Image != "shop/web@"+digest || len(w.Files) != 1 || string(w.Files[0].Content) != "KEY\n" {
		t.Errorf("%+v", w)
	}
	if w, err = o.workload(t.Context(), o.Release.Services[1], env.Of("store")); err != nil || w.Env["TOKEN"] != "" || len(w.Names) != 1 || w.Names[0] != "db" {
		t.Errorf("%+v, %v", w, err)
	}
	o.Lookup = func(string) (string, bool) { return "", false }
	if _, err := o.workload(t.Context(), o.Release.Services[0], env.Of("web")); err == nil || !strings.Contains(err.Error(), "the secret TOKEN of prod cannot be read from the variable MY_TOKEN") {
		t.Error(err)
	}
}

func TestWhatIsTheSameIsLeftAlone(t *testing.T) {
	fl := fleetOf(t, twoServices+"environments:\n  prod: {target: host, replicas: 2}\n")
	env, err := fl.Environment("prod")
	if err != nil {
		t.Fatal(err)
	}
	o := Order{Fleet: fl, Environment: env, Release: releaseOf("web", "api", "store"), Lookup: func(string) (string, bool) { return "", false }}
	runs := func(name string, change func(*host.Workload), count int) host.ServiceView {
		for _, s := range o.Release.Services {
			if s.Name == name {
				w, err := o.workload(t.Context(), s, env.Of(name))
				if err != nil {
					t.Fatal(err)
				}
				change(&w)
				return host.ServiceView{Main: w.Key(), Sides: map[string]host.SideView{w.Key(): {Workload: w, Want: count}}}
			}
		}
		return host.ServiceView{}
	}
	same := func(*host.Workload) {}
	older := func(w *host.Workload) { w.Release, w.Image = "v1", "shop/x@old" }
	o.Client = answers(t, map[string]any{"view": host.View{Services: map[string]host.ServiceView{
		"web": runs("web", same, 2), "api": runs("api", older, 2), "store": runs("store", older, 3),
	}}})
	r, err := o.Plan(t.Context(), time.Unix(1_800_000_000, 0))
	if err != nil {
		t.Fatal(err)
	}
	var waves []string
	for _, wave := range r.Waves {
		for _, p := range wave {
			waves = append(waves, fmt.Sprintf("%s %s→%s %d→%d", p.Spec.Service, p.Old.Release, p.New.Release, p.Spec.Before, p.Spec.Replicas))
		}
		waves = append(waves, "|")
	}
	if got := strings.Join(waves, " "); got != "store v1→v2 3→2 | api v1→v2 2→2 |" || r.ID != "20270115-080000.000-v2" {
		t.Errorf("%s, %s", got, r.ID)
	}
}

// TestTheLoadDecidesAboutReplicas: a rollout takes the number that runs, and a number in
// the range is no difference.
func TestTheLoadDecidesAboutReplicas(t *testing.T) {
	fl := fleetOf(t, twoServices+`environments:
  prod: {target: kubernetes, autoscale: {min: 2, max: 6, cpu: 70}, services: {store: {replicas: 3}}}
`)
	env, err := fl.Environment("prod")
	if err != nil {
		t.Fatal(err)
	}
	o := Order{Fleet: fl, Environment: env, Release: releaseOf("web", "api", "store"), Lookup: func(string) (string, bool) { return "", false }}
	asked := env.Of("web").Autoscale
	for name, c := range map[string]struct {
		service string
		same    bool
		runs    int // 0: nothing
		seen    deploy.Autoscale
		want    string // replicas of the rollout; "" when nothing differs
	}{
		"in the range":        {"web", true, 5, asked, ""},
		"another image":       {"web", false, 5, asked, "5"},
		"above the range":     {"web", false, 9, asked, "6"},
		"the first time":      {"web", true, 0, deploy.Autoscale{}, "2"},
		"another range":       {"web", true, 5, deploy.Autoscale{Min: 1, Max: 6, CPU: 70}, "5"},
		"none yet":            {"web", true, 1, deploy.Autoscale{}, "2"},
		"replicas are fix":    {"store", true, 3, deploy.Autoscale{}, ""},
		"not scaled any more": {"store", true, 5, asked, "3"},
	} {
		seen := host.ServiceView{Autoscale: c.seen}
		for _, s := range o.Release.Services {
			if s.Name != c.service || c.runs == 0 {
				continue
			}
			w, err := o.workload(t.Context(), s, env.Of(s.Name))
			if err != nil {
				t.Fatal(err)
			}
			w.Release = "v1" // which brought what is the same, too
			if !c.same {
				w.Image = "shop/web@sha256:" + strings.Repeat("b", 64)
			}
			seen.Main, seen.Sides = w.Key(), map[string]host.SideView{w.Key(): {Workload: w, Want: c.runs}}
		}
		i := slices.IndexFunc(o.Release.Services, func(s release.Service) bool { return s.Name == c.service })
		p, differs, err := o.part(t.Context(), o.Release.Services[i], seen, false)
		got := ""
		if differs {
			got = fmt.Sprint(p.Spec.Replicas)
		}
		if err != nil || got != c.want || differs && p.Scaled != (c.seen.Max > 0) {
			t.Errorf("%s: %q replicas, not %q, %v", name, got, c.want, err)
		}
	}
}

// changedByHand is a place in which somebody changed something.
type changedByHand struct {
	Place
	drift []deploy.Drift
}

func (c changedByHand) Drift(context.Context) ([]deploy.Drift, error) { return c.drift, nil }

// TestWhatSomebodyChangedIsPutBack in place: there is no other side to go back to.
func TestWhatSomebodyChangedIsPutBack(t *testing.T) {
	fl := fleetOf(t, twoServices+"environments:\n  prod: {target: host, replicas: 2}\n")
	env, err := fl.Environment("prod")
	if err != nil {
		t.Fatal(err)
	}
	o := Order{Fleet: fl, Environment: env, Release: releaseOf("web", "api", "store"), Lookup: func(string) (string, bool) { return "", false }}
	view := host.View{Services: map[string]host.ServiceView{}}
	for i, s := range o.Release.Services {
		w, err := o.workload(t.Context(), s, env.Of(s.Name))
		if err != nil {
			t.Fatal(err)
		}
		view.Services[s.Name] = host.ServiceView{Main: w.Key(), Sides: map[string]host.SideView{w.Key(): {Workload: w, Want: 2 + i/2}}}
	}
	o.Client = changedByHand{answers(t, map[string]any{"view": view}), []deploy.Drift{
		{Service: "web", Fields: []deploy.DriftField{{Path: "image", Applied: "a", Live: "b"}}},
		{Service: "api", Fields: []deploy.DriftField{{Path: "env[X].value", Live: "b"}}}, // is left
	}}
	r, err := o.Plan(t.Context(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	for _, p := range r.Waves[0] {
		got += fmt.Sprintf("%s %q %d→%d ", p.Spec.Service, p.Spec.Replaces, p.Spec.Runs, p.Spec.Replicas)
		if err := p.Spec.Check(); err != nil {
			t.Error(err)
		}
	}
	if len(r.Waves) != 1 || got != `store "" 3→2 web "" 2→2 ` {
		t.Errorf("%d waves: %s", len(r.Waves), got)
	}
}

func TestWhatAnEnvironmentDemands(t *testing.T) {
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	ran := func(version string, outcome deploy.Outcome, ago time.Duration) host.Rollout {
		return host.Rollout{Version: version, Outcome: outcome, Ended: now.Add(-ago)}
	}
	signed := releaseOf("web")
	signed.Services[0].Evidence = []release.Evidence{{Type: "tests", Signed: true}, {Type: "vulnerabilities"}}
	for _, c := range []struct {
		name, env string
		release   release.Release
		rollouts  []host.Rollout
		approvals []host.Approval
		want      string // of the error; "": none
	}{
		{"nothing", "", releaseOf("web"), nil, nil, ""},
		{"a freeze", ", freeze: [{from: 2026-11-28, to: 2026-12-02, reason: sales}]", releaseOf("web"), nil, nil, "nothing is deployed to prod until Thu, 03 Dec 2026 00:00:00 UTC: sales"},
		{"evidence", ", require: [tests, scan]", signed, nil, nil, "v2 lacks evidence that prod requires: web: scan"},
		{"its tests", ", require: [tests]", signed, nil, nil, ""},
		{"never in staging", ", after: staging", releaseOf("web"), []host.Rollout{ran("v1", deploy.Deployed, time.Hour)}, nil, "v2 did not run in staging"},
		{"rolled back in staging", ", after: staging", releaseOf("web"), []host.Rollout{ran("v2", deploy.RolledBack, time.Hour)}, nil, "v2 did not run in staging"},
		{"soon", ", after: staging, soak: 30m", releaseOf("web"), []host.Rollout{ran("v2", deploy.Deployed, 10*time.Minute)}, nil, "v2 ran in staging for 10m0s, and prod requires 30m0s"},
		{"replaced soon", ", after: staging, soak: 30m", releaseOf("web"), []host.Rollout{ran("v3", deploy.Deployed, 50*time.Minute), ran("v2", deploy.Deployed, time.Hour)}, nil, "v2 ran in staging for 10m0s"},
		{"long enough", ", after: staging, soak: 30m", releaseOf("web"), []host.Rollout{ran("v2", deploy.Deployed, time.Hour)}, nil, ""},
		{"nobody", ", approval: required", releaseOf("web"), nil, nil, "nobody has approved v2 for prod"},
		{"another content", ", approval: required", releaseOf("web"), nil, []host.Approval{{Version: "v2", Content: "x"}}, "nobody has approved v2 for prod"},
		{"approved", ", approval: required", releaseOf("web"), nil, []host.Approval{{Version: "v2", Content: releaseOf("web").Content()}}, ""},
	} {
		fl := fleetOf(t, twoServices+"environments:\n  staging: {target: host}\n  prod: {target: host"+c.env+"}\n")
		env, err := fl.Environment("prod")
		if err != nil {
			t.Fatal(err)
		}
		client := answers(t, map[string]any{"rollouts": c.rollouts, "approvals": c.approvals})
		err = Order{Fleet: fl, Environment: env, Release: c.release, Client: client, First: []Place{client}}.Allowed(t.Context(), now)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || diag.ExitOf(err) != diag.ExitGate || diag.HintOf(err) == "") {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// TestAQueryThatHasNoNumberIsNoVerdict: nor one of a Prometheus that fails.
func TestAQueryThatHasNoNumberIsNoVerdict(t *testing.T) {
	for answer, want := range map[string]deploy.Verdict{
		`{"status":"success","data":{"resultType":"scalar","result":[1,"0.5"]}}`:                             deploy.Good,
		`{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"0.5"]}]}}`:     deploy.Good,
		`{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"2"]}]}}`:       deploy.Bad,
		`{"status":"success","data":{"resultType":"vector","result":[]}}`:                                    deploy.NoData,
		`{"status":"success","data":{"resultType":"vector","result":[{"value":[1,"1"]},{"value":[1,"2"]}]}}`: deploy.NoData,
		`{"status":"success","data":{"resultType":"scalar","result":[1,"NaN"]}}`:                             deploy.NoData,
		`{"status":"error","error":"parse error"}`:                                                           deploy.NoData,
		`<html>`: deploy.NoData,
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/api/v1/query" || r.FormValue("query") != "rate" {
				t.Errorf("asked %s", r.URL)
			}
			fmt.Fprint(w, answer)
		}))
		got, why := ask(t.Context(), host.Query{Address: server.URL + "/", Query: "rate", Below: new(1.0)}, time.Now())
		if got != want || got != deploy.Good && why == "" {
			t.Errorf("%s: %v, %q, not %v", answer, got, why, want)
		}
		server.Close()
	}
	if got, _ := ask(context.Background(), host.Query{Address: "http://127.0.0.1:1", Query: "rate", Below: new(1.0)}, time.Now()); got != deploy.NoData {
		t.Errorf("nobody answers: %v", got)
	}
}

func TestTheReleaseBefore(t *testing.T) {
	r := func(version string, outcome deploy.Outcome) host.Rollout {
		return host.Rollout{Version: version, Outcome: outcome}
	}
	for want, all := range map[string][]host.Rollout{
		"":   {r("v1", deploy.Deployed)},
		"v1": {r("v3", deploy.RolledBack), r("v2", deploy.Deployed), r("v2", deploy.Deployed), r("v1", deploy.Deployed)},
	} {
		if got := Before(all); got != want {
			t.Errorf("%q instead of %q", got, want)
		}
	}
}

// dialled is a client of a server of this process.
func dialled(t *testing.T, server *httptest.Server) *host.Client {
	t.Helper()
	c := host.NewClient("the host", func(ctx context.Context) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "tcp", server.Listener.Addr().String())
	})
	t.Cleanup(c.Close)
	return c
}

// TestImagesOfAClusterAreInARegistry: a release has their names without one.
func TestImagesOfAClusterAreInARegistry(t *testing.T) {
	for name, c := range map[string]struct{ text, environment, image, want string }{
		"a host":             {"registry: r.example:5000\nservices: {web: {path: .}}\nenvironments: {prod: {target: host}}\n", "prod", "shop/web", "shop/web"},
		"a cluster":          {"registry: r.example:5000\nservices: {web: {path: .}}\nenvironments: {prod: {target: kubernetes}}\n", "prod", "shop/web", "r.example:5000/shop/web"},
		"without a registry": {"services: {web: {path: .}}\nenvironments: {prod: {target: kubernetes}}\n", "prod", "shop/web", "shop/web"},
		"with one already":   {"registry: r.example:5000\nservices: {web: {path: .}}\nenvironments: {prod: {target: kubernetes}}\n", "prod", "ghcr.io/shop/web", "ghcr.io/shop/web"},
	} {
		fl := fleetOf(t, c.text)
		env, err := fl.Environment(c.environment)
		if err != nil {
			t.Fatal(err)
		}
		r := releaseOf("web")
		r.Services[0].Image = c.image
		o := Order{Fleet: fl, Environment: env, Release: r, Lookup: func(string) (string, bool) { return "", false }}
		w, err := o.workload(t.Context(), r.Services[0], env.Of("web"))
		if err != nil || w.Image != c.want+"@"+digest {
			t.Errorf("%s: %s, %v", name, w.Image, err)
		}
		m, err := o.Manifests()
		if err != nil || m.Services[0].Image != c.want {
			t.Errorf("%s: %+v, %v", name, m.Services, err)
		}
		if refused := pullable(m) != nil; refused != !strings.Contains(c.want, ".") {
			t.Errorf("%s: refused %v", name, refused)
		}
	}
}
