package proxy_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/slipway-build/slipway/internal/deploy/proxy"
	"github.com/slipway-build/slipway/internal/diag"
)

// held is an upstream whose requests wait to be released.
type held struct {
	addr  string
	began chan string
	free  chan struct{}
}

func newHeld(t *testing.T) *held {
	h := &held{began: make(chan string, 100), free: make(chan struct{})}
	h.addr = serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if r.URL.Path == "/begun" {
			w.WriteHeader(200)
			_ = http.NewResponseController(w).Flush()
		}
		h.began <- r.URL.Path
		select {
		case <-h.free:
			_, _ = io.WriteString(w, "held")
		case <-r.Context().Done():
		}
	})
	return h
}

type result struct {
	res  *http.Response
	text string
	err  error
}

// background sends a request and returns where its result comes.
func background(t *testing.T, method, url string) <-chan result {
	out := make(chan result, 1)
	c := client(t, nil)
	go func() {
		res, text, err := try(t.Context(), c, method, url, "")
		out <- result{res, text, err}
	}()
	return out
}

func TestDrainWaits(t *testing.T) {
	h := newHeld(t)
	w := newWeb(t, proxy.ServiceOptions{}, proxy.ListenerOptions{}, h.addr)
	must(t, w.AddUpstream("web", "new", serve(t, says("new"))))
	first := background(t, "GET", w.url("/"))
	receive(t, "the request", h.began)
	must(t, w.Switch("web", "new"))
	drained := make(chan int, 1)
	go func() {
		cut, err := w.Drain(t.Context(), "web", "old", patience)
		if err != nil {
			t.Error(err)
		}
		drained <- cut
	}()
	time.Sleep(50 * time.Millisecond) // Drain would be over if it did not wait
	select {
	case <-drained:
		t.Fatal("the drain did not wait")
	default:
	}
	close(h.free)
	r := receive(t, "the answer", first)
	if r.err != nil || r.text != "held" || !r.res.Close {
		t.Errorf("%q, %v; Connection: close %v", r.text, r.err, r.res.Close)
	}
	if cut := receive(t, "the drain", drained); cut != 0 {
		t.Errorf("%d were cut", cut)
	}
	if cut, err := w.Drain(t.Context(), "web", "old", 0); cut != 0 || err != nil {
		t.Errorf("a second drain: %d, %v", cut, err)
	}
}

func TestDrainCuts(t *testing.T) {
	h := newHeld(t)
	w := newWeb(t, proxy.ServiceOptions{}, proxy.ListenerOptions{}, h.addr)
	waiting, begun := background(t, "POST", w.url("/")), background(t, "GET", w.url("/begun"))
	receive(t, "a request", h.began)
	receive(t, "a request", h.began)
	cut, err := w.Drain(t.Context(), "web", "old", 50*time.Millisecond)
	if cut != 2 || err != nil {
		t.Errorf("%d were cut, want 2: %v", cut, err)
	}
	r := receive(t, "the answer", waiting)
	if r.err != nil {
		t.Fatal(r.err)
	}
	wants(t, r.res, 503, "drained")
	if r := receive(t, "the other answer", begun); r.err == nil {
		t.Error("half an answer looks whole")
	}
	res, _ := ask(t, client(t, nil), "GET", w.url("/"), "")
	wants(t, res, 503, "no-side")
}

func TestDrainIsTakenBack(t *testing.T) {
	h := newHeld(t)
	w := newWeb(t, proxy.ServiceOptions{}, proxy.ListenerOptions{}, h.addr)
	first := background(t, "GET", w.url("/"))
	receive(t, "the request", h.began)
	ended := make(chan error, 1)
	go func() {
		_, err := w.Drain(t.Context(), "web", "old", patience)
		ended <- err
	}()
	until(t, "the drain", func() bool {
		res, _ := ask(t, client(t, nil), "GET", w.url("/"), "")
		return res.StatusCode == 503
	})
	must(t, w.Switch("web", "old"))
	if err := receive(t, "the drain's end", ended); err == nil || !strings.Contains(diag.HintOf(err), "other side") {
		t.Errorf("%v", err)
	}
	second := background(t, "GET", w.url("/"))
	receive(t, "the second request", h.began)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.Drain(ctx, "web", "old", patience); err == nil {
		t.Error("a drain without a context goes on")
	}
	close(h.free)
	for _, c := range []<-chan result{first, second} {
		if r := receive(t, "an answer", c); r.err != nil || r.text != "held" {
			t.Errorf("%q %v", r.text, r.err)
		}
	}
}

// TestDrainLeavesItsShare: a split whose side is drained sends everything to the other.
func TestDrainLeavesItsShare(t *testing.T) {
	w := newWeb(t, proxy.ServiceOptions{}, proxy.ListenerOptions{}, serve(t, says("old")))
	must(t, w.AddUpstream("web", "new", serve(t, says("new"))))
	for side, other := range map[string]string{"new": "old", "old": "new"} {
		must(t, w.Switch("web", "old"), w.Split("web", "new", 50, false))
		if cut, err := w.Drain(t.Context(), "web", side, time.Second); cut > 0 || err != nil {
			t.Error(cut, err)
		}
		for range 30 {
			if _, got := ask(t, client(t, nil), "GET", w.url("/"), ""); got != other {
				t.Fatalf("%s got a request while it was drained", got)
			}
		}
	}
}
