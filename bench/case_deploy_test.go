package main

import (
	"strings"
	"testing"
	"time"
)

func TestAnEpisode(t *testing.T) {
	answers := func() (all []answer) {
		for i := range 100 { // two seconds; every tenth gets to the bad release in the second one
			version, failed := "good", ""
			if i >= 50 && i%10 == 0 {
				version, failed = "bad", "status 500"
			}
			all = append(all, at(i*20, 5, version, failed))
		}
		return all
	}()
	e := episode{
		fault: fault{"answers 500", "web", "fail", "{canary: {steps: [10]}}"}, version: "bad", from: noon, to: noon.Add(3 * time.Second),
		noticed: noon.Add(1500 * time.Millisecond), seen: answers, why: "5 % of the requests failed",
	}
	figures := e.figures()
	if len(figures) != 3 {
		t.Fatalf("%+v", figures)
	}
	for i, want := range []float64{0.495, 0.305, 100 * 5. / 60000} {
		if d := figures[i].Measured - want; d > 1e-9 || d < -1e-9 {
			t.Errorf("%s: %v, want %v", figures[i].Name, figures[i].Measured, want)
		}
	}
	e.ended = noon.Add(200 * time.Millisecond) // a container ended before any answer was bad
	if got := e.shows(); got != e.ended {
		t.Errorf("it shows at %s", got)
	}
	e.fault.mode = "crash"
	if got := e.shows(); got != noon {
		t.Errorf("what does not start shows at %s", got)
	}
	e.fault = fault{"is slow", "web", "slow", "{blue-green: {keep: 1m}}"}
	e.ended, e.seen = time.Time{}, []answer{at(0, 5, "bad", ""), at(10, 500, "bad", ""), at(20, 600, "good", "")}
	if got := e.shows(); got != noon.Add(510*time.Millisecond) {
		t.Errorf("a slow answer shows at %s", got)
	}
	if figures := e.figures(); len(figures) != 2 || !strings.Contains(figures[0].Name, "blue-green") {
		t.Errorf("without a canary: %+v", figures)
	}
}

func TestLostCountsWhatFailedDuringTheDeploy(t *testing.T) {
	seen := traffic{
		http:    []answer{at(-5, 1, "", "before"), at(5, 1, "", ""), at(6, 1, "", "status 502")},
		grpc:    []answer{at(7, 1, "", "Unavailable: x"), at(2000, 1, "", "after")},
		streams: []stream{{noon, noon.Add(30 * time.Second), "old", "EOF"}, {noon, noon.Add(time.Second), "old", "reset"}},
	}
	f := seen.lost("{blue-green: {keep: 3s}}", noon, noon.Add(time.Second), 1, map[string]time.Time{"old": noon})
	if f.Measured != 3 || f.Verdict != Miss || !strings.HasSuffix(f.Name, "blue-green") {
		t.Errorf("%+v", f)
	}
	for _, want := range []string{"2 HTTP and 1 gRPC requests", "1 of them ended by the drain", "status 502", "Unavailable", "reset"} {
		if !strings.Contains(f.Note, want) {
			t.Errorf("the note lacks %q: %s", want, f.Note)
		}
	}
}

func TestStrategyName(t *testing.T) {
	for yaml, want := range map[string]string{"rolling": "rolling", "{canary: {steps: [10]}}": "canary"} {
		if got := strategyName(yaml); got != want {
			t.Errorf("%s: %q", yaml, got)
		}
	}
}

func TestRateOfWrk(t *testing.T) {
	const good = "Running 5s test @ http://127.0.0.1:1/\n  1 threads and 32 connections\n  50000 requests in 5.00s, 6MB read\nRequests/sec:  10012.34\nTransfer/sec:      1.2MB\n"
	if rate, err := parseWrk([]byte(good)); err != nil || rate != 10012.34 {
		t.Errorf("%v, %v", rate, err)
	}
	for _, bad := range []string{"", "  Non-2xx or 3xx responses: 5\n" + good, "  Socket errors: connect 0, read 3, write 0, timeout 0\n" + good} {
		if _, err := parseWrk([]byte(bad)); err == nil {
			t.Errorf("accepted:\n%s", bad)
		}
	}
}
