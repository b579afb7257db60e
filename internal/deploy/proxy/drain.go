package proxy

import (
	"context"
	"errors"
	"time"

	"github.com/slipway-build/slipway/internal/diag"
)

// cutTime is how long requests that were cut may take to end.
const cutTime = 5 * time.Second

// lastWords is how long a client that was cut may take to read why.
const lastWords = time.Second

// errCut is the cause of a request's end when it was cut.
var errCut = errors.New("cut off: its side was drained")

// drain is a side on its way out.
type drain struct {
	empty    chan struct{} // closed when no request is left
	recalled chan struct{} // closed when the side is used again
	isEmpty  bool
}

func (d *drain) finish() {
	if !d.isEmpty {
		d.isEmpty = true
		close(d.empty)
	}
}

// recall uses a side again; the service's mutex is held.
func (sd *side) recall() {
	if sd.drain != nil {
		close(sd.drain.recalled)
		sd.drain = nil
	}
}

// Drain lets a side end: it gets no new requests, clients of HTTP/1.1 that have one
// there are asked to connect anew, and open requests, WebSockets and streams may end
// by themselves until the timeout. Then they are cut, and Drain says how many. The
// side stays drained until Switch or Split use it again, which also ends a Drain that
// waits, with an error. So does the end of the context, after which the side is still
// drained and nothing is cut.
func (p *Proxy) Drain(ctx context.Context, service, side string, timeout time.Duration) (cut int, err error) {
	s, sd, err := p.side(service, side)
	if err != nil {
		return 0, err
	}
	s.mu.Lock()
	d := sd.drain
	if d == nil {
		d = &drain{empty: make(chan struct{}), recalled: make(chan struct{})}
		sd.drain = d
	}
	if len(sd.calls) == 0 {
		d.finish()
	}
	for _, u := range sd.upstreams {
		u.closeIdle()
	}
	s.mu.Unlock()
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case <-d.empty:
		return 0, nil
	case <-d.recalled:
		return 0, recalled(service, side)
	case <-ctx.Done():
		return 0, diag.Fail(diag.ExitRun, "draining side %q of service %q was stopped", side, service).Because(context.Cause(ctx)).
			WithHint("drain it again, or switch back to it")
	case <-timer.C:
	}
	s.mu.Lock()
	if sd.drain != d { // at the same moment
		s.mu.Unlock()
		return 0, recalled(service, side)
	}
	cut = sd.cut()
	s.mu.Unlock()
	timer.Reset(cutTime)
	select {
	case <-d.empty:
	case <-timer.C:
		return cut, diag.Fail(diag.ExitRun, "some of the %d requests of side %q of service %q that were cut have not ended", cut, side, service).
			WithHint("stop its upstreams: nothing new goes to them")
	}
	return cut, nil
}

func recalled(service, side string) error {
	return diag.Fail(diag.ExitRun, "side %q of service %q got requests again while it was drained", side, service).
		WithHint("switch to the other side before you drain this one")
}

// cut ends all requests of a side; the service's mutex is held.
func (sd *side) cut() int {
	for c := range sd.calls {
		c.wasCut.Store(true)
		c.cut()
	}
	return len(sd.calls)
}

// cutAll ends all requests of a service.
func (s *service) cutAll() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, sd := range s.sides {
		n += sd.cut()
	}
	return n
}
