package proxy

import (
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
	logQueue   = 4096            // lines that wait for a slow writer; further ones are dropped and counted
	logText    = 1024            // bytes of a text from a client
	logPending = 2 * time.Second // for the last lines, at Close
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

func (a *accessLog) run() {
	defer close(a.stopped)
	lines := json.NewEncoder(a.out)
	lines.SetEscapeHTML(false)
	for {
		select {
		case line := <-a.lines:
			a.print(lines, line)
		case <-a.stop:
			for {
				select {
				case line := <-a.lines:
					a.print(lines, line)
				default:
					return
				}
			}
		}
	}
}

// print writes a line. One that cannot be written is dropped too.
func (a *accessLog) print(out *json.Encoder, line *access) {
	line.Path = readable(line.Path, line.query)
	line.Host, line.Agent = short(line.Host), secret.Hide(short(line.Agent))
	if out.Encode(line) != nil {
		a.dropped.Inc()
	}
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
func readable(path, query string) string {
	path = secret.Hide(short(path))
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
	return path + "?" + secret.Hide(strings.Join(names, "&"))
}

// short cuts a text.
func short(s string) string {
	if len(s) > logText {
		return s[:logText] + "…"
	}
	return s
}
