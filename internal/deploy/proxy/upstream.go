package proxy

import (
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

const (
	// passedOver is how long an upstream that refused a connection gets no requests,
	// while its side has another one.
	passedOver = 2 * time.Second
	// idleUpstream is less than the servers' own limits, of which gunicorn's 2 s is the
	// shortest: a connection that the server closes while a request is on its way loses
	// a request that must not be repeated.
	idleUpstream = 1500 * time.Millisecond
	// continueWait is how long an upstream may take to answer "Expect: 100-continue"
	// before the body is sent anyway, as in http.DefaultTransport.
	continueWait = time.Second
	// silentUpstream is after how much silence an HTTP/2 connection is asked whether it
	// still exists, and how long it may take to say so.
	silentUpstream = 15 * time.Second
	// maxAnswerHeaders bounds the headers of an answer, in bytes.
	maxAnswerHeaders = 1 << 20
)

// upstream is one address.
type upstream struct {
	address   string
	transport *http.Transport // nil for TCP
	direct    *direct         // nil for TCP and HTTP/2
	dialer    net.Dialer
	open      atomic.Int64 // requests
	avoid     atomic.Int64 // until when it is passed over, Unix time in nanoseconds
}

func newUpstream(address string, o ServiceOptions) *upstream {
	u := &upstream{address: address, dialer: net.Dialer{Timeout: o.DialTimeout}}
	if o.Protocol == TCP {
		return u
	}
	u.transport = &http.Transport{
		DialContext:            u.dialer.DialContext,
		Protocols:              new(http.Protocols),
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: silentUpstream, PingTimeout: silentUpstream},
		DisableCompression:     true, // bytes are handed on as they are
		MaxIdleConnsPerHost:    maxIdle,
		IdleConnTimeout:        idleUpstream,
		ResponseHeaderTimeout:  o.AnswerTimeout,
		ExpectContinueTimeout:  continueWait,
		MaxResponseHeaderBytes: maxAnswerHeaders,
	}
	u.transport.Protocols.SetHTTP1(o.Protocol == HTTP)
	u.transport.Protocols.SetUnencryptedHTTP2(o.Protocol == H2C)
	if o.Protocol == HTTP {
		u.direct = &direct{dialer: &u.dialer, answer: o.AnswerTimeout}
	}
	return u
}

func (u *upstream) closeIdle() {
	if u.transport != nil {
		u.transport.CloseIdleConnections()
	}
	if u.direct != nil {
		u.direct.closeIdle()
	}
}

// roundTrip sends a request.
func (u *upstream) roundTrip(req *http.Request) (*http.Response, error) {
	if u.direct != nil && isDirect(req) {
		return u.direct.RoundTrip(req)
	}
	return u.transport.RoundTrip(req)
}

// next is pick, and counts what is tried once more.
func (c *call) next(tried []*upstream) *upstream {
	u := c.pick(tried)
	if u != nil && len(tried) > 0 {
		c.retries++
		c.side.metrics.retries.Inc()
	}
	return u
}

// pick takes the upstream of a call's side for the next attempt and counts the call
// there: of those that were not tried and have not just refused, the one with the
// fewest requests. When all have refused, one of them is asked anyway. It returns nil
// when all were tried. The caller takes one from its open requests at the end.
func (c *call) pick(tried []*upstream) *upstream {
	s := c.service
	now := s.proxy.now().UnixNano()
	s.mu.Lock()
	defer s.mu.Unlock()
	var best *upstream
	var bestAvoid, bestOpen int64
	list := c.side.upstreams
	c.side.next++
	for i := range list {
		u := list[(c.side.next+i)%len(list)]
		if contains(tried, u) {
			continue
		}
		avoid := u.avoid.Load()
		if avoid <= now {
			avoid = 0
		}
		open := u.open.Load()
		if best == nil || avoid < bestAvoid || avoid == bestAvoid && open < bestOpen {
			best, bestAvoid, bestOpen = u, avoid, open
		}
	}
	if best != nil {
		best.open.Add(1)
		c.upstream = best
	}
	return best
}

// refused passes an upstream over for a moment.
func (c *call) refused(u *upstream) {
	u.avoid.Store(c.service.proxy.now().Add(passedOver).UnixNano())
}

func contains(list []*upstream, u *upstream) bool {
	for _, other := range list {
		if other == u {
			return true
		}
	}
	return false
}

// Open counts the open requests of an upstream, also of one that was removed.
func (p *Proxy) Open(service, side, address string) int {
	s, sd, err := p.side(service, side)
	if err != nil {
		return 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for c := range sd.calls {
		if c.upstream != nil && c.upstream.address == address {
			n++
		}
	}
	return n
}
