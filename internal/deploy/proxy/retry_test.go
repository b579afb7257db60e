package proxy_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/slipway-build/slipway/internal/deploy/proxy"
)

func TestDeadUpstreamsArePassedOver(t *testing.T) {
	for _, protocol := range []proxy.Protocol{proxy.HTTP, proxy.H2C} {
		t.Run(string(protocol), func(t *testing.T) {
			var seen sync.Map
			alive := serve(t, func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				if _, twice := seen.LoadOrStore(string(body[:10]), true); twice && len(body) > 0 {
					t.Errorf("%.10s came twice", body)
				}
				fmt.Fprint(w, len(body))
			})
			w := newWeb(t, proxy.ServiceOptions{Protocol: protocol}, proxy.ListenerOptions{}, dead(t), alive, dead(t))
			c := client(t, nil)
			for i := range 30 {
				size := []int{10, 5_000, 300_000}[i%3]
				if res, got := ask(t, c, "POST", w.url("/"), fmt.Sprintf("%010d", i)+strings.Repeat("x", size-10)); got != fmt.Sprint(size) {
					t.Errorf("request %d: %s, %s", i, res.Status, got)
				}
			}
			stats, err := w.Stats("web", "old", time.Now().Add(-time.Minute))
			if err != nil || stats.Requests != 30 || stats.Errors != 0 {
				t.Errorf("%+v, %v", stats, err)
			}
		})
	}
}

func TestNoUpstreamLeft(t *testing.T) {
	w := newWeb(t, proxy.ServiceOptions{}, proxy.ListenerOptions{}, dead(t), dead(t))
	res, text := ask(t, client(t, nil), "POST", w.url("/"), "x")
	wants(t, res, 502, "refused")
	if len(text) > 200 || strings.Contains(text, "127.0.0.1") || !strings.Contains(text, "refused") {
		t.Errorf("body: %q", text)
	}
	none := newWeb(t, proxy.ServiceOptions{}, proxy.ListenerOptions{}, "127.0.0.1:9")
	must(t, none.RemoveUpstream("web", "old", "127.0.0.1:9"))
	res, _ = ask(t, client(t, nil), "GET", none.url("/"), "")
	wants(t, res, 503, "no-upstream")
}

// drops is an upstream that answers the first request of a connection, and closes the
// connection when it has read the second one. It counts the requests that it read.
func drops(t *testing.T, first int) (addr string, read *sync.Map) {
	read = &sync.Map{}
	l := listenOn(t)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func(conn net.Conn) {
				defer conn.Close()
				r := bufio.NewReader(conn)
				for n := range first + 1 {
					req, err := http.ReadRequest(r)
					if err != nil {
						return
					}
					_, _ = io.Copy(io.Discard, req.Body)
					count, _ := read.LoadOrStore(req.Method+" "+req.URL.Path, new(atomic.Int64))
					count.(*atomic.Int64).Add(1)
					if n < first {
						_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine")
					}
				}
			}(conn)
		}
	}()
	return l.Addr().String(), read
}

func counted(m *sync.Map, key string) int64 {
	if n, ok := m.Load(key); ok {
		return n.(*atomic.Int64).Load()
	}
	return 0
}

// TestAPostIsNeverDoubled: of requests whose upstream may have acted, only those that
// read are sent again.
func TestAPostIsNeverDoubled(t *testing.T) {
	addr, read := drops(t, 1)
	w := newWeb(t, proxy.ServiceOptions{}, proxy.ListenerOptions{}, addr)
	c := client(t, nil)
	ask(t, c, "POST", w.url("/warm"), "x")
	res, _ := ask(t, c, "POST", w.url("/post"), "x") // on the connection that was used
	wants(t, res, 502, "broken")
	ask(t, c, "GET", w.url("/warm"), "")
	if res, got := ask(t, c, "GET", w.url("/get"), ""); got != "fine" {
		t.Errorf("a GET was not repeated: %s %s", res.Status, got)
	}
	if got := []int64{counted(read, "POST /post"), counted(read, "GET /get")}; got[0] != 1 || got[1] != 2 {
		t.Errorf("POST, GET came %v times, want 1, 2", got)
	}
	poison, killed := drops(t, 0)
	other, spared := drops(t, 0)
	must(t, w.AddUpstream("web", "new", poison), w.AddUpstream("web", "new", other), w.Switch("web", "new"))
	res, _ = ask(t, c, "GET", w.url("/poison"), "")
	wants(t, res, 502, "broken")
	if n := counted(killed, "GET /poison") + counted(spared, "GET /poison"); n != 1 {
		t.Errorf("a request that ends fresh connections came %d times", n)
	}
}

// TestDyingUpstreamsDoubleNothing kills upstreams while POSTs run: each arrives at
// most once, and those that were answered exactly once.
func TestDyingUpstreamsDoubleNothing(t *testing.T) {
	for _, protocol := range []proxy.Protocol{proxy.HTTP, proxy.H2C} {
		t.Run(string(protocol), func(t *testing.T) {
			const kills, workers = 15, 8
			var acted sync.Map
			handler := func(w http.ResponseWriter, r *http.Request) {
				id, err := io.ReadAll(r.Body)
				if err != nil {
					return // killed before the request was whole
				}
				n, _ := acted.LoadOrStore(string(id), new(atomic.Int64))
				if n.(*atomic.Int64).Add(1) > 1 {
					t.Errorf("%s came twice", id)
				}
				time.Sleep(time.Millisecond)
				_, _ = w.Write(id)
			}
			w := newWeb(t, proxy.ServiceOptions{Protocol: protocol}, proxy.ListenerOptions{}, serve(t, handler))
			stop := make(chan struct{})
			var all sync.WaitGroup
			var good, bad atomic.Int64
			c := client(t, nil)
			for worker := range workers {
				all.Go(func() {
					for n := 0; ; n++ {
						select {
						case <-stop:
							return
						default:
						}
						id := fmt.Sprintf("%d-%d", worker, n)
						res, text, err := try(t.Context(), c, "POST", w.url("/"), id)
						if err == nil && res.StatusCode == 200 && text == id {
							good.Add(1)
						} else {
							bad.Add(1)
						}
					}
				})
			}
			for range kills {
				addr, kill := serveUntil(t, handler)
				must(t, w.AddUpstream("web", "old", addr))
				time.Sleep(30 * time.Millisecond)
				kill()
				time.Sleep(10 * time.Millisecond)
				must(t, w.RemoveUpstream("web", "old", addr))
			}
			close(stop)
			all.Wait()
			t.Logf("%d answered, %d failed with their upstream", good.Load(), bad.Load())
			if good.Load() < kills || bad.Load() > kills*workers {
				t.Error("more failed than were open when their upstream ended")
			}
		})
	}
}

// TestALostConnectionOfHTTP2 is what http.Transport itself does not repeat.
func TestALostConnectionOfHTTP2(t *testing.T) {
	var lose atomic.Bool
	var posts atomic.Int64
	handler := func(w http.ResponseWriter, r *http.Request) {
		if r.Method == "POST" {
			posts.Add(1)
		}
		if lose.CompareAndSwap(true, false) {
			conn := r.Context().Value(connKey{}).(net.Conn)
			_ = conn.Close()
			<-r.Context().Done()
			return
		}
		_, _ = io.WriteString(w, "fine")
	}
	w := newWeb(t, proxy.ServiceOptions{Protocol: proxy.H2C}, proxy.ListenerOptions{}, serveConns(t, handler), serveConns(t, handler))
	c := client(t, nil)
	for range 4 {
		ask(t, c, "GET", w.url("/"), "")
	}
	lose.Store(true)
	if res, got := ask(t, c, "GET", w.url("/"), ""); got != "fine" {
		t.Errorf("GET: %s %s", res.Status, got)
	}
	for range 4 {
		ask(t, c, "GET", w.url("/"), "")
	}
	lose.Store(true)
	res, _ := ask(t, c, "POST", w.url("/"), "x")
	wants(t, res, 502, "broken")
	if posts.Load() != 1 {
		t.Errorf("%d POSTs", posts.Load())
	}
}

func TestTimeoutsSayWhich(t *testing.T) {
	h := newHeld(t)
	w := newWeb(t, proxy.ServiceOptions{AnswerTimeout: 50 * time.Millisecond}, proxy.ListenerOptions{}, h.addr, h.addr)
	res, _ := ask(t, client(t, nil), "GET", w.url("/"), "")
	wants(t, res, 504, "answer-timeout")
	if len(h.began) != 1 {
		t.Errorf("it was tried %d times", len(h.began))
	}
}
