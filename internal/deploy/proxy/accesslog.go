package proxy

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/slipway-build/slipway/internal/secret"
)

// What the access log may take.
const (
	logQueue   = 4096                  // lines that wait for a slow writer; further ones are dropped and counted
	logText    = 1024                  // bytes of a text from a client
	logKnown   = 512                   // texts whose secrets are known
	logBatch   = 64 << 10              // bytes that are written together
	logPause   = 20 * time.Millisecond // until a line is written, with those that come meanwhile
	logPending = 2 * time.Second       // for the last lines, at Close
)

// accessLog writes lines in the background; requests do not wait for it. A nil one
// does nothing.
type accessLog struct {
	out     io.Writer
	dropped prometheus.Counter
	lines   chan *access
	stop    chan struct{}
	stopped chan struct{}
	once    sync.Once
}

func newAccessLog(out io.Writer, dropped prometheus.Counter) *accessLog {
	a := &accessLog{out: out, dropped: dropped, lines: make(chan *access, logQueue), stop: make(chan struct{}), stopped: make(chan struct{})}
	go a.run()
	return a
}

// run writes lines in batches: a write, and the wake-up of a goroutine, for each line
// would cost a twentieth of a request.
func (a *accessLog) run() {
	defer close(a.stopped)
	b := &batch{known: map[string]string{}}
	for last := false; !last; {
		select {
		case line := <-a.lines:
			b.add(line)
			last = a.pause()
		case <-a.stop:
			last = true
		}
		a.gather(b)
	}
}

// pause lets further lines come; true: the last ones are there.
func (a *accessLog) pause() bool {
	timer := time.NewTimer(logPause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return false
	case <-a.stop:
		return true
	}
}

// gather writes all lines that wait.
func (a *accessLog) gather(b *batch) {
	for {
		select {
		case line := <-a.lines:
			b.add(line)
			if len(b.text) >= logBatch {
				a.flush(b)
			}
		default:
			a.flush(b)
			return
		}
	}
}

// flush writes a batch. One that cannot be written is dropped too.
func (a *accessLog) flush(b *batch) {
	if b.count == 0 {
		return
	}
	if _, err := a.out.Write(b.text); err != nil {
		a.dropped.Add(float64(b.count))
	}
	b.text, b.count = b.text[:0], 0
}

// batch is lines that are written together.
type batch struct {
	text  []byte
	count int
	known map[string]string // texts without their secrets: clients often say the same
}

// add encodes a line.
func (b *batch) add(line *access) {
	line.Path = b.readable(line.Path, line.query)
	line.Host, line.Agent = short(line.Host), b.hide(short(line.Agent))
	b.text = line.appendTo(b.text)
	b.count++
}

// hide is secret.Hide, which takes longer than the rest of a line.
func (b *batch) hide(text string) string {
	if hidden, ok := b.known[text]; ok {
		return hidden
	}
	if len(b.known) >= logKnown {
		clear(b.known)
	}
	hidden := secret.Hide(text)
	b.known[strings.Clone(text)] = strings.Clone(hidden)
	return hidden
}

// close writes what waits.
func (a *accessLog) close() {
	if a == nil {
		return
	}
	a.once.Do(func() { close(a.stop) })
	timer := time.NewTimer(logPending)
	defer timer.Stop()
	select {
	case <-a.stopped:
	case <-timer.C:
	}
}

func (a *accessLog) add(line *access) {
	select {
	case a.lines <- line:
	default:
		a.dropped.Inc()
	}
}

// write logs an HTTP request.
func (a *accessLog) write(l *listener, x *exchange, s *service, r *http.Request, o outcome) {
	if a == nil {
		return
	}
	line := newAccess(l, s, x.call, x.client, o)
	line.Protocol, line.Method, line.Host, line.Path, line.query = r.Proto, short(r.Method), r.Host, r.URL.EscapedPath(), r.URL.RawQuery
	line.Agent, line.Status = r.UserAgent(), o.status
	if o.grpc >= 0 {
		line.GRPC = &o.grpc
	}
	a.add(line)
}

// writeTCP logs a TCP connection.
func (a *accessLog) writeTCP(l *listener, s *service, c *call, client string, o outcome) {
	if a == nil {
		return
	}
	line := newAccess(l, s, c, client, o)
	line.Protocol = "TCP"
	a.add(line)
}
