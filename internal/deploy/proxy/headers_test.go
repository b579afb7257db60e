package proxy_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/deploy/proxy"
)

// mirror is an upstream that answers with the request's headers.
func mirror(t *testing.T) string {
	return serve(t, func(w http.ResponseWriter, r *http.Request) {
		h := r.Header.Clone()
		h.Set("Host", r.Host)
		h.Set("Path", r.RequestURI)
		w.Header().Set(proxy.Reason, "forged")
		w.Header().Set("Connection", "X-Private")
		w.Header().Set("X-Private", "1")
		w.Header().Set("Keep-Alive", "timeout=5")
		_ = json.NewEncoder(w).Encode(h)
	})
}

func headers(t *testing.T, text string) map[string]string {
	t.Helper()
	var all map[string][]string
	if err := json.Unmarshal([]byte(text), &all); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	out := map[string]string{}
	for name, values := range all {
		out[name] = strings.Join(values, " | ")
	}
	delete(out, "User-Agent")
	delete(out, "Accept-Encoding")
	return out
}

func TestHeadersOfOneHopStay(t *testing.T) {
	w := newWeb(t, proxy.ServiceOptions{}, proxy.ListenerOptions{}, mirror(t))
	res, text := ask(t, client(t, nil), "GET", w.url("/a%2Fb;c/?x=1&y;z"), "", "Host", "shop.example",
		"Connection", "X-Hop, keep-alive", "X-Hop", "1", "Keep-Alive", "1", "Proxy-Authorization", "x", "Te", "gzip", "Upgrade", "h2c", "Http2-Settings", "AAA",
		"X-Forwarded-For", "6.6.6.6", "X-Forwarded-Host", "evil", "X-Forwarded-Proto", "https", "Forwarded", "for=6.6.6.6", "X-Real-Ip", "6.6.6.6", "X-Stays", "1")
	want := map[string]string{
		"Host": "shop.example", "Path": "/a%2Fb;c/?x=1&y;z", "X-Stays": "1", "X-Forwarded-For": "127.0.0.1", "X-Forwarded-Host": "shop.example",
		"X-Forwarded-Proto": "http", "Forwarded": `for=127.0.0.1;host="shop.example";proto=http`, "Http2-Settings": "AAA",
	}
	if diff := cmp.Diff(want, headers(t, text)); diff != "" {
		t.Error(diff)
	}
	for _, name := range []string{proxy.Reason, "X-Private", "Keep-Alive", "Connection"} {
		if got := res.Header.Get(name); got != "" {
			t.Errorf("%s: %s came through", name, got)
		}
	}
}

func TestATrustedProxyIsBelieved(t *testing.T) {
	w := newWeb(t, proxy.ServiceOptions{}, proxy.ListenerOptions{Trusted: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}, mirror(t))
	_, text := ask(t, client(t, nil), "GET", w.url("/"), "", "Host", "inner", "X-Forwarded-For", "1.2.3.4, 5.6.7.8",
		"X-Forwarded-Host", "shop.example", "X-Forwarded-Proto", "https", "Forwarded", "for=1.2.3.4", "X-Real-Ip", "1.2.3.4")
	want := map[string]string{
		"Host": "inner", "Path": "/", "X-Forwarded-For": "1.2.3.4, 5.6.7.8, 127.0.0.1", "X-Forwarded-Host": "shop.example", "X-Forwarded-Proto": "https",
		"Forwarded": `for=1.2.3.4, for=127.0.0.1;host="inner";proto=http`, "X-Real-Ip": "1.2.3.4",
	}
	if got := headers(t, text); cmp.Diff(want, got) != "" {
		t.Error(cmp.Diff(want, got))
	}
}

// TestH2CIsNotSmuggled: an upgrade to HTTP/2 would lead past the routes.
func TestH2CIsNotSmuggled(t *testing.T) {
	w := newWeb(t, proxy.ServiceOptions{}, proxy.ListenerOptions{}, mirror(t))
	for _, upgrade := range []string{"h2c", "H2C", "websocket, h2c", "h2c-14"} {
		_, text := ask(t, client(t, nil), "GET", w.url("/"), "", "Connection", "Upgrade, HTTP2-Settings", "Upgrade", upgrade, "HTTP2-Settings", "AAMAAABk")
		got := headers(t, text)
		if got["Upgrade"] != "" || got["Http2-Settings"] != "" || got["Connection"] != "" {
			t.Errorf("%s: %v", upgrade, got)
		}
	}
	grpc := newWeb(t, proxy.ServiceOptions{Protocol: proxy.H2C}, proxy.ListenerOptions{}, mirror(t))
	if res, text := ask(t, client(t, nil), "GET", grpc.url("/"), "", "Connection", "Upgrade", "Upgrade", "websocket"); res.StatusCode != 200 || headers(t, text)["Upgrade"] != "" {
		t.Errorf("%s %s", res.Status, text)
	}
}

// TestHostileRequestsAreRefused: what two servers could read differently reaches no
// upstream, and nothing after it on its connection.
func TestHostileRequestsAreRefused(t *testing.T) {
	var seen atomic.Int64
	w := newWeb(t, proxy.ServiceOptions{}, proxy.ListenerOptions{MaxHeaderBytes: 8 << 10, HeaderTimeout: time.Second}, serve(t, func(w http.ResponseWriter, r *http.Request) {
		seen.Add(1)
		says("fine")(w, r)
	}))
	const second = "GET /second HTTP/1.1\r\nHost: x\r\n\r\n"
	for name, request := range map[string]string{
		"two lengths":               "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nbody",
		"unknown encoding":          "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
		"two encodings":             "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
		"space in a name":           "POST / HTTP/1.1\r\nHost: x\r\nContent-Length : 4\r\n\r\nbody",
		"folded line":               "GET / HTTP/1.1\r\n X: 1\r\nHost: x\r\n\r\n",
		"negative length":           "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -4\r\n\r\nbody",
		"length with a plus":        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +4\r\n\r\nbody",
		"no host":                   "GET / HTTP/1.1\r\n\r\n",
		"two hosts":                 "GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
		"zero byte":                 "GET / HTTP/1.1\r\nHost: x\r\nX: a\x00b\r\n\r\n",
		"CR in a value":             "GET / HTTP/1.1\r\nHost: x\r\nX: a\rb\r\n\r\n",
		"no version":                "GET /\r\n\r\n",
		"large headers":             "GET / HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", 20<<10) + "\r\n\r\n",
		"no path":                   "GET x:y HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
		"CONNECT":                   "CONNECT other:443 HTTP/1.1\r\nHost: other:443\r\n\r\n",
		"half of an HTTP/2 preface": "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			seen.Store(0)
			c := dial(t, w.addr)
			_, _ = io.WriteString(c, request+second)
			res, err := http.ReadResponse(bufio.NewReader(c), nil)
			_, _ = io.Copy(io.Discard, c) // until the proxy has closed it
			if err == nil && res.StatusCode < 400 || seen.Load() > 0 {
				t.Errorf("%v; %d reached the upstream", res, seen.Load())
			}
		})
	}
}

// TestALengthBesideChunks: net/http reads such a request by its chunks alone (RFC 9112,
// section 6.3), and so does the upstream: the length does not reach it.
func TestALengthBesideChunks(t *testing.T) {
	seen := make(chan string, 10)
	w := newWeb(t, proxy.ServiceOptions{}, proxy.ListenerOptions{}, serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		seen <- fmt.Sprintf("%s %q %d", r.URL.Path, body, r.ContentLength)
	}))
	c := dial(t, w.addr)
	write(t, c, "POST /one HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\nGET /two HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	_, _ = io.Copy(io.Discard, c)
	close(seen)
	var all []string
	for s := range seen {
		all = append(all, s)
	}
	if diff := cmp.Diff([]string{`/one "body" -1`, `/two "" 0`}, all); diff != "" {
		t.Error(diff)
	}
}

func TestRoutesLeadToServices(t *testing.T) {
	p := started(t, proxy.Options{})
	for _, name := range []string{"shop", "api", "any", "below", "admin"} {
		must(t, p.AddService(name, proxy.ServiceOptions{Protocol: proxy.HTTP}), p.AddUpstream(name, "a", serve(t, says(name))), p.Switch(name, "a"))
	}
	must(t, p.SetRoutes("public", []proxy.Route{
		{Host: "Shop.Example", Service: "shop"}, {Host: "shop.example", Prefix: "/api/", Service: "api"}, {Host: "shop.example", Prefix: "/api/admin", Service: "admin"},
		{Host: "*.example", Service: "below"}, {Prefix: "/any", Service: "any"},
	}))
	l := listenOn(t)
	must(t, p.Listen("public", l, proxy.ListenerOptions{}))
	for _, test := range []struct{ host, path, want string }{
		{"shop.example", "/", "shop"}, {"SHOP.example:8443", "/x", "shop"}, {"shop.example.", "/api", "api"}, {"shop.example", "/api/x?y", "api"},
		{"shop.example", "/apis", "shop"}, {"shop.example", "/api/admin/x", "admin"}, {"other.example", "/", "below"}, {"a.b.example", "/api", "below"},
		{"example", "/", "404"}, {"other", "/any/x", "any"}, {"other", "/", "404"}, {"[::1]:80", "/any", "any"}, {"*.example", "/", "below"},
		{"shop.example", "/x/../api/y", "400"}, {"shop.example", "/%2e%2e/api", "400"}, {"shop.example", "//api", "400"}, {"shop.example", "/x/./y", "shop"},
		{"shop.example", "/api/%2e%2e/x", "400"}, {"shop.example", `/x\..\api`, "400"}, {"other.example", "/x/../api", "below"},
	} {
		c := dial(t, l.Addr().String())
		write(t, c, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", test.path, test.host)
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		must(t, err)
		text, _ := io.ReadAll(res.Body)
		got := string(text)
		if res.StatusCode != 200 {
			got = fmt.Sprint(res.StatusCode)
		}
		if got != test.want {
			t.Errorf("%s%s: %s, want %s", test.host, test.path, got, test.want)
		}
	}
	must(t, p.SetRoutes("public", nil), p.RemoveService("shop"))
	res, _ := ask(t, client(t, nil), "GET", "http://"+l.Addr().String()+"/", "", "Host", "shop.example")
	wants(t, res, 404, "no-route")
}
