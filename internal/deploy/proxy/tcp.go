package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"time"

	"github.com/slipway-build/slipway/internal/relay"
)

// acceptPause is how long accepting waits when there are no file descriptors.
const acceptPause = 10 * time.Millisecond

// serveTCP hands connections on until the listener is closed.
func (l *listener) serveTCP(secure *tls.Config) {
	for {
		conn, err := l.limited.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			time.Sleep(acceptPause)
			continue
		}
		go l.handTCP(conn, secure)
	}
}

// handTCP hands one connection on. A client that gets no upstream sees a reset, as
// from a port on which nothing listens.
func (l *listener) handTCP(conn net.Conn, secure *tls.Config) {
	defer conn.Close()
	to := l.routes.Load().tcp
	began := l.proxy.now()
	client := host(conn.RemoteAddr().String())
	ctx, cancel := context.WithCancelCause(l.base)
	defer cancel(nil)
	outer, err := l.greet(ctx, conn, secure)
	if err != nil {
		return
	}
	slotOf(conn).use()
	var no *refusal
	var s *service
	var c *call
	if to == nil {
		no = refuse(reasonNoRoute)
	} else {
		s = to.service
		c, no = s.admit(ctx, func() { cancel(errCut) }, to.preview, func(sticky bool) (int, bool) {
			if sticky {
				return bucketOf(s.name, client), false
			}
			return anywhere(), false
		})
	}
	o := outcome{tcp: true, whole: true, grpc: -1}
	if no != nil {
		reset(conn)
		o.reason = no.reason
		l.proxy.metrics.refuse(s, o.reason)
		l.proxy.accesses.writeTCP(l, s, c, client, o)
		return
	}
	inner, err := c.dialTCP(ctx)
	o.took = l.proxy.now().Sub(began)
	if err != nil {
		o.reason = explain(ctx, err).reason
		reset(conn)
	} else {
		stop := context.AfterFunc(ctx, func() { _, _ = conn.Close(), inner.Close() })
		o.in, o.out = relay.Join(outer, inner)
		stop()
		_ = inner.Close()
		c.upstream.open.Add(-1)
		if c.wasCut.Load() {
			o.reason = reasonDrained
		}
	}
	now := l.proxy.now()
	o.total = now.Sub(began)
	c.end()
	c.side.observe(now, o)
	l.proxy.accesses.writeTCP(l, s, c, client, o)
}

// greet does the TLS handshake when there is one. Without TLS, the kernel can copy
// between plain TCP connections itself.
func (l *listener) greet(ctx context.Context, conn net.Conn, secure *tls.Config) (net.Conn, error) {
	if secure == nil {
		if s, ok := conn.(*slot); ok {
			return s.Conn, nil
		}
		return conn, nil
	}
	ctx, cancel := context.WithTimeout(ctx, l.opts.HeaderTimeout)
	defer cancel()
	outer := tls.Server(conn, secure)
	return outer, outer.HandshakeContext(ctx)
}

// dialTCP connects to an upstream of a call's side. Nothing was sent before, so it
// tries all.
func (c *call) dialTCP(ctx context.Context) (net.Conn, error) {
	var tried []*upstream
	last := errNoUpstream
	for {
		u := c.next(tried)
		if u == nil {
			return nil, last
		}
		conn, err := u.dialer.DialContext(ctx, "tcp", u.address)
		if err == nil {
			return conn, nil
		}
		u.open.Add(-1)
		if ctx.Err() != nil {
			return nil, err
		}
		c.refused(u)
		tried, last = append(tried, u), err
	}
}

// reset ends a connection without a proper end.
func reset(conn net.Conn) {
	if s, ok := conn.(*slot); ok {
		conn = s.Conn
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
}
