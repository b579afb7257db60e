package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/event"
)

func TestPushRefusals(t *testing.T) {
	for _, c := range []struct {
		name     string
		status   int
		header   string
		text     string
		hint     string
		attempts int // of the first request
	}{
		{"unauthorized", 401, "", "requires a login", "docker login HOST (or podman login), or set SLIPWAY_REGISTRY=HOST, SLIPWAY_REGISTRY_USER and SLIPWAY_REGISTRY_PASSWORD", 1},
		{"forbidden", 403, "", "no permission to push to HOST/shop/web", "ask for permission to push, or log in as a user who has it: docker login HOST", 1},
		{"not found", 404, "", "HOST does not know shop/web", "check --registry; some registries require an existing repository: create it first", 1},
		{"broken", 500, "", "HOST reports a server error: 500 Internal Server Error, 6 times: the disk is full", "look at the registry's log; the registry keeps uploaded layers, so push again after it recovers", 6},
		{"busy", 429, "", "HOST limits requests: 429 Too Many Requests, 6 times", "push again later, or with fewer services at once (--parallel 1)", 6},
		{"busy for long", 429, "600", "HOST limits requests and asks to wait 10m0s: 429 Too Many Requests: the disk", "push again after 10m0s, or log in for a higher limit", 1},
		{"odd", 418, "", "HOST refuses it", "look at the registry's log", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			srv, s := newServer(t), newStore(t)
			write(t, s, "web", randomImage(t, 1))
			tries := 0
			srv.answer = func(w http.ResponseWriter, r *http.Request, _ int) bool {
				if r.URL.Path == "/v2/" {
					return false
				}
				if r.Method == http.MethodHead {
					w.WriteHeader(http.StatusNotFound)
					return true
				}
				tries++
				if c.header != "" {
					w.Header().Set("Retry-After", c.header)
				}
				w.WriteHeader(c.status)
				fmt.Fprint(w, "the disk\n is full")
				return true
			}
			p, _ := newPusher(t, s, PushOptions{Parallel: 1})
			err := p.Push(t.Context(), "web", srv.host()+"/shop/web")
			if err == nil {
				t.Fatal("no error")
			}
			host := func(s string) string { return strings.ReplaceAll(s, "HOST", srv.host()) }
			if !strings.Contains(err.Error(), host(c.text)) || !strings.HasPrefix(err.Error(), "pushing "+srv.host()+"/shop/web:latest: ") {
				t.Errorf("error %q, want %q", err, host(c.text))
			}
			if got := diag.HintOf(err); got != host(c.hint) {
				t.Errorf("hint %q, want %q", got, host(c.hint))
			}
			if tries != c.attempts {
				t.Errorf("%d tries, want %d", tries, c.attempts)
			}
			if diag.ExitOf(err) != diag.ExitUnexpected {
				t.Errorf("exit %d", diag.ExitOf(err))
			}
		})
	}
}

func TestPushToNobody(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	_ = l.Close()
	s := newStore(t)
	write(t, s, "web", randomImage(t, 1))
	p, waits := newPusher(t, s, PushOptions{})
	err = p.Push(t.Context(), "web", addr+"/shop/web:v1")
	want := "pushing " + addr + "/shop/web:v1: no registry answers at " + addr + ": connection refused"
	if err == nil || err.Error() != want {
		t.Errorf("error %v\nwant  %s", err, want)
	}
	if got, want := diag.HintOf(err), "start one: slipway registry serve --addr "+addr; got != want {
		t.Errorf("hint %q, want %q", got, want)
	}
	if len(*waits) != 0 {
		t.Errorf("waited %v for a registry that is not there", *waits)
	}
}

func TestPushOverTLS(t *testing.T) {
	srv := httptest.NewTLSServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	defer srv.Close()
	s := newStore(t)
	write(t, s, "web", randomImage(t, 1))
	destination := strings.TrimPrefix(srv.URL, "https://") + "/web"
	p, _ := newPusher(t, s, PushOptions{Insecure: true})
	if err := p.Push(t.Context(), "web", destination); err != nil {
		t.Error(err)
	}
	p, _ = newPusher(t, s, PushOptions{})
	err := p.Push(t.Context(), "web", destination)
	if err == nil || !strings.Contains(err.Error(), "cannot be trusted") {
		t.Errorf("error %v", err)
	}
}

func TestPushWithCredentials(t *testing.T) {
	srv, s := newServer(t), newStore(t)
	write(t, s, "web", randomImage(t, 1))
	srv.answer = func(w http.ResponseWriter, r *http.Request, _ int) bool {
		if user, password, _ := r.BasicAuth(); user == "ci" && password == "canary-7f3" {
			return false
		}
		w.Header().Set("WWW-Authenticate", `Basic realm="registry"`)
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprint(w, r.Header.Get("Authorization"), " wrong-canary")
		return true
	}
	p, _ := newPusher(t, s, PushOptions{Registry: srv.host(), User: "ci", Password: "canary-7f3"})
	if err := p.Push(t.Context(), "web", srv.host()+"/web"); err != nil {
		t.Error(err)
	}
	p, _ = newPusher(t, s, PushOptions{Registry: srv.host(), User: "ci", Password: "wrong-canary"})
	err := p.Push(t.Context(), "web", srv.host()+"/web")
	if err == nil || strings.Contains(err.Error(), "wrong-canary") || strings.Contains(err.Error(), "Y2k6") {
		t.Errorf("error %v", err)
	}
}

func TestPushStopsWithItsContext(t *testing.T) {
	srv, s := newServer(t), newStore(t)
	write(t, s, "web", randomImage(t, 1))
	ctx, cancel := context.WithCancel(t.Context())
	srv.answer = func(w http.ResponseWriter, r *http.Request, _ int) bool {
		if r.Method == http.MethodPost {
			w.WriteHeader(http.StatusServiceUnavailable)
			cancel()
			return true
		}
		return false
	}
	p, _ := newPusher(t, s, PushOptions{})
	p.retry.policy.Sleep = nil
	if err := p.Push(ctx, "web", srv.host()+"/web"); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestPlainHTTPOnlyToThisMachine(t *testing.T) {
	called := false
	rt := &retrying{now: time.Now, sink: event.Discard{}, inner: roundTripper(func(*http.Request) (*http.Response, error) {
		called = true
		return &http.Response{StatusCode: 200, Body: http.NoBody}, nil
	})}
	for host, want := range map[string]bool{
		"localhost:5000": true, "127.0.0.1:5000": true, "[::1]:5000": true, "registry.localhost": true,
		"10.0.0.7:5000": false, "registry.example": false,
	} {
		called = false
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+host+"/v2/", nil)
		res, err := rt.RoundTrip(req)
		if called != want || (err == nil) != want {
			t.Errorf("%s: sent %v, %v", host, called, err)
		}
		drain(res)
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestRedact(t *testing.T) {
	for text, want := range map[string]string{
		"GET https://bob:pw@mirror.example/v2/":          "GET https://REDACTED@mirror.example/v2/",
		"https://blob.example/x?X-Amz-Signature=abc&n=1": "https://blob.example/x?X-Amz-Signature=REDACTED&n=1",
		"Authorization: Basic Y2k6Y2FuYXJ5":              "Authorization: Basic REDACTED",
		"said hunter2 twice: aHVudGVyMg==":               "said REDACTED twice: REDACTED",
	} {
		if got := redact(text, "hunter2"); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
