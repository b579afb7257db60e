package proxy

import (
	"context"
	"hash/fnv"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/slipway-build/slipway/internal/diag"
)

// buckets is in how many parts Split divides clients: a hundredth of a percent each.
const buckets = 10_000

// split sends a share of the requests to another side than the main one.
type split struct {
	side   *side
	share  int // of the buckets
	sticky bool
}

// call is one open request, or one open TCP connection.
type call struct {
	service  *service
	side     *side
	upstream *upstream // of the last attempt; nil: none yet
	cut      func()    // ends it; called with the service's mutex, and not after end
	retries  int
	cookie   int         // the bucket that the client is told; -1: none
	wasCut   atomic.Bool // by Drain or Close
}

// Switch sends all new requests to one side, and ends a split. A side that is being
// drained is taken back.
func (p *Proxy) Switch(service, side string) error {
	s, sd, err := p.side(service, side)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(sd.upstreams) == 0 {
		return diag.Fail(diag.ExitUsage, "side %q of service %q has no upstream", side, service).WithHint("add one before you switch to it")
	}
	sd.recall()
	s.main, s.split = sd, nil
	return nil
}

// Split sends a percentage of the new requests to a side, and the rest to the side of
// the last Switch. With sticky, a client stays where it is: by a cookie for HTTP, by
// its address for TCP. When the percentage grows, clients only move to the side; when
// it falls, only away from it. Clients of gRPC keep no cookies: each call of theirs is
// divided anew.
func (p *Proxy) Split(service, side string, percent float64, sticky bool) error {
	s, sd, err := p.side(service, side)
	if err != nil {
		return err
	}
	if !(percent >= 0 && percent <= 100) {
		return diag.Fail(diag.ExitUsage, "%v is not a percentage of service %q", percent, service).WithHint("use 0 to 100")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.main == nil:
		return diag.Fail(diag.ExitUsage, "service %q has no side that gets the rest", service).WithHint("switch to the other side first")
	case s.main == sd:
		return diag.Fail(diag.ExitUsage, "side %q of service %q already gets all requests", side, service).WithHint("name the other side, or switch to it first")
	case len(sd.upstreams) == 0:
		return diag.Fail(diag.ExitUsage, "side %q of service %q has no upstream", side, service).WithHint("add one before it gets requests")
	}
	sd.recall()
	s.split = &split{side: sd, share: int(percent*buckets/100 + 0.5), sticky: sticky}
	return nil
}

// Preview shows a side to the routes with Preview, whatever traffic it has; "" ends that.
// A side that is being drained is taken back.
func (p *Proxy) Preview(service, side string) error {
	if side == "" {
		s, err := p.service(service)
		if err != nil {
			return err
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.preview = nil
		return nil
	}
	s, sd, err := p.side(service, side)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	sd.recall()
	s.preview = sd
	return nil
}

// Pausing bounds what waits during a pause.
type Pausing struct {
	Requests int           // that wait at once; more are refused
	Wait     time.Duration // for each; then it is refused
}

// pause holds requests back.
type pause struct {
	limit Pausing
	over  chan struct{} // closed by Resume
}

// Pause lets new requests of a service wait. Those beyond the limits get 503 with
// Retry-After. A second Pause changes the limits for the requests that come then.
func (p *Proxy) Pause(service string, limit Pausing) error {
	s, err := p.service(service)
	if err != nil {
		return err
	}
	if limit.Requests < 0 || limit.Wait <= 0 {
		return diag.Fail(diag.ExitUsage, "a pause of service %q needs limits", service).WithHint("set how many requests wait, and how long each")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.paused == nil {
		s.paused = &pause{over: make(chan struct{})}
	}
	s.paused.limit = limit
	return nil
}

// Resume ends a pause. Without one it does nothing.
func (p *Proxy) Resume(service string) error {
	s, err := p.service(service)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.paused != nil {
		close(s.paused.over)
		s.paused = nil
	}
	return nil
}

// admit counts a request in, on the side that it belongs to, as soon as the service
// is not paused; a pause does not hold a preview back. The bucket function says where the client is, and is asked only
// during a split. Choosing and counting are one step: a side that Drain found empty
// stays empty.
func (s *service) admit(ctx context.Context, cut func(), preview bool, bucket func(sticky bool) (at int, told bool)) (*call, *refusal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.paused != nil && !preview {
		if r := s.waitLocked(ctx, s.paused); r != nil {
			return nil, r
		}
	}
	if s.calls >= s.opts.MaxRequests {
		return nil, refuse(reasonBusy)
	}
	c := &call{service: s, cut: cut, cookie: -1}
	if preview {
		if c.side = s.preview; c.side == nil || c.side.drain != nil {
			return nil, refuse(reasonPreview)
		}
	} else if c.side = s.chooseLocked(c, bucket); c.side == nil {
		return nil, refuse(reasonNoSide)
	}
	s.calls++
	c.side.calls[c] = struct{}{}
	c.side.metrics.inFlight.Inc()
	return c, nil
}

// waitLocked waits for the end of a pause, without the lock.
func (s *service) waitLocked(ctx context.Context, p *pause) *refusal {
	if s.waiting >= p.limit.Requests {
		return refuse(reasonPaused)
	}
	timer := time.NewTimer(p.limit.Wait)
	defer timer.Stop()
	s.waiting++
	s.gauge.Inc()
	s.mu.Unlock()
	var r *refusal
	select {
	case <-p.over:
	case <-timer.C:
		r = refuse(reasonPaused)
	case <-ctx.Done():
		r = refuse(reasonGone)
	}
	s.mu.Lock()
	s.waiting--
	s.gauge.Dec()
	return r
}

// chooseLocked returns the side for a request; nil when there is none. A side that is
// drained leaves its share to the other one.
func (s *service) chooseLocked(c *call, bucket func(bool) (int, bool)) *side {
	chosen, other := s.main, (*side)(nil)
	if s.split != nil {
		at, told := bucket(s.split.sticky)
		if told {
			c.cookie = at
		}
		if other = s.split.side; at < s.split.share {
			chosen, other = other, chosen
		}
	}
	if chosen != nil && chosen.drain != nil {
		chosen = other
	}
	if chosen == nil || chosen.drain != nil {
		return nil
	}
	return chosen
}

// end counts a request out.
func (c *call) end() {
	s := c.service
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls--
	delete(c.side.calls, c)
	c.side.metrics.inFlight.Dec()
	if c.side.drain != nil && len(c.side.calls) == 0 {
		c.side.drain.finish()
	}
}

// anywhere is the bucket of a client that is not remembered.
func anywhere() int { return rand.IntN(buckets) }

// bucketOf is the bucket of an address, the same in every process.
func bucketOf(service, address string) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(service + "\x00" + address))
	return int(h.Sum32() % buckets)
}
