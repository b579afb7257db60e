package proxy_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/slipway-build/slipway/internal/deploy/proxy"
)

func TestAServiceHasALimit(t *testing.T) {
	h := newHeld(t)
	w := newWeb(t, proxy.ServiceOptions{MaxRequests: 2}, proxy.ListenerOptions{}, h.addr)
	one, two := background(t, "GET", w.url("/")), background(t, "GET", w.url("/"))
	receive(t, "a request", h.began)
	receive(t, "a request", h.began)
	res, _ := ask(t, client(t, nil), "GET", w.url("/"), "")
	wants(t, res, 503, "too-many")
	if res.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	close(h.free)
	for _, c := range []<-chan result{one, two} {
		if r := receive(t, "an answer", c); r.text != "held" {
			t.Errorf("%q %v", r.text, r.err)
		}
	}
	if _, got := ask(t, client(t, nil), "GET", w.url("/"), ""); got != "held" {
		t.Errorf("after the others: %q", got)
	}
}

func TestConnectionsBeyondTheLimitWait(t *testing.T) {
	w := newWeb(t, proxy.ServiceOptions{}, proxy.ListenerOptions{MaxConns: 2}, serve(t, says("fine")))
	first, second := dial(t, w.addr), dial(t, w.addr)
	for _, c := range []net.Conn{first, second} {
		write(t, c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		if _, err := c.Read(make([]byte, 10)); err != nil {
			t.Fatal(err)
		}
	}
	third := dial(t, w.addr)
	write(t, third, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	_ = third.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	if n, err := third.Read(make([]byte, 10)); err == nil {
		t.Errorf("a third connection got %d bytes", n)
	}
	_ = first.Close()
	_ = third.SetReadDeadline(time.Now().Add(patience))
	if _, err := third.Read(make([]byte, 10)); err != nil {
		t.Error(err)
	}
}

// TestSlowClientsHoldNobody: a hundred clients that send a byte now and then, over
// HTTP/1.1 and HTTP/2, are dropped, and meanwhile others are answered.
func TestSlowClientsHoldNobody(t *testing.T) {
	w := newWeb(t, proxy.ServiceOptions{}, proxy.ListenerOptions{HeaderTimeout: 700 * time.Millisecond, IdleTimeout: 700 * time.Millisecond}, serve(t, says("fine")))
	var slow []net.Conn
	for i := range 100 {
		c := dial(t, w.addr)
		write(t, c, "%s", []string{"", "GET / HTTP/1.1\r\nHost: x\r\nX-", "PRI * HTTP/2.0\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"}[i%4])
		slow = append(slow, c)
	}
	began := time.Now()
	for range 20 {
		if _, got := ask(t, client(t, nil), "GET", w.url("/"), ""); got != "fine" {
			t.Errorf("beside slow clients: %q", got)
		}
		if i := int(time.Since(began)/time.Millisecond) % 100; i%4 == 1 {
			_, _ = io.WriteString(slow[i], "x")
		}
	}
	for i, c := range slow {
		_ = c.SetReadDeadline(time.Now().Add(patience))
		if _, err := io.Copy(io.Discard, c); err != nil && !strings.Contains(err.Error(), "reset") {
			t.Fatalf("client %d was not dropped: %v", i, err)
		}
	}
	t.Logf("dropped within %s", time.Since(began))
}

// TestASlowReaderHoldsNobody: one that does not read its large answer.
func TestASlowReaderHoldsNobody(t *testing.T) {
	w := newWeb(t, proxy.ServiceOptions{}, proxy.ListenerOptions{}, serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/large" {
			for range 1000 {
				if _, err := w.Write(make([]byte, 64<<10)); err != nil {
					return
				}
			}
			return
		}
		_, _ = io.WriteString(w, "fine")
	}))
	for range 20 {
		c := dial(t, w.addr)
		write(t, c, "GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
	}
	until(t, "20 open requests", func() bool {
		return strings.Contains(metricsOf(t, w.Proxy), `slipway_proxy_in_flight{service="web",side="old"} 20`)
	})
	for range 50 {
		if _, got := ask(t, client(t, nil), "GET", w.url("/"), ""); got != "fine" {
			t.Errorf("beside slow readers: %q", got)
		}
	}
	if cut, err := w.Drain(t.Context(), "web", "old", 0); cut != 20 || err != nil {
		t.Errorf("%d cut, %v", cut, err)
	}
}

func TestLargeHeadersAreRefused(t *testing.T) {
	w := newWeb(t, proxy.ServiceOptions{}, proxy.ListenerOptions{MaxHeaderBytes: 4 << 10}, serve(t, says("fine")))
	if res, _ := ask(t, client(t, nil), "GET", w.url("/"), "", "X-Large", strings.Repeat("x", 20<<10)); res.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("HTTP/1.1: %s", res.Status)
	}
	if res, _, err := try(t.Context(), client(t, h2c), "GET", w.url("/"), "", "X-Large", strings.Repeat("x", 20<<10)); err == nil && res.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("HTTP/2: %s", res.Status)
	}
	if _, got := ask(t, client(t, nil), "GET", w.url("/"), "", "X-Small", strings.Repeat("x", 2<<10)); got != "fine" {
		t.Errorf("%q", got)
	}
}

// TestClosingWaits: open requests, sockets and streams end by themselves; idle
// connections and clients of HTTP/2 learn that there is no more.
func TestClosingWaits(t *testing.T) {
	h := newHeld(t)
	w := newWeb(t, proxy.ServiceOptions{}, proxy.ListenerOptions{}, h.addr)
	must(t, w.AddService("chat", proxy.ServiceOptions{Protocol: proxy.HTTP}), w.AddUpstream("chat", "old", echoes(t)), w.Switch("chat", "old"),
		w.SetRoutes("public", []proxy.Route{{Service: "web"}, {Prefix: "/chat", Service: "chat"}}))
	socket := openSocket(t, w.addr)
	exchange(t, socket, "one")
	one := background(t, "GET", w.url("/"))
	two := make(chan result, 1)
	c2 := client(t, h2c)
	go func() {
		res, text, err := try(t.Context(), c2, "GET", w.url("/"), "")
		two <- result{res, text, err}
	}()
	receive(t, "a request", h.began)
	receive(t, "a request", h.began)
	closed := make(chan error, 1)
	go func() { closed <- w.Close(t.Context()) }()
	until(t, "nobody listens", func() bool {
		c, err := net.DialTimeout("tcp", w.addr, patience)
		if err == nil {
			_ = c.Close()
		}
		return err != nil
	})
	time.Sleep(700 * time.Millisecond) // longer than the proxy lingers
	exchange(t, socket, "two")
	close(h.free)
	for _, c := range []<-chan result{one, two} {
		if r := receive(t, "an answer", c); r.err != nil || r.text != "held" || r.res.ProtoMajor == 1 && !r.res.Close {
			t.Errorf("%q %v", r.text, r.err)
		}
	}
	exchange(t, socket, "three")
	select {
	case err := <-closed:
		t.Fatalf("closed beside an open socket: %v", err)
	default:
	}
	_ = socket.Close()
	if err := receive(t, "the end", closed); err != nil {
		t.Error(err)
	}
}

func TestClosingCutsAtTheEnd(t *testing.T) {
	h := newHeld(t)
	w := newWeb(t, proxy.ServiceOptions{}, proxy.ListenerOptions{}, h.addr)
	one := background(t, "GET", w.url("/begun"))
	receive(t, "a request", h.began)
	idle := dial(t, w.addr)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := w.Close(ctx); err == nil || !strings.Contains(err.Error(), "1 requests were cut") {
		t.Errorf("%v", err)
	}
	if r := receive(t, "an answer", one); r.err == nil {
		t.Error("half an answer looks whole")
	}
	if _, err := idle.Read(make([]byte, 1)); err == nil {
		t.Error("an idle connection is still there")
	}
	if err := w.Listen("second", listenOn(t), proxy.ListenerOptions{}); err == nil {
		t.Error("a closed proxy listens")
	}
}
