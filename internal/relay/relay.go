// Package relay hands TCP connections on.
//
//	var r relay.Relay
//	r.Serve(listener, func(net.Conn) (net.Conn, error) { return net.Dial("tcp", "10.0.0.2:80") })
//	defer r.Close() // after listener.Close()
package relay

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

const acceptPause = 10 * time.Millisecond // when there are no file descriptors

// Relay hands the connections of listeners on. The zero value is ready; it is
// safe for concurrent use.
type Relay struct {
	mu     sync.Mutex
	conns  map[net.Conn]struct{}
	closed bool
	wg     sync.WaitGroup
}

// Serve hands each connection of a listener on to the one that dial makes for it,
// until the listener is closed. When dial fails, the client sees a reset, as from
// a port where nobody listens.
func (r *Relay) Serve(l net.Listener, dial func(from net.Conn) (net.Conn, error)) {
	r.wg.Go(func() {
		for {
			conn, err := l.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err != nil {
				time.Sleep(acceptPause)
				continue
			}
			r.wg.Go(func() { r.join(conn, dial) })
		}
	})
}

// Drop ends the connections that there are.
func (r *Relay) Drop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for c := range r.conns {
		_ = c.Close()
	}
}

// Close ends the connections and waits; the listeners must be closed before.
func (r *Relay) Close() {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	r.Drop()
	r.wg.Wait()
}

// keep remembers a connection for Drop; false when the relay has ended.
func (r *Relay) keep(c net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.conns == nil {
		r.conns = map[net.Conn]struct{}{}
	}
	if !r.closed {
		r.conns[c] = struct{}{}
	}
	return !r.closed
}

func (r *Relay) forget(c net.Conn) {
	r.mu.Lock()
	delete(r.conns, c)
	r.mu.Unlock()
	_ = c.Close()
}

func (r *Relay) join(outer net.Conn, dial func(net.Conn) (net.Conn, error)) {
	defer r.forget(outer)
	if !r.keep(outer) {
		return
	}
	inner, err := dial(outer)
	if err != nil {
		if tcp, ok := outer.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
		return
	}
	defer r.forget(inner)
	if !r.keep(inner) {
		return
	}
	Join(outer, inner)
}

// Join copies between two connections until both directions have ended, and says how
// many bytes went from a to b and back. The caller closes them; doing so earlier ends
// Join.
func Join(a, b net.Conn) (there, back int64) {
	var both sync.WaitGroup
	both.Go(func() { there = pipe(b, a) })
	both.Go(func() { back = pipe(a, b) })
	both.Wait()
	return there, back
}

// pipe copies until the end of one direction, and hands that end on.
func pipe(to, from net.Conn) int64 {
	n, err := io.Copy(to, from)
	if half, ok := to.(interface{ CloseWrite() error }); ok && err == nil {
		_ = half.CloseWrite()
		return n
	}
	_, _ = to.Close(), from.Close()
	return n
}
