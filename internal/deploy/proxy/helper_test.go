package proxy_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/slipway-build/slipway/internal/deploy/proxy"
)

const patience = 10 * time.Second // until a test gives up

// listenOn opens a port of this machine.
func listenOn(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// serve starts an upstream that speaks HTTP/1.1 and h2c, and returns its address.
func serve(t testing.TB, h http.HandlerFunc) string {
	t.Helper()
	addr, _ := serveUntil(t, h)
	return addr
}

// serveUntil also returns what kills the upstream.
func serveUntil(t testing.TB, h http.HandlerFunc) (addr string, kill func()) {
	t.Helper()
	l := listenOn(t)
	srv := &http.Server{Handler: h, Protocols: new(http.Protocols), ErrorLog: quiet()}
	srv.Protocols.SetHTTP1(true)
	srv.Protocols.SetUnencryptedHTTP2(true)
	go func() { _ = srv.Serve(l) }()
	kill = sync.OnceFunc(func() { _ = srv.Close() })
	t.Cleanup(kill)
	return l.Addr().String(), kill
}

// says answers every request with a word.
func says(word string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, word)
	}
}

// dead is the address of a port on which nothing listens.
func dead(t testing.TB) string {
	t.Helper()
	l := listenOn(t)
	defer l.Close()
	return l.Addr().String()
}

// started makes a proxy that ends with the test.
func started(t testing.TB, o proxy.Options) *proxy.Proxy {
	t.Helper()
	p := proxy.New(o)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 3*time.Second)
		defer cancel()
		_ = p.Close(ctx)
	})
	return p
}

// must stops a test at the first error.
func must(t testing.TB, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// web is a proxy with one listener and one service "web" with the side "old".
type web struct {
	*proxy.Proxy
	addr string
}

func newWeb(t testing.TB, so proxy.ServiceOptions, lo proxy.ListenerOptions, upstreams ...string) *web {
	t.Helper()
	return newWebWith(t, proxy.Options{}, so, lo, upstreams...)
}

func newWebWith(t testing.TB, o proxy.Options, so proxy.ServiceOptions, lo proxy.ListenerOptions, upstreams ...string) *web {
	t.Helper()
	p := started(t, o)
	if so.Protocol == "" {
		so.Protocol = proxy.HTTP
	}
	must(t, p.AddService("web", so), p.SetRoutes("public", []proxy.Route{{Service: "web"}}))
	for _, u := range upstreams {
		must(t, p.AddUpstream("web", "old", u))
	}
	if len(upstreams) > 0 {
		must(t, p.Switch("web", "old"))
	}
	l := listenOn(t)
	must(t, p.Listen("public", l, lo))
	return &web{p, l.Addr().String()}
}

func (w *web) url(path string) string { return "http://" + w.addr + path }

// client makes an HTTP client of its own; its connections end with the test.
func client(t testing.TB, change func(*http.Transport)) *http.Client {
	tr := &http.Transport{Protocols: new(http.Protocols), MaxIdleConnsPerHost: 100}
	tr.Protocols.SetHTTP1(true)
	if change != nil {
		change(tr)
	}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: patience}
}

// h2c makes a client speak HTTP/2 without TLS.
func h2c(tr *http.Transport) {
	tr.Protocols = new(http.Protocols)
	tr.Protocols.SetUnencryptedHTTP2(true)
}

// h2 makes a client speak HTTP/2 over TLS with any certificate.
func h2(tr *http.Transport) {
	tr.Protocols = new(http.Protocols)
	tr.Protocols.SetHTTP2(true)
	tr.TLSClientConfig = &tls.Config{InsecureSkipVerify: true}
}

// ask sends a request and returns the answer with its body.
func ask(t testing.TB, c *http.Client, method, url, body string, headers ...string) (*http.Response, string) {
	t.Helper()
	res, text, err := try(t.Context(), c, method, url, body, headers...)
	if err != nil {
		t.Fatal(err)
	}
	return res, text
}

func try(ctx context.Context, c *http.Client, method, url, body string, headers ...string) (*http.Response, string, error) {
	var r io.Reader
	if body != "" {
		r = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, url, r)
	if err != nil {
		return nil, "", err
	}
	for i := 0; i+1 < len(headers); i += 2 {
		if headers[i] == "Host" {
			req.Host = headers[i+1]
			continue
		}
		req.Header.Add(headers[i], headers[i+1])
	}
	res, err := c.Do(req)
	if err != nil {
		return nil, "", err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return res, string(text), err
}

// wants fails unless a request is refused for a reason.
func wants(t testing.TB, res *http.Response, status int, reason string) {
	t.Helper()
	if res.StatusCode != status || res.Header.Get(proxy.Reason) != reason {
		t.Errorf("status %d for %q, want %d for %q", res.StatusCode, res.Header.Get(proxy.Reason), status, reason)
	}
}

// until waits for something to hold.
func until(t testing.TB, what string, holds func() bool) {
	t.Helper()
	end := time.Now().Add(patience)
	for !holds() {
		if time.Now().After(end) {
			t.Fatalf("%s: not within %s", what, patience)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// receive waits for a value.
func receive[T any](t testing.TB, what string, c <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(patience):
		t.Fatalf("%s: not within %s", what, patience)
	}
	return v
}

// dial opens a plain connection that ends with the test.
func dial(t testing.TB, addr string) net.Conn {
	t.Helper()
	c, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience))
	return c
}

// write sends text over a plain connection.
func write(t testing.TB, c net.Conn, format string, args ...any) {
	t.Helper()
	if _, err := fmt.Fprintf(c, format, args...); err != nil {
		t.Fatal(err)
	}
}

// connKey is the context key of a connection of serveConns.
type connKey struct{}

// serveConns is serve, with the connection in the context of each request.
func serveConns(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	l := listenOn(t)
	srv := &http.Server{
		Handler: h, Protocols: new(http.Protocols), ErrorLog: quiet(),
		ConnContext: func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, connKey{}, c) },
	}
	srv.Protocols.SetUnencryptedHTTP2(true)
	go func() { _ = srv.Serve(l) }()
	t.Cleanup(func() { _ = srv.Close() })
	return l.Addr().String()
}

func quiet() *log.Logger { return log.New(io.Discard, "", 0) }
