// Package proxy is what clients of a host talk to: it hands HTTP/1.1, HTTP/2, gRPC,
// WebSocket and TCP on to the upstreams of services, and moves traffic from one side
// of a service to another without losing a request.
//
// A listener has routes to services. A service has sides, such as "old" and "new",
// and a side has upstreams. Switch, Split, Drain and Pause say which side gets what.
// The package does not know what an upstream is, starts none, and keeps nothing on
// the disk: its caller sets everything again after a restart. It does not check who
// a client is, does not obtain certificates itself, and offers no WebSocket over HTTP/2.
//
//	p := proxy.New(proxy.Options{})
//	err := errors.Join(
//		p.AddService("web", proxy.ServiceOptions{Protocol: proxy.HTTP}),
//		p.AddUpstream("web", "old", "10.0.0.2:8080"),
//		p.AddUpstream("web", "new", "10.0.0.3:8080"),
//		p.Switch("web", "old"),
//		p.SetRoutes("public", []proxy.Route{{Host: "shop.example", Prefix: "/", Service: "web"}}),
//		p.Listen("public", listener, proxy.ListenerOptions{}),
//	)
//	err = p.Split("web", "new", 10, true) // a canary
//	err = p.Switch("web", "new")
//	cut, err := p.Drain(ctx, "web", "old", 30*time.Second)
package proxy

import (
	"context"
	"io"
	"log"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/slipway-build/slipway/internal/diag"
)

// Reason is the header that says why the proxy itself answered a request: the value
// is one of those in answer.go. No answer of an upstream has it.
const Reason = "X-Slipway-Proxy"

// lingering is how long clients with open connections learn at Close that they end
// ("Connection: close"), before idle ones are closed.
const lingering = 500 * time.Millisecond

// silence is how long connections may be open without a request before they are closed:
// http.Server drops a request that it has read after Shutdown began.
const silence = 5 * time.Second

// Options are those of a whole proxy. The zero value is ready.
type Options struct {
	AccessLog io.Writer        // gets a JSON line per request; nil: none
	Now       func() time.Time // nil: time.Now; for Stats and durations
}

// Proxy hands requests on. It is safe for concurrent use. Whoever made one ends it
// with Close.
type Proxy struct {
	now      func() time.Time
	metrics  *metrics
	accesses *accessLog
	quiet    *log.Logger // net/http's remarks about clients, which nobody reads

	closing   atomic.Bool
	mu        sync.Mutex
	services  map[string]*service
	tables    map[string]*atomic.Pointer[table] // by listener
	listeners map[string]*listener
}

// New makes a proxy without listeners.
func New(o Options) *Proxy {
	if o.Now == nil {
		o.Now = time.Now
	}
	p := &Proxy{
		now: o.Now, metrics: newMetrics(), quiet: log.New(io.Discard, "", 0),
		services: map[string]*service{}, tables: map[string]*atomic.Pointer[table]{}, listeners: map[string]*listener{},
	}
	if o.AccessLog != nil {
		p.accesses = newAccessLog(o.AccessLog, p.metrics.dropped)
	}
	return p
}

// Registry has the proxy's metrics.
func (p *Proxy) Registry() *prometheus.Registry { return p.metrics.registry }

// Metrics serves them in Prometheus's format.
func (p *Proxy) Metrics() http.Handler {
	return promhttp.HandlerFor(p.metrics.registry, promhttp.HandlerOpts{})
}

// Close stops accepting, tells clients that their connections end, and waits for open
// requests, WebSockets and streams. When the context ends first, it cuts them and says
// how many they were. Listeners that another process inherited stay open there.
func (p *Proxy) Close(ctx context.Context) error {
	p.closing.Store(true)
	p.mu.Lock()
	listeners := make([]*listener, 0, len(p.listeners))
	for _, l := range p.listeners {
		listeners = append(listeners, l)
	}
	p.mu.Unlock()
	for _, l := range listeners {
		_ = l.limited.Close()
	}
	for _, l := range listeners {
		<-l.served // so that all connections are counted
	}
	p.linger(ctx, listeners)
	var ended atomic.Int64
	for _, l := range listeners {
		go func() {
			l.shutdown(ctx)
			ended.Add(1)
		}()
	}
	over := func() bool { return ended.Load() == int64(len(listeners)) && p.calls() == 0 }
	cut := 0
	if !p.wait(ctx, over) {
		for _, s := range p.all() {
			cut += s.cutAll()
		}
	}
	for _, l := range listeners {
		l.cut()
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), cutTime)
	defer cancel()
	p.wait(last, over)
	for _, s := range p.all() {
		s.closeIdle()
	}
	p.accesses.close()
	if cut > 0 {
		return diag.Fail(diag.ExitRun, "%d requests were cut off when the proxy closed", cut).Because(context.Cause(ctx)).
			WithHint("give Close a context with a longer timeout")
	}
	return nil
}

// linger waits for connections to end by themselves, and for the first request of each.
func (p *Proxy) linger(ctx context.Context, listeners []*listener) {
	until := func(limit time.Duration, count func(*limited) *atomic.Int64) {
		ctx, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		p.wait(ctx, func() bool {
			return !slices.ContainsFunc(listeners, func(l *listener) bool { return count(l.limited).Load() > 0 })
		})
	}
	until(lingering, func(l *limited) *atomic.Int64 { return &l.open })
	until(silence-lingering, func(l *limited) *atomic.Int64 { return &l.unused })
}

// wait asks until something holds, as http.Server.Shutdown does; false when the
// context ends before.
func (p *Proxy) wait(ctx context.Context, holds func() bool) bool {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-ctx.Done():
			return holds()
		case <-tick.C:
		}
	}
	return true
}

// calls counts the open requests and connections of all services.
func (p *Proxy) calls() (n int) {
	for _, s := range p.all() {
		n += s.open()
	}
	return n
}

func (p *Proxy) all() []*service {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make([]*service, 0, len(p.services))
	for _, s := range p.services {
		out = append(out, s)
	}
	return out
}
