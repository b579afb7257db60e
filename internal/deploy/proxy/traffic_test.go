package proxy_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/slipway-build/slipway/internal/deploy/proxy"
	"github.com/slipway-build/slipway/internal/diag"
)

func TestSwitchMovesAllRequests(t *testing.T) {
	w := newWeb(t, proxy.ServiceOptions{}, proxy.ListenerOptions{}, serve(t, says("old")))
	must(t, w.AddUpstream("web", "new", serve(t, says("new"))))
	c := client(t, nil)
	for _, side := range []string{"old", "new", "old"} {
		must(t, w.Switch("web", side))
		for range 20 {
			if _, got := ask(t, c, "GET", w.url("/"), ""); got != side {
				t.Fatalf("switched to %s and got %s", side, got)
			}
		}
	}
}

func TestSplitSharesRequests(t *testing.T) {
	w := newWeb(t, proxy.ServiceOptions{}, proxy.ListenerOptions{}, serve(t, says("old")))
	must(t, w.AddUpstream("web", "new", serve(t, says("new"))))
	c := client(t, nil)
	const n = 1000
	// 5 standard deviations of a binomial distribution: one false alarm in a million runs.
	for _, test := range []struct {
		percent   float64
		low, high int
	}{{0, 0, 0}, {10, 53, 147}, {50, 421, 579}, {100, n, n}} {
		must(t, w.Split("web", "new", test.percent, false))
		got := 0
		for range n {
			if _, side := ask(t, c, "GET", w.url("/"), ""); side == "new" {
				got++
			}
		}
		if got < test.low || got > test.high {
			t.Errorf("%d of %d requests at %v percent", got, n, test.percent)
		}
	}
}

// TestAStickyClientMovesOnce: while the share grows, a client changes its side at
// most once, and never back; when the share falls, the other way round.
func TestAStickyClientMovesOnce(t *testing.T) {
	w := newWeb(t, proxy.ServiceOptions{}, proxy.ListenerOptions{}, serve(t, says("old")))
	must(t, w.AddUpstream("web", "new", serve(t, says("new"))), w.Split("web", "new", 10, true))
	c := client(t, nil)
	cookies := make([]string, 300)
	for i := range cookies {
		res, _ := ask(t, c, "GET", w.url("/"), "")
		set := res.Cookies()
		if len(set) != 1 || set[0].Name != "slipway-split-web" || !set[0].HttpOnly {
			t.Fatalf("cookies: %v", set)
		}
		cookies[i] = set[0].Name + "=" + set[0].Value
	}
	was := make([]string, len(cookies))
	for _, percent := range []float64{10, 30, 70, 100, 70, 30, 0} {
		must(t, w.Split("web", "new", percent, true))
		moved := map[string]int{}
		for i, cookie := range cookies {
			res, side := ask(t, c, "GET", w.url("/"), "", "Cookie", cookie)
			if _, again := ask(t, c, "POST", w.url("/"), "x", "Cookie", cookie); again != side || len(res.Cookies()) > 0 {
				t.Fatalf("%s went to %s, then to %s; cookies %v", cookie, side, again, res.Cookies())
			}
			if was[i] != "" && was[i] != side {
				moved["to "+side]++
			}
			was[i] = side
		}
		if len(moved) > 1 {
			t.Errorf("clients moved in both directions at %v percent: %v", percent, moved)
		}
	}
	for _, bad := range []string{"-1", "10000", "x", ""} {
		if res, _ := ask(t, c, "GET", w.url("/"), "", "Cookie", "slipway-split-web="+bad); len(res.Cookies()) != 1 {
			t.Errorf("cookie %q was taken", bad)
		}
	}
	must(t, w.Switch("web", "new"))
	if res, _ := ask(t, c, "GET", w.url("/"), ""); len(res.Cookies()) != 0 {
		t.Error("a cookie without a split")
	}
}

// TestAStickySplitAndGRPC: its clients keep no cookies, so each call is divided anew; those
// of gRPC-Web are browsers.
func TestAStickySplitAndGRPC(t *testing.T) {
	w := newWeb(t, proxy.ServiceOptions{}, proxy.ListenerOptions{}, serve(t, says("old")))
	must(t, w.AddUpstream("web", "new", serve(t, says("new"))), w.Split("web", "new", 50, true))
	c := client(t, nil)
	sides := map[string]int{}
	for range 100 {
		res, side := ask(t, c, "POST", w.url("/pkg.Service/Method"), "x", "Content-Type", "application/grpc+proto")
		if sides[side]++; len(res.Cookies()) > 0 {
			t.Fatalf("a client of gRPC got the cookies %v", res.Cookies())
		}
	}
	if len(sides) != 2 {
		t.Errorf("all calls went to one side: %v", sides)
	}
	if res, _ := ask(t, c, "POST", w.url("/pkg.Service/Method"), "x", "Content-Type", "application/grpc-web+proto"); len(res.Cookies()) != 1 {
		t.Error("a browser that speaks gRPC-Web got no cookie")
	}
}

// TestTheCookieOfASplit: scripts do not see it, other sites do not send it, and what was
// set over TLS does not leave it.
func TestTheCookieOfASplit(t *testing.T) {
	for scheme, lo := range map[string]proxy.ListenerOptions{"http": {}, "https": securely(t)} {
		w := newWeb(t, proxy.ServiceOptions{}, lo, serve(t, says("old")))
		must(t, w.AddUpstream("web", "new", serve(t, says("new"))), w.Split("web", "new", 50, true))
		res, _ := ask(t, client(t, func(tr *http.Transport) { tr.TLSClientConfig = &tls.Config{InsecureSkipVerify: true} }), "GET", scheme+"://"+w.addr+"/", "")
		set := res.Cookies()
		if len(set) != 1 || !set[0].HttpOnly || set[0].SameSite != http.SameSiteLaxMode || set[0].Secure != (scheme == "https") || set[0].Path != "/" || set[0].MaxAge != 0 {
			t.Errorf("%s: %v", scheme, set)
		}
	}
}

// TestAPreviewShowsTheOtherSide: to its routes alone, until it ends or the side is drained.
func TestAPreviewShowsTheOtherSide(t *testing.T) {
	w := newWeb(t, proxy.ServiceOptions{}, proxy.ListenerOptions{}, serve(t, says("old")))
	must(t, w.AddUpstream("web", "new", serve(t, says("new"))), w.SetRoutes("public", []proxy.Route{{Service: "web"}, {Prefix: "/next", Service: "web", Preview: true}}))
	c := client(t, nil)
	get := func(path string) string {
		t.Helper()
		res, text := ask(t, c, "GET", w.url(path), "")
		if res.StatusCode != 200 {
			return res.Header.Get(proxy.Reason)
		}
		return text
	}
	expect := func(when, next string) {
		t.Helper()
		if public, preview := get("/"), get("/next"); public != "old" || preview != next {
			t.Errorf("%s: %q and %q, want old and %q", when, public, preview, next)
		}
	}
	expect("before", "no-preview")
	must(t, w.Preview("web", "new"), w.Preview("web", "new"))
	expect("in it", "new")
	if err := w.RemoveSide("web", "new"); err == nil {
		t.Error("a side in preview was removed")
	}
	must(t, w.Pause("web", proxy.Pausing{Wait: time.Minute}))
	if got := get("/next"); got != "new" {
		t.Errorf("a pause of the others: %q", got)
	}
	must(t, w.Resume("web"))
	if cut, err := w.Drain(t.Context(), "web", "new", time.Second); cut > 0 || err != nil {
		t.Error(cut, err)
	}
	expect("drained", "no-preview")
	must(t, w.Preview("web", "new"))
	expect("again", "new")
	must(t, w.Preview("web", ""), w.RemoveSide("web", "new"))
	expect("after", "no-preview")
	for what, err := range map[string]error{"side": w.Preview("web", "new"), "service": w.Preview("wbe", "")} {
		if err == nil {
			t.Errorf("an unknown %s is in preview", what)
		}
	}
}

func TestPauseHoldsRequestsBack(t *testing.T) {
	w := newWeb(t, proxy.ServiceOptions{}, proxy.ListenerOptions{}, serve(t, says("old")))
	must(t, w.AddUpstream("web", "new", serve(t, says("new"))), w.Pause("web", proxy.Pausing{Requests: 5, Wait: time.Minute}))
	answers := make(chan string, 10)
	for range 5 {
		go func() {
			_, text, err := try(t.Context(), client(t, nil), "GET", w.url("/"), "")
			answers <- fmt.Sprint(text, err)
		}()
	}
	until(t, "five requests wait", func() bool { return strings.Contains(metricsOf(t, w.Proxy), `slipway_proxy_waiting{service="web"} 5`) })
	res, _ := ask(t, client(t, nil), "GET", w.url("/"), "")
	wants(t, res, 503, "paused")
	if res.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	if len(answers) > 0 {
		t.Errorf("a request did not wait: %s", <-answers)
	}
	must(t, w.Switch("web", "new"), w.Resume("web"))
	for range 5 {
		if got := receive(t, "an answer", answers); got != "new<nil>" {
			t.Errorf("a request that waited got %s", got)
		}
	}
	must(t, w.Pause("web", proxy.Pausing{Requests: 5, Wait: 20 * time.Millisecond}))
	res, _ = ask(t, client(t, nil), "GET", w.url("/"), "")
	wants(t, res, 503, "paused")
	must(t, w.Resume("web"), w.Resume("web"))
}

// TestSwitchUnderLoad: 200 requests a second, of which none fails while sides change,
// the old one is drained and its upstream killed.
func TestSwitchUnderLoad(t *testing.T) {
	w := newWeb(t, proxy.ServiceOptions{}, proxy.ListenerOptions{})
	up := func(side string) (addr string, kill func()) {
		addr, kill = serveUntil(t, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			time.Sleep(5 * time.Millisecond)
			_, _ = io.WriteString(w, side)
		})
		must(t, w.AddUpstream("web", side, addr))
		return addr, kill
	}
	at, kill := up("side0")
	must(t, w.Switch("web", "side0"))
	var failed, sent atomic.Int64
	var mu sync.Mutex
	var ends []time.Time
	ctx, stop := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() {
		c := client(t, func(tr *http.Transport) { tr.MaxIdleConnsPerHost = 500 })
		began := time.Now()
		for n := 0; ctx.Err() == nil; n++ {
			time.Sleep(time.Until(began.Add(time.Duration(n) * 5 * time.Millisecond)))
			all.Go(func() {
				sent.Add(1)
				method, body := "GET", ""
				if n%2 == 0 {
					method, body = "POST", strings.Repeat("x", n%3000)
				}
				res, text, err := try(t.Context(), c, method, w.url("/"), body)
				if err != nil || res.StatusCode != 200 || !strings.HasPrefix(text, "side") {
					failed.Add(1)
					t.Errorf("%s: %v %v %s", method, err, res, text)
				}
				mu.Lock()
				defer mu.Unlock()
				ends = append(ends, time.Now())
			})
		}
	})
	const switches = 12
	for i := 1; i <= switches; i++ {
		time.Sleep(250 * time.Millisecond)
		side, last := fmt.Sprint("side", i), fmt.Sprint("side", i-1)
		next, killNext := up(side)
		if i%3 == 0 {
			must(t, w.Split("web", side, 50, false))
			time.Sleep(100 * time.Millisecond)
		}
		must(t, w.Switch("web", side))
		if cut, err := w.Drain(t.Context(), "web", last, patience); cut != 0 || err != nil {
			t.Errorf("drain: %d cut, %v", cut, err)
		}
		kill()
		must(t, w.RemoveUpstream("web", last, at), w.RemoveSide("web", last))
		at, kill = next, killNext
	}
	stop()
	all.Wait()
	var gap time.Duration
	for i := 1; i < len(ends); i++ {
		gap = max(gap, ends[i].Sub(ends[i-1]))
	}
	t.Logf("%d requests, %d failed, %d switches, longest gap between two answers %s", sent.Load(), failed.Load(), switches, gap)
	if gap > 2*time.Second {
		t.Errorf("a gap of %s", gap)
	}
}

func TestRefusalsOfTraffic(t *testing.T) {
	w := newWeb(t, proxy.ServiceOptions{}, proxy.ListenerOptions{}, serve(t, says("old")))
	must(t, w.AddUpstream("web", "new", dead(t)), w.AddUpstream("web", "gone", "127.0.0.1:1"), w.RemoveUpstream("web", "gone", "127.0.0.1:1"))
	for name, test := range map[string]struct {
		err  error
		says string
	}{
		"no service":       {w.Switch("wbe", "old"), `did you mean "web"`},
		"no side":          {w.Switch("web", "odl"), `did you mean "old"`},
		"no upstream":      {w.Switch("web", "gone"), "add one"},
		"percent":          {w.Split("web", "new", 101, false), "0 to 100"},
		"split the main":   {w.Split("web", "old", 10, false), "name the other side"},
		"address":          {w.AddUpstream("web", "new", "localhost:80"), "such as 10.0.0.2:8080"},
		"port":             {w.AddUpstream("web", "new", "10.0.0.2:0"), "such as 10.0.0.2:8080"},
		"unknown upstream": {w.RemoveUpstream("web", "old", "10.0.0.9:1"), "its upstreams"},
		"name":             {w.AddUpstream("web", "a b", "10.0.0.2:1"), "letters"},
		"service name":     {w.AddService("a;b", proxy.ServiceOptions{Protocol: proxy.HTTP}), "letters"},
		"protocol":         {w.AddService("x", proxy.ServiceOptions{Protocol: "grpc"}), "h2c"},
		"twice":            {w.AddService("web", proxy.ServiceOptions{Protocol: proxy.HTTP}), "another name"},
		"limit":            {w.AddService("x", proxy.ServiceOptions{Protocol: proxy.HTTP, MaxRequests: -1}), "default"},
		"pause":            {w.Pause("web", proxy.Pausing{}), "how many"},
		"side in use":      {w.RemoveSide("web", "old"), "drain"},
		"service in use":   {w.RemoveService("web"), "routes"},
		"route":            {w.SetRoutes("public", []proxy.Route{{Service: "x"}}), "add it first"},
		"route twice":      {w.SetRoutes("public", []proxy.Route{{Service: "web", Prefix: "/a"}, {Service: "web", Prefix: "/a/"}}), "remove one"},
		"route's host":     {w.SetRoutes("public", []proxy.Route{{Service: "web", Host: "a:80"}}), "without port"},
		"route's path":     {w.SetRoutes("public", []proxy.Route{{Service: "web", Prefix: "/a/../b"}}), "without dots"},
		"listener twice":   {w.Listen("public", listenOn(t), proxy.ListenerOptions{}), "another name"},
	} {
		if test.err == nil || !strings.Contains(diag.HintOf(test.err), test.says) {
			t.Errorf("%s: %v; hint %q, want %q", name, test.err, diag.HintOf(test.err), test.says)
		}
	}
	if _, got := ask(t, client(t, nil), "GET", w.url("/"), ""); got != "old" {
		t.Errorf("refusals changed the traffic: %s", got)
	}
}
