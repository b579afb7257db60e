package httplimit_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/slipway-build/slipway/internal/httplimit"
)

func client(l httplimit.Limits) *http.Client {
	return &http.Client{
		Transport:     httplimit.New(http.DefaultTransport.(*http.Transport).Clone(), l),
		CheckRedirect: func(*http.Request, []*http.Request) error { return nil }, // as go-containerregistry: no limit
	}
}

// serve starts a server and ends what it waits for when the test is over.
func serve(t *testing.T, handle func(w http.ResponseWriter, r *http.Request, over <-chan struct{})) string {
	over := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handle(w, r, over) }))
	t.Cleanup(func() { close(over); srv.Close() })
	return srv.URL
}

func TestRedirectsEnd(t *testing.T) {
	for name, to := range map[string]string{"circle of one": "/a", "relative": "x/", "circle of two": "/b?%s"} {
		t.Run(name, func(t *testing.T) {
			var asked atomic.Int64
			url := serve(t, func(w http.ResponseWriter, r *http.Request, _ <-chan struct{}) {
				asked.Add(1)
				http.Redirect(w, r, to, http.StatusTemporaryRedirect)
			})
			_, err := client(httplimit.Default()).Head(url)
			if e := (*httplimit.Redirected)(nil); !errors.As(err, &e) || e.Times != 10 || asked.Load() != 11 {
				t.Errorf("%v after %d requests", err, asked.Load())
			}
		})
	}
	url := serve(t, func(w http.ResponseWriter, r *http.Request, _ <-chan struct{}) {
		if len(r.URL.Path) <= 10 {
			http.Redirect(w, r, r.URL.Path+"x", http.StatusFound)
		}
	})
	if _, err := client(httplimit.Default()).Get(url + "/"); err != nil {
		t.Errorf("10 redirects: %v", err)
	}
}

func TestSilenceEnds(t *testing.T) {
	limits := httplimit.Limits{Headers: 100 * time.Millisecond, Silence: 250 * time.Millisecond}
	var asked atomic.Int64
	url := serve(t, func(w http.ResponseWriter, r *http.Request, over <-chan struct{}) {
		asked.Add(1)
		switch r.URL.Path {
		case "/stall":
			w.Header().Set("Content-Length", "10")
			_, _ = io.WriteString(w, "12345")
			w.(http.Flusher).Flush()
		case "/trickle":
			for range 4 {
				_, _ = io.WriteString(w, "x")
				w.(http.Flusher).Flush()
				time.Sleep(100 * time.Millisecond)
			}
			return
		}
		<-over
	})
	c := client(limits)
	_, err := c.Get(url + "/never")
	if e := (*httplimit.Silent)(nil); !errors.As(err, &e) || e.Began || e.Temporary() || asked.Load() != 2 {
		t.Errorf("no answer: %v after %d requests", err, asked.Load())
	}
	asked.Store(0)
	if _, err = c.Post(url+"/never", "text/plain", strings.NewReader("x")); !errors.As(err, new(*httplimit.Silent)) || asked.Load() != 1 {
		t.Errorf("no answer to a POST: %v after %d requests", err, asked.Load())
	}
	res, err := c.Get(url + "/stall")
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(res.Body)
	if e := (*httplimit.Silent)(nil); !errors.As(err, &e) || !e.Began || string(got) != "12345" {
		t.Errorf("half an answer: %q, %v", got, err)
	}
	if res, err = c.Get(url + "/trickle"); err != nil {
		t.Fatal(err)
	}
	if got, err = io.ReadAll(res.Body); err != nil || string(got) != "xxxx" {
		t.Errorf("a slow answer: %q, %v", got, err)
	}
}

func TestAnswersAreBounded(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request, over <-chan struct{}) {
		for {
			if _, err := w.Write(make([]byte, 1000)); err != nil {
				return
			}
			select {
			case <-over:
				return
			case <-r.Context().Done():
				return
			default:
			}
		}
	})
	for _, l := range []httplimit.Limits{{Bytes: 50_000}, {Answer: 50 * time.Millisecond, Silence: time.Minute}} {
		res, err := client(l).Get(url)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = io.Copy(io.Discard, res.Body); !errors.As(err, new(*httplimit.TooLarge)) && !errors.As(err, new(*httplimit.Silent)) {
			t.Errorf("%+v: %v", l, err)
		}
	}
}

func TestASlowUploadIsNotSilence(t *testing.T) {
	url := serve(t, func(_ http.ResponseWriter, r *http.Request, _ <-chan struct{}) { _, _ = io.Copy(io.Discard, r.Body) })
	r, w := io.Pipe()
	go func() {
		for range 6 {
			time.Sleep(60 * time.Millisecond)
			_, _ = w.Write([]byte("x"))
		}
		_ = w.Close()
	}()
	res, err := client(httplimit.Limits{Headers: 150 * time.Millisecond, Silence: 150 * time.Millisecond}).Post(url, "text/plain", r)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
}

func TestPasswordsStayOffPlainHTTP(t *testing.T) {
	for _, c := range []struct {
		url, header, value string
		want               bool
	}{
		{"http://registry.example/v2/", "Authorization", "Basic eDp5", true},
		{"http://10.0.0.7:5000/v2/", "Authorization", "Bearer t", true},
		{"http://u:p@registry.example/v2/", "", "", true},
		{"http://tokens.example/", "Content-Type", "application/x-www-form-urlencoded", true},
		{"http://registry.example/v2/", "", "", false},
		{"http://127.0.0.1:5000/v2/", "Authorization", "Basic eDp5", false},
		{"https://registry.example/v2/", "Authorization", "Basic eDp5", false},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.url, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set(c.header, c.value)
		if got := httplimit.Exposes(req); got != c.want {
			t.Errorf("%s %s: %v", c.url, c.header, got)
		}
		if !c.want {
			continue
		}
		sent := false
		tr := httplimit.New(roundTripper(func(*http.Request) (*http.Response, error) { sent = true; return nil, io.EOF }), httplimit.Default())
		if _, err := tr.RoundTrip(req); sent || !errors.As(err, new(*httplimit.Exposed)) || strings.Contains(err.Error(), "u:p") {
			t.Errorf("%s: sent %v, %v", c.url, sent, err)
		}
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
