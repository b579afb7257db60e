package proxy

import (
	"bytes"
	"encoding/json"
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

// access is a line of the access log. Texts of clients are cut, values of query
// parameters left out, and what looks like a token in a path is hidden: see readable.
type access struct {
	Time     time.Time `json:"time"`
	Listener string    `json:"listener"`
	Client   string    `json:"client"`
	Protocol string    `json:"protocol"`
	Method   string    `json:"method,omitempty"`
	Host     string    `json:"host,omitempty"`
	Path     string    `json:"path,omitempty"`
	Agent    string    `json:"user_agent,omitempty"`
	Service  string    `json:"service,omitempty"`
	Side     string    `json:"side,omitempty"`
	Upstream string    `json:"upstream,omitempty"`
	Status   int       `json:"status,omitempty"`
	GRPC     *int      `json:"grpc_status,omitempty"`
	Reason   string    `json:"reason,omitempty"`
	Retries  int       `json:"retries,omitempty"`
	In       int64     `json:"in_bytes"`
	Out      int64     `json:"out_bytes"`
	AnswerMS float64   `json:"answer_ms"` // until the headers
	TotalMS  float64   `json:"duration_ms"`
	query    string
}

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
	b := newBatch()
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
			if b.text.Len() >= logBatch {
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
	if _, err := a.out.Write(b.text.Bytes()); err != nil {
		a.dropped.Add(float64(b.count))
	}
	b.text.Reset()
	b.count = 0
}

// batch is lines that are written together.
type batch struct {
	text  bytes.Buffer
	lines *json.Encoder
	count int
	known map[string]string // texts without their secrets: clients often say the same
}

func newBatch() *batch {
	b := &batch{known: map[string]string{}}
	b.lines = json.NewEncoder(&b.text)
	b.lines.SetEscapeHTML(false)
	return b
}

// add encodes a line, which cannot fail.
func (b *batch) add(line *access) {
	line.Path = b.readable(line.Path, line.query)
	line.Host, line.Agent = short(line.Host), b.hide(short(line.Agent))
	if b.lines.Encode(line) == nil {
		b.count++
	}
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

func newAccess(l *listener, s *service, c *call, client string, o outcome) *access {
	line := &access{
		Time: l.proxy.now().UTC(), Listener: l.name, Client: client, Reason: string(o.reason),
		In: o.in, Out: o.out, AnswerMS: milliseconds(o.took), TotalMS: milliseconds(o.total),
	}
	if s != nil {
		line.Service = s.name
	}
	if c != nil {
		line.Side, line.Retries = c.side.name, c.retries
		if c.upstream != nil {
			line.Upstream = c.upstream.address
		}
	}
	return line
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// readable is a path with the names of its query's parameters. Their values may be
// tokens of any form, such as a session's number: none is logged.
func (b *batch) readable(path, query string) string {
	path = b.hide(short(path))
	if query == "" {
		return path
	}
	var names []string
	for part := range strings.SplitSeq(short(query), "&") {
		name, value, ok := strings.Cut(part, "=")
		switch {
		case !ok: // the value of a parameter without name
			name = "…"
		case value != "":
			name += "=…"
		default:
			name += "="
		}
		names = append(names, name)
	}
	return path + "?" + b.hide(strings.Join(names, "&"))
}

// short cuts a text.
func short(s string) string {
	if len(s) > logText {
		return s[:logText] + "…"
	}
	return s
}
