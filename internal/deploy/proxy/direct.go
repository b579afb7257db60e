package proxy

import (
	"net"
	"net/http"
	"sync"
	"time"
)

// maxIdle is how many connections to an upstream wait for further requests.
const maxIdle = 256

// direct sends requests that only read and have no body to an upstream of HTTP/1.1. It
// writes and reads in the goroutine of the request, one request at a time on a connection.
// http.Transport, which sends all others, can write and read at once: it hands each request
// over to two further goroutines. Requests are written and answers read by the same
// functions of net/http in both.
type direct struct {
	dialer *net.Dialer
	answer time.Duration // from a sent request to the headers of its answer; 0: no limit

	mu       sync.Mutex
	idle     []*link // the one used last at the end
	sweeping bool
	closed   bool // until the next request: connections that come back are closed
}

// isDirect reports a request for direct: it may be sent again, and asks neither for another
// protocol nor whether it may go on.
func isDirect(req *http.Request) bool {
	return req.Body == nil && replayable(req.Method) && req.Header["Upgrade"] == nil && req.Header["Expect"] == nil
}

// RoundTrip sends a request. When a connection that had been used before ends without a
// byte of an answer, it is sent once more over a new one.
func (d *direct) RoundTrip(req *http.Request) (*http.Response, error) {
	if l := d.take(); l != nil {
		res, begun, err := l.ask(req)
		if err == nil {
			return res, nil
		}
		if begun || req.Context().Err() != nil || isTimeout(err) {
			return nil, err
		}
	}
	conn, err := d.dialer.DialContext(req.Context(), "tcp", req.URL.Host)
	if err != nil {
		return nil, err
	}
	res, _, err := newLink(d, conn).ask(req)
	return res, err
}

// take returns an idle connection that is still open; nil: there is none.
func (d *direct) take() *link {
	for l := d.last(); l != nil; l = d.last() {
		if time.Since(l.since) < idleUpstream && l.silent() {
			return l
		}
		l.close()
	}
	return nil
}

// last takes the connection that was used last.
func (d *direct) last() *link {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = false
	n := len(d.idle) - 1
	if n < 0 {
		return nil
	}
	l := d.idle[n]
	d.idle[n], d.idle = nil, d.idle[:n]
	return l
}

// put lets a connection wait for the next request.
func (d *direct) put(l *link) {
	l.since = time.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed || len(d.idle) >= maxIdle {
		l.close()
		return
	}
	d.idle = append(d.idle, l)
	d.sweepLater()
}

// sweepLater closes connections when they have waited for too long; the mutex is held.
func (d *direct) sweepLater() {
	if d.sweeping || len(d.idle) == 0 {
		return
	}
	d.sweeping = true
	time.AfterFunc(idleUpstream-time.Since(d.idle[0].since), func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.sweeping = false
		n := 0
		for n < len(d.idle) && time.Since(d.idle[n].since) >= idleUpstream {
			n++
		}
		d.drop(n)
		d.sweepLater()
	})
}

// drop closes the connections that have waited longest; the mutex is held.
func (d *direct) drop(n int) {
	for _, l := range d.idle[:n] {
		l.close()
	}
	d.idle = append([]*link(nil), d.idle[n:]...)
}

// closeIdle closes connections that wait, and those that come back before the next request.
func (d *direct) closeIdle() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	d.drop(len(d.idle))
}
