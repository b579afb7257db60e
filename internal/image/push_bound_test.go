package image

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/httplimit"
	"github.com/slipway-build/slipway/test/pace"
)

const canary = "CANARYcompany"

// listener is a foreign server that keeps what requests tell it.
type listener struct {
	*httptest.Server
	mu       sync.Mutex
	asked    int
	received []string // Authorization headers
}

func newListener(t *testing.T, answer http.HandlerFunc) *listener {
	l := &listener{}
	l.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l.mu.Lock()
		l.asked++
		if header := r.Header.Get("Authorization"); header != "" {
			l.received = append(l.received, header)
		}
		l.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(func() { l.CloseClientConnections(); l.Close() })
	return l
}

func (l *listener) host() string { return strings.TrimPrefix(l.URL, "http://") }

// basic asks for a login, as a registry does, and lets inner answer those who sent one.
func basic(inner http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "" {
			w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		inner(w, r)
	}
}

// pushing pushes a small image with the company's password.
func pushing(t *testing.T, destination string, opts PushOptions) error {
	t.Helper()
	s := newStore(t)
	write(t, s, "web", randomImage(t, 1))
	opts.User, opts.Password = "ci", canary
	p, _ := newPusher(t, s, opts)
	p.bound.inner = httplimit.New(baseTransport(false), httplimit.Limits{Redirects: 10, Headers: 200 * time.Millisecond, Silence: 400 * time.Millisecond})
	err := p.Push(t.Context(), "web", destination+"/h/tool")
	if err != nil && strings.Contains(err.Error()+diag.HintOf(err), canary) {
		t.Errorf("the password is in the message: %v", err)
	}
	return err
}

func TestPasswordsGoOnlyToTheirRegistry(t *testing.T) {
	for _, named := range []string{"", "registry.example", "127.0.0.1:1", "localhost:5000/team"} {
		evil := newListener(t, basic(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) }))
		err := pushing(t, evil.host(), PushOptions{Registry: named})
		if len(evil.received) > 0 || evil.asked == 0 {
			t.Errorf("SLIPWAY_REGISTRY=%q: the registry of slipway.yaml received %q after %d requests", named, evil.received, evil.asked)
		}
		if err == nil || !strings.Contains(err.Error(), "requires a login; SLIPWAY_REGISTRY_USER and SLIPWAY_REGISTRY_PASSWORD were not sent") ||
			!strings.Contains(diag.HintOf(err), "set SLIPWAY_REGISTRY="+evil.host()) {
			t.Errorf("SLIPWAY_REGISTRY=%q: %v, hint %q", named, err, diag.HintOf(err))
		}
	}
	ours := newListener(t, nil)
	registry := newServer(t)
	ours.Config.Handler = basic(registry.Config.Handler.ServeHTTP)
	for _, named := range []string{ours.host(), ours.host() + "/team", "http://" + ours.host() + "/"} {
		if err := pushing(t, ours.host(), PushOptions{Registry: named}); err != nil {
			t.Errorf("SLIPWAY_REGISTRY=%q: %v", named, err)
		}
	}
	if _, err := NewPusher(newStore(t), PushOptions{Registry: "a b"}); diag.ExitOf(err) != diag.ExitUsage || diag.HintOf(err) == "" {
		t.Errorf("a name that is none: %v", err)
	}
}

// Whatever the registry answers, no other host hears the password or the token.
func TestPasswordsStayWithTheRegistry(t *testing.T) {
	other := newListener(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.Contains(r.URL.Path, "token"):
			fmt.Fprint(w, `{"token":"TOK"}`)
		case r.Method == http.MethodPut || r.Method == http.MethodPatch:
			w.WriteHeader(http.StatusCreated)
		default:
			w.Header().Set("WWW-Authenticate", `Bearer realm="http://`+r.Host+`/token",service="x"`)
			w.WriteHeader(http.StatusUnauthorized)
		}
	})
	redirect := func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL+r.URL.Path, http.StatusTemporaryRedirect)
	}
	bearer := func(realm string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("WWW-Authenticate", `Bearer realm="`+realm+`",service="x"`)
			w.WriteHeader(http.StatusUnauthorized)
		}
	}
	elsewhere := func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			w.Header().Set("Location", other.URL+"/up")
			w.WriteHeader(http.StatusAccepted)
			return
		}
		w.WriteHeader(http.StatusNotFound)
	}
	own := func(inner http.HandlerFunc) http.HandlerFunc { // a token of its own first
		return func(w http.ResponseWriter, r *http.Request) {
			switch {
			case r.URL.Path == "/token":
				fmt.Fprint(w, `{"token":"TOK"}`)
			case r.Header.Get("Authorization") != "Bearer TOK":
				bearer("http://"+r.Host+"/token")(w, r)
			default:
				inner(w, r)
			}
		}
	}
	for name, handler := range map[string]http.HandlerFunc{
		"redirect after a login": basic(redirect), "redirect of everything": redirect, "upload elsewhere": basic(elsewhere),
		"token server by plain address": bearer(other.URL + "/token"), "redirect with a token": own(redirect), "upload elsewhere with a token": own(elsewhere),
	} {
		t.Run(name, func(t *testing.T) {
			registry := newListener(t, handler)
			if err := pushing(t, registry.host(), PushOptions{Registry: registry.host()}); err == nil {
				t.Error("pushed")
			}
			if len(other.received) > 0 {
				t.Errorf("another host received %q", other.received)
			}
		})
	}
}

func TestRegistriesThatNeverEnd(t *testing.T) {
	answer := func(rest http.HandlerFunc) http.HandlerFunc {
		return basic(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/v2/" {
				rest(w, r)
			}
		})
	}
	var second *listener
	second = newListener(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, second.URL+r.URL.Path, http.StatusTemporaryRedirect)
	})
	hang := func(_ http.ResponseWriter, r *http.Request) { // until the client goes away
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		text    string
		most    int
	}{
		"redirects to itself": {answer(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, r.URL.Path, http.StatusTemporaryRedirect)
		}), "redirects requests in a circle: ", 60},
		"redirects to a circle": {answer(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, second.URL+r.URL.Path, http.StatusTemporaryRedirect)
		}), "redirects requests in a circle: ", 60},
		"silent":            {answer(hang), "is silent: ", 12},
		"silent from start": {hang, "is silent: ", 6},
		"silent uploads": {answer(func(w http.ResponseWriter, r *http.Request) {
			switch r.Method {
			case http.MethodHead:
				w.WriteHeader(http.StatusNotFound)
			case http.MethodPost:
				w.Header().Set("Location", "/up")
				w.WriteHeader(http.StatusAccepted)
			default:
				hang(w, r)
			}
		}), "is silent: ", 30},
		"stops in an answer": {answer(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodHead {
				w.WriteHeader(http.StatusNotFound)
				return
			}
			w.Header().Set("Content-Length", "9")
			w.WriteHeader(http.StatusForbidden)
			w.(http.Flusher).Flush()
			hang(w, r)
		}), "", 60},
	} {
		t.Run(name, func(t *testing.T) {
			registry := newListener(t, c.handler)
			began := time.Now()
			err := pushing(t, registry.host(), PushOptions{Registry: registry.host()})
			if err == nil || !strings.Contains(err.Error(), c.text) || diag.HintOf(err) == "" {
				t.Errorf("%v, hint %q", err, diag.HintOf(err))
			}
			registry.mu.Lock()
			defer registry.mu.Unlock()
			if took := time.Since(began); took > pace.Within(5*time.Second) || registry.asked > c.most {
				t.Errorf("%d requests in %s", registry.asked, took)
			}
		})
	}
}

func TestPasswordOverPlainHTTP(t *testing.T) {
	b := &bound{inner: httplimit.New(roundTripper(func(*http.Request) (*http.Response, error) {
		t.Error("sent")
		return nil, http.ErrServerClosed
	}), httplimit.Default())}
	b.push("registry.example")
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://registry.example/v2/", nil)
	req.SetBasicAuth("ci", canary)
	if _, err := b.RoundTrip(req); err == nil || !strings.Contains(err.Error(), "refusing to send credentials over plain HTTP") {
		t.Error(err)
	}
}
