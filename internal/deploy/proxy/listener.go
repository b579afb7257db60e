package proxy

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/slipway-build/slipway/internal/diag"
)

// ListenerOptions are those of one listener. Zero limits are the defaults below.
type ListenerOptions struct {
	TCP            bool                                                 // hands bytes on to the one service of its route
	Certificates   []CertificateFile                                    // none, and no Obtained: no TLS
	Obtained       func(*tls.ClientHelloInfo) (*tls.Certificate, error) // asked before the files; nil without an error: none for this client
	MaxConns       int                                                  // open at once; more wait to be accepted; 0: 8192
	MaxHeaderBytes int                                                  // of a request; 0: 64 KiB
	HeaderTimeout  time.Duration                                        // for a TLS handshake, and for the headers of a request; 0: 10 s
	IdleTimeout    time.Duration                                        // between requests of a connection; 0: 75 s, as nginx
	Trusted        []netip.Prefix                                       // proxies in front of this one, whose X-Forwarded headers count
}

// What one HTTP/2 client may have at once: an upload that its upstream does not read
// must leave room for the other streams of its connection.
const (
	maxStreams       = 250
	streamBuffer     = 1 << 20
	connectionBuffer = 8 << 20
)

// acmeProtocol is what an authority speaks that asks Obtained for a name (RFC 8737).
const acmeProtocol = "acme-tls/1"

// listener is one address that clients connect to.
type listener struct {
	name    string
	opts    ListenerOptions
	proxy   *Proxy
	routes  *atomic.Pointer[table]
	limited *limited
	server  *http.Server  // nil for TCP
	certs   *certificates // nil: no TLS
	base    context.Context
	cut     func()        // ends everything now
	served  chan struct{} // closed when nothing is accepted any more
}

// Listen serves a listener, which may be inherited from another process, until Close.
// The proxy closes it. Requests without a route get 404.
func (p *Proxy) Listen(name string, inner net.Listener, o ListenerOptions) error {
	if !validName(name) {
		return badName("listener", name)
	}
	if o.MaxConns < 0 || o.MaxHeaderBytes < 0 || o.HeaderTimeout < 0 || o.IdleTimeout < 0 {
		return diag.Fail(diag.ExitUsage, "listener %q has a negative limit", name).WithHint("leave it out for the default")
	}
	o = o.complete()
	l := &listener{name: name, opts: o, proxy: p, served: make(chan struct{})}
	var secure *tls.Config
	if len(o.Certificates) > 0 || o.Obtained != nil {
		var err error
		if l.certs, err = newCertificates(o, p.now, p.metrics.reloadFailures); err != nil {
			return err
		}
		secure = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: l.certs.choose}
		if o.Obtained != nil && !o.TCP {
			secure.NextProtos = []string{acmeProtocol}
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	l.routes = p.table(name)
	t := l.routes.Load()
	switch {
	case p.closing.Load():
		return diag.Fail(diag.ExitRun, "listener %q comes after the proxy was closed", name).WithHint("make a new proxy")
	case p.listeners[name] != nil:
		return diag.Fail(diag.ExitUsage, "listener %q already exists", name).WithHint("take another name")
	case o.TCP && len(t.hosts) > 0 || !o.TCP && t.tcp != nil:
		return mixed(name)
	}
	l.limited = newLimited(inner, o.MaxConns, p.metrics.connections.WithLabelValues(name))
	p.listeners[name] = l
	l.start(secure)
	return nil
}

// Unlisten forgets a listener; another one may take its name and address. What is open goes
// on to its end, for a while.
func (p *Proxy) Unlisten(name string) {
	p.mu.Lock()
	l := p.listeners[name]
	delete(p.listeners, name)
	delete(p.tables, name)
	p.mu.Unlock()
	if l == nil {
		return
	}
	_ = l.limited.Close()
	go func() {
		<-l.served
		ctx, cancel := context.WithTimeout(l.base, unlistenTime)
		defer cancel()
		l.shutdown(ctx)
		l.cut()
	}()
}

// unlistenTime is how long what is open may take to end when its listener goes.
const unlistenTime = time.Minute

func (o ListenerOptions) complete() ListenerOptions {
	if o.MaxConns == 0 {
		o.MaxConns = 8192
	}
	if o.MaxHeaderBytes == 0 {
		o.MaxHeaderBytes = 64 << 10
	}
	if o.HeaderTimeout == 0 {
		o.HeaderTimeout = 10 * time.Second
	}
	if o.IdleTimeout == 0 {
		o.IdleTimeout = 75 * time.Second
	}
	return o
}

// start serves in the background.
func (l *listener) start(secure *tls.Config) {
	base, cancel := context.WithCancelCause(context.Background())
	l.base = base
	if l.opts.TCP {
		l.cut = func() { cancel(errCut) }
		go func() {
			defer close(l.served)
			l.serveTCP(secure)
		}()
		return
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(secure != nil)
	protocols.SetUnencryptedHTTP2(secure == nil)
	l.server = &http.Server{
		Handler: l, Protocols: protocols, TLSConfig: secure, ErrorLog: l.proxy.quiet,
		ReadHeaderTimeout: l.opts.HeaderTimeout, IdleTimeout: l.opts.IdleTimeout, MaxHeaderBytes: l.opts.MaxHeaderBytes,
		BaseContext: func(net.Listener) context.Context { return base },
		ConnContext: func(ctx context.Context, conn net.Conn) context.Context {
			return context.WithValue(ctx, slotKey{}, slotOf(conn))
		},
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams: maxStreams, MaxReceiveBufferPerStream: streamBuffer, MaxReceiveBufferPerConnection: connectionBuffer,
			SendPingTimeout: silentUpstream, PingTimeout: silentUpstream,
		},
	}
	l.cut = func() {
		cancel(errCut)
		_ = l.server.Close()
	}
	go func() { // ends when the listener is closed
		defer close(l.served)
		if secure != nil {
			_ = l.server.ServeTLS(l.limited, "", "")
			return
		}
		_ = l.server.Serve(l.limited)
	}()
}

// shutdown waits for connections to end; those of HTTP learn that they do.
func (l *listener) shutdown(ctx context.Context) {
	if l.server != nil {
		_ = l.server.Shutdown(ctx)
		return
	}
	l.proxy.wait(ctx, func() bool { return l.limited.open.Load() == 0 })
}

// trusts reports a peer whose headers about the client count.
func (l *listener) trusts(peer string) bool {
	if len(l.opts.Trusted) == 0 {
		return false
	}
	a, err := netip.ParseAddr(peer)
	if err != nil {
		return false
	}
	for _, p := range l.opts.Trusted {
		if p.Contains(a.Unmap().WithZone("")) {
			return true
		}
	}
	return false
}

// limited is a listener with so many open connections at most. Further ones wait in
// the kernel.
type limited struct {
	net.Listener
	slots  chan struct{}
	closed chan struct{}
	close  func() error
	open   atomic.Int64
	unused atomic.Int64 // of the open ones: those without a request so far
	gauge  prometheus.Gauge
}

func newLimited(inner net.Listener, most int, gauge prometheus.Gauge) *limited {
	l := &limited{Listener: inner, slots: make(chan struct{}, most), closed: make(chan struct{}), gauge: gauge}
	l.close = sync.OnceValue(func() error {
		close(l.closed)
		return inner.Close()
	})
	return l
}

func (l *limited) Accept() (net.Conn, error) {
	select {
	case l.slots <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	conn, err := l.Listener.Accept()
	if err != nil {
		<-l.slots
		return nil, err
	}
	l.open.Add(1)
	l.unused.Add(1)
	l.gauge.Inc()
	s := &slot{Conn: conn, of: l}
	s.leave = sync.OnceFunc(func() {
		s.use()
		l.open.Add(-1)
		l.gauge.Dec()
		<-l.slots
	})
	return s, nil
}

func (l *limited) Close() error { return l.close() }

// slot is a connection that gives its place back.
type slot struct {
	net.Conn
	of    *limited
	leave func()
	used  atomic.Bool
}

// slotKey is the context key of the connection of a request.
type slotKey struct{}

// slotOf finds the slot in a connection of http.Server.
func slotOf(conn net.Conn) *slot {
	if secure, ok := conn.(interface{ NetConn() net.Conn }); ok {
		conn = secure.NetConn()
	}
	s, _ := conn.(*slot)
	return s
}

// use notes that the first request has come.
func (s *slot) use() {
	if !s.used.Load() && s.used.CompareAndSwap(false, true) {
		s.of.unused.Add(-1)
	}
}

func (s *slot) Close() error {
	defer s.leave()
	return s.Conn.Close()
}

// CloseWrite ends one direction, for net/http and for TCP.
func (s *slot) CloseWrite() error {
	if half, ok := s.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return s.Close()
}
