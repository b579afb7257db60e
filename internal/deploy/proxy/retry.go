package proxy

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync"
	"sync/atomic"
)

// attempts is the http.RoundTripper of all services: it sends a request to an upstream
// of its side, and to another one when the first cannot have acted on it.
//
// That is so when no connection came about and the body is whole, and for a request
// that only reads and has no body, when a connection that had been used before ended
// without an answer. http.Transport itself repeats, at the same upstream, what HTTP
// says was not processed: nothing was written, GOAWAY, REFUSED_STREAM.
type attempts struct{}

var errNoUpstream = errors.New("no upstream is left")

func (attempts) RoundTrip(req *http.Request) (*http.Response, error) {
	c := exchangeOf(req.Context()).call
	var kept *replay
	if req.Body != nil {
		kept = &replay{src: req.Body}
		req.GetBody = kept.again
	}
	var tried []*upstream
	last := errNoUpstream
	for {
		u := c.next(tried)
		if u == nil {
			return nil, last
		}
		if len(tried) > 0 {
			req = another(req)
		}
		if kept != nil {
			body, err := kept.again()
			if err != nil {
				u.open.Add(-1)
				return nil, last
			}
			req.Body = body
		}
		res, again, err := c.try(u, req)
		if err == nil {
			kept.forget()
			return res, nil
		}
		u.open.Add(-1)
		if last = err; !again {
			return nil, err
		}
		tried = append(tried, u)
	}
}

// another is a copy for the next attempt: the goroutines of the last one may still
// look at the request.
func another(req *http.Request) *http.Request {
	next := req.WithContext(req.Context())
	at := *req.URL
	next.URL = &at
	return next
}

// try sends a request to one upstream. It says whether another one may get it after
// an error.
func (c *call) try(u *upstream, req *http.Request) (res *http.Response, again bool, err error) {
	req.URL.Host = u.address
	var reused atomic.Bool
	readsOnly := req.Body == nil && replayable(req.Method)
	if readsOnly && c.service.opts.Protocol == H2C { // http.Transport repeats those of HTTP/1.1
		req = req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
			GotConn: func(g httptrace.GotConnInfo) { reused.Store(g.Reused) },
		}))
	}
	res, err = u.roundTrip(req)
	switch {
	case err == nil:
		res.Body = counted(res.Body, u)
		return res, false, nil
	case req.Context().Err() != nil:
		return nil, false, err
	case isDial(err):
		c.refused(u)
		return nil, true, err
	}
	return nil, readsOnly && reused.Load() && !isTimeout(err), err
}

// isDial reports that a connection did not come about.
func isDial(err error) bool {
	op := (*net.OpError)(nil)
	return errors.As(err, &op) && op.Op == "dial"
}

// replayable reports a method that only reads (RFC 9110, section 9.2.1).
func replayable(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace:
		return true
	}
	return false
}

// keptBody is how many bytes of a request's body are kept for another attempt.
const keptBody = 16 << 10

// errBodyGone says that a body cannot be sent again.
var errBodyGone = errors.New("more of the request's body was read than is kept")

// replay is a body that can be read again from the beginning, as long as not much of
// it was read.
type replay struct {
	src     io.Reader
	reading sync.Mutex // held around src.Read: an earlier attempt may still be in it

	mu      sync.Mutex
	kept    []byte
	lost    bool // kept is not the beginning any more
	current *view
}

// view is the body of one attempt.
type view struct {
	of *replay
	at int // how much of it was read
}

// again starts the next attempt. Views of earlier ones end.
func (r *replay) again() (io.ReadCloser, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.lost {
		return nil, errBodyGone
	}
	r.current = &view{of: r}
	return r.current, nil
}

// forget keeps no more: the request was answered.
func (r *replay) forget() {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.current.at == len(r.kept) {
		r.lost, r.kept = true, nil
	}
}

func (v *view) Read(p []byte) (int, error) {
	r := v.of
	if n, done, err := v.fromKept(p); done {
		return n, err
	}
	r.reading.Lock()
	defer r.reading.Unlock()
	if n, done, err := v.fromKept(p); done { // read by an earlier view meanwhile
		return n, err
	}
	n, err := r.src.Read(p)
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case v != r.current: // for its successor, however much it is
		r.kept = append(r.kept, p[:n]...)
		return 0, errBodyGone
	case r.lost:
	case len(r.kept)+n > keptBody:
		r.lost, r.kept = true, nil
	default:
		r.kept = append(r.kept, p[:n]...)
		v.at += n
	}
	return n, err
}

// fromKept reads what is kept; not done when the source is to be read.
func (v *view) fromKept(p []byte) (n int, done bool, err error) {
	v.of.mu.Lock()
	defer v.of.mu.Unlock()
	if v != v.of.current {
		return 0, true, errBodyGone
	}
	if v.of.lost || v.at == len(v.of.kept) {
		return 0, false, nil
	}
	n = copy(p, v.of.kept[v.at:])
	v.at += n
	return n, true, nil
}

// Close leaves the source open: net/http ends it with the request.
func (v *view) Close() error { return nil }
