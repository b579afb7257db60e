package proxy_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"github.com/slipway-build/slipway/internal/deploy/proxy"
)

const fine = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine"

// scripted is an upstream that reads a request and hands the connection to a function,
// which writes the answer and says whether it reads a further request. Numbers of
// connections and of their requests begin at 1.
type scripted struct {
	addr  string
	conns chan int // the number of each connection that ended
}

func newScripted(t *testing.T, answer func(conn net.Conn, c, request int, r *http.Request) bool) *scripted {
	t.Helper()
	l := listenOn(t)
	t.Cleanup(func() { _ = l.Close() })
	s := &scripted{addr: l.Addr().String(), conns: make(chan int, 100)}
	go func() {
		for c := 1; ; c++ {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close(); s.conns <- c }()
				in := bufio.NewReader(conn)
				for n := 1; ; n++ {
					r, err := http.ReadRequest(in)
					if err != nil || !answer(conn, c, n, r) {
						return
					}
				}
			}()
		}
	}()
	return s
}

// numbered answers with the numbers of the connection and the request, and what a test
// adds.
func numbered(t *testing.T, after func(conn net.Conn, request int) bool) *scripted {
	return newScripted(t, func(conn net.Conn, c, n int, _ *http.Request) bool {
		text := fmt.Sprintf("%d/%d", c, n)
		_, _ = fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(text), text)
		return after(conn, n)
	})
}

func get(t *testing.T, w *web, want string) {
	t.Helper()
	if res, got := ask(t, client(t, nil), "GET", w.url("/"), ""); got != want {
		t.Errorf("%s, %q, want %q", res.Status, got, want)
	}
}

func TestConnectionsAreUsedAgain(t *testing.T) {
	s := numbered(t, func(net.Conn, int) bool { return true })
	w := newWeb(t, proxy.ServiceOptions{}, proxy.ListenerOptions{}, s.addr)
	for n := range 3 {
		get(t, w, fmt.Sprintf("1/%d", n+1))
	}
	if cut, err := w.Drain(t.Context(), "web", "old", patience); cut != 0 || err != nil {
		t.Error(cut, err)
	}
	if n := receive(t, "the end of an idle connection of a drained side", s.conns); n != 1 {
		t.Errorf("connection %d ended", n)
	}
}

// TestIdleConnectionsEnd before servers that close them early do.
func TestIdleConnectionsEnd(t *testing.T) {
	s := numbered(t, func(net.Conn, int) bool { return true })
	w := newWeb(t, proxy.ServiceOptions{}, proxy.ListenerOptions{}, s.addr)
	began := time.Now()
	get(t, w, "1/1")
	receive(t, "the end", s.conns)
	if took := time.Since(began); took < time.Second || took > 5*time.Second {
		t.Errorf("it took %s", took)
	}
	get(t, w, "2/1")
}

// TestAnswersAreNotMixedUp: what an upstream sends without being asked is nobody's answer.
func TestAnswersAreNotMixedUp(t *testing.T) {
	const evil = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
	for name, after := range map[string]func(net.Conn, int) bool{
		"at once": func(conn net.Conn, n int) bool {
			_, _ = io.WriteString(conn, evil)
			return true
		},
		"later": func(conn net.Conn, n int) bool {
			time.Sleep(20 * time.Millisecond)
			_, _ = io.WriteString(conn, evil)
			return true
		},
		"half a line": func(conn net.Conn, n int) bool {
			_, _ = io.WriteString(conn, "H")
			return true
		},
		"the end": func(net.Conn, int) bool { return false },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWeb(t, proxy.ServiceOptions{}, proxy.ListenerOptions{}, numbered(t, after).addr)
			get(t, w, "1/1")
			time.Sleep(60 * time.Millisecond)
			get(t, w, "2/1")
		})
	}
}

// TestAnswersOfAllForms come whole, and say rightly whether their connection goes on.
func TestAnswersOfAllForms(t *testing.T) {
	for name, of := range map[string]struct {
		method, answer, body string
		status               int
		kept                 bool // by the proxy
	}{
		"length":               {"GET", fine, "fine", 200, true},
		"no content":           {"GET", "HTTP/1.1 204 No Content\r\n\r\n", "", 204, true},
		"not modified":         {"GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n", "", 304, true},
		"head":                 {"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", "", 200, true},
		"head of chunks":       {"HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "", 200, true},
		"chunks":               {"GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nfi\r\n2\r\nne\r\n0\r\n\r\n", "fine", 200, true},
		"nothing":              {"GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "", 200, true},
		"until the end":        {"GET", "HTTP/1.1 200 OK\r\n\r\nfine", "fine", 200, false},
		"HTTP/1.0":             {"GET", "HTTP/1.0 200 OK\r\nContent-Length: 4\r\n\r\nfine", "fine", 200, false},
		"close":                {"GET", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 4\r\n\r\nfine", "fine", 200, false},
		"no HTTP":              {"GET", "SSH-2.0-x\r\n", "", 502, false},
		"two lengths":          {"GET", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nfine", "", 502, false},
		"half of the headers":  {"GET", "HTTP/1.1 200 OK\r\nContent-", "", 502, false},
		"unasked switch":       {"GET", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n", "", 502, false},
		"too long":             {"GET", "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 2<<20) + "\r\n\r\n", "", 502, false},
		"too long before 200":  {"GET", strings.Repeat("HTTP/1.1 103 Early Hints\r\nX: "+strings.Repeat("x", 4000)+"\r\n\r\n", 500) + fine, "", 502, false},
		"a hint before it":     {"GET", "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + fine, "fine", 200, true},
		"continue without ask": {"GET", "HTTP/1.1 100 Continue\r\n\r\n" + fine, "fine", 200, true},
	} {
		t.Run(name, func(t *testing.T) {
			asked := make(chan int, 10)
			s := newScripted(t, func(conn net.Conn, c, n int, _ *http.Request) bool {
				asked <- c
				_, _ = io.WriteString(conn, of.answer)
				return name != "until the end" && name != "half of the headers"
			})
			w := newWeb(t, proxy.ServiceOptions{}, proxy.ListenerOptions{}, s.addr)
			c := client(t, nil)
			for range 2 {
				res, got := ask(t, c, of.method, w.url("/"), "")
				if of.status == 502 {
					wants(t, res, 502, "broken")
				} else if res.StatusCode != of.status || got != of.body {
					t.Errorf("%s, %q", res.Status, got)
				}
			}
			first, second := receive(t, "a request", asked), receive(t, "a request", asked)
			if kept := first == second; kept != of.kept || len(asked) > 0 {
				t.Errorf("the connection was kept: %v; %d further requests", kept, len(asked))
			}
		})
	}
}

// TestHalfAnAnswerIsNotAskedForAgain, as the upstream has acted.
func TestHalfAnAnswerIsNotAskedForAgain(t *testing.T) {
	asked := make(chan string, 10)
	s := newScripted(t, func(conn net.Conn, c, n int, _ *http.Request) bool {
		asked <- fmt.Sprintf("%d/%d", c, n)
		if n == 1 {
			_, _ = io.WriteString(conn, fine)
			return true
		}
		_, _ = io.WriteString(conn, fine[:12])
		return false
	})
	w := newWeb(t, proxy.ServiceOptions{}, proxy.ListenerOptions{}, s.addr)
	get(t, w, "fine")
	res, _ := ask(t, client(t, nil), "GET", w.url("/"), "")
	wants(t, res, 502, "broken")
	if len(asked) != 2 {
		t.Errorf("the upstream was asked %d times", len(asked))
	}
}

// TestEarlyHintsAreHandedOn: a client gets what comes before an answer.
func TestEarlyHintsAreHandedOn(t *testing.T) {
	s := newScripted(t, func(conn net.Conn, _, _ int, _ *http.Request) bool {
		_, _ = io.WriteString(conn, "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"+fine)
		return true
	})
	w := newWeb(t, proxy.ServiceOptions{}, proxy.ListenerOptions{}, s.addr)
	link := ""
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
		link = fmt.Sprint(code, h.Get("Link"))
		return nil
	}})
	res, got, err := try(ctx, client(t, nil), "GET", w.url("/"), "")
	if err != nil || got != "fine" || link != "103</x>" || res.Header.Get("Link") != "" {
		t.Errorf("%q after %q, %v, %v", got, link, res, err)
	}
}

// TestALostClientEndsItsUpstream: an answer that nobody reads does not go on, and what is
// left of it is no other request's.
func TestALostClientEndsItsUpstream(t *testing.T) {
	for name, part := range map[string]string{"before": "", "within": "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nha"} {
		t.Run(name, func(t *testing.T) {
			asked := make(chan struct{}, 1)
			s := newScripted(t, func(conn net.Conn, c, n int, _ *http.Request) bool {
				if c > 1 {
					_, _ = io.WriteString(conn, fine)
					return true
				}
				_, _ = io.WriteString(conn, part)
				asked <- struct{}{}
				return true // reads until the proxy closes the connection
			})
			w := newWeb(t, proxy.ServiceOptions{}, proxy.ListenerOptions{}, s.addr)
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			c := client(t, nil)
			go func() {
				_, _, err := try(ctx, c, "GET", w.url("/"), "")
				ended <- err
			}()
			receive(t, "the request", asked)
			cancel()
			receive(t, "the end of the upstream's connection", s.conns)
			if err := receive(t, "the client's end", ended); err == nil {
				t.Error("half an answer looks whole")
			}
			get(t, w, "fine")
		})
	}
}

// TestABodyMayTakeLongerThanItsHeaders: the limit is for the headers alone, also on a
// connection that is used again.
func TestABodyMayTakeLongerThanItsHeaders(t *testing.T) {
	s := newScripted(t, func(conn net.Conn, _, _ int, _ *http.Request) bool {
		_, _ = io.WriteString(conn, fine[:len(fine)-2])
		time.Sleep(150 * time.Millisecond)
		_, _ = io.WriteString(conn, fine[len(fine)-2:])
		return true
	})
	w := newWeb(t, proxy.ServiceOptions{AnswerTimeout: 100 * time.Millisecond}, proxy.ListenerOptions{}, s.addr)
	get(t, w, "fine")
	time.Sleep(110 * time.Millisecond)
	get(t, w, "fine")
}

// TestARequestIsWrittenOnce: what a client writes cannot become a second request.
func TestARequestIsWrittenOnce(t *testing.T) {
	seen := make(chan string, 10)
	s := newScripted(t, func(conn net.Conn, c, n int, r *http.Request) bool {
		seen <- fmt.Sprintf("%d/%d %s %s %q", c, n, r.Method, r.RequestURI, r.Header.Get("X"))
		_, _ = io.WriteString(conn, fine)
		return true
	})
	w := newWeb(t, proxy.ServiceOptions{}, proxy.ListenerOptions{}, s.addr)
	c := dial(t, w.addr)
	write(t, c, "GET /a%%0d%%0aGET%%20/b HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nX: 1\r\n 2\r\n\r\nGET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	if _, err := io.ReadAll(c); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`1/1 GET /a%0d%0aGET%20/b "1 2"`, `1/2 GET /last ""`} {
		if got := receive(t, "a request", seen); got != want {
			t.Errorf("the upstream read %s, want %s", got, want)
		}
	}
	if len(seen) > 0 {
		t.Errorf("the upstream also read %s", <-seen)
	}
}
