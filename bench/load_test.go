package main

import (
	"context"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/websocket"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// at is an answer that began so many milliseconds after noon.
func at(began, took int, version, failed string) answer {
	return answer{Began: noon.Add(time.Duration(began) * time.Millisecond), Took: time.Duration(took) * time.Millisecond, Version: version, Failed: failed}
}

func TestResultsOfVegeta(t *testing.T) {
	got, err := parseVegeta([]byte(`{"attack":"","seq":0,"code":200,"timestamp":"2026-01-02T12:00:00Z","latency":1000000,"bytes_out":0,"bytes_in":3,"error":"","body":"djEg","method":"GET","url":"http://x/","headers":{}}
{"code":500,"timestamp":"2026-01-02T12:00:00.005Z","latency":2000000,"error":"500 Internal Server Error","body":"djIg"}
{"code":502,"timestamp":"2026-01-02T12:00:00.01Z","latency":1000000,"error":"502 Bad Gateway","body":"bm9ib2R5IGFuc3dlcnM="}
{"code":0,"timestamp":"2026-01-02T12:00:00.015Z","latency":0,"error":"connection refused","body":null}
`))
	want := []answer{at(0, 1, "v1", ""), at(5, 2, "v2", "status 500"), at(10, 1, "", "status 502"), at(15, 0, "", "connection refused")}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	for _, bad := range []string{"", "{", "attack"} {
		if _, err := parseVegeta([]byte(bad)); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}

func TestTheLongestGapIsBetweenGoodAnswers(t *testing.T) {
	all := []answer{at(100, 1, "", ""), at(0, 5, "", ""), at(40, 1, "", "status 500"), at(130, 1, "", "")}
	if got := longestGap(all, noon, noon.Add(150*time.Millisecond)); got != 96*time.Millisecond {
		t.Errorf("%s", got)
	}
	if got := longestGap(all, noon, noon.Add(time.Second)); got != 869*time.Millisecond {
		t.Errorf("nothing at the end of the span: %s", got)
	}
	if got := longestGap(nil, noon, noon.Add(time.Second)); got != time.Second {
		t.Errorf("nothing at all: %s", got)
	}
}

func TestLatencyIsOfGoodAnswers(t *testing.T) {
	all := []answer{at(0, 1, "", ""), at(0, 3, "", ""), at(0, 2, "", ""), at(0, 900, "", "timeout")}
	if got := latency(all, 0.99); got != 3*time.Millisecond {
		t.Errorf("%s", got)
	}
	if got := latency(nil, 0.99); got != 0 {
		t.Errorf("%s", got)
	}
}

func TestFailuresAreCountedByReason(t *testing.T) {
	n, why := failures([]answer{at(0, 1, "", "b"), at(0, 1, "", ""), at(0, 1, "", "a"), at(0, 1, "", "b")})
	if n != 3 || why != "1 × a; 2 × b" {
		t.Errorf("%d, %q", n, why)
	}
}

func TestADrainMayEndAStream(t *testing.T) {
	opened := noon.Add(-time.Minute)
	drained := map[string]time.Time{"old": noon}
	for name, c := range map[string]struct {
		s    stream
		want int
	}{
		"after its time":         {stream{opened, noon.Add(30 * time.Second), "old", "cut"}, 0},
		"too early":              {stream{opened, noon.Add(10 * time.Second), "old", "cut"}, 1},
		"of the new version":     {stream{opened, noon.Add(30 * time.Second), "new", "cut"}, 1},
		"that could not open":    {stream{time.Time{}, noon.Add(30 * time.Second), "", "refused"}, 1},
		"before the drain began": {stream{opened, noon.Add(-time.Second), "old", "cut"}, 1},
	} {
		if n, _ := broken([]stream{c.s}, drained); n != c.want {
			t.Errorf("a stream that ended %s: %d broken, want %d", name, n, c.want)
		}
	}
}

// flaky is a health service that fails each second call, and whose streams end when asked.
type flaky struct {
	*health.Server
	calls atomic.Int64
}

func (f *flaky) Check(context.Context, *grpc_health_v1.HealthCheckRequest) (*grpc_health_v1.HealthCheckResponse, error) {
	if f.calls.Add(1)%2 == 0 {
		return nil, status.Error(codes.Internal, "no table")
	}
	return &grpc_health_v1.HealthCheckResponse{}, nil
}

// TestLoadOnLoopback: calls at a rate with their failures, and streams that the server ends
// are opened anew.
func TestLoadOnLoopback(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	h := &flaky{Server: health.NewServer()}
	h.SetServingStatus("load", grpc_health_v1.HealthCheckResponse_SERVING)
	grpc_health_v1.RegisterHealthServer(server, h)
	go func() { _ = server.Serve(listener) }()
	defer server.Stop()
	l, err := newRPCLoad(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	l.run(ctx, loadRate)
	n, why := failures(l.answers)
	if sent := len(l.answers); sent < 40 || sent > 110 || n != sent/2 || !strings.Contains(why, "Internal: no table") {
		t.Errorf("%d calls, %d failed: %s", sent, n, why)
	}

	var opened atomic.Int64
	web := &http.Server{Handler: websocket.Server{Handler: func(c *websocket.Conn) {
		opened.Add(1)
		_, _ = c.Write([]byte("v1")) // and it ends
	}}}
	sockets, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = web.Serve(sockets) }()
	defer web.Close()
	streams := &streamLoad{}
	watching, stop := context.WithTimeout(t.Context(), 2500*time.Millisecond)
	defer stop()
	go streams.keep(watching, l.watch)
	streams.keep(watching, webSocket(sockets.Addr().String()))
	streams.mu.Lock()
	defer streams.mu.Unlock()
	if opened.Load() < 2 || len(streams.ended) == 0 {
		t.Fatalf("%d opened, %d ended", opened.Load(), len(streams.ended))
	}
	for _, s := range streams.ended {
		if s.Version != "v1" || s.Opened.IsZero() || s.Why == "" {
			t.Errorf("%+v", s)
		}
	}
	if err := l.close(); err != nil {
		t.Error(err)
	}
}
