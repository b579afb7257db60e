package image

import (
	"bytes"
	"io"
	"net/http"
	"sync"
)

// greetings asks each registry once how to log in (GET /v2/, which is about no
// image) and gives everybody who asks again the same answer: the client asks
// for every repository. It is meant for one command, and safe for concurrent use.
type greetings struct {
	inner http.RoundTripper

	mu    sync.Mutex
	known map[string]*greeting // by URL
}

// greeting is one answer, or what kept the registry from giving one.
type greeting struct {
	mu    sync.Mutex
	asked bool
	res   *http.Response
	body  []byte
	err   error
}

// RoundTrip implements http.RoundTripper.
func (g *greetings) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Method != http.MethodGet || req.URL.Path != "/v2/" || req.Header.Get("Authorization") != "" {
		return g.inner.RoundTrip(req)
	}
	g.mu.Lock()
	if g.known == nil {
		g.known = map[string]*greeting{}
	}
	known := g.known[req.URL.String()]
	if known == nil {
		known = &greeting{}
		g.known[req.URL.String()] = known
	}
	g.mu.Unlock()
	known.mu.Lock()
	defer known.mu.Unlock()
	if !known.asked {
		known.ask(g.inner, req)
		known.asked = req.Context().Err() == nil // who was interrupted learnt nothing
	}
	if known.err != nil {
		return nil, known.err
	}
	res := *known.res
	res.Request, res.Header, res.Body = req, res.Header.Clone(), io.NopCloser(bytes.NewReader(known.body))
	return &res, nil
}

// ask keeps the answer, of whose body an error message needs little.
func (k *greeting) ask(inner http.RoundTripper, req *http.Request) {
	if k.res, k.err = inner.RoundTrip(req); k.err != nil {
		return
	}
	k.body, k.err = io.ReadAll(io.LimitReader(k.res.Body, 64<<10))
	_ = k.res.Body.Close()
}
