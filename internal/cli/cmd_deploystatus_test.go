package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/deploy"
	"github.com/slipway-build/slipway/internal/deploy/acme"
	"github.com/slipway-build/slipway/internal/deploy/host"
)

// TestStatusJSON: both sides of a service, the rollout, the lock.
func TestStatusJSON(t *testing.T) {
	at := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	answers := map[string]any{
		"view": host.View{
			Services: map[string]host.ServiceView{"web": {Main: "v1-a", Fresh: "v2-b", Share: 10, Sides: map[string]host.SideView{
				"v1-a": {Workload: host.Workload{Release: "v1"}, Want: 2, Up: 2, Healthy: 2},
				"v2-b": {Workload: host.Workload{Release: "v2"}, Want: 1, Up: 1, Failed: "web.0 does not stay up"},
			}}},
			Routes:       []host.Route{{Listen: "0.0.0.0:80", Service: "web"}},
			Certificates: []acme.Certificate{{Name: "a.example", Problem: "403: closed today"}, {Name: "b.example", Until: at}},
		},
		"rollouts": []host.Rollout{
			{Version: "v2", By: "ana@pc", Started: at},
			{Version: "v1", By: "ana@pc", Started: at.Add(-time.Hour), Ended: at.Add(-time.Hour), Outcome: deploy.Deployed},
		},
		"locked": host.Lock{Holder: "x", Rollout: "r", By: "ana@pc", Process: 7, Since: at, Expires: at.Add(time.Minute)},
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = json.NewEncoder(w).Encode(answers[strings.TrimPrefix(r.URL.Path, "/v1/")])
	}))
	defer server.Close()
	client := host.NewClient("the host", func(ctx context.Context) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "tcp", server.Listener.Addr().String())
	})
	defer client.Close()
	var out bytes.Buffer
	a := &app{World: World{Stdout: &out}}
	if err := a.showStatus(t.Context(), goal{env: config.Environment{Name: "prod"}, client: client, at: "deploy@shop"}, true, false); err != nil {
		t.Fatal(err)
	}
	want := `{
  "environment": "prod",
  "host": "deploy@shop",
  "version": "v1",
  "since": "2026-11-30T11:00:00Z",
  "rollout": {
    "version": "v2",
    "by": "ana@pc",
    "started": "2026-11-30T12:00:00Z"
  },
  "lock": {
    "holder": "x",
    "rollout": "r",
    "process": 7,
    "by": "ana@pc",
    "since": "2026-11-30T12:00:00Z",
    "expires": "2026-11-30T12:01:00Z"
  },
  "services": [
    {
      "service": "web",
      "release": "v1",
      "share": 90,
      "want": 2,
      "healthy": 2
    },
    {
      "service": "web",
      "release": "v2",
      "share": 10,
      "want": 1,
      "healthy": 0,
      "failed": true,
      "problem": "web.0 does not stay up"
    }
  ],
  "routes": [
    {
      "listen": "0.0.0.0:80",
      "service": "web"
    }
  ],
  "certificates": [
    {
      "name": "a.example",
      "problem": "403: closed today"
    },
    {
      "name": "b.example",
      "until": "2026-11-30T12:00:00Z"
    }
  ]
}
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
	out.Reset()
	if err := a.showStatus(t.Context(), goal{env: config.Environment{Name: "prod"}, client: client}, false, false); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"certificate of a.example: none yet; 403: closed today\n", "certificate of b.example: until " + at.Local().Format(runTime) + "\n"} {
		if !strings.Contains(out.String(), line) {
			t.Errorf("the status lacks %q:\n%s", line, out.String())
		}
	}
}

// TestStatusSaysWhyARolloutDoesNotGoOn, and --watch says how it ended.
func TestStatusSaysWhyARolloutDoesNotGoOn(t *testing.T) {
	going := host.Rollout{ID: "r", Environment: "prod", Version: "v2", Started: time.Now(), Waves: [][]host.Part{{{Spec: deploy.Spec{Service: "web"}}}}}
	ended := going
	ended.Ended, ended.Outcome, ended.Why = time.Now(), deploy.RolledBack, "web: it crashed"
	var asked int
	var paused []deploy.Entry
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var out any
		switch strings.TrimPrefix(r.URL.Path, "/v1/") {
		case "view":
			out = host.View{}
		case "entries":
			out = paused
		case "rollouts":
			asked++
			out = []host.Rollout{going}
			if asked > 1 {
				out = []host.Rollout{ended}
			}
		}
		_ = json.NewEncoder(w).Encode(out)
	}))
	defer server.Close()
	client := host.NewClient("the host", func(ctx context.Context) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "tcp", server.Listener.Addr().String())
	})
	defer client.Close()
	show := func(watch bool) string {
		var out bytes.Buffer
		asked = 0
		a := &app{World: World{Stdout: &out}}
		if err := a.showStatus(t.Context(), goal{env: config.Environment{Name: "prod"}, client: client}, false, watch); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	goOn := "go on: slipway deploy resume prod; go back: slipway deploy abort prod\n"
	if got := show(true); !strings.Contains(got, "no process carries it out\n"+goOn) || !strings.Contains(got, "rolled back, web: it crashed") {
		t.Errorf("a rollout without a process:\n%s", got)
	}
	paused = []deploy.Entry{{Asked: deploy.AskPause, Reason: "lunch"}}
	if got := show(false); !strings.Contains(got, "it is paused: web: lunch\n"+goOn) {
		t.Errorf("a paused rollout:\n%s", got)
	}
}
