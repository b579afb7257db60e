package proxy_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/slipway-build/slipway/internal/deploy/proxy"
)

func metricsOf(t testing.TB, p *proxy.Proxy) string {
	t.Helper()
	rec := httptest.NewRecorder()
	p.Metrics().ServeHTTP(rec, httptest.NewRequest("GET", "/metrics", nil))
	return rec.Body.String()
}

func TestMetricsCount(t *testing.T) {
	w := newWeb(t, proxy.ServiceOptions{}, proxy.ListenerOptions{}, dead(t), serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		var status int
		_, _ = fmt.Sscanf(r.URL.Path, "/%d", &status)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "12345")
	}))
	c := client(t, nil)
	for _, status := range []int{200, 201, 404, 500, 503} {
		ask(t, c, "POST", w.url(fmt.Sprint("/", status)), "123")
	}
	must(t, w.Pause("web", proxy.Pausing{Wait: time.Second}))
	ask(t, c, "GET", w.url("/200"), "")
	until(t, "all are counted", func() bool { return strings.Contains(metricsOf(t, w.Proxy), `reason="paused",service="web"} 1`) })
	text := metricsOf(t, w.Proxy)
	for _, want := range []string{
		`slipway_proxy_requests_total{code="2xx",service="web",side="old"} 2`, `slipway_proxy_requests_total{code="4xx",service="web",side="old"} 1`,
		`slipway_proxy_requests_total{code="5xx",service="web",side="old"} 2`, `slipway_proxy_in_flight{service="web",side="old"} 0`,
		`slipway_proxy_bytes_total{direction="in",service="web",side="old"} 15`, `slipway_proxy_bytes_total{direction="out",service="web",side="old"} 25`,
		`slipway_proxy_request_duration_seconds_count{service="web",side="old"} 5`, `slipway_proxy_connections{listener="public"} 1`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no line %s", want)
		}
	}
	if strings.Contains(text, `slipway_proxy_retries_total{service="web",side="old"} 0`) {
		t.Error("no retry was counted")
	}
	must(t, w.SetRoutes("public", nil), w.RemoveService("web"))
	if text := metricsOf(t, w.Proxy); strings.Contains(text, `service="web"`) {
		t.Errorf("a removed service has metrics:\n%s", text)
	}
}

// TestStatsOfAWindow uses its own clock: requests take what the upstream adds to it.
func TestStatsOfAWindow(t *testing.T) {
	var at atomic.Int64
	at.Store(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).UnixNano())
	now := func() time.Time { return time.Unix(0, at.Load()) }
	w := newWebWith(t, proxy.Options{Now: now}, proxy.ServiceOptions{}, proxy.ListenerOptions{}, serve(t, func(w http.ResponseWriter, r *http.Request) {
		var ms, status int
		_, _ = fmt.Sscanf(r.URL.Path, "/%d/%d", &status, &ms)
		at.Add(int64(ms) * int64(time.Millisecond))
		w.WriteHeader(status)
	}))
	c := client(t, nil)
	start := now()
	for i := range 100 {
		status, ms := 200, 10
		if i%10 == 9 {
			status, ms = 500, 400
		}
		ask(t, c, "GET", w.url(fmt.Sprintf("/%d/%d", status, ms)), "")
	}
	counted := func(since time.Time) proxy.Stats {
		t.Helper()
		s, err := w.Stats("web", "old", since)
		must(t, err)
		return s
	}
	until(t, "100 requests", func() bool { return counted(start).Requests == 100 })
	if s := counted(start); s.Errors != 10 || s.P95 < 350*time.Millisecond || s.P95 > 450*time.Millisecond || s.Slower(100*time.Millisecond) != 10 || s.Slower(time.Second) != 0 || s.Slower(0) != 100 {
		t.Errorf("%+v", s)
	}
	at.Add(int64(5 * time.Minute))
	middle := now()
	for range 20 {
		ask(t, c, "GET", w.url("/200/1"), "")
	}
	until(t, "20 more", func() bool { return counted(start).Requests == 120 })
	if s := counted(middle); s.Requests != 20 || s.Errors != 0 || s.P95 > 1200*time.Microsecond || s.P95 < 800*time.Microsecond {
		t.Errorf("%+v", s)
	}
	at.Add(int64(14 * time.Minute))
	if s := counted(start); s.Requests != 20 {
		t.Errorf("a quarter of an hour later: %+v", s)
	}
	at.Add(int64(14 * time.Minute))
	if s := counted(start); s.Requests != 0 || s.Took != nil {
		t.Errorf("much later: %+v", s)
	}
}

// buffer is a writer for several goroutines, which can be made to wait.
type buffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func TestTheAccessLogHidesTokens(t *testing.T) {
	const token = "ghp_" + "x7Kq2mVb9TzR4wYc8NfJ3hLp6sDg1aEu5oXi"
	var log buffer
	w := newWebWith(t, proxy.Options{AccessLog: &log}, proxy.ServiceOptions{}, proxy.ListenerOptions{}, serve(t, says("fine")))
	ask(t, client(t, nil), "POST", w.url("/hook/"+token+"?page=2&access_token=hunter2&x=&"+token+"&"+token+"=1"), "123", "User-Agent", "tool "+token)
	ask(t, client(t, nil), "GET", w.url("/"+strings.Repeat("long", 5000)), "")
	must(t, w.Close(t.Context()))
	if strings.Contains(log.String(), token) || strings.Contains(log.String(), "hunter2") {
		t.Errorf("a secret is in the log: %s", log.String())
	}
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	if len(lines) != 2 || len(lines[1]) > 2000 {
		t.Fatalf("%d lines: %s", len(lines), log.String())
	}
	var line struct {
		Method, Path, Service, Side, Upstream, Client string
		Status                                        int
		In                                            int `json:"in_bytes"`
		Out                                           int `json:"out_bytes"`
	}
	must(t, json.Unmarshal([]byte(lines[0]), &line))
	if !strings.HasPrefix(line.Path, "/hook/[secret]?page=…&access_token=…&x=&…&") || line.Method != "POST" || line.Service != "web" || line.Side != "old" ||
		line.Client != "127.0.0.1" || line.Status != 200 || line.In != 3 || line.Out != 4 || line.Upstream == "" {
		t.Errorf("%+v\n%s", line, lines[0])
	}
}

// stuck is a writer that waits.
type stuck struct{ free chan struct{} }

func (s stuck) Write(p []byte) (int, error) {
	<-s.free
	return len(p), nil
}

// TestASlowLogHoldsNobody: lines are dropped and counted.
func TestASlowLogHoldsNobody(t *testing.T) {
	log := stuck{make(chan struct{})}
	defer close(log.free)
	w := newWebWith(t, proxy.Options{AccessLog: log}, proxy.ServiceOptions{}, proxy.ListenerOptions{})
	must(t, w.SetRoutes("public", nil)) // the shortest way to a line
	c := client(t, nil)
	for range 4096 + 1000 { // what waits, and the batch that is being written
		ask(t, c, "GET", w.url("/"), "")
	}
	until(t, "dropped lines", func() bool {
		var n float64
		_, rest, _ := strings.Cut(metricsOf(t, w.Proxy), "\nslipway_proxy_access_log_dropped_total ")
		_, _ = fmt.Sscan(rest, &n)
		return n >= 40
	})
}
